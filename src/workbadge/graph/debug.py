"""``/debug_token`` (``wire.md`` §3.3): what a token is, for the app it belongs to."""

from typing import Any

from workbadge.access import Deny
from workbadge.commands.inspection import Inspected, Reached, inspect_token, list_reached
from workbadge.commands.services import Services
from workbadge.keys import hash_secret, read_token
from workbadge.store import apps, records
from workbadge.store.facts import Loaded
from workbadge.terms.apps import MAKERS, AppRole
from workbadge.terms.instants import to_micros
from workbadge.terms.kinds import AccountKind, NodeKind, TokenKind
from workbadge.terms.scopes import SCOPES
from workbadge.web.caller import check_given_proof, find_app_caller, is_app_token
from workbadge.web.state import Site
from workbadge.web.wire import WireError, WireParams

from .context import Call
from .errors import MALFORMED, refuse


async def debug_token(site: Site, params: WireParams, now: Any, version: str) -> dict[str, Any]:
    """The answer ``{"data": …}``. The caller is the same app (app token), one of its makers, or the token itself. Raises
    WireError."""
    services = site.services
    given, caller = params.values.get("input_token"), params.token
    if not given:
        raise WireError(100, "(#100) The parameter input_token is required.")
    if caller is None:
        raise WireError(
            104,
            "An access token is required to request this resource.",
            www="invalid_request",
        )
    if is_app_token(caller):
        app = await find_app_caller(services, caller, now)
        check_given_proof(app.secret, params, caller, now)
        app_id = app.app_id
        site.limits.count_app(app_id, None, now, params.told)
    else:
        loaded = await Call(site, now, params, version, "/debug_token", False).alive()
        if caller != given and not await _makes(services, loaded):
            raise WireError(
                100,
                "(#100) You must provide an app access token, or a user access token that is an owner or developer of the app",
            )
        app_id = loaded.app_id
    describe = _app_token if is_app_token(given) else _describe
    data = await describe(services, given, app_id, now)
    wanted = [one for one in params.values.get("fields", "").split(",") if one]
    return {"data": {key: value for key, value in data.items() if not wanted or key in wanted}}


async def _makes(services: Services, loaded: Loaded) -> bool:
    """Whether a user token is of somebody who works on the app that it belongs to (``wire.md`` §3.3)."""
    account, token = loaded.facts.account, loaded.facts.token
    if account is None or token is None or token.kind is not TokenKind.USER:
        return False
    async with services.store.read() as tx:
        role = await apps.find_role(tx, loaded.app_id, account.id)
    return role is not None and AppRole(role) in MAKERS


async def _app_token(services: Services, given: str, app_id: int, now: Any) -> dict[str, Any]:
    try:
        found = await find_app_caller(services, given, now)
    except WireError as error:
        return _invalid(error)
    if found.app_id != app_id:
        return _invalid(
            WireError(
                100,
                "(#100) The App_id in the input_token did not match the Viewing App",
            )
        )
    async with services.store.read() as tx:
        app = await records.find_app(tx, app_id)
    name = "" if app is None else app.name
    return {
        "app_id": str(app_id),
        "type": "APP",
        "application": name,
        "is_valid": True,
        "scopes": [],
    }


def _invalid(error: WireError) -> dict[str, Any]:
    body: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.subcode is not None:
        body["subcode"] = error.subcode
    return {"error": body, "is_valid": False, "scopes": []}


async def _describe(services: Services, given: str, app_id: int, now: Any) -> dict[str, Any]:
    """The data of one token; an unusable one is described as such, with HTTP 200."""
    text = read_token(given)
    if text is None:
        return _invalid(WireError(190, MALFORMED))
    hashed = hash_secret(text)
    found = await inspect_token(services.store, hashed, now)
    if found is None:
        return _invalid(WireError(190, "Invalid OAuth access token data."))
    loaded, token = found.loaded, found.loaded.facts.token
    if loaded.app_id != app_id:
        return _invalid(
            WireError(
                100,
                "(#100) The App_id in the input_token did not match the Viewing App",
            )
        )
    assert token is not None
    data: dict[str, Any] = {
        "app_id": str(app_id),
        "type": token.kind.value.upper(),
        "application": found.about.app_name,
        "data_access_expires_at": _data_access(loaded),
        "expires_at": 0 if token.expires is None else _seconds(token.expires),
        "issued_at": _seconds(found.about.issued_at),
        "is_valid": True,
        "user_id": str(_shown_id(found) or 0),
    }
    if token.page_id is not None:
        data["profile_id"] = str(token.page_id)
    data["scopes"] = list(found.scopes)
    if isinstance(found.decision, Deny):
        refused = _invalid(refuse(found.decision, "", app_id, services.base_url))
        return {**data, **refused, "scopes": data["scopes"]}
    data["granular_scopes"] = _granular(found.scopes, await list_reached(services.store, hashed, loaded, now))
    return data


def _shown_id(found: Inspected) -> int | None:
    """The id under which the app knows the token's account: app-scoped for people (``wire.md`` §3.4)."""
    account = found.loaded.facts.account
    return account.id if account is not None and account.kind is AccountKind.SYSTEM else found.about.scoped_id


def _data_access(loaded: Loaded) -> int:
    """When the grant gives no more access unless it is used before; 0: never."""
    lapses = None if loaded.facts.grant is None else loaded.facts.grant.lapses
    return 0 if lapses is None else _seconds(lapses)


def _seconds(at: Any) -> int:
    return to_micros(at) // 1_000_000


def _granular(scopes: tuple[str, ...], reached: list[Reached]) -> list[dict[str, Any]]:
    """Scopes with the targets that are reached now: they shrink at a cut-off (``wire.md`` §2.3)."""
    by_kind: dict[NodeKind, list[str]] = {}
    for one in reached:
        by_kind.setdefault(one.kind, []).append(str(one.id))
    answer: list[dict[str, Any]] = []
    for name in scopes:
        kinds = SCOPES[name].targets
        shown: dict[str, Any] = {"scope": name}
        if kinds:
            shown["target_ids"] = [target for kind in kinds for target in by_kind.get(kind, [])]
        answer.append(shown)
    return answer
