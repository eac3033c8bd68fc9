"""``workbadge due``: what an operator does about due work that was given up."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from workbadge.store import schema
from workbadge.store.engine import Tx

from .test_cli_apps import Operator


def test_given_up_work_is_listed_retried_and_dropped(tmp_path: Path) -> None:
    """FT-26: ``due parked`` lists each row with its error, ``due retry`` makes one or all due again, ``due drop`` ends one; what is
    not parked, and what is no id, is refused with a sentence."""
    operator = Operator(tmp_path)
    ids: list[int] = []

    async def park(tx: Tx, services: Any, now: Any) -> None:
        for number in range(3):
            ids.append(services.entropy.new_id("record"))
            row = {"id": ids[-1], "at": now + timedelta(seconds=number), "kind": "invite", "subject": 7, "rank": 1}
            row |= {"tries": 5, "parked_at": now, "last_error": f"ValueError: fault {number}"}
            await tx.run(insert(schema.due), [row])

    operator.work(park)

    async def left(tx: Tx, services: Any, now: Any) -> dict[int, tuple[bool, bool, int]]:
        rows = await tx.rows(select(schema.due))
        return {row.id: (row.parked_at is not None, row.done_at is not None, row.tries) for row in rows}

    shown = operator("due", "parked")
    assert shown.exit_code == 0, shown.output
    lines = shown.stdout.splitlines()
    assert [(line.split()[0], line.rsplit("  ", 1)[1]) for line in lines] == [
        (str(one), f"5 tries: ValueError: fault {number}") for number, one in enumerate(ids)
    ]
    assert operator("due", "drop", str(ids[0])).output == "Dropped.\n"
    assert operator("due", "retry", str(ids[1])).output == "1 to be carried out again.\n"
    assert operator("due", "retry").output == "1 to be carried out again.\n"
    assert operator.work(left) == {ids[0]: (False, True, 5), ids[1]: (False, False, 0), ids[2]: (False, False, 0)}
    gone = operator("due", "drop", str(ids[0]))
    assert gone.exit_code == 1 and "parked row" in gone.output
    assert operator("due", "retry", "x").exit_code == 2
    assert operator("due", "parked").stdout == ""
