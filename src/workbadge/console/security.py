"""The security of one's own login: second factors, recovery codes, where it is signed in (O6)."""

import base64
from datetime import datetime, timedelta

import msgspec
from starlette.responses import Response

from workbadge.commands.errors import CommandError, Problem, conflict, not_found
from workbadge.commands.factors import add_totp, enrolment_of, make_key, remove_factor, renew_codes
from workbadge.commands.logout import end_logins
from workbadge.commands.passkeys import add_passkey, creation_options
from workbadge.commands.sign_in_policy import find_deadline
from workbadge.keys.seal import SealError
from workbadge.store import factors, records, sessions
from workbadge.terms.ids import parse_id
from workbadge.terms.methods import Method, read_method
from workbadge.web.passkeys import make_challenge, open_challenge, seal_challenge
from workbadge.web.qr import qr_image
from workbadge.web.step_up import require_proof

from .frame import text_of
from .own import Own, own_page

ENROL_LIFE = timedelta(minutes=30)
_SHOWN = (Problem.INVALID, Problem.UNAUTHENTICATED)


class _Key(msgspec.Struct, frozen=True):
    """The key of an authenticator app that is being set up."""

    key: str
    since: datetime


@own_page("security")
async def show(own: Own) -> Response:
    """``GET /console/account/security/{account}``: second factors, recovery codes left, sessions."""
    async with own.services.store.read() as tx:
        held = await factors.list_factors(tx, own.account.id)
        left = await factors.count_recovery_codes(tx, own.account.id)
        places = await sessions.list_sessions(tx, own.account.id)
        demanded = await find_deadline(tx, own.account.id)
    policy = own.services.policy
    live = [one for one in places if own.now < one.signed_in_at + policy.session and own.now < one.ends]
    live = [one for one in live if own.now - one.seen_at < policy.session_idle]
    return own.page(
        "security.html",
        factors=held,
        left=left,
        sessions=[
            {
                "id": bytes(one.hash).hex(),
                "here": bytes(one.hash) == own.session.hash,
                "device": one.device or "Unknown browser",
                "seen_at": one.seen_at,
                "signed_in_at": one.signed_in_at,
                "strong": (method := read_method(one.method)) is not None and method.strong,
            }
            for one in live
        ],
        demanded=demanded,
    )


@own_page("security", form=True)
async def act(own: Own) -> Response:
    """``POST /console/account/security/{account}``: remove a factor, renew codes, end sessions."""
    form = await own.request.form()
    action = text_of(form, "action")
    if action == "remove":
        await require_proof(own.request, own.account, own.path)
        await remove_factor(own.services, own.account.id, parse_id(text_of(form, "factor")) or 0, own.now)
        return own.go("factor-removed")
    if action == "renew":
        await require_proof(own.request, own.account, own.path)
        codes = await renew_codes(own.services, own.account.id, own.now)
        return own.page("recovery_codes.html", codes=codes, fresh=False)
    if action not in ("end", "end_others"):
        raise not_found("action")
    await _end(own, text_of(form, "session") if action == "end" else None)
    return own.go("signed-out")


async def _end(own: Own, only: str | None) -> None:
    """Sign the account out on another browser, or on all others (None); their apps are told. Raises NOT_FOUND."""
    ended = 0
    async with own.services.store.write() as tx:
        for row in await sessions.list_sessions(tx, own.account.id):
            hashed = bytes(row.hash)
            if hashed != own.session.hash and only in (None, hashed.hex()):
                await end_logins(tx, own.services, hashed, own.account.id, own.now)
                await sessions.drop_signed_in(tx, hashed, own.account.id)
                ended += 1
    if only is not None and not ended:
        raise not_found("session")


@own_page("security")
async def enrol_page(own: Own) -> Response:
    """``GET /console/account/security/{account}/app``: a fresh key, as a QR code and as text."""
    await require_proof(own.request, own.account, f"{own.path}/app")
    return _enrol(own, make_key(own.services), {}, 200)


def _enrol(own: Own, key: str, errors: dict[str, str], status: int, name: str = "") -> Response:
    enrolment = enrolment_of(own.services, key, own.account.email)
    sealed = own.services.sealer.seal(msgspec.json.encode(_Key(key, own.now)).decode(), f"factor.enrol:{own.place}")
    return own.page(
        "enrol_app.html",
        status=status,
        qr=qr_image(enrolment.uri),
        key=enrolment.spaced,
        sealed=base64.urlsafe_b64encode(sealed).decode(),
        errors=errors,
        name=name,
    )


def _open(own: Own, text: str) -> str:
    """The key that the page showed. Raises CONFLICT for one of another session, another account, or an old page."""
    try:
        raw = base64.b64decode(text, altchars=b"-_", validate=True)
        found = msgspec.json.decode(own.services.sealer.open(raw, f"factor.enrol:{own.place}"), type=_Key)
    except (SealError, ValueError) as error:
        raise conflict("This page is out of date.", "the page opened again") from error
    if own.now - found.since >= ENROL_LIFE:
        raise conflict("This page is out of date.", "the page opened again")
    return found.key


@own_page("security", form=True)
async def enrol(own: Own) -> Response:
    """``POST /console/account/security/{account}/app``: the first code confirms it; recovery codes are shown once."""
    form = await own.request.form()
    await require_proof(own.request, own.account, f"{own.path}/app")
    key, name = _open(own, text_of(form, "key")), text_of(form, "name")
    try:
        codes = await add_totp(own.services, own.account.id, key, text_of(form, "code"), name, own.now)
    except CommandError as error:
        if error.problem not in _SHOWN:
            raise
        return _enrol(own, key, {error.field: f"{error.message} Expected: {error.expected}."}, 400, name)
    return await _added(own, Method.PASSWORD_TOTP, codes)


async def _added(own: Own, method: Method, codes: tuple[str, ...]) -> Response:
    """A factor was added, and by that proven; the recovery codes that came with the first one are shown."""
    proven = await own.prove(method)
    return proven.keep(proven.page("recovery_codes.html", codes=codes, fresh=True) if codes else own.go("factor-added"))


@own_page("security")
async def passkey_page(own: Own) -> Response:
    """``GET /console/account/security/{account}/passkey``: asks the device for a passkey."""
    await require_proof(own.request, own.account, f"{own.path}/passkey")
    return await _passkey(own, {}, 200)


async def _passkey(own: Own, errors: dict[str, str], status: int, name: str = "") -> Response:
    challenge = make_challenge(own.request)
    async with own.services.store.read() as tx:
        account = await records.find_account(tx, own.account.id)
        held = await factors.list_factors(tx, own.account.id)
    return own.page(
        "enrol_passkey.html",
        status=status,
        options=creation_options(own.services, account, held, challenge),
        challenge=seal_challenge(own.request, challenge, own.place),
        errors=errors,
        name=name,
    )


@own_page("security", form=True)
async def enrol_passkey(own: Own) -> Response:
    """``POST /console/account/security/{account}/passkey``."""
    form = await own.request.form()
    await require_proof(own.request, own.account, f"{own.path}/passkey")
    challenge = open_challenge(own.request, text_of(form, "challenge"), own.place)
    credential, name = text_of(form, "credential"), text_of(form, "name")
    try:
        codes = await add_passkey(own.services, own.account.id, credential, challenge, name, own.now)
    except CommandError as error:
        if error.problem not in _SHOWN:
            raise
        return await _passkey(own, {error.field: f"{error.message} Expected: {error.expected}."}, 400, name)
    return await _added(own, Method.PASSWORD_PASSKEY, codes)
