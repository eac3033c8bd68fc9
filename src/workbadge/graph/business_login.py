"""Login for Business in the graph: tokens of an install's system users (``wire.md`` §4)."""

from typing import Any

import msgspec

from workbadge.access import Ask
from workbadge.commands.errors import CommandError, Problem
from workbadge.commands.install_token import Wanted, mint_token
from workbadge.commands.token import Issued
from workbadge.commands.transaction import in_transaction
from workbadge.store import business_login
from workbadge.store.engine import Tx
from workbadge.store.facts import Loaded
from workbadge.terms.ids import parse_id
from workbadge.terms.kinds import AccountKind, Act, NodeKind
from workbadge.terms.reasons import Reason
from workbadge.terms.scopes import parse_scopes
from workbadge.terms.tasks import tasks_for
from workbadge.web.wire import WireError

from .context import Call, Item
from .fields import Field
from .nodes import OMIT
from .people import Person

_MANAGE = frozenset({"business_management"})
_ADMIN = Ask(Act.WRITE, scopes=_MANAGE, tasks=tasks_for(NodeKind.BUSINESS, Act.WRITE))
_INSIDE = Ask(Act.READ, scopes=_MANAGE)
_CODES = {Problem.FORBIDDEN: 200, Problem.TOO_MANY: 4}


def wire_error(error: CommandError) -> WireError:
    """A command's refusal in the dialect: a right that is missing is 200, everything else 100."""
    code = _CODES.get(error.problem, 100)
    expected = f" Expected: {error.expected}." if error.expected else ""
    return WireError(code, f"(#{code}) {error.message}{expected}")


def read_list(text: str | None, name: str) -> tuple[str, ...] | None:
    """A list parameter: JSON, or separated by commas; None when it was not sent (``wire.md`` §3.10). Raises WireError 100."""
    if text is None or not text.strip():
        return None
    if not text.lstrip().startswith("["):
        return parse_scopes(text)
    try:
        return tuple(dict.fromkeys(str(one) for one in msgspec.json.decode(text, type=list[str | int])))
    except (msgspec.DecodeError, RecursionError) as error:
        raise WireError(100, f"(#100) The parameter {name} must be a list of texts.") from error


def is_on(text: str | None) -> bool:
    """A boolean parameter (``wire.md`` §3.10)."""
    return (text or "").lower() in ("true", "1")


def of_account(loaded: Loaded) -> int:
    """The account behind a caller that was decided to be somebody."""
    assert loaded.facts.account is not None
    return loaded.facts.account.id


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
    """``POST {business}/system_user_access_tokens``: for an admin of the business, or the install's own system user.

    The old login of a person in grace does not mint: its token would outlive the cut-off (M6, MT-18). Raises WireError.
    """
    if "appsecret_proof" not in call.params.values:
        raise WireError(
            100, "API calls from the server require an appsecret_proof argument", kind="GraphMethodException"
        )

    async def work(tx: Tx) -> Issued:
        item = await call.reach(text, reader=tx, ask=_INSIDE)
        row = await own_install(item.loaded, tx)
        narrows = row is not None and row.business_id == item.id
        if not narrows:
            item = await call.reach(text, reader=tx, ask=_ADMIN)
            row = await _installed(tx, item, call)
        wanted = _wanted(call, item.loaded if narrows else None)
        return await mint_token(tx, call.services, row, wanted, of_account(item.loaded), call.now)

    try:
        return {"access_token": (await in_transaction(call.services, work)).text}
    except CommandError as error:
        raise wire_error(error) from error


async def _installed(tx: Tx, item: Item, call: Call) -> Any:
    """The app's install in a business that the caller administers. Raises WireError."""
    if item.allow.because is Reason.GRACE:
        raise WireError(
            200,
            "(#200) The person moved to a managed account: only that one can make tokens here.",
            user_title="Access has moved",
            user_message="Log in with the managed account.",
        )
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
    assets = read_list(values.get("asset"), "asset")
    ids = None if assets is None else tuple(parse_id(one.removeprefix("act_")) or 0 for one in assets)
    named = values.get("system_user_id")
    token = None if own is None else own.facts.token
    return Wanted(
        read_list(values.get("scope"), "scope"),
        ids,
        None if named is None else parse_id(named) or 0,
        is_on(values.get("set_token_expires_in_60_days")) or (token is not None and token.expires is not None),
        is_on(values.get("fetch_only")),
        None if token is None else token.scopes,
    )


async def install_type(call: Call, person: Person, one: Field) -> Any:
    """Field ``install_type`` of a system user that an install made; of others it is left out."""
    async with call.services.store.read() as tx:
        row = await business_login.find_install_of(tx, person.shown_id)
    if row is None:
        return OMIT
    return "BUSINESS_EXTENSION" if row.external_business_id else "BUSINESS_INTEGRATION"
