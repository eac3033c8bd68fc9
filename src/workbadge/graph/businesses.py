"""What a business says of itself, the businesses below it, and its apps (``wire.md`` §3.6)."""

from typing import Any

from workbadge.commands.app_owner import take_app
from workbadge.commands.business_profile import VERTICALS, ProfileChange, add_child, change_profile
from workbadge.store import app_links, business_profiles, rights
from workbadge.store.engine import Tx
from workbadge.store.visible import Filter
from workbadge.store.window import Rows, Window
from workbadge.terms.kinds import NodeKind
from workbadge.web.wire import WireError

from .context import Call, Item
from .fields import Field
from .identity import show_somebody
from .lists import Asked, Edge, list_nodes, list_rows
from .nodes import OMIT, TYPES, Expand, wire_time
from .params import read_id, read_text
from .people import APPLICATION, AppShown, picture_of
from .writes import DONE, Answer, actor_of


async def _profile(call: Call, item: Item) -> Any:
    """What is known of a business; read once for all of its fields."""
    if call.profile is None or call.profile.id != item.id:
        async with call.services.store.read() as tx:
            call.profile = await business_profiles.find_profile(tx, item.id)
    return call.profile


def _column(name: str) -> Expand:
    async def expand(call: Call, item: Item, one: Field) -> Any:
        value = getattr(await _profile(call, item), name)
        return OMIT if value is None else value

    return expand


def _somebody(column: str) -> Expand:
    """Who did something to the business, while that somebody has a place there."""

    async def expand(call: Call, item: Item, one: Field) -> Any:
        return await show_somebody(call, getattr(await _profile(call, item), column), item.id)

    return expand


async def _permitted_roles(call: Call, item: Item, one: Field) -> Any:
    """Field ``permitted_roles``: the caller's role in the business."""
    async with call.services.store.read() as tx:
        place = await rights.find_member(tx, actor_of(item.loaded), item.id, call.now)
    return [] if place is None else [place.role.value]


async def _picture(call: Call, item: Item, one: Field) -> Any:
    """Field ``profile_picture_uri``: the picture that everybody has."""
    return picture_of(call)["data"]["url"]


async def _two_factor(call: Call, item: Item, one: Field) -> Any:
    """Field ``two_factor_type``: no business here demands a second factor."""
    return "none"


async def _updated(call: Call, item: Item, one: Field) -> Any:
    at = (await _profile(call, item)).updated_at
    return OMIT if at is None else wire_time(at)


async def _vertical_id(call: Call, item: Item, one: Field) -> Any:
    vertical = (await _profile(call, item)).vertical
    return VERTICALS.index(vertical) if vertical in VERTICALS else OMIT


async def _primary_page(call: Call, item: Item, one: Field) -> Any:
    profile = await _profile(call, item)
    if profile.primary_page_id is None:
        return OMIT
    return {"id": str(profile.primary_page_id), "name": profile.primary_page}


BUSINESS_FIELDS: dict[str, Expand] = {
    "created_by": _somebody("created_by"),
    "updated_by": _somebody("updated_by"),
    "updated_time": _updated,
    "vertical": _column("vertical"),
    "vertical_id": _vertical_id,
    "timezone_id": _column("timezone_id"),
    "primary_page": _primary_page,
    "two_factor_type": _two_factor,
    "profile_picture_uri": _picture,
    "permitted_roles": _permitted_roles,
}


async def owned_businesses(call: Call, item: Item, asked: Asked) -> dict[str, Any]:
    """The businesses right below this one, of those that the caller may read."""
    wanted = Filter(frozenset({NodeKind.BUSINESS}), child_of=item.id)
    return await list_nodes(call, item.loaded, wanted, TYPES[NodeKind.BUSINESS], asked)


def business_apps(owned: bool) -> Edge:
    """``owned_apps``, and ``client_apps``: others that act as system users of the business."""

    async def edge(call: Call, item: Item, asked: Asked) -> dict[str, Any]:
        async def read(tx: Tx, window: Window) -> Rows:
            return await app_links.list_business_apps(tx, item.id, owned, window)

        async def count(tx: Tx) -> int:
            return await app_links.count_business_apps(tx, item.id, owned)

        return await list_rows(call, asked, APPLICATION, read, count, lambda row: AppShown(row, False))

    return edge


def _change(call: Call) -> ProfileChange:
    """What ``name``, ``vertical``, ``timezone_id`` and ``primary_page`` say. Raises WireError 100."""
    values = call.params.values
    zone = values.get("timezone_id", "").strip()
    if zone and not (zone.isascii() and zone.isdecimal() and len(zone) < 7):
        raise WireError(100, "(#100) The parameter timezone_id must be a number.")
    return ProfileChange(
        values.get("name") or None,
        values.get("vertical") or None,
        int(zone) if zone else None,
        read_id(call, "primary_page", NodeKind.PAGE) if values.get("primary_page") else None,
    )


async def change_business(call: Call, tx: Tx, item: Item) -> Answer:
    """``POST {business}``: another ``name``, ``vertical``, ``timezone_id`` or ``primary_page``."""
    change = _change(call)
    if change == ProfileChange():
        raise WireError(100, "(#100) One of the parameters name, vertical, timezone_id and primary_page is required.")
    await change_profile(tx, call.services, item.id, change, actor_of(item.loaded), call.now)
    return {"id": str(item.id)}


async def add_business(call: Call, tx: Tx, item: Item) -> Answer:
    """``POST {business}/owned_businesses``: a business below this one, with the caller as its admin."""
    name, change = read_text(call, "name"), _change(call)
    actor = actor_of(item.loaded)
    made = await add_child(tx, call.services, item.id, name, change, item.loaded.grant_id, actor, call.now)
    return {"id": str(made)}


async def add_app(call: Call, tx: Tx, item: Item) -> Answer:
    """``POST {business}/owned_apps``: the business takes ``app_id``, which the caller administers; that stays so."""
    app_id = read_id(call, "app_id", NodeKind.APP)
    await take_app(tx, call.services, item.id, app_id, actor_of(item.loaded), call.now)
    return DONE
