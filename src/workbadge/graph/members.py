"""People and system users of a business: inviting, changing, removing; invitations as nodes (``wire.md`` §3.6)."""

from dataclasses import replace
from typing import Any

from workbadge.commands.joining import invite_to_join, withdraw_invitation
from workbadge.commands.membership import change_place, giving_role, removing
from workbadge.commands.place_profile import PlaceChange, change_profile
from workbadge.commands.system_user import create_system_user, rename_system_user
from workbadge.store import invitations
from workbadge.store.engine import Tx
from workbadge.store.window import Rows, Window
from workbadge.terms.kinds import NodeKind, Role
from workbadge.web.wire import WireError

from .context import Call, Item
from .errors import missing
from .fields import parse_fields
from .identity import find_robot
from .lists import Asked, list_rows
from .nodes import NodeType, show, wire_time
from .params import read_id, read_role, read_text
from .writes import DONE, Answer, actor_of

INVITATION = NodeType(
    "BusinessRoleRequest",
    {
        "id": lambda call, row: str(row.id),
        "email": lambda call, row: row.email,
        "role": lambda call, row: row.role,
        "status": lambda call, row: "PENDING",
        "created_time": lambda call, row: wire_time(row.created_at),
        "expiration_time": lambda call, row: wire_time(row.expires_at),
        "owner": lambda call, row: {"id": str(row.business_id)},
    },
    ("id", "email", "role", "status"),
)


async def pending_users(call: Call, item: Item, asked: Asked) -> dict[str, Any]:
    """Open invitations, for the address ``email`` or all; an invitation's link is told to nobody but its address."""
    email = asked.values.get("email") or None

    async def read(tx: Tx, window: Window) -> Rows:
        return await invitations.list_pending(tx, item.id, email, call.now, window)

    async def count(tx: Tx) -> int:
        return await invitations.count_pending(tx, item.id, email, call.now)

    return await list_rows(call, asked, INVITATION, read, count)


async def invite(call: Call, tx: Tx, item: Item) -> Answer:
    """``POST {business}/business_users``: invite ``email`` with ``role`` (by default an employee); the invitation's id."""
    email = read_text(call, "email")
    role = read_role(call) or Role.EMPLOYEE
    made = await invite_to_join(tx, call.services, item.id, email, role, actor_of(item.loaded), call.now)
    return {"id": str(made)}


async def read_invitation(call: Call, text: str, found: int) -> dict[str, Any]:
    """An open invitation, to whoever may read its business; the same ones as in the list (I10). Raises WireError."""
    await call.alive()
    async with call.services.store.read() as tx:
        row = await invitations.find_invitation(tx, found, call.now)
    if row is None:
        raise missing(text)
    try:
        await call.reach(text, node_id=row.business_id)
    except WireError as error:
        raise missing(text) from error
    return await show(call, INVITATION, row, parse_fields(call.params.values.get("fields", "")))


async def find_open_invitation(tx: Tx, now: Any, found: int) -> Any:
    """The open invitation that an id names."""
    return await invitations.find_invitation(tx, found, now)


async def withdraw(call: Call, tx: Tx, item: Item, row: Any) -> Answer:
    """``DELETE {invitation}``: its link is dead."""
    await withdraw_invitation(tx, call.services, row, actor_of(item.loaded), call.now)
    return DONE


async def add_system_user(call: Call, tx: Tx, item: Item) -> Answer:
    """``POST {business}/system_users``: one of ``name`` with ``role``; with ``system_user_id``, that one is changed."""
    role = read_role(call)
    actor = actor_of(item.loaded)
    if call.params.values.get("system_user_id"):
        found = read_id(call, "system_user_id", NodeKind.ACCOUNT)
        row = await find_robot(tx, call.now, found)
        if row is None or row.business_id != item.id:
            raise missing(str(found))
        await change_robot(call, tx, item, row)
        return {"id": str(found)}
    name = read_text(call, "name")
    made = await create_system_user(tx, call.services, item.id, name, role or Role.EMPLOYEE, actor, call.now)
    return {"id": str(made)}


async def change_person(call: Call, tx: Tx, item: Item, row: Any) -> Answer:
    """``POST {business_user}``: another ``role``, ``title``, ``finance_permission`` or ``ip_permission`` (an empty one: none);
    the last admin stays one (I9), an old login in grace follows (M16)."""
    role, change = read_role(call), _place_change(call)
    if role is None and change == PlaceChange():
        raise WireError(
            100, "(#100) One of the parameters role, title, finance_permission and ip_permission is required."
        )
    await change_profile(tx, call.services, item.id, row.id, change, actor_of(item.loaded), call.now)
    if role is not None:
        await _give_role(call, tx, item, row, role)
    return DONE


def _place_change(call: Call) -> PlaceChange:
    """What ``title``, ``finance_permission`` and ``ip_permission`` say."""
    values = call.params.values
    return PlaceChange(values.get("title"), values.get("finance_permission"), values.get("ip_permission"))


async def remove_person(call: Call, tx: Tx, item: Item, row: Any) -> Answer:
    """``DELETE {business_user}``: the person leaves the business now, with what an old login still had in grace (M16)."""
    await change_place(tx, call.services, item.id, row.id, removing(call.now), actor_of(item.loaded), call.now)
    return DONE


async def change_robot(call: Call, tx: Tx, item: Item, row: Any) -> Answer:
    """``POST {system_user}``: another ``name``, ``role``, ``finance_permission`` or ``ip_permission`` (an empty one: none)."""
    role, name = read_role(call), call.params.values.get("name", "").strip()
    change = replace(_place_change(call), title=None)
    if role is None and not name and change == PlaceChange():
        raise WireError(
            100, "(#100) One of the parameters name, role, finance_permission and ip_permission is required."
        )
    await change_profile(tx, call.services, item.id, row.id, change, actor_of(item.loaded), call.now)
    if name:
        await rename_system_user(tx, call.services, row.account_id, item.id, name, actor_of(item.loaded), call.now)
    if role is not None:
        await _give_role(call, tx, item, row, role)
    return DONE


async def _give_role(call: Call, tx: Tx, item: Item, row: Any, role: Role) -> None:
    """The role, if it is another one."""
    if role.value != row.role:
        plan = giving_role(role, call.now)
        await change_place(tx, call.services, item.id, row.id, plan, actor_of(item.loaded), call.now)
