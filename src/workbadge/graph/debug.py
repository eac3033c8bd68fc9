"""``/debug_token`` (``wire.md`` §3.3): what a token is, for the app it belongs to."""

from typing import Any

from workbadge.access import Deny, decide
from workbadge.commands.services import Services
from workbadge.keys import hash_secret, read_token
from workbadge.store import facts, grants, records, visible
from workbadge.store.facts import Loaded
from workbadge.store.visible import Filter, Viewer
from workbadge.terms.ids import kind_of
from workbadge.terms.instants import EPOCH, from_micros, to_micros
from workbadge.terms.kinds import ASSET_KINDS, NodeKind
from workbadge.terms.scopes import SCOPES
from workbadge.web.caller import check_given_proof, find_app_caller, is_app_token
from workbadge.web.state import Site
from workbadge.web.wire import WireError, WireParams

from .context import PERSONAL, Call, find_shown_id
from .errors import MALFORMED, refuse

_MOST = 100_000


async def debug_token(site: Site, params: WireParams, now: Any, version: str) -> dict[str, Any]:
    """The answer ``{"data": …}``. The caller is the same app (app token), or the token itself. Raises WireError."""
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
        if caller != given:
            raise WireError(
                100,
                "(#100) You must provide an app access token, or a user access token that is an owner or developer of the app",
            )
        app_id = loaded.app_id
    describe = _app_token if is_app_token(given) else _describe
    data = await describe(services, given, app_id, now)
    wanted = [one for one in params.values.get("fields", "").split(",") if one]
    return {"data": {key: value for key, value in data.items() if not wanted or key in wanted}}


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
    loaded = await facts.load(services.store, hashed)
    if loaded is None:
        return _invalid(WireError(190, "Invalid OAuth access token data."))
    if loaded.app_id != app_id:
        return _invalid(
            WireError(
                100,
                "(#100) The App_id in the input_token did not match the Viewing App",
            )
        )
    token = loaded.facts.token
    assert token is not None
    async with services.store.read() as tx:
        row = await grants.find_token(tx, hashed)
        app = await records.find_app(tx, app_id)
        user_id = await find_shown_id(tx, loaded)
    assert row is not None and app is not None
    data: dict[str, Any] = {
        "app_id": str(app_id),
        "type": token.kind.value.upper(),
        "application": app.name,
        "data_access_expires_at": _seconds(from_micros(to_micros(now) + 90 * 86_400 * 1_000_000)),
        "expires_at": 0 if token.expires is None else _seconds(token.expires),
        "issued_at": _seconds(row.issued_at),
        "is_valid": True,
        "user_id": str(user_id or 0),
    }
    if token.page_id is not None:
        data["profile_id"] = str(token.page_id)
    decision = decide(loaded.facts, PERSONAL, now)
    held = sorted(
        token.scopes & (loaded.facts.grant.scopes if loaded.facts.grant else frozenset()),
        key=list(SCOPES).index,
    )
    data["scopes"] = held
    if isinstance(decision, Deny):
        return {
            **data,
            **_invalid(refuse(decision, "", app_id, services.base_url)),
            "scopes": held,
        }
    data["granular_scopes"] = await _granular(services, loaded, held, now)
    return data


def _seconds(at: Any) -> int:
    return int((at - EPOCH).total_seconds())


async def _granular(services: Services, loaded: Loaded, held: list[str], now: Any) -> list[dict[str, Any]]:
    """Scopes with the targets that are reached now: they shrink at a cut-off (``wire.md`` §2.3)."""
    account, token = loaded.facts.account, loaded.facts.token
    assert account is not None and token is not None
    viewer = Viewer(account.id, account.kind, loaded.grant_id or 0, token.authorized, token.page_id)
    by_kind: dict[NodeKind, list[str]] = {}
    async with services.store.read() as tx:
        for kinds in (frozenset(ASSET_KINDS), frozenset({NodeKind.BUSINESS})):
            for found in (await visible.page(tx, viewer, Filter(kinds), now, _MOST)).ids:
                kind = kind_of(found)
                if kind is not None:
                    by_kind.setdefault(kind, []).append(str(found))
    answer: list[dict[str, Any]] = []
    for name in held:
        kinds_of = SCOPES[name].targets
        one: dict[str, Any] = {"scope": name}
        if kinds_of:
            one["target_ids"] = [found for kind in kinds_of for found in by_kind.get(kind, [])]
        answer.append(one)
    return answer
