"""Apps on a system user, and its tokens (``wire.md`` §3.6)."""

from typing import Any

from workbadge.commands.system_token import (
    Minting,
    install_on_system_user,
    mint_system_token,
    revoke_system_tokens,
)
from workbadge.store import app_links
from workbadge.store.engine import Tx
from workbadge.store.window import Rows, Window
from workbadge.terms.kinds import NodeKind
from workbadge.web.wire import WireError

from .context import Call, Item
from .lists import Asked, list_rows
from .params import read_flag, read_id, read_list
from .people import APPLICATION, AppShown, Seat
from .writes import DONE, Answer, actor_of


async def applications(call: Call, seat: Seat, asked: Asked) -> dict[str, Any]:
    """``{system_user}/applications``: the apps that are installed on it."""

    async def read(tx: Tx, window: Window) -> Rows:
        return await app_links.list_installed(tx, seat.id, window)

    async def count(tx: Tx) -> int:
        return await app_links.count_installed(tx, seat.id)

    return await list_rows(call, asked, APPLICATION, read, count, lambda row: AppShown(row, False))


def _calling_app(call: Call, item: Item) -> int:
    """``business_app``, which must be the app that calls. Raises WireError 100."""
    found = read_id(call, "business_app", NodeKind.APP)
    if found != item.loaded.app_id:
        raise WireError(100, "(#100) The parameter business_app must be the id of the app that calls.")
    return found


async def install(call: Call, tx: Tx, item: Item, row: Any) -> Answer:
    """``POST {system_user}/applications``: the calling app may act as the system user."""
    app_id, actor = _calling_app(call, item), actor_of(item.loaded)
    await install_on_system_user(tx, call.services, row.account_id, item.id, app_id, actor, call.now)
    return DONE


async def add_token(call: Call, tx: Tx, item: Item, row: Any) -> Answer:
    """``POST {system_user}/access_tokens``: a token for ``scope``, without an end or for sixty days. It takes a proof of the
    app's secret, and never has more than the calling token (MT-12)."""
    if "appsecret_proof" not in call.params.values:
        raise WireError(
            100, "API calls from the server require an appsecret_proof argument", kind="GraphMethodException"
        )
    if call.params.bound:
        raise WireError(100, "(#100) A token that is bound to a key makes none that is not.")
    app_id = _calling_app(call, item)
    scopes = read_list(call, "scope")
    if scopes is None:
        raise WireError(100, "(#100) The parameter scope is required.")
    wanted = Minting(
        row.account_id,
        item.id,
        app_id,
        scopes,
        read_flag(call, "set_token_expires_in_60_days"),
        call.scopes(item.loaded),
        call.viewer(item.loaded),
    )
    issued = await mint_system_token(tx, call.services, wanted, actor_of(item.loaded), call.now)
    return {"access_token": issued.text}


async def drop_tokens(call: Call, tx: Tx, item: Item, row: Any) -> Answer:
    """``DELETE {system_user}/access_tokens``: every token of the calling app on it is dead."""
    app_id, actor = _calling_app(call, item), actor_of(item.loaded)
    await revoke_system_tokens(tx, call.services, row.account_id, item.id, app_id, actor, call.now)
    return DONE
