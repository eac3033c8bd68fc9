"""The resource type User: between what a directory writes and the organization's managed accounts (A1, A5)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from scim2_models import (
    GroupMembership,
    InvalidValueException,
    Meta,
    NotFoundException,
    Reference,
    Resource,
    ResponseParameters,
    SearchRequest,
)

from workbadge.commands import directory_users as commands
from workbadge.commands.directory_users import DirectoryUser, WantedUser
from workbadge.commands.services import Services
from workbadge.store import directory_users as store
from workbadge.store.directory_users import Place
from workbadge.store.engine import Tx
from workbadge.terms.ids import kind_of, parse_id
from workbadge.terms.kinds import NodeKind

from .provider import USER, PersonModel
from .searching import LookUp

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
_OURS = ("id", "meta", "groups", "password")
"""Never kept of what a directory writes: it is the platform's, or a secret (SC-25)."""


def read_person_id(text: str) -> int | None:
    """The id of an account; None for whatever cannot be one."""
    found = parse_id(text)
    return found if found is not None and kind_of(found) is NodeKind.ACCOUNT else None


def version_of(number: int) -> str:
    """A version as an entity tag."""
    return f'W/"{number}"'


def show_person(user: DirectoryUser) -> Resource[Any]:
    """The resource of somebody."""
    said = {**user.document, "id": str(user.id)}
    if not user.active or "active" in said:
        said["active"] = user.active
    manager = _manager_of(user.document)
    if manager is not None:
        said[ENTERPRISE] = {**said[ENTERPRISE], "manager": {"value": manager, "$ref": f"Users/{manager}"}}
    shown: Resource[Any] = PersonModel.model_validate(said)
    shown.meta = Meta(
        resource_type=USER,
        created=user.created_at,
        last_modified=user.modified_at,
        version=version_of(user.version),
    )
    if user.groups:
        shown.groups = [  # type: ignore[attr-defined]
            GroupMembership(value=str(one), ref=Reference(f"Groups/{one}"), display=name, type="direct")
            for one, name in user.groups
        ]
    return shown


def read_person(resource: Resource[Any]) -> WantedUser:
    """What a resource wants somebody to be."""
    document = resource.model_dump(mode="json")
    active = document.get("active")
    for name in _OURS:
        document.pop(name, None)
    if active is not None:
        document["active"] = True  # that it is shown; what it is, the account says
    user_name = str(document.get("userName") or "").strip()
    if not user_name:
        raise InvalidValueException(detail="userName is required")
    emails = [one for one in document.get("emails", []) if one.get("value")]
    work = next((one["value"] for one in emails if str(one.get("type", "")).lower() == "work"), None)
    primary = next((one["value"] for one in emails if one.get("primary")), None)
    first = emails[0]["value"] if emails else None
    parts = document.get("name") or {}
    both = " ".join(one for one in (parts.get("givenName"), parts.get("familyName")) if one)
    return WantedUser(
        document=document,
        user_name=document["userName"],
        external_id=document.get("externalId"),
        work_email=work,
        address=commands.find_address(primary or work or first or user_name),
        name=commands.shown_name(document.get("displayName"), parts.get("formatted"), both, user_name),
        active=active,
    )


class People:
    """The users of one organization, in one transaction."""

    def __init__(self, tx: Tx, services: Services, organization_id: int, now: datetime) -> None:
        self._tx = tx
        self._services = services
        self._organization_id = organization_id
        self._now = now
        self.look_ups: Mapping[str, LookUp] = {
            "id": self._by_id,
            "username": lambda value: commands.ids_by_user_name(tx, organization_id, value),
            "externalid": lambda value: commands.ids_by_external_id(tx, organization_id, value),
            'emails[type eq "work"].value': lambda value: commands.ids_by_work_email(tx, organization_id, value),
        }

    async def _by_id(self, value: str) -> list[int]:
        found = read_person_id(value)
        return [] if found is None else [found]

    async def count(self) -> int:
        """How many there are."""
        return await store.count_users(self._tx, self._organization_id)

    async def slice(self, start: int, limit: int, request: SearchRequest[Any]) -> list[Resource[Any]]:
        """``limit`` of them from number ``start`` on."""
        rows = await store.slice_users(self._tx, self._organization_id, start, limit)
        return [found for _, found in await self._shown([commands.as_user(row) for row in rows])]

    async def beside(
        self, place: Place | None, limit: int, back: bool, request: SearchRequest[Any]
    ) -> list[tuple[Place, Resource[Any]]]:
        """``limit`` of them after a place, or just before it."""
        rows = await store.users_beside(self._tx, self._organization_id, place, limit, back)
        return await self._shown([commands.as_user(row) for row in rows])

    async def take(self, ids: list[int], request: SearchRequest[Any]) -> list[tuple[Place, Resource[Any]]]:
        """Those with these ids."""
        return await self._shown(await commands.find_users(self._tx, self._organization_id, ids))

    async def _shown(self, users: list[DirectoryUser]) -> list[tuple[Place, Resource[Any]]]:
        return [(one.place, show_person(one)) for one in await commands.with_groups(self._tx, users)]

    async def load(self, text: str) -> DirectoryUser:
        """Somebody by the id in an address. Raises NotFoundException."""
        found = read_person_id(text)
        if found is None:
            raise NotFoundException(detail="No such user.")
        return await commands.load_user(self._tx, self._organization_id, found)

    async def get(self, text: str, asked: ResponseParameters[Any] | None = None) -> Resource[Any]:
        """The resource with an id."""
        return show_person(await self.load(text))

    async def add(self, resource: Resource[Any]) -> Resource[Any]:
        """A new one, active unless it says otherwise."""
        if resource.active is None:  # type: ignore[attr-defined]
            resource = resource.model_copy(update={"active": True})
        wanted = read_person(resource)
        await self._check_manager(None, wanted)
        made = await commands.add_user(self._tx, self._services, self._organization_id, wanted, self._now)
        return show_person(made)

    async def put(self, text: str, resource: Resource[Any]) -> Resource[Any]:
        """What the one with an id is to be."""
        present, wanted = await self.load(text), read_person(resource)
        await self._check_manager(present, wanted)
        made = await commands.replace_user(self._tx, self._services, self._organization_id, present, wanted, self._now)
        return show_person(made)

    async def drop(self, text: str) -> None:
        """Deprovision the one with an id."""
        present = await self.load(text)
        await commands.remove_user(self._tx, self._services, self._organization_id, present, self._now)

    async def _check_manager(self, present: DirectoryUser | None, wanted: WantedUser) -> None:
        """A manager that is named anew is another user of this organization, and nobody whom the person manages (SC-09)."""
        above = _manager_of(wanted.document)
        if above is None or (present is not None and above == _manager_of(present.document)):
            return
        seen = set() if present is None else {present.id}
        user = await self._manager(above)
        if user is None:
            raise InvalidValueException(detail="manager: expected the id of another user of this organization")
        while user is not None:
            if user.id in seen:
                raise InvalidValueException(detail="manager: nobody can be above themselves")
            seen.add(user.id)
            user = await self._manager(_manager_of(user.document))

    async def _manager(self, text: str | None) -> DirectoryUser | None:
        found = None if text is None else read_person_id(text)
        users = await commands.find_users(self._tx, self._organization_id, [] if found is None else [found])
        return users[0] if users else None


def _manager_of(document: dict[str, Any]) -> str | None:
    found: str | None = ((document.get(ENTERPRISE) or {}).get("manager") or {}).get("value")
    return found
