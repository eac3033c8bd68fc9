"""The login dialog: choose the account, what the app may do, which businesses and assets, review (L1-L3, A3)."""

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from workbadge.commands.consent import OfferedBusiness, contexts, offer, standing
from workbadge.commands.errors import CommandError
from workbadge.commands.grant import Consent, Granted, record_consent
from workbadge.commands.token import issue_code, issue_user_token
from workbadge.store import records
from workbadge.store.engine import Tx
from workbadge.terms.ids import parse_id
from workbadge.terms.scopes import SCOPES, Audience, grantable, target_kinds
from workbadge.web.csrf import check_form, csrf_token
from workbadge.web.pages import render
from workbadge.web.sessions import BrowserSession, SignedIn, current
from workbadge.web.signin import login_address
from workbadge.web.state import now_of, site_of

from .request import (
    Asked,
    PageError,
    RedirectError,
    open_request,
    read_request,
    seal_request,
)


def error_page(request: Request, error: PageError) -> Response:
    """A page for what must not be answered at the redirect address."""
    return render(
        request,
        "web/layout/error.html",
        status=400,
        title=error.title,
        text=error.text,
        detail=f"Error {error.code}",
    )


async def start(request: Request) -> Response:
    """``GET /[vN.N/]dialog/oauth``."""
    try:
        asked, app = await read_request(request)
    except PageError as error:
        return error_page(request, error)
    except RedirectError as error:
        values: dict[str, str | None] = {
            "error_code": str(error.code),
            "error_message": error.message,
        }
        return RedirectResponse(error.asked.address(values), 303)
    session = await current(request)
    here = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    back = f"{here}?{request.scope['query_string'].decode('latin-1')}"
    if session is None or not session.accounts:
        return RedirectResponse(login_address(request, back), 303)
    sealed = seal_request(site_of(request.scope).services.sealer, asked, session)
    if len(session.accounts) == 1 and not {"reauthenticate"} & set(asked.auth_types):
        return await _with_account(request, session, asked, app, sealed, session.accounts[0], back)
    return render(
        request,
        "oauth/choose.html",
        csrf=csrf_token(request, session),
        app=app,
        accounts=session.accounts,
        sealed=sealed,
        other=login_address(request, back, another=True),
    )


async def step(request: Request) -> Response:
    """``POST /dialog/step``: one step of the dialog, everything checked again."""
    session = await current(request)
    try:
        await check_form(request, session)
        if session is None:
            raise PageError(100, "You are not signed in any more", "Start again in the app.")
        form = await request.form(max_fields=12_000)
        services = site_of(request.scope).services
        asked = open_request(services.sealer, str(form.get("request", "")), session)
        async with services.store.read() as tx:
            app = await records.find_app(tx, asked.app_id)
        if app is None or app.disabled_at is not None:
            raise PageError(101, "This app is not known here", "It was switched off.")
        account = session.find(parse_id(str(form.get("account", ""))) or 0)
        if form.get("action") == "cancel":
            return RedirectResponse(asked.address(_CANCEL), 303)
        if account is None:
            raise PageError(100, "You are not signed in any more", "Start again in the app.")
        return await _step(request, session, asked, app, account, form)
    except PageError as error:
        return error_page(request, error)
    except CommandError as error:
        return error_page(request, PageError(100, "This did not work", error.message))


_CANCEL: dict[str, str | None] = {
    "error": "access_denied",
    "error_reason": "user_denied",
    "error_description": "Permissions error.",
}


async def _with_account(
    request: Request,
    session: BrowserSession,
    asked: Asked,
    app: Any,
    sealed: str,
    account: SignedIn,
    back: str | None,
) -> Response:
    """The dialog once the account is known: refuse mobile, bounce back, or ask."""
    site, now = site_of(request.scope), now_of(request.scope)
    if asked.mobile and account.managed and not site.services.policy.mobile_managed_login:
        return render(
            request,
            "oauth/mobile.html",
            status=403,
            app=app,
            account=account,
            csrf=csrf_token(request, session),
        )
    scopes = grantable(asked.scopes, account.kind)
    if not asked.rerequest and asked.redirect_uri.startswith("http"):
        async with site.services.store.write() as tx:
            granted = await standing(tx, account.id, asked.app_id, scopes, now)
            if granted is not None:
                return await _answer(request, tx, asked, granted)
    return _permissions(request, session, asked, app, sealed, account, scopes, (), back)


def _permissions(
    request: Request,
    session: BrowserSession,
    asked: Asked,
    app: Any,
    sealed: str,
    account: SignedIn,
    scopes: tuple[str, ...],
    declined: tuple[str, ...],
    back: str | None = None,
) -> Response:
    """What the app asks for; business permissions can be declined one by one."""
    shown = [SCOPES[name] for name in SCOPES if name in scopes]
    return render(
        request,
        "oauth/permissions.html",
        csrf=csrf_token(request, session),
        form_action=[asked.redirect_uri],
        app=app,
        account=account,
        sealed=sealed,
        basic=[one for one in shown if one.audience is not Audience.BUSINESS],
        business=[one for one in shown if one.audience is Audience.BUSINESS],
        declined=declined,
        other=login_address(request, back, another=True) if back else None,
        has_targets=bool(target_kinds(scopes)),
    )


