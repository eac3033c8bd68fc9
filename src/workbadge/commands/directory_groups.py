"""Groups that an organization's directory provisions (O5). Every change holds the directory first (``lock_directory``)."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workbadge.lifecycle.changes import Audit
from workbadge.lifecycle.directory import MemberAct, MemberChange, fold_members
from workbadge.store import directory_groups as store
from workbadge.store.apply import write_audit
from workbadge.store.directory_users import Place
from workbadge.store.engine import Tx
from workbadge.terms.kinds import NodeKind

from .directory_users import hash_compared, hash_exact
from .errors import CommandError, conflict, invalid, not_found
from .services import Services


@dataclass(frozen=True, slots=True)
class DirectoryGroup:
    """A group as the directory reads it. ``members``: ids of accounts; None where they were not asked for."""

    id: int
    document: dict[str, Any]
    version: int
    created_at: datetime
    modified_at: datetime
    members: list[int] | None = None

    @property
    def place(self) -> Place:
        """Where it stands in the order."""
        return Place(self.created_at, self.id)


@dataclass(frozen=True, slots=True)
class WantedGroup:
    """What a directory wants a group to be."""

    document: dict[str, Any]
    name: str
    external_id: str | None


async def as_groups(tx: Tx, rows: list[Any], with_members: bool) -> list[DirectoryGroup]:
    """Rows as the directory reads them."""
    members = await store.members_of(tx, [row.id for row in rows]) if with_members else {}
    return [
        DirectoryGroup(
            row.id, json.loads(row.document), row.version, row.created_at, row.modified_at, members.get(row.id)
        )
        for row in rows
    ]


async def ids_by_name(tx: Tx, organization_id: int, name: str) -> list[int]:
    """Which group has this name (one at most)."""
    return await store.ids_by_hash(tx, organization_id, "name_hash", hash_compared(name))


async def ids_by_external_id(tx: Tx, organization_id: int, external_id: str) -> list[int]:
    """Which the directory calls so (one at most)."""
    return await store.ids_by_hash(tx, organization_id, "external_hash", hash_exact(external_id))


async def load_group(tx: Tx, organization_id: int, group_id: int, with_members: bool) -> DirectoryGroup:
    """One group. Raises NOT_FOUND, the same for another organization's (SC-22)."""
    rows = await store.find_groups(tx, organization_id, [group_id])
    if not rows:
        raise not_found("group")
    return (await as_groups(tx, rows, with_members))[0]


async def add_group(
    tx: Tx, services: Services, organization_id: int, wanted: WantedGroup, members: frozenset[int], now: datetime
) -> DirectoryGroup:
    """A group with its members. Raises CommandError: CONFLICT for a name or identifier that is taken, INVALID for a member who
    is no user of the organization."""
    await _check_free(tx, organization_id, wanted, None)
    group_id = services.entropy.new_id(NodeKind.RECORD)
    await store.add_group(
        tx, {"id": group_id, "created_at": now, "version": 1, **_values(organization_id, wanted, now)}
    )
    await _audit(tx, services, "group.add", group_id, organization_id, {}, now)
    made = await load_group(tx, organization_id, group_id, with_members=False)
    if members:
        change = MemberChange(MemberAct.ADD, members)
        await change_members(tx, services, organization_id, made, (change,), now)
    return await load_group(tx, organization_id, group_id, with_members=True)


async def replace_group(
    tx: Tx, services: Services, organization_id: int, present: DirectoryGroup, wanted: WantedGroup, now: datetime
) -> DirectoryGroup:
    """Name and whatever else the directory says of a group; its members stay. Raises CONFLICT."""
    await _check_free(tx, organization_id, wanted, present.id)
    values = {"version": present.version + 1, **_values(organization_id, wanted, now)}
    await store.set_group(tx, present.id, values)
    if present.document.get("displayName") != wanted.name:
        await _audit(tx, services, "group.rename", present.id, organization_id, {}, now)
    return await load_group(tx, organization_id, present.id, with_members=False)


async def change_members(
    tx: Tx,
    services: Services,
    organization_id: int,
    present: DirectoryGroup,
    changes: Iterable[MemberChange],
    now: datetime,
) -> None:
    """Who is in a group, however many at once; what changes nothing writes nothing. Raises INVALID for somebody who is no user
    of the organization, the same as for nobody at all (SC-22)."""
    before = frozenset((await store.members_of(tx, [present.id]))[present.id])
    joining, leaving = fold_members(before, changes)
    if not joining and not leaving:
        return
    if len(await store.known_people(tx, organization_id, sorted(joining))) != len(joining):
        raise invalid("members", "A member is no user.", "ids of users of this organization")
    await store.drop_members(tx, present.id, sorted(leaving))
    await store.add_members(tx, present.id, sorted(joining))
    await store.set_group(tx, present.id, {"version": present.version + 1, "modified_at": now})
    detail = {"joined": len(joining), "left": len(leaving)}
    await _audit(tx, services, "group.members", present.id, organization_id, detail, now)


async def remove_group(
    tx: Tx, services: Services, organization_id: int, present: DirectoryGroup, now: datetime
) -> None:
    """Delete a group; its people stay."""
    await store.drop_group(tx, present.id)
    await _audit(tx, services, "group.remove", present.id, organization_id, {}, now)


def _values(organization_id: int, wanted: WantedGroup, now: datetime) -> dict[str, Any]:
    return {
        "organization_id": organization_id,
        "name_hash": hash_compared(wanted.name),
        "external_hash": None if wanted.external_id is None else hash_exact(wanted.external_id),
        "document": wanted.document,
        "modified_at": now,
    }


async def _check_free(tx: Tx, organization_id: int, wanted: WantedGroup, own_id: int | None) -> None:
    if any(one != own_id for one in await ids_by_name(tx, organization_id, wanted.name)):
        raise _taken("displayName", wanted.name)
    if wanted.external_id is None:
        return
    if any(one != own_id for one in await ids_by_external_id(tx, organization_id, wanted.external_id)):
        raise _taken("externalId", wanted.external_id)


def _taken(attribute: str, value: str) -> CommandError:
    return conflict(f"There is a group with the {attribute} {value[:80]!r} already.", "a value that no group has")


async def _audit(
    tx: Tx,
    services: Services,
    act: str,
    group_id: int,
    organization_id: int,
    detail: dict[str, Any],
    now: datetime,
) -> None:
    entry = Audit(act, group_id, None, organization_id, detail)
    await write_audit(tx, (entry,), None, services.entropy.new_id, now)
