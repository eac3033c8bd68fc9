"""``workbadge audit``: an operator checks the audit's chain."""

from pathlib import Path
from typing import Any

from sqlalchemy import text

from workbadge.lifecycle.changes import Audit
from workbadge.store.apply import write_audit
from workbadge.store.engine import Tx

from .test_cli_apps import Operator


def test_the_chain_is_verified_and_a_broken_link_named(tmp_path: Path) -> None:
    """I11: ``audit verify`` prints how many entries are in order and the head; after a forgery it names the first wrong entry and
    ends with status 1."""
    operator = Operator(tmp_path)

    async def note(tx: Tx, services: Any, now: Any) -> None:
        entries = tuple(Audit(f"a.n{n}", n) for n in range(3))
        await write_audit(tx, entries, None, services.entropy.new_id, now)

    operator.work(note)
    shown = operator("audit", "verify")
    assert shown.exit_code == 0, shown.output
    assert shown.output.startswith("3 entries are in order. Head: ")

    async def forge(tx: Tx, services: Any, now: Any) -> None:
        await tx.run(text("DROP TRIGGER audit_no_update"))
        await tx.run(text("UPDATE audit SET subject_id = 9 WHERE number = 2"))

    operator.work(forge)
    shown = operator("audit", "verify")
    assert shown.exit_code == 1
    assert "broken at entry 2" in shown.output and "1 entries before it" in shown.output
