"""The resource type Group, and PATCHes of its members: made as sets, so that ten thousand in one request are no burden."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from scim2_models import (
    InvalidValueException,
    Meta,
    NotFoundException,
    PatchOp,
    PatchOperation,
    Reference,
    Resource,
    ResponseParameters,
    ScimFilter,
    SearchRequest,
)
from scim2_models.path import CompareOperator, Comparison, LogicalExpr, LogicalOperator
from scim2_models.path.expressions import FilterNode

from workbadge.commands import directory_groups as commands
from workbadge.commands.directory_groups import DirectoryGroup, WantedGroup
from workbadge.commands.services import Services
from workbadge.lifecycle.directory import MemberAct, MemberChange
from workbadge.store import directory_groups as store
from workbadge.store.directory_users import Place
from workbadge.store.engine import Tx
from workbadge.terms.ids import kind_of, parse_id
from workbadge.terms.kinds import NodeKind

from .dialects import CORE_GROUP
from .people import read_person_id, version_of
from .provider import GROUP, Group, Member
from .searching import LookUp

_OURS = ("id", "meta", "members")
MEMBERS = "members"
_ACTS = {
    PatchOperation.Op.add: MemberAct.ADD,
    PatchOperation.Op.remove: MemberAct.REMOVE,
    PatchOperation.Op.replace_: MemberAct.REPLACE,
}


def show_group(group: DirectoryGroup) -> Resource[Any]:
    """The resource of a group; members carry their id and where they are found."""
    shown = Group.model_validate({**group.document, "id": str(group.id)})
    shown.meta = Meta(
        resource_type=GROUP,
        created=group.created_at,
        last_modified=group.modified_at,
        version=version_of(group.version),
    )
    if group.members:
        shown.members = [Member(value=str(one), ref=Reference(f"Users/{one}"), type="User") for one in group.members]
    return shown


def wants_members(asked: ResponseParameters[Any] | SearchRequest[Any] | None) -> bool:
    """Whether an answer shows members (RFC 7644 §3.9), or a filter looks at them."""
    if asked is None:
        return True
    if isinstance(asked, SearchRequest) and asked.filter is not None and MEMBERS in str(asked.filter).lower():
        return True
    if asked.attributes:
        return any(_is_members(str(one)) for one in asked.attributes)
    return not any(_bare(str(one)) == MEMBERS for one in asked.excluded_attributes or ())


def _bare(path: str) -> str:
    lower = path.lower()
    return lower.removeprefix(f"{CORE_GROUP}:".lower())


def _is_members(path: str) -> bool:
    return _bare(path).partition(".")[0] == MEMBERS


def split_members(patch: "PatchOp[Any]") -> tuple[list[MemberChange], list[PatchOperation[Any]]] | None:
    """Changes of members, and the other operations; None where a path asks for more than ids (then the protocol's own way is
    taken, over the whole group)."""
    changes: list[MemberChange] = []
    rest: list[PatchOperation[Any]] = []
    for operation in patch.operations or []:
        path = str(operation.path or "")
        if not _bare(path).startswith(MEMBERS):
            rest.append(operation)
            continue
        change = _read_change(operation, _bare(path), path)
        if change is None:
            return None
        changes.append(change)
    return changes, rest


def _read_change(operation: PatchOperation[Any], bare: str, path: str) -> MemberChange | None:
    act = _ACTS[operation.op]
    if bare == MEMBERS:
        if act is MemberAct.REMOVE and operation.value is None:
            return MemberChange(MemberAct.REPLACE, frozenset())
        return MemberChange(act, read_members(operation.value, strict=act is not MemberAct.REMOVE))
    if act is MemberAct.REMOVE and bare.startswith(f"{MEMBERS}[") and bare.endswith("]"):
        ids = _named(ScimFilter(path[path.index("[") + 1 : -1]).ast)
        return None if ids is None else MemberChange(act, ids)
    return None


def _named(node: FilterNode) -> frozenset[int] | None:
    """The ids that a filter on members compares with, if that is all it does."""
    if isinstance(node, LogicalExpr) and node.op == LogicalOperator.or_:
        parts = [_named(term) for term in node.terms]
        return None if None in parts else frozenset().union(*(one for one in parts if one is not None))
    if not isinstance(node, Comparison) or node.op != CompareOperator.eq or str(node.attr_path).lower() != "value":
        return None
    found = read_person_id(str(node.value))
    return frozenset() if found is None else frozenset({found})


def read_members(value: Any, strict: bool) -> frozenset[int]:
    """Ids of accounts in a list of members; ``strict``: what cannot be one is refused, else left out."""
    listed = value if isinstance(value, list) else [] if value is None else [value]
    ids = []
    for one in listed:
        text = one.get("value") if isinstance(one, dict) else None
        found = read_person_id(text) if isinstance(text, str) else None
        if found is not None:
            ids.append(found)
        elif strict:
            raise InvalidValueException(detail="members: expected ids of users of this organization")
    return frozenset(ids)


def _read_group_id(text: str) -> int:
    found = parse_id(text)
    if found is None or kind_of(found) is not NodeKind.RECORD:
        raise NotFoundException(detail="No such group. Expected: the id of a group that you can see.")
    return found


class Groups:
    """The groups of one organization, in one transaction."""

    def __init__(self, tx: Tx, services: Services, organization_id: int, now: datetime) -> None:
        self._tx = tx
        self._services = services
        self._organization_id = organization_id
        self._now = now
        self.look_ups: Mapping[str, LookUp] = {
            "id": self._by_id,
            "displayname": lambda value: commands.ids_by_name(tx, organization_id, value),
            "externalid": lambda value: commands.ids_by_external_id(tx, organization_id, value),
        }

    async def _by_id(self, value: str) -> list[int]:
        found = parse_id(value)
        return [] if found is None else [found]

    async def count(self) -> int:
        """How many there are."""
        return await store.count_groups(self._tx, self._organization_id)

    async def slice(self, start: int, limit: int, request: SearchRequest[Any]) -> list[Resource[Any]]:
        """``limit`` of them from number ``start`` on."""
        rows = await store.slice_groups(self._tx, self._organization_id, start, limit)
        return [show_group(one) for one in await commands.as_groups(self._tx, rows, wants_members(request))]

    async def beside(
        self, place: Place | None, limit: int, back: bool, request: SearchRequest[Any]
    ) -> list[tuple[Place, Resource[Any]]]:
        """``limit`` of them after a place, or just before it."""
        rows = await store.groups_beside(self._tx, self._organization_id, place, limit, back)
        return [
            (one.place, show_group(one)) for one in await commands.as_groups(self._tx, rows, wants_members(request))
        ]

    async def take(self, ids: list[int], request: SearchRequest[Any]) -> list[tuple[Place, Resource[Any]]]:
        """Those with these ids."""
        rows = await store.find_groups(self._tx, self._organization_id, ids)
        return [
            (one.place, show_group(one)) for one in await commands.as_groups(self._tx, rows, wants_members(request))
        ]

    async def load(self, text: str, with_members: bool) -> DirectoryGroup:
        """A group by the id in an address. Raises NotFoundException, NOT_FOUND."""
        return await commands.load_group(self._tx, self._organization_id, _read_group_id(text), with_members)

    async def get(self, text: str, asked: ResponseParameters[Any] | None = None) -> Resource[Any]:
        """The resource with an id."""
        return show_group(await self.load(text, wants_members(asked)))

    async def add(self, resource: Resource[Any]) -> Resource[Any]:
        """A new one."""
        wanted, members = _read_group(resource)
        made = await commands.add_group(self._tx, self._services, self._organization_id, wanted, members, self._now)
        return show_group(made)

    async def put(self, text: str, resource: Resource[Any]) -> Resource[Any]:
        """What the one with an id is to be, its members included."""
        wanted, members = _read_group(resource)
        await self._write(text, wanted)
        await self.change(text, [MemberChange(MemberAct.REPLACE, members)])
        return await self.get(text)

    async def put_apart(self, text: str, resource: Resource[Any]) -> None:
        """The same without its members, who stay."""
        await self._write(text, _read_group(resource)[0])

    async def _write(self, text: str, wanted: WantedGroup) -> None:
        present = await self.load(text, with_members=False)
        await commands.replace_group(self._tx, self._services, self._organization_id, present, wanted, self._now)

    async def change(self, text: str, changes: list[MemberChange]) -> None:
        """Who is in the one with an id."""
        present = await self.load(text, with_members=False)
        await commands.change_members(self._tx, self._services, self._organization_id, present, changes, self._now)

    async def drop(self, text: str) -> None:
        """Delete the one with an id."""
        present = await self.load(text, with_members=False)
        await commands.remove_group(self._tx, self._services, self._organization_id, present, self._now)


def _read_group(resource: Resource[Any]) -> tuple[WantedGroup, frozenset[int]]:
    document = resource.model_dump(mode="json")
    members = read_members(document.get(MEMBERS), strict=True)
    for name in _OURS:
        document.pop(name, None)
    name = str(document.get("displayName") or "")
    if not name.strip():
        raise InvalidValueException(detail="displayName is required")
    return WantedGroup(document, name, document.get("externalId")), members
