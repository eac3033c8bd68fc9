"""The caller as others know it: its places, its ids for other apps, its picture, its apps (``wire.md`` §3.4, §3.6)."""

from typing import Any

from workbadge.store import app_links, apps, records, seats, visible
from workbadge.store.engine import Tx
from workbadge.store.facts import Loaded
from workbadge.store.visible import Filter
from workbadge.store.window import Rows, Window
from workbadge.terms.kinds import AccountKind, NodeKind

from .context import Call, find_shown_id, is_page_token
from .errors import missing
from .lists import Asked, list_nodes, list_rows
from .nodes import TYPES
from .people import APPLICATION, BUSINESS_USER, AppShown, picture_of, seat_of
from .writes import actor_of

_MOST_PLACES = 1000
"""Among so many of its businesses a caller's places are listed."""


def _person(loaded: Loaded) -> int:
    """The account of a caller that is not a page. Raises WireError."""
    if is_page_token(loaded):
        raise missing("me")
    return actor_of(loaded)


async def _businesses(call: Call, loaded: Loaded, tx: Tx) -> list[int]:
    """The businesses that this call may read: never others of the caller's (MT-43)."""
    wanted = Filter(frozenset({NodeKind.BUSINESS}))
    return (await visible.page(tx, call.viewer(loaded), wanted, call.now, _MOST_PLACES)).ids


async def business_users(call: Call, loaded: Loaded, asked: Asked) -> dict[str, Any]:
    """``me/business_users``: the caller's places in the businesses that this call may read."""
    account_id = _person(loaded)
    call.demand(loaded, NodeKind.BUSINESS)
    async with call.services.store.read() as tx:
        mine = await _businesses(call, loaded, tx)

    async def read(tx: Tx, window: Window) -> Rows:
        return await seats.list_places(tx, account_id, mine, call.now, window)

    async def count(tx: Tx) -> int:
        return await seats.count_places(tx, account_id, mine, call.now)

    return await list_rows(call, asked, BUSINESS_USER, read, count, seat_of)


async def personal_ad_accounts(call: Call, loaded: Loaded, asked: Asked) -> dict[str, Any]:
    """``me/personal_ad_accounts``: those of no business, of what the caller reaches (A2)."""
    _person(loaded)
    call.demand(loaded, NodeKind.AD_ACCOUNT)
    wanted = Filter(frozenset({NodeKind.AD_ACCOUNT}), unowned=True)
    return await list_nodes(call, loaded, wanted, TYPES[NodeKind.AD_ACCOUNT], asked)


async def ids_for_apps(call: Call, loaded: Loaded, asked: Asked) -> dict[str, Any]:
    """``me/ids_for_apps`` and ``ids_for_business``: the caller's ids for the apps of the calling app's owner, as far as
    the caller ever logged in to them; without an owner that is the calling app alone."""
    account_id = _person(loaded)
    async with call.services.store.read() as tx:
        own = await records.find_app(tx, loaded.app_id)
        assert own is not None
        siblings = await app_links.list_sibling_apps(tx, loaded.app_id) or [own]
        data = []
        for app in siblings:
            known = await records.find_scoped_id(tx, app.id, account_id)
            if app.id == loaded.app_id:
                known = await find_shown_id(tx, loaded)
            if known is not None:
                data.append({"id": str(known), "app": {"id": str(app.id), "name": app.name}})
    return {"data": data}


async def ids_for_pages(call: Call, loaded: Loaded, asked: Asked) -> dict[str, Any]:
    """``me/ids_for_pages``: nobody has an id of one's own for a page here."""
    _person(loaded)
    return {"data": []}


async def picture(call: Call, loaded: Loaded, asked: Asked) -> dict[str, Any]:
    """``me/picture``: always as data, never the image itself."""
    _person(loaded)
    return picture_of(call)


async def assigned_applications(call: Call, loaded: Loaded, asked: Asked) -> dict[str, Any]:
    """Apps on which a person has a role, of no business or of one that this call may read (MT-43); of a system user, those that
    are installed on it."""
    account_id = _person(loaded)
    account = loaded.facts.account
    robot = account is not None and account.kind is AccountKind.SYSTEM
    async with call.services.store.read() as tx:
        mine = [] if robot else await _businesses(call, loaded, tx)

    async def read(tx: Tx, window: Window) -> Rows:
        if robot:
            return await app_links.list_installed(tx, account_id, window)
        return await apps.list_role_apps(tx, account_id, mine, window)

    async def count(tx: Tx) -> int:
        if robot:
            return await app_links.count_installed(tx, account_id)
        return await apps.count_role_apps(tx, account_id, mine)

    return await list_rows(call, asked, APPLICATION, read, count, lambda row: AppShown(row, False))
