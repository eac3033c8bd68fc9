"""How far migrations have come, for admins (B3): counts per state, one page of people, one person. Never everybody at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from workbadge.store import migrations
from workbadge.store.coverage import Whose
from workbadge.store.engine import Tx
from workbadge.store.slices import Place, Slice
from workbadge.terms.kinds import PersonState

from .coverage import Connection, CoverageRow, connections_in
from .errors import not_found
from .migration import PersonView, person_view


@dataclass(frozen=True, slots=True)
class Summary:
    """A migration with the number of its people in each state."""

    id: int
    business_id: int
    started_at: datetime
    deadline: datetime | None
    counts: Mapping[PersonState, int] = field(default_factory=dict)

    def count(self, *states: PersonState) -> int:
        """How many people are in one of the states."""
        return sum(self.counts.get(one, 0) for one in states)

    @property
    def total(self) -> int:
        """How many people there are."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """One page of a migration's people, with their connections. ``counts``: of all that match the search, per state."""

    people: tuple[PersonView, ...]
    connections: tuple[CoverageRow, ...]
    counts: Mapping[PersonState, int]
    found: Slice


async def list_summaries(tx: Tx, business_id: int, now: datetime) -> list[Summary]:
    """Migrations of a business, newest first."""
    counts = await migrations.count_states(tx, business_id, now)
    return [_summary(row, counts.get(row.id, {})) for row in await migrations.list_migrations(tx, business_id)]


async def load_summary(tx: Tx, business_id: int, migration_id: int, now: datetime) -> Summary:
    """One migration of a business. Raises NOT_FOUND, also for another business's."""
    row = await migrations.find_migration(tx, migration_id)
    if row is None or row.business_id != business_id:
        raise not_found("migration")
    return _summary(row, (await migrations.count_states(tx, business_id, now)).get(migration_id, {}))


def _summary(row: Any, counts: Mapping[PersonState, int]) -> Summary:
    return Summary(row.id, row.business_id, row.started_at, row.deadline, counts)


async def load_people(
    tx: Tx, base_url: str, which: Summary, text: str, state: PersonState | None, now: datetime, place: Place, limit: int
) -> PeoplePage:
    """One page of people, by name: of those in ``state`` (None: in any) with ``text`` in the name or an address."""
    found = await migrations.slice_of_people(tx, which.id, text, state, now, place, limit)
    matching = (
        (await migrations.count_states(tx, which.business_id, now, text)).get(which.id, {}) if text else which.counts
    )
    names = {row.personal_id: row.name for row in found.rows}
    pairs = [(which.business_id, personal_id) for personal_id in names]
    theirs = await connections_in(tx, base_url, Whose(pairs=pairs, claimed_only=False), now) if pairs else []
    people = tuple(person_view(row, _covered(theirs, row.personal_id), now) for row in found.rows)
    rows = [CoverageRow(names[one.personal_id], one.state(now), one) for one in theirs]
    order = {personal_id: n for n, personal_id in enumerate(names)}
    rows.sort(key=lambda row: (order[row.connection.personal_id], row.connection.app.name.lower()))
    return PeoplePage(people, tuple(rows), matching, found)


def _covered(connections: list[Connection], personal_id: int) -> tuple[int, int]:
    """A person's connections, and how many of them are reconnected."""
    mine = [one for one in connections if one.personal_id == personal_id]
    return len(mine), sum(one.covered_at is not None for one in mine)


async def load_person(
    tx: Tx, base_url: str, which: Summary, personal_id: int, now: datetime
) -> tuple[PersonView, list[CoverageRow]]:
    """One person with their connections, by app. Raises NOT_FOUND."""
    row = await migrations.find_listed(tx, which.id, personal_id)
    if row is None:
        raise not_found("person in this migration")
    whose = Whose(business_id=which.business_id, personal_id=personal_id, claimed_only=False)
    theirs = await connections_in(tx, base_url, whose, now)
    rows = [CoverageRow(row.name, one.state(now), one) for one in theirs]
    return person_view(row, _covered(theirs, personal_id), now), sorted(
        rows, key=lambda one: one.connection.app.name.lower()
    )