async def _step(
    request: Request,
    session: BrowserSession,
    asked: Asked,
    app: Any,
    account: SignedIn,
    form: Any,
) -> Response:
    """The step that the form asks for."""
    site, now = site_of(request.scope), now_of(request.scope)
    sealed, name, action = (
        str(form["request"]),
        str(form.get("step", "")),
        str(form.get("action", "next")),
    )
    scopes = grantable(asked.scopes, account.kind)
    if name == "choose":
        return await _with_account(request, session, asked, app, sealed, account, None)
    declined = tuple(one for one in scopes if one not in form.getlist("scope") and _can_decline(one))
    granted = tuple(one for one in scopes if one not in declined)
    chosen: list[int] = [found for found in (parse_id(str(one)) for one in form.getlist("target")) if found is not None]
    if action == "back" and name == "assets":
        return _permissions(request, session, asked, app, sealed, account, scopes, declined)
    async with site.services.store.read() as tx:
        offered = await offer(tx, account.id, account.kind, asked.app_id, granted, now)
    if name == "permissions" and (not target_kinds(granted)):
        return await _allow(request, asked, account, declined, {})
    if form.get("select") == "before":
        chosen = [one.id for business in offered for one in business.assets if one.before or one.id in chosen]
        return _assets(
            request,
            session,
            asked,
            app,
            sealed,
            account,
            granted,
            declined,
            offered,
            chosen,
        )
    if name == "permissions" or action == "back":
        return _assets(
            request,
            session,
            asked,
            app,
            sealed,
            account,
            granted,
            declined,
            offered,
            chosen,
        )
    if name == "assets":
        return _review(
            request,
            session,
            asked,
            app,
            sealed,
            account,
            granted,
            declined,
            offered,
            chosen,
        )
    if name == "review" and action == "allow":
        return await _allow(request, asked, account, declined, contexts(offered, chosen))
    raise PageError(100, "This did not work", "The form was not complete. Start again in the app.")


def _can_decline(name: str) -> bool:
    return name not in ("public_profile", "openid")


def _assets(
    request: Request,
    session: BrowserSession,
    asked: Asked,
    app: Any,
    sealed: str,
    account: SignedIn,
    granted: tuple[str, ...],
    declined: tuple[str, ...],
    offered: list[OfferedBusiness],
    chosen: list[int],
) -> Response:
    """Businesses and assets, from scratch (L2)."""
    picked = set(chosen)
    tree = []
    for business in offered:
        kinds: dict[str, list[dict[str, Any]]] = {}
        for one in business.assets:
            item = {
                "id": str(one.id),
                "name": one.name,
                "before": one.before,
                "checked": one.id in picked,
            }
            kinds.setdefault(one.kind.value, []).append(item)
        tree.append(
            {
                "name": business.name,
                "groups": [{"kind": kind, "items": items} for kind, items in kinds.items()],
            }
        )
    return render(
        request,
        "oauth/assets.html",
        csrf=csrf_token(request, session),
        form_action=[asked.redirect_uri],
        app=app,
        account=account,
        sealed=sealed,
        scopes=granted,
        declined=declined,
        tree=tree,
        before=sum(1 for business in offered for one in business.assets if one.before),
    )


def _review(
    request: Request,
    session: BrowserSession,
    asked: Asked,
    app: Any,
    sealed: str,
    account: SignedIn,
    granted: tuple[str, ...],
    declined: tuple[str, ...],
    offered: list[OfferedBusiness],
    chosen: list[int],
) -> Response:
    """Everything once more before it is allowed."""
    picked = set(chosen)
    summary = [
        (business.name, [one for one in business.assets if one.id in picked])
        for business in offered
        if any(one.id in picked for one in business.assets)
    ]
    return render(
        request,
        "oauth/review.html",
        csrf=csrf_token(request, session),
        form_action=[asked.redirect_uri],
        app=app,
        account=account,
        sealed=sealed,
        scopes=granted,
        says=[SCOPES[name].says for name in SCOPES if name in granted],
        refused=[SCOPES[name].says for name in SCOPES if name in declined],
        summary=summary,
        chosen=sorted(picked),
        nothing=not picked,
    )


async def _allow(
    request: Request,
    asked: Asked,
    account: SignedIn,
    declined: tuple[str, ...],
    targets: dict[int, int | None],
) -> Response:
    """Record the consent and go back to the app. Forged ids are refused by the consent itself (MT-17)."""
    site, now = site_of(request.scope), now_of(request.scope)
    asked_scopes = tuple(name for name in asked.scopes if name not in declined)
    async with site.services.store.write() as tx:
        consent = Consent(account.id, asked.app_id, (*asked_scopes, *declined), declined, targets)
        granted = await record_consent(tx, site.services, consent, now)
        return await _answer(request, tx, asked, granted)


async def _answer(request: Request, tx: Tx, asked: Asked, granted: Granted) -> Response:
    """The redirect with what was asked for: code in the query, token in the fragment (``wire.md`` §3.1)."""
    site, now = site_of(request.scope), now_of(request.scope)
    values: dict[str, str | None] = {}
    if "code" in asked.response:
        values["code"] = await issue_code(
            tx,
            site.services,
            granted,
            asked.redirect_uri,
            now,
            asked.challenge,
            asked.nonce,
        )
    if "token" in asked.response:
        issued = await issue_user_token(tx, site.services, granted, now)
        values["access_token"] = issued.text
        values["expires_in"] = str(int(site.services.policy.short_token.total_seconds()))
    if asked.return_scopes:
        values["granted_scopes"] = ",".join(granted.scopes)
        values["denied_scopes"] = ",".join(granted.declined)
    return RedirectResponse(asked.address(values, "token" in asked.response), 303)
