"""Lists of the calling app: businesses that installed it, ad accounts that it may work on (``wire.md`` §3.6).

For its app token alone. Each ad account is decided as for the app's own token that reaches it (I10); what is shown of it is
what does not depend on whose token that is.
"""

from typing import Any

from workbadge.access import Allow, decide
from workbadge.store import business_login, facts, grants
from workbadge.store.engine import Tx
from workbadge.terms.ids import parse_id
from workbadge.terms.kinds import Act, NodeKind
from workbadge.web.wire import WireError

from .applications import APP_TOKEN_NEEDED
from .context import Call, ask_for
from .lists import Asked, bound_to, wrap
from .nodes import NodeType, show
from .paging import read_cursor

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


def _place(call: Call, asked: Asked, cursor: str | None) -> int | None:
    """The id that a cursor stands for. Raises WireError 200 for any token but an app's."""
    if not call.by_app:
        raise WireError(200, APP_TOKEN_NEEDED)
    if cursor is None:
        return None
    text = read_cursor(call.services.sealer, cursor, bound_to(call, asked))
    return int(text) if text.isdecimal() else None


async def connected_client_businesses(call: Call, app_id: int, asked: Asked) -> dict[str, Any]:
    """Businesses in which the app is installed, by id."""
    after, before = _place(call, asked, asked.after), _place(call, asked, asked.before)
    async with call.services.store.read() as tx:
        rows = await business_login.list_client_businesses(tx, app_id, asked.limit + 1, after, before)
        total = await business_login.count_client_businesses(tx, app_id) if asked.summary else None
    kept = rows[-asked.limit :] if before is not None else rows[: asked.limit]
    data = [await show(call, CLIENT, row, asked.fields) for row in kept]
    return wrap(call, asked, data, [str(row.id) for row in kept], len(rows) > asked.limit, total)


async def authorized_adaccounts(call: Call, app_id: int, asked: Asked) -> dict[str, Any]:
    """Ad accounts that some token of the app reaches now, by id; ``business``: only those selected in its name."""
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
    edges = [str(looked[0]), str(looked[-1])] if looked else []
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
