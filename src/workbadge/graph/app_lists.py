"""Lists of the calling app: businesses that installed it, ad accounts that it may work on (``wire.md`` §3.6).

For its app token alone. Each ad account is decided as for the app's own token that reaches it (I10); what is shown of it is
what does not depend on whose token that is.
"""

from typing import Any

from workbadge.access import Allow, decide
from workbadge.store import business_login, facts, grants
from workbadge.store.engine import Tx
from workbadge.store.window import Order, Rows, Window
from workbadge.terms.ids import parse_id
from workbadge.terms.kinds import Act, NodeKind
from workbadge.web.wire import WireError

from .applications import APP_TOKEN_NEEDED
from .context import Call, ask_for
from .lists import Asked, list_rows, read_place, wrap, write_place
from .nodes import NodeType, show

MOST_LOOKED_AT = 200
"""Ad accounts that one page looks at; a page that found too few by then is short and leads on."""

MOST_GRANTS = 20
"""Grants of one ad account that are looked at: one that still reaches it is enough."""

CLIENT = NodeType("Business", {"id": lambda call, row: str(row.id), "name": lambda call, row: row.name})
AUTHORIZED = NodeType(
    "AdAccount",
    {
        "id": lambda call, found: f"act_{found[0]}",
        "account_id": lambda call, found: str(found[0]),
        "name": lambda call, found: found[1],
    },
)


def _demand_app(call: Call) -> None:
    """The app itself calls. Raises WireError 200 for any token but an app's."""
    if not call.by_app:
        raise WireError(200, APP_TOKEN_NEEDED)


def _place(call: Call, asked: Asked, cursor: str | None) -> int | None:
    """The id that a cursor stands for. Raises WireError 100."""
    place = read_place(call, asked, cursor, Order.ID)
    return None if place is None else place[1]


async def connected_client_businesses(call: Call, app_id: int, asked: Asked) -> dict[str, Any]:
    """Businesses in which the app is installed."""
    _demand_app(call)

    async def read(tx: Tx, window: Window) -> Rows:
        return await business_login.list_client_businesses(tx, app_id, window)

    async def count(tx: Tx) -> int:
        return await business_login.count_client_businesses(tx, app_id)

    return await list_rows(call, asked, CLIENT, read, count)


async def authorized_adaccounts(call: Call, app_id: int, asked: Asked) -> dict[str, Any]:
    """Ad accounts that some token of the app reaches now, by id alone; ``business``: only those selected in its name."""
    _demand_app(call)
    after, before = _place(call, asked, asked.after), _place(call, asked, asked.before)
    wanted = call.params.values.get("business")
    business = parse_id(wanted) if wanted else None
    if wanted and business is None:
        raise WireError(100, "(#100) The parameter business must be an id.")
    found: list[tuple[int, str]] = []
    looked: list[int] = []
    async with call.services.store.read() as tx:
        ids = await grants.list_app_targets(
            tx, app_id, NodeKind.AD_ACCOUNT, MOST_LOOKED_AT + 1, after, before, business
        )
        for one in ids[:MOST_LOOKED_AT]:
            name = await _reached(call, tx, app_id, one)
            if name is not None and len(found) == asked.limit:
                break
            looked.append(one)
            found += [] if name is None else [(one, name)]
    more = len(looked) < len(ids)
    if before is not None:
        found, looked = found[::-1], looked[::-1]
    data = [await show(call, AUTHORIZED, one, asked.fields) for one in found]
    edges = [write_place((None, one), Order.ID) for one in (looked[0], looked[-1])] if looked else []
    return wrap(call, asked, data, edges, more, None)


async def _reached(call: Call, tx: Tx, app_id: int, asset_id: int) -> str | None:
    """The ad account's name, if a token of the app reaches it."""
    for hashed in await grants.list_newest_tokens(tx, app_id, asset_id, MOST_GRANTS):
        loaded = await facts.load(tx, hashed, asset_id)
        if loaded is not None:
            decision = decide(loaded.facts, ask_for(NodeKind.AD_ACCOUNT, Act.LIST), call.now)
            if isinstance(decision, Allow):
                return loaded.name
    return None
