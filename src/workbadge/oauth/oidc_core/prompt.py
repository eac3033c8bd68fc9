"""Who answers, and whether anybody is asked: prompt, max_age, hints (OpenID Connect Core §3.1.2.1, §3.1.2.6; OA-45)."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from workbadge.commands.app_status import check_login
from workbadge.commands.errors import CommandError
from workbadge.commands.grant import find_scoped_account
from workbadge.commands.signing import read_own_jwt
from workbadge.commands.transaction import in_transaction
from workbadge.oauth.dialog import SINCE, fresh_accounts, without_mark
from workbadge.oauth.flow import Flow
from workbadge.oauth.leaving import answer_unasked
from workbadge.oauth.request import Asked, Standard, mark_fresh, seal_request
from workbadge.oauth.rfc6749.authorization import Authorization, AuthorizationError, invalid
from workbadge.oauth.steps import choose_account, find_question, with_account
from workbadge.store.engine import Tx
from workbadge.web.sessions import BrowserSession, SignedIn, current
from workbadge.web.signin import login_address, redirect
from workbadge.web.state import now_of, site_of

PROMPTS = frozenset({"none", "login", "consent", "select_account"})


async def check_prompt(asked: Authorization) -> None:
    """prompt, max_age and hints have their form; display, ui_locales, claims_locales and acr_values are taken as they are."""
    prompts = tuple(dict.fromkeys((asked.values.get("prompt") or "").split()))
    if not PROMPTS.issuperset(prompts) or ("none" in prompts and len(prompts) > 1):
        raise invalid("Expected prompt as none, or as login, consent, select_account or several of these.")
    age = asked.values.get("max_age")
    if age and not (age.isascii() and age.isdecimal() and len(age) <= 9):
        raise invalid("Expected max_age as a whole number of seconds.")
    asked.standard = msgspec.structs.replace(
        asked.standard,
        prompt=prompts,
        max_age=int(age) if age else None,
        login_hint=asked.values.get("login_hint") or None,
        account=await _hinted(asked) if asked.values.get("id_token_hint") else asked.standard.account,
    )
    asked.again = asked.again or "consent" in prompts


async def _hinted(asked: Authorization) -> int:
    """The account that an ID token of this client is about; an expired one will do (§3.1.2.1)."""
    claims = await read_own_jwt(asked.services, asked.values["id_token_hint"], asked.now)
    audience = None if claims is None else claims.get("aud")
    if claims is None or claims.get("iss") != asked.services.base_url or audience != str(asked.client.id):
        raise invalid("The id_token_hint is not an ID token of this server for this client.")
    async with asked.services.store.read() as tx:
        account_id = await find_scoped_account(tx, asked.client.id, str(claims.get("sub")))
    if account_id is None:
        raise invalid("The id_token_hint is about nobody.")
    return account_id


async def begin(request: Request, asked: Asked, app: Any, back: str) -> Response:
    """Open the dialog for a checked request, or answer it silently. Raises AuthorizationError.

    ``back``: the path that asks again, for the way over the sign-in page.
    """
    standard = asked.standard
    assert standard is not None
    session = await current(request)
    fresh = fresh_accounts(request, session)
    who = _who(standard, session, fresh, request)
    if not who:
        if "none" in standard.prompt:
            raise AuthorizationError("login_required", "Nobody who could answer is signed in.")
        return _sign_in(request, session, standard, back)
    assert session is not None
    services = site_of(request.scope).services
    asked = msgspec.structs.replace(
        asked,
        only=tuple(one.id for one in who),
        flow=services.entropy.text(32),
        back=_without_hint(without_mark(back)),
        standard=msgspec.structs.replace(standard, session=session.hash.hex()),
    )
    flow = Flow(request, session, asked, app, seal_request(services.sealer, asked, session))
    if "none" in standard.prompt:
        return await _silently(flow)
    if len(flow.accounts) == 1 and "select_account" not in standard.prompt:
        return await with_account(flow, flow.accounts[0])
    return choose_account(flow)


def _without_hint(path: str) -> str:
    """A path that asks again, for whoever rather answers with another account than the hinted one."""
    head, _, query = path.partition("?")
    return head + "?" + "&".join(one for one in query.split("&") if not one.startswith("login_hint="))


def hinted_address(path: str) -> str:
    """The ``login_hint`` of a path that asks for an authorization, to stand in the sign-in form; empty without one."""
    parts = urlsplit(path)
    return dict(parse_qsl(parts.query)).get("login_hint", "") if parts.path == "/oauth/authorize" else ""


def _who(
    standard: Standard, session: BrowserSession | None, fresh: tuple[SignedIn, ...], request: Request
) -> tuple[SignedIn, ...]:
    """The signed-in accounts that may answer; one of them when the request hints at it."""
    accounts = () if session is None else session.accounts
    if standard.account is not None:
        accounts = tuple(one for one in accounts if one.id == standard.account)
    if "login" in standard.prompt or standard.max_age == 0:
        accounts = tuple(one for one in accounts if one in fresh)
    elif standard.max_age is not None:
        oldest = now_of(request.scope) - timedelta(seconds=standard.max_age)
        accounts = tuple(one for one in accounts if one in fresh or one.signed_in_at >= oldest)
    hinted = tuple(one for one in accounts if standard.login_hint in (one.email, str(one.id)))
    return hinted if len(hinted) == 1 and "select_account" not in standard.prompt else accounts


def _sign_in(request: Request, session: BrowserSession | None, standard: Standard, back: str) -> Response:
    """The sign-in page. Whoever is signed in must sign in afresh, and a mark says since when."""
    if (session is None or not session.accounts) and "login" not in standard.prompt and standard.max_age is None:
        return redirect(login_address(request, back))
    services, now = site_of(request.scope).services, now_of(request.scope)
    mark = mark_fresh(services.sealer, session, now)
    return redirect(login_address(request, f"{without_mark(back)}&{SINCE}={mark}", another=True))


async def _silently(flow: Flow) -> Response:
    """``prompt=none``: an answer without a page, or the reason why there must be one."""
    if len(flow.accounts) > 1:
        raise AuthorizationError("account_selection_required", "Several accounts are signed in.")
    account, services, now = flow.accounts[0], flow.services, now_of(flow.request.scope)
    if flow.asked.mobile and account.managed and not services.policy.mobile_managed_login:
        raise AuthorizationError("interaction_required", "Work accounts cannot log in to mobile apps.")

    async def work(tx: Tx) -> str | None:
        await check_login(tx, flow.app, account.id, account.kind)
        found = await find_question(flow, account, tx)
        if found.standing is None or not flow.asked.redirect_uri.startswith("http"):
            return None
        return await answer_unasked(tx, services, flow.asked, found.standing, account, now)

    try:
        leads = await in_transaction(services, work)
    except CommandError as error:
        raise AuthorizationError("access_denied", error.message) from error
    if leads is None:
        raise AuthorizationError("consent_required", "The person must be asked first.")
    return redirect(leads)
