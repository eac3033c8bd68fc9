"""Login for Business in the graph: tokens of an install's system users (``wire.md`` §4)."""

from typing import Any

from workbadge.commands.install_token import Wanted, mint_token
from workbadge.store import business_login
from workbadge.store.engine import Tx
from workbadge.store.facts import Loaded
from workbadge.terms.ids import parse_id
from workbadge.terms.kinds import AccountKind, Act
from workbadge.web.wire import WireError

from .context import Call, Item
from .fields import Field
from .nodes import OMIT
from .params import read_flag, read_list
from .people import Person
from .writes import Answer, actor_of, writing


def refuse_bound(call: Call) -> None:
    """No token that anybody may use comes from one that is bound to a key (decision 19). Raises WireError 100."""
    if call.params.bound:
        raise WireError(100, "(#100) A token that is bound to a key makes none that is not.")


async def own_install(loaded: Loaded, tx: Tx) -> Any:
    """The live install whose own system user calls; None for everybody else, its system users with fewer assets among them."""
    account = loaded.facts.account
    if account is None or account.kind is not AccountKind.SYSTEM:
        return None
    row = await business_login.find_install_of(tx, account.id)
    if row is None or row.uninstalled_at is not None or row.account_id != account.id:
        return None
    return row if row.app_id == loaded.app_id else None


async def issue_system_user_token(call: Call, text: str) -> dict[str, Any]:
    """``POST {business}/system_user_access_tokens``: for whoever manages the business, or the install's own system user.

    Raises WireError.
    """
    if "appsecret_proof" not in call.params.values:
        raise WireError(
            100, "API calls from the server require an appsecret_proof argument", kind="GraphMethodException"
        )
    refuse_bound(call)
    return await _MINT(call, text)


async def _mint(call: Call, tx: Tx, item: Item) -> Answer:
    row = await own_install(item.loaded, tx)
    narrows = row is not None and row.business_id == item.id
    if not narrows:
        item = await call.reach(str(item.id), Act.MANAGE, reader=tx)
        row = await _installed(tx, item, call)
    wanted = _wanted(call, item.loaded if narrows else None)
    issued = await mint_token(tx, call.services, row, wanted, actor_of(item.loaded), call.now)
    return {"access_token": issued.text}


_MINT = writing(_mint)


async def _installed(tx: Tx, item: Item, call: Call) -> Any:
    """The app's install in a business that the caller manages. Raises WireError."""
    named = call.params.values.get("system_user_id")
    user_id = None if named is None else parse_id(named)
    row = None if user_id is None else await business_login.find_install_of(tx, user_id)
    if named is None:
        row = await business_login.find_live_install(tx, item.loaded.app_id, item.id, "")
    here = row is not None and (row.business_id, row.app_id) == (item.id, item.loaded.app_id)
    if row is None or not here or row.uninstalled_at is not None:
        raise WireError(100, "(#100) The app is not installed in this business, or not with this system user.")
    return row


def _wanted(call: Call, own: Loaded | None) -> Wanted:
    """The parameters. ``own``: the caller is the system user itself, whose token may only be narrowed. Raises WireError."""
    values = call.params.values
    assets = read_list(call, "asset")
    ids = None if assets is None else tuple(parse_id(one.removeprefix("act_")) or 0 for one in assets)
    named = values.get("system_user_id")
    token = None if own is None else own.facts.token
    return Wanted(
        read_list(call, "scope"),
        ids,
        None if named is None else parse_id(named) or 0,
        read_flag(call, "set_token_expires_in_60_days") or (token is not None and token.expires is not None),
        read_flag(call, "fetch_only"),
        None if token is None else token.scopes,
    )


async def install_type(call: Call, person: Person, one: Field) -> Any:
    """Field ``install_type`` of a system user that an install made; of others it is left out."""
    async with call.services.store.read() as tx:
        row = await business_login.find_install_of(tx, person.shown_id)
    if row is None:
        return OMIT
    return "BUSINESS_EXTENSION" if row.external_business_id else "BUSINESS_INTEGRATION"
