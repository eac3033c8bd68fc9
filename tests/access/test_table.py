"""The reviewed table of the whole policy (``house.md`` 27)."""

from tests.access import table
from workbadge.terms.kinds import NodeKind


def test_the_policy_is_the_reviewed_one() -> None:
    """Every answer for every actor, kind of node, act and phase is the one that stands in the checked-in table (house 27).

    If a difference is meant: `python -m tests.access.table`, and have the difference reviewed.
    """
    assert table.PATH.read_text() == table.table()


def test_the_table_is_complete() -> None:
    """Each actor stands with each kind of asset, and those of the business with the business itself (house 27)."""
    text = table.table()
    for kind in table.KINDS:
        lines = [line for line in text.splitlines() if line.startswith(f"  {kind.value} ")]
        wanted = [actor for actor in table.ACTORS if kind in actor.nodes]
        assert len(lines) == len(wanted) >= (17 if kind is NodeKind.BUSINESS else 19)
