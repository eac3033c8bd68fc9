"""Going back to the app: code in the query, token in the fragment, refusals as the wire has them (``wire.md`` §3.1).

What came by the OAuth side leaves by it: a code or an error in the query, each with ``iss`` (RFC 6749 §4.1.2, RFC 9207).
"""

from datetime import datetime

from starlette.responses import Response

from workbadge.commands.grant import Granted
from workbadge.commands.logout import name_session
from workbadge.commands.services import Services
from workbadge.commands.token import issue_code, issue_user_token
from workbadge.commands.transaction import in_transaction
from workbadge.keys import hash_secret
from workbadge.store import grants, used_proofs
from workbadge.store.engine import Tx
from workbadge.web.sessions import SignedIn
from workbadge.web.signin import redirect

from .request import Asked, PageError, RedirectError, Standard

_CANCEL: dict[str, str | None] = {
    "error": "access_denied",
    "error_reason": "user_denied",
    "error_description": "Permissions error.",
}


async def cancelled(services: Services, asked: Asked, now: datetime) -> Response:
    """The person said no. Raises PageError when a pushed request was answered before."""
    if asked.standard is not None:
        standard = asked.standard
        await in_transaction(services, lambda tx: _use_pushed(tx, standard, now))
        return refused(services, asked, "access_denied", "The person declined.")
    return redirect(asked.address(_CANCEL))


def refused(services: Services, asked: Asked, error: str, description: str) -> Response:
    """The OAuth side says no at the redirect address."""
    values: dict[str, str | None] = {
        "error": error,
        "error_description": description,
        "iss": services.base_url,
    }
    return redirect(asked.address(values))


def failed(error: RedirectError) -> Response:
    """The request was one that cannot be answered."""
    return redirect(error.asked.address({"error_code": str(error.code), "error_message": error.message}))


def code_text(services: Services, asked: Asked) -> str:
    """The code of one run of the dialog: the same each time, so that a form that is sent twice yields one code (OA-47)."""
    return services.sealer.mac("code", asked.flow.encode()).hex()


async def check_unanswered(tx: Tx, services: Services, asked: Asked, scopes: tuple[str, ...]) -> None:
    """Raises PageError when this run of the dialog was answered, unless with the same scopes and nobody used it yet: then
    it is a form that was sent twice."""
    row = await grants.find_code(tx, hash_secret(code_text(services, asked)))
    if row is not None and (row.used_at is not None or row.scopes != ",".join(scopes)):
        raise PageError(100, "This login was answered already", "Start again in the app.")


async def answer_unasked(
    tx: Tx, services: Services, asked: Asked, standing: Granted, signed_in: SignedIn, now: datetime
) -> str:
    """``answer`` for a consent that stands already. The login counts as use of it (``wire.md`` §6.8)."""
    await grants.touch_grants(tx, {standing.grant_id: now})
    return await answer(tx, services, asked, standing, signed_in, now)


async def answer(
    tx: Tx,
    services: Services,
    asked: Asked,
    granted: Granted,
    signed_in: SignedIn,
    now: datetime,
    install_id: int | None = None,
) -> str:
    """The address of the app with what it asked for. ``signed_in``: the account that answers.
    ``install_id``: the consent is that of the install's system user."""
    if asked.standard is not None:
        return await _standard_answer(tx, services, asked, granted, signed_in, now)
    values: dict[str, str | None] = {}
    if "code" in asked.response or asked.flow:
        text = code_text(services, asked) if asked.flow else services.entropy.text(64)
        if not asked.flow or await grants.find_code(tx, hash_secret(text)) is None:
            under = asked.configuration
            await issue_code(
                tx,
                services,
                granted,
                asked.redirect_uri,
                now,
                asked.challenge,
                asked.nonce,
                text,
                None if under is None else under.id,
                install_id,
                None if under is None else under.life,
            )
        if "code" in asked.response:
            values["code"] = text
        else:  # the row only says that this run was answered
            await grants.use_code(tx, hash_secret(text), None, now)
    if "token" in asked.response:
        issued = await issue_user_token(tx, services, granted, now)
        values["access_token"] = issued.text
        values["expires_in"] = str(int(services.policy.short_token.total_seconds()))
    if asked.return_scopes:
        values["granted_scopes"] = ",".join(granted.scopes)
        values["denied_scopes"] = ",".join(granted.declined)
    return asked.address(values, "token" in asked.response)


async def _use_pushed(tx: Tx, standard: Standard, now: datetime) -> None:
    """A pushed request is answered once (RFC 9126 §7.3). Raises PageError."""
    if standard.pushed and not await used_proofs.use_pushed(tx, bytes.fromhex(standard.pushed), now):
        raise PageError(100, "This login was answered already", "Start again in the app.")


async def _standard_answer(
    tx: Tx, services: Services, asked: Asked, granted: Granted, signed_in: SignedIn, now: datetime
) -> str:
    """The address with a code that only the token endpoint of the OAuth side takes."""
    assert asked.standard is not None
    text = code_text(services, asked)
    if await grants.find_code(tx, hash_secret(text)) is None:
        await _use_pushed(tx, asked.standard, now)
        session = bytes.fromhex(asked.standard.session)
        standard = {
            "signed_in_at": signed_in.signed_in_at,
            "method": signed_in.method,
            "details": int(asked.standard.details),
            "jkt": asked.standard.jkt,
            "resource": asked.standard.resource,
            "sid": await name_session(tx, services, session, asked.app_id, granted.account_id),
        }
        challenge, nonce = asked.challenge, asked.nonce
        await issue_code(tx, services, granted, asked.redirect_uri, now, challenge, nonce, text, standard=standard)
    return asked.address({"code": text, "iss": services.base_url})
