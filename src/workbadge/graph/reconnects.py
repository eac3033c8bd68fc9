"""``/{app}/reconnects``: what of the calling app is at risk, with a ready login for each (``docs/protocols/reconnect.md``).

An app that calls for itself sees what its own old tokens carry, under the ids by which it knows people; of what is lost it
sees ids and kinds, no names any more.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workbadge.commands.coverage import MissingAsset
from workbadge.commands.reconnects import (
    OPEN_STATES,
    Pair,
    Reconnect,
    Wanted,
    app_share,
    list_reconnects,
    login_url,
    make_link,
    needed_scopes,
)
from workbadge.commands.registration import redirect_uris
from workbadge.store import records
from workbadge.store.engine import Tx
from workbadge.terms.ids import kind_of, parse_id
from workbadge.terms.instants import from_micros, parse_instant
from workbadge.terms.kinds import NodeKind
from workbadge.web.wire import WireError

from .context import Call
from .lists import Asked, bound_to, wrap
from .nodes import OMIT, NodeType, show, wire_expiry, wire_time
from .paging import read_cursor


@dataclass(frozen=True, slots=True)
class Shown:
    """One item of the list. ``redirect_uri``: where its login leads back to."""

    reconnect: Reconnect
    app_id: int
    redirect_uri: str
    link: tuple[str, datetime] | None


def _business(call: Call, one: Shown) -> Any:
    shown = {"id": str(one.reconnect.connection.business_id)}
    return shown if one.reconnect.state == "lost" else shown | {"name": one.reconnect.business_name}


def _asset(asset: MissingAsset, lost: bool) -> dict[str, str]:
    number = f"act_{asset.id}" if kind_of(asset.id) is NodeKind.AD_ACCOUNT else str(asset.id)
    shown = {"id": number, "type": asset.kind}
    if not lost:
        shown["name"] = asset.name
    if asset.until is not None:
        shown["user_access_expire_time"] = wire_expiry(asset.until)
    return shown


def _assets(call: Call, one: Shown) -> Any:
    lost = one.reconnect.state == "lost"
    return [_asset(asset, lost) for asset in one.reconnect.connection.app.missing]


def _cut_off(call: Call, one: Shown) -> Any:
    ends = one.reconnect.connection.ends
    return OMIT if ends is None else wire_expiry(ends)


def _last_used(call: Call, one: Shown) -> Any:
    at = one.reconnect.connection.app.last_used_at
    return OMIT if at is None else wire_time(at)


def _login_url(call: Call, one: Shown) -> Any:
    if one.link is None:
        return OMIT
    scopes = needed_scopes(one.reconnect.connection)
    return login_url(call.services.base_url, one.app_id, one.redirect_uri, scopes, one.link[0])


RECONNECT = NodeType(
    "Reconnect",
    {
        "id": lambda call, one: f"{one.reconnect.connection.business_id}_{one.reconnect.user_id}",
        "user_id": lambda call, one: str(one.reconnect.user_id),
        "business": _business,
        "state": lambda call, one: one.reconnect.state,
        "cut_off": _cut_off,
        "assets": _assets,
        "assets_total": lambda call, one: one.reconnect.connection.app.assets_total,
        "assets_covered": lambda call, one: one.reconnect.connection.app.assets_covered,
        "scopes": lambda call, one: list(needed_scopes(one.reconnect.connection)),
        "last_used_time": _last_used,
        "login_url": _login_url,
        "login_expires": lambda call, one: OMIT if one.link is None else wire_expiry(one.link[1]),
    },
    (
        "id",
        "user_id",
        "business",
        "state",
        "cut_off",
        "assets",
        "assets_total",
        "assets_covered",
        "scopes",
        "last_used_time",
        "login_url",
        "login_expires",
    ),
)


async def reconnects(call: Call, app_id: int, asked: Asked) -> dict[str, Any]:
    """The edge. Raises WireError 200 for any token but an app's, 100 for a filter that says nothing."""
    if not call.by_app:
        raise WireError(200, "(#200) This edge must be read with an app access token.")
    values = call.params.values
    until, states = _until(values.get("until")), _states(values.get("state"))
    async with call.services.store.read() as tx:
        app = await records.find_app(tx, app_id)
        redirect_uri = _redirect_uri(redirect_uris(app), values.get("redirect_uri"))
        wanted = Wanted(
            app_id,
            _id_of(values.get("business"), "business"),
            await _person(tx, app_id, values.get("person")),
            until,
            states,
            asked.limit,
            _place(call, asked, asked.after),
            _place(call, asked, asked.before),
        )
        page = await list_reconnects(tx, wanted, call.now)
        share = await app_share(tx, app_id, wanted.business_id, call.now) if asked.summary else None
    shown = [Shown(one, app_id, redirect_uri, make_link(call.services, one.connection, call.now)) for one in page.items]
    data = [await show(call, RECONNECT, one, asked.fields) for one in shown]
    positions = [f"{business_id} {person_id}" for business_id, person_id in page.edges or ()]
    answer = wrap(call, asked, data, positions, page.more, None)
    if asked.summary:
        answer["summary"] = _summary(share)
    return answer


def _summary(share: Any) -> dict[str, Any]:
    """The headline measure over everybody who was invited; of an app with too many people, that it was not counted."""
    if share is None:
        return {"counted": False}
    return {
        "counted": True,
        "connections": share.total,
        "at_risk": share.at_risk,
        "reconnected": share.reconnected,
        "recovered": share.recovered,
        "lost": share.lost,
        "reconnected_percent": share.percent,
    }


def _place(call: Call, asked: Asked, cursor: str | None) -> Pair | None:
    if cursor is None:
        return None
    first, _, second = read_cursor(call.services.sealer, cursor, bound_to(call, asked)).partition(" ")
    return int(first), int(second)


def _id_of(text: str | None, name: str) -> int | None:
    if not text:
        return None
    found = parse_id(text)
    if found is None:
        raise WireError(100, f"(#100) The parameter {name} must be an id.")
    return found


async def _person(tx: Tx, app_id: int, text: str | None) -> int | None:
    """The account that the app knows by an id; for one that it does not know, an id that nobody has."""
    scoped = _id_of(text, "person")
    if scoped is None:
        return None
    row = await records.find_by_scoped_id(tx, scoped)
    return row.account_id if row is not None and row.app_id == app_id else 0


def _until(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        if text.isascii() and text.isdecimal() and len(text) <= 11:
            return from_micros(int(text) * 1_000_000)
        return parse_instant(text)
    except (ValueError, OverflowError) as error:
        raise WireError(100, "(#100) The parameter until must be an instant with a zone, or Unix seconds.") from error


def _states(text: str | None) -> frozenset[str]:
    asked = frozenset(one.strip() for one in (text or "").split(",") if one.strip())
    if not asked <= OPEN_STATES:
        raise WireError(100, "(#100) The parameter state takes at_risk, lost, or both.")
    return asked or OPEN_STATES


def _redirect_uri(registered: tuple[str, ...], text: str | None) -> str:
    """Where the logins lead back to: the app's first address unless it names another one that it registered."""
    if text and text not in registered:
        raise WireError(100, "(#100) The parameter redirect_uri must be one that the app registered, exactly.")
    if not text and not registered:
        raise WireError(100, "(#100) The app has registered no redirect_uri to come back to.")
    return text or registered[0]
