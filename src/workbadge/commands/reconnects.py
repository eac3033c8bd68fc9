"""Bulk reconnect: what of an app is at risk or lost, person by person, and the login link that repairs it.

The protocol stands in ``docs/protocols/reconnect.md`` (L2, L5, B1-B3). What is missing is what the banner says: both ask
``coverage``. A link carries no right: it opens the dialog for one managed account, with nothing but the missing assets to
select, and is answered like any other login.
"""

import base64
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from workbadge.keys import Sealer
from workbadge.keys.seal import SealError
from workbadge.store import coverage, records
from workbadge.store.coverage import Whose
from workbadge.store.engine import Tx
from workbadge.terms.instants import from_micros, to_micros
from workbadge.terms.kinds import AccountKind
from workbadge.terms.scopes import grantable

from .coverage import Connection, Share, connections_in, share_of
from .services import Services

OPEN_STATES = frozenset({"at_risk", "lost"})
LOOKED_AT_ONCE = 100
MOST_LOOKED_AT = 1_000
"""People that one page looks at; a page that found too few by then is short and leads on."""
MOST_COUNTED = 5_000
"""People that a share is counted over; an app with more asks for one business at a time."""

Pair = tuple[int, int]
"""Business and personal account: a connection of the app, as lists are ordered."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which connections of an app. ``until``: only those whose old login ends by then. ``after``/``before``: a page's
    edge, not itself on the page."""

    app_id: int
    business_id: int | None = None
    personal_id: int | None = None
    until: datetime | None = None
    states: frozenset[str] = OPEN_STATES
    limit: int = 25
    after: Pair | None = None
    before: Pair | None = None

    @property
    def whose(self) -> Whose:
        """The same for the store: people who have claimed, for only they can reconnect."""
        return Whose(self.business_id, self.personal_id, self.app_id)


@dataclass(frozen=True, slots=True)
class Reconnect:
    """One person's connection that needs a new login. ``user_id``: app-scoped, of the personal account."""

    connection: Connection
    state: str
    user_id: int
    business_name: str


@dataclass(frozen=True, slots=True)
class ReconnectPage:
    """A page, ascending. ``edges``: the first and the last pair that it looked at; ``more``: in the direction asked."""

    items: list[Reconnect]
    edges: tuple[Pair, Pair] | None
    more: bool


async def list_reconnects(tx: Tx, wanted: Wanted, now: datetime) -> ReconnectPage:
    """One page of what an app has to reconnect, by business and person. What is covered again is left out (B2)."""
    looked: list[Pair] = []
    found: list[Connection] = []
    at, backwards = wanted, wanted.before is not None
    while True:
        pairs = await coverage.people_of_app(tx, at.whose, LOOKED_AT_ONCE + 1, wanted.until, at.after, at.before)
        ordered = pairs[::-1] if backwards else pairs
        known = await _connections(tx, wanted, ordered[:LOOKED_AT_ONCE], now)
        for pair in ordered[:LOOKED_AT_ONCE]:
            if pair in known:
                if len(found) == wanted.limit:
                    return await _page(tx, wanted, found, looked, True, now)
                found.append(known[pair])
            looked.append(pair)
        more = len(ordered) > LOOKED_AT_ONCE
        if not more or len(looked) >= MOST_LOOKED_AT:
            return await _page(tx, wanted, found, looked, more, now)
        at = replace(at, before=looked[-1]) if backwards else replace(at, after=looked[-1])


async def _connections(tx: Tx, wanted: Wanted, pairs: list[Pair], now: datetime) -> dict[Pair, Connection]:
    """The connections of some people that have a wanted state."""
    whose = replace(wanted.whose, pairs=pairs)
    found = await connections_in(tx, "", whose, now) if pairs else []
    return {(one.business_id, one.personal_id): one for one in found if one.state(now) in wanted.states}


async def _page(
    tx: Tx, wanted: Wanted, found: list[Connection], looked: list[Pair], more: bool, now: datetime
) -> ReconnectPage:
    if wanted.before is not None:
        found, looked = found[::-1], looked[::-1]
    names = await records.business_names(tx, sorted({one.business_id for one in found}))
    shown = await records.scoped_ids(tx, wanted.app_id, sorted({one.personal_id for one in found}))
    items = [
        Reconnect(one, one.state(now), shown[one.personal_id], names[one.business_id])
        for one in found
        if one.personal_id in shown
    ]
    return ReconnectPage(items, (looked[0], looked[-1]) if looked else None, more)


async def app_share(tx: Tx, app_id: int, business_id: int | None, now: datetime) -> Share | None:
    """The headline share of one app, over everybody who was invited, as the business sees it (B3); None: too many people."""
    whose = Whose(business_id, app_id=app_id, claimed_only=False)
    people = await coverage.people_of_app(tx, whose, MOST_COUNTED + 1, None, None, None)
    if len(people) > MOST_COUNTED:
        return None
    return await share_of(tx, whose, now)


class LinkError(Exception):
    """A reconnect link cannot be used: of another app, changed, or too old (``expired``)."""

    def __init__(self, expired: bool = False) -> None:
        super().__init__("expired" if expired else "unknown")
        self.expired = expired


class Link(msgspec.Struct, frozen=True, array_like=True):
    """Whom a link is for. ``expires``: microseconds since 1970."""

    business_id: int
    personal_id: int
    managed_id: int
    expires: int


def make_link(services: Services, connection: Connection, now: datetime) -> tuple[str, datetime] | None:
    """The parameter ``reconnect`` of a login and the instant from which it is refused; None before the claim."""
    if connection.managed_id is None:
        return None
    expires = now + services.policy.reconnect_link
    link = Link(connection.business_id, connection.personal_id, connection.managed_id, to_micros(expires))
    sealed = services.sealer.seal(msgspec.json.encode(link).decode(), _place(connection.app.app_id))
    return base64.urlsafe_b64encode(sealed).decode().rstrip("="), expires


def open_link(sealer: Sealer, text: str, app_id: int, now: datetime) -> Link:
    """The link that ``make_link`` made for this app. Raises LinkError."""
    if "=" in text:  # the padding of base64, which decoding would overlook
        raise LinkError
    try:
        sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        link = msgspec.json.decode(sealer.open(sealed, _place(app_id)), type=Link)
    except (SealError, ValueError) as error:
        raise LinkError from error
    if from_micros(link.expires) <= now:
        raise LinkError(expired=True)
    return link


def _place(app_id: int) -> str:
    return f"reconnect:{app_id}"


def login_url(base_url: str, app_id: int, redirect_uri: str, scopes: tuple[str, ...], link: str) -> str:
    """The dialog for a link. The app may add ``state`` and whatever else it sends with a login."""
    query = {
        "client_id": str(app_id),
        "redirect_uri": redirect_uri,
        "scope": ",".join(scopes),
        "auth_type": "rerequest",
        "reconnect": link,
    }
    return f"{base_url}/dialog/oauth?{urlencode(query, quote_via=quote)}"


def needed_scopes(connection: Connection) -> tuple[str, ...]:
    """The old grant's scopes that a managed account may grant (A3)."""
    return grantable(connection.app.scopes, AccountKind.MANAGED)


async def missing_assets(tx: Tx, link: Link, app_id: int, now: datetime) -> tuple[int, ...]:
    """Assets that are missing for a link's person at ``now``: what its dialog offers."""
    whose = Whose(link.business_id, link.personal_id, app_id)
    found: list[Any] = [one for each in await connections_in(tx, "", whose, now) for one in each.app.missing]
    return tuple(one.id for one in found)
