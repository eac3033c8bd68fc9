"""Pages about one login that is signed in in this browser, and the proof that dangerous acts ask for (AC-50)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from workbadge.commands.account import prove_password_again
from workbadge.commands.errors import CommandError, Problem, not_found
from workbadge.commands.factors import prove_code
from workbadge.commands.passkeys import prove_passkey, request_options
from workbadge.commands.services import Services
from workbadge.store import factors, records
from workbadge.terms.ids import parse_id
from workbadge.terms.methods import FactorKind, Method
from workbadge.web.csrf import csrf_token
from workbadge.web.pages import render
from workbadge.web.passkeys import make_challenge, open_challenge, seal_challenge
from workbadge.web.sessions import BrowserSession, SignedIn, client_address, prove_again, set_cookie
from workbadge.web.shell import Shell
from workbadge.web.signin import login_address, redirect, safe_next
from workbadge.web.state import now_of, site_of
from workbadge.web.step_up import is_protected

from .frame import Endpoint, framed, outer_shell, text_of

_STATUS = {Problem.UNAUTHENTICATED: 400, Problem.TOO_MANY: 429}


@dataclass(frozen=True, slots=True)
class Own:
    """One request about a login of this browser."""

    request: Request
    session: BrowserSession
    account: SignedIn
    shell: Shell

    @property
    def services(self) -> Services:
        """The site's services."""
        return site_of(self.request.scope).services

    @property
    def now(self) -> datetime:
        """The request's instant."""
        return now_of(self.request.scope)

    @property
    def path(self) -> str:
        """Path of the login's security page."""
        return f"/console/account/security/{self.account.id}"

    def page(self, template: str, status: int = 200, **context: Any) -> Response:
        """A page inside the frame."""
        return render(
            self.request,
            f"console/{template}",
            status=status,
            csrf=csrf_token(self.request, self.session),
            shell=self.shell,
            account=self.account,
            base=self.path,
            **context,
        )

    def go(self, done: str) -> Response:
        """Back to the security page after something was done."""
        return redirect(f"{self.request.scope.get('root_path', '')}{self.path}?{urlencode({'done': done})}")

    @property
    def place(self) -> str:
        """Where what a page of this login carries may be opened again: in this session, for this login."""
        return f"own:{self.account.id}:{self.session.hash.hex()}"

    async def prove(self, method: Method) -> "Own":
        """The same after the login proved itself: in a new session, whose cookie ``keep`` gives to the browser."""
        return replace(self, session=await prove_again(self.request, self.account, method))

    def keep(self, response: Response) -> Response:
        """The answer, with the session's cookie."""
        set_cookie(self.request, response, self.session.secret)
        return response


def own_page(active: str, form: bool = False) -> Callable[[Callable[[Own], Awaitable[Response]]], Endpoint]:
    """An endpoint about the login in the path, if it is signed in here."""

    async def load(request: Request, session: BrowserSession) -> Own:
        account = session.find(parse_id(request.path_params["account"]) or 0)
        if account is None:
            raise not_found("login in this browser")
        async with site_of(request.scope).services.store.read() as tx:
            shell = await outer_shell(request, tx, session, active, account)
        return Own(request, session, account, shell)

    return framed(load, form)


@own_page("account")
async def confirm_page(own: Own) -> Response:
    """``GET /console/account/confirm/{account}``: asks for the strongest proof that the login has."""
    return await _ask(own, safe_next(own.request.query_params.get("next"), own.path), None, 200)


async def _ask(own: Own, leads_to: str, error: str | None, status: int) -> Response:
    async with own.services.store.read() as tx:
        account = await records.find_account(tx, own.account.id)
        held = await factors.list_factors(tx, own.account.id)
    challenge = make_challenge(own.request)
    return own.page(
        "confirm.html",
        status=status,
        protected=bool(held),
        has_passkey=any(one.kind == FactorKind.PASSKEY.value for one in held),
        options=request_options(own.services, held, challenge),
        challenge=seal_challenge(own.request, challenge, own.place),
        has_password=account is not None and account.password_hash is not None,
        sign_in_href=login_address(own.request, leads_to, another=True).removeprefix(
            own.request.scope.get("root_path", "")
        ),
        leads_to=leads_to,
        error=error,
    )


@own_page("account", form=True)
async def confirm(own: Own) -> Response:
    """``POST /console/account/confirm/{account}``: the proof; this browser gets a new session (AC-51)."""
    form = await own.request.form()
    leads_to = safe_next(text_of(form, "next"), own.path)
    client, proof = client_address(own.request), text_of(form, "proof")
    try:
        if text_of(form, "credential"):
            challenge = open_challenge(own.request, text_of(form, "challenge"), own.place)
            await prove_passkey(own.services, text_of(form, "credential"), challenge, own.now, own.account.id)
            method = _with_passkey(own.account.method)
        elif await is_protected(own.request, own.account):
            method = await prove_code(own.services, own.account.id, proof, client, own.now)
        else:
            await prove_password_again(own.services, own.account.id, proof, client, own.now)
            method = Method.PASSWORD
    except CommandError as error:
        if error.problem not in _STATUS:
            raise
        return await _ask(own, leads_to, _said(error, own.now), _STATUS[error.problem])
    proven = await own.prove(method)
    return proven.keep(redirect(own.request.scope.get("root_path", "") + leads_to))


def _with_passkey(before: str) -> Method:
    """How a login is proven after a passkey: whoever signed in with one alone gave no password."""
    return Method.PASSKEY if before == Method.PASSKEY.value else Method.PASSWORD_PASSKEY


def _said(error: CommandError, now: datetime) -> str:
    if error.problem is Problem.TOO_MANY and error.at is not None:
        return f"Too many tries. Please wait {int((error.at - now).total_seconds()) + 1} seconds."
    return error.message
