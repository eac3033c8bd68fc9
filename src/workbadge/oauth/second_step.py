"""The page between the password and being signed in: an account that has a second factor proves it (O6, AC-44).

Who proved a password is kept in the form, sealed for the browser that did; nothing is signed in by it.
"""

import base64
from datetime import datetime, timedelta
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from workbadge.commands.errors import CommandError, Problem, conflict
from workbadge.commands.factors import enrolment_of, make_key
from workbadge.commands.passkeys import request_options
from workbadge.keys.seal import SealError
from workbadge.store import factors, records
from workbadge.terms.methods import FactorKind
from workbadge.web.csrf import keep_login_mark, login_token
from workbadge.web.pages import render
from workbadge.web.passkeys import make_challenge, seal_challenge
from workbadge.web.qr import qr_image
from workbadge.web.state import now_of, site_of

from .request import leads_to_app
from .rfc6749.authorize import leads_to_client

LIFE = timedelta(minutes=10)
_STATUS = {Problem.TOO_MANY: 429}


class Waiting(msgspec.Struct, frozen=True):
    """Accounts whose password was proven at ``since`` and whose second step is still to come, the next one first.

    ``key``: of the authenticator app that the next one is to set up, since it must have a second factor and has none."""

    accounts: tuple[int, ...]
    since: datetime
    key: str | None = None


def seal_waiting(request: Request, waiting: Waiting) -> str:
    """A text that only this browser can send back."""
    text = msgspec.json.encode(waiting).decode()
    sealed = site_of(request.scope).services.sealer.seal(text, _place(request))
    return base64.urlsafe_b64encode(sealed).decode()


def open_waiting(request: Request, text: str) -> Waiting:
    """What ``seal_waiting`` was given in this browser, within ten minutes. Raises CONFLICT."""
    try:
        raw = base64.b64decode(text, altchars=b"-_", validate=True)
        waiting = msgspec.json.decode(site_of(request.scope).services.sealer.open(raw, _place(request)), type=Waiting)
    except (SealError, ValueError) as error:
        raise conflict("This sign-in has ended.", "to sign in again") from error
    if not waiting.accounts or now_of(request.scope) - waiting.since >= LIFE:
        raise conflict("This sign-in has ended.", "to sign in again")
    return waiting


def passkey_place(request: Request) -> str:
    """A challenge of the sign-in pages is of one browser."""
    return f"sign_in:{login_token(request)}"


def _place(request: Request) -> str:
    return f"sign_in.second:{login_token(request)}"


async def app_ahead(request: Request, leads_to: str) -> tuple[Any, str] | None:
    """The app whose dialog a path leads to, with its redirect address."""
    return await leads_to_app(request, leads_to) or await leads_to_client(request, leads_to)


async def ask_second(request: Request, leads_to: str, waiting: Waiting, error: CommandError | None = None) -> Response:
    """The page that asks for the second step of the first waiting account."""
    app = await app_ahead(request, leads_to)
    async with site_of(request.scope).services.store.read() as tx:
        account = await records.find_account(tx, waiting.accounts[0])
        held = await factors.list_factors(tx, waiting.accounts[0])
    if not held:
        return _enrol(request, leads_to, waiting, account, error, app)
    challenge = make_challenge(request)
    response = render(
        request,
        "oauth/second_step.html",
        status=200 if error is None else _STATUS.get(error.problem, 401),
        csrf=login_token(request),
        form_action=() if app is None else (app[1],),
        account=account,
        waiting=seal_waiting(request, waiting),
        has_passkey=any(one.kind == FactorKind.PASSKEY.value for one in held),
        options=request_options(site_of(request.scope).services, held, challenge),
        challenge=seal_challenge(request, challenge, passkey_place(request)),
        more=len(waiting.accounts) > 1,
        leads_to=leads_to,
        error=None if error is None else said(error, now_of(request.scope)),
    )
    keep_login_mark(request, response)
    return response


def _enrol(
    request: Request, leads_to: str, waiting: Waiting, account: Any, error: CommandError | None, app: Any
) -> Response:
    """The page on which an account that must have a second factor, and has none, sets one up."""
    services = site_of(request.scope).services
    if waiting.key is None:
        waiting = msgspec.structs.replace(waiting, key=make_key(services))
    enrolment = enrolment_of(services, waiting.key or "", account.email)
    response = render(
        request,
        "oauth/enrol.html",
        status=200 if error is None else _STATUS.get(error.problem, 400),
        csrf=login_token(request),
        account=account,
        waiting=seal_waiting(request, waiting),
        qr=qr_image(enrolment.uri),
        key=enrolment.spaced,
        more=len(waiting.accounts) > 1,
        leads_to=leads_to,
        form_action=() if app is None else (app[1],),
        error=None if error is None else said(error, now_of(request.scope)),
    )
    keep_login_mark(request, response)
    return response


def show_codes(request: Request, leads_to: str, codes: tuple[str, ...]) -> Response:
    """The recovery codes of a factor that was set up while signing in; then it goes on."""
    return render(request, "oauth/enrolled.html", codes=codes, leads_to=leads_to)


def said(error: CommandError, now: datetime) -> str:
    """A refusal as the form shows it."""
    if error.problem is Problem.TOO_MANY and error.at is not None:
        return f"Too many tries. Please wait {int((error.at - now).total_seconds()) + 1} seconds."
    return error.message
