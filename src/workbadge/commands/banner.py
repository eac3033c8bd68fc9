"""The banner of a managed account in grace (B1, B2)."""

from dataclasses import dataclass
from datetime import datetime

from workbadge.store import migrations
from workbadge.store.engine import Tx
from workbadge.terms.instants import DAY

from .coverage import AppCoverage, list_connections


@dataclass(frozen=True, slots=True)
class Banner:
    """What the banner shows. ``days_left``: whole days, rounded up; ``apps``: uncovered first, then by name."""

    business_id: int
    business_name: str
    cut_off: datetime
    days_left: int
    apps: tuple[AppCoverage, ...]

    @property
    def open(self) -> int:
        """Apps that are not fully covered again."""
        return sum(1 for one in self.apps if not one.covered)


def days_until(cut_off: datetime, now: datetime) -> int:
    """Days left, rounded up: 30 right after the claim, 1 on the last day, 0 from the cut-off on."""
    left = cut_off - now
    return max(0, -(-left // DAY))


async def load_banner(tx: Tx, base_url: str, managed_id: int, business_id: int, now: datetime) -> Banner | None:
    """The banner of a managed account in a business; None when no grace runs there (B1)."""
    people = await migrations.list_in_grace(tx, managed_id, business_id, now)
    if not people:
        return None
    apps: list[AppCoverage] = []
    for person in people:
        found = await list_connections(tx, base_url, business_id, now, person.personal_id)
        apps += [one.app for one in found]
    cut_off = min(person.ends for person in people)
    apps.sort(key=lambda one: (one.covered, one.name.lower(), one.app_id))
    return Banner(
        business_id,
        people[0].business_name,
        cut_off,
        days_until(cut_off, now),
        tuple(apps),
    )
