"""Tokens: issuing codes, exchanging them, longer lives, page tokens, system-user tokens (``wire.md`` §3.2, §3.6)."""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from workbadge.access import Ask, Deny, decide
from workbadge.keys import (
    RestrictedText,
    TokenText,
    derive_token,
    hash_secret,
    make_restricted,
    make_token,
    read_token,
    same,
)
from workbadge.lifecycle.changes import Audit
from workbadge.store import business_login, facts, grants, records
from workbadge.store.apply import write_audit
from workbadge.store.engine import Tx
from workbadge.terms.instants import to_micros
from workbadge.terms.kinds import AccountKind, Act, TokenKind
from workbadge.terms.methods import Method
from workbadge.terms.reasons import Reason

from .configuration import SIXTY_DAYS
from .grant import Granted, scoped_id
from .registration import SECRET_PLACE
from .services import Services
from .transaction import in_transaction


class TokenRefusal(StrEnum):
    """Why the token endpoint says no (``wire.md`` §3.2)."""

    CLIENT_MISSING = "client_missing"
    CLIENT_UNKNOWN = "client_unknown"
    CLIENT_SECRET = "client_secret"
    CODE_UNKNOWN = "code_unknown"
    CODE_USED = "code_used"
    CODE_EXPIRED = "code_expired"
    REFRESH_UNKNOWN = "refresh_unknown"
    REFRESH_USED = "refresh_used"
    REFRESH_ENDED = "refresh_ended"
    SCOPE = "scope"
    REDIRECT_DIFFERS = "redirect_differs"
    VERIFIER = "verifier"
    KEY = "key"
    TARGET = "target"
    TOKEN = "token"


class TokenError(Exception):
    """The token endpoint refuses; ``denial`` where a decision about a token is the cause."""

    def __init__(self, refusal: TokenRefusal, denial: Deny | None = None) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal
        self.denial = denial


ALIVE = Ask(Act.READ, personal=True)
MOST_AT_ONCE = 20
"""So many tokens of one system user, of one instant and alike, are told apart."""
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
"""A S256 challenge: 32 bytes, base64url without padding (RFC 7636 §4.2)."""


@dataclass(frozen=True, slots=True)
class Bound:
    """What restricts a token: ``jkt``, the thumbprint of the key that it is bound to (RFC 9449); ``resource``, what it is meant
    for (RFC 8707). None: nothing, and this server."""

    jkt: str | None = None
    resource: str | None = None


FREE = Bound()


@dataclass(frozen=True, slots=True)
class Login:
    """Who logged in, as an ID token says it. ``subject``: the id by which the app knows the account. ``signed_in_at``: when the
    account signed in, where it is known; ``sid``: the browser's session towards the app; ``method``: how
    it was proven."""

    subject: int
    kind: AccountKind
    nonce: str | None = None
    signed_in_at: datetime | None = None
    sid: str | None = None
    method: Method | None = None


@dataclass(frozen=True, slots=True)
class Issued:
    """A fresh token; ``lifetime`` None: no end. ``login``: of the person behind it, where ``openid`` was granted by a code."""

    text: TokenText | RestrictedText
    lifetime: timedelta | None
    login: Login | None = None


async def issue_user_token(
    tx: Tx,
    services: Services,
    granted: Granted,
    now: datetime,
    authorized: datetime | None = None,
    lifetime: timedelta | None = None,
    kind: TokenKind = TokenKind.USER,
    endless: bool = False,
    code_hash: bytes | None = None,
    bound: Bound = FREE,
) -> Issued:
    """Insert a token under a grant. ``authorized``: instant of the consent it descends from (default: that of ``granted``);
    ``code_hash``: the code that it descends from, if there was one."""
    text = make_token(services.entropy) if bound == FREE else make_restricted(services.entropy)
    life = None if endless else lifetime or services.policy.short_token
    await grants.add_token(
        tx,
        hash_secret(text),
        kind,
        granted.app_id,
        authorized or granted.authorized,
        now,
        grant_id=granted.grant_id,
        account_id=granted.account_id,
        scopes=",".join(granted.scopes),
        expires=None if life is None else now + life,
        code_hash=code_hash,
        jkt=bound.jkt,
        resource=bound.resource,
    )
    return Issued(text, life)


def _system_token(
    services: Services, granted: Granted, issued: datetime, expires: datetime | None, number: int
) -> TokenText:
    """The ``number``-th token of a system user for scopes, issue and end: derived, so that it can be told again."""
    ends = 0 if expires is None else to_micros(expires)
    parts = (granted.account_id, granted.app_id, ",".join(granted.scopes), to_micros(issued), ends, number)
    return derive_token(services.sealer.mac("system_token", " ".join(map(str, parts)).encode()))


async def issue_system_token(
    tx: Tx,
    services: Services,
    granted: Granted,
    now: datetime,
    life: timedelta | None,
    code_hash: bytes | None = None,
) -> Issued:
    """Insert a token of an install's system user; ``life`` None: without an end (``wire.md`` §4)."""
    expires = None if life is None else now + life
    number = 0
    while await grants.find_token(tx, hash_secret(_system_token(services, granted, now, expires, number))) is not None:
        number += 1
    text = _system_token(services, granted, now, expires, number)
    await grants.add_token(
        tx,
        hash_secret(text),
        TokenKind.SYSTEM_USER,
        granted.app_id,
        granted.authorized,
        now,
        grant_id=granted.grant_id,
        account_id=granted.account_id,
        scopes=",".join(granted.scopes),
        expires=expires,
        code_hash=code_hash,
    )
    return Issued(text, life)


async def find_system_token(
    tx: Tx, services: Services, granted: Granted, now: datetime, expiring: bool
) -> Issued | None:
    """The newest live token that ``issue_system_token`` made for exactly these scopes, with or without an end; of several of
    one instant the first."""
    found: list[tuple[datetime, int, Issued]] = []
    for row in await grants.list_live_tokens(tx, granted.grant_id, TokenKind.SYSTEM_USER, now):
        if row.scopes != ",".join(granted.scopes) or (row.expires_at is not None) != expiring:
            continue
        left = None if row.expires_at is None else row.expires_at - now
        for number in range(MOST_AT_ONCE):
            text = _system_token(services, granted, row.issued_at, row.expires_at, number)
            if hash_secret(text) == bytes(row.hash):
                found.append((row.issued_at, -number, Issued(text, left)))
    return max(found, key=lambda one: one[:2])[2] if found else None


async def issue_code(
    tx: Tx,
    services: Services,
    granted: Granted,
    redirect_uri: str,
    now: datetime,
    challenge: str | None = None,
    nonce: str | None = None,
    text: str | None = None,
    configuration_id: int | None = None,
    install_id: int | None = None,
    life: timedelta | None = None,
    standard: Mapping[str, Any] | None = None,
) -> str:
    """Insert a single-use authorization code for a consent; its text (a random one unless given).

    ``configuration_id``: of the login configuration that was asked. ``install_id``: the code is for a token of that
    install's system user, which lives for ``life`` (None: without an end). ``standard``: what the OAuth side keeps in the
    row; with it, only that side's token endpoint takes the code.
    """
    text = text or services.entropy.text(64)
    values = {
        "hash": hash_secret(text),
        "app_id": granted.app_id,
        "grant_id": granted.grant_id,
        "account_id": granted.account_id,
        "redirect_uri": redirect_uri,
        "scopes": ",".join(granted.scopes),
        "challenge": challenge,
        "nonce": nonce,
        "issued_at": now,
        "authorized_at": granted.authorized,
        "expires_at": now + services.policy.code,
        "configuration_id": configuration_id,
        "install_id": install_id,
        "life_seconds": None if life is None else int(life.total_seconds()),
        **(standard or {}),
    }
    await grants.add_code(tx, values)
    return text


async def authenticate_app(services: Services, app_id: str | None, secret: str | None) -> Any:
    """The app's row, when id and secret are right. Raises TokenError."""
    if not app_id:
        raise TokenError(TokenRefusal.CLIENT_MISSING)
    if len(app_id) != 18 or not app_id.isascii() or not app_id.isdecimal():
        raise TokenError(TokenRefusal.CLIENT_UNKNOWN)
    async with services.store.read() as tx:
        app = await records.find_app(tx, int(app_id))
    if app is None or app.disabled_at is not None:
        raise TokenError(TokenRefusal.CLIENT_UNKNOWN)
    if not secret or not same(secret, services.sealer.open(app.secret, SECRET_PLACE)):
        raise TokenError(TokenRefusal.CLIENT_SECRET)
    return app


def verifier_matches(challenge: str, verifier: str | None) -> bool:
    """Whether a PKCE verifier has the right form and belongs to the S256 challenge (RFC 7636 §4.6)."""
    if verifier is None or not _VERIFIER.fullmatch(verifier):
        return False
    return same(challenge_of(verifier), challenge)


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636 §4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


async def exchange_code(
    services: Services,
    app_id: int,
    code: str,
    redirect_uri: str | None,
    verifier: str | None,
    now: datetime,
) -> Issued:
    """A user token for an authorization code (RFC 6749 §4.1.3), or the system user's for the code of an install.

    A second use is refused, and what the first one led to is revoked: every token that descends from it (OA-19). Another app's try burns the code
    (OA-20), and so does a wrong verifier or redirect address. Raises TokenError; what it says is committed.
    """
    hashed = hash_secret(code)

    async def work(tx: Tx) -> Issued | TokenError:
        row = await grants.find_code(tx, hashed)
        outcome = await judge_code(tx, services, row, hashed, app_id, redirect_uri, verifier, now)
        if isinstance(outcome, TokenError):
            return outcome
        assert row is not None
        issued = await _issue_for_code(tx, services, row, outcome, now)
        await grants.use_code(tx, hashed, hash_secret(issued.text), now)
        return replace(issued, login=await _login(tx, services, row, outcome))

    outcome = await in_transaction(services, work)
    if isinstance(outcome, TokenError):
        raise outcome
    return outcome


async def _issue_for_code(tx: Tx, services: Services, row: Any, granted: Granted, now: datetime) -> Issued:
    if row.install_id is None:
        return await issue_user_token(tx, services, granted, now, code_hash=bytes(row.hash))
    life = None if row.life_seconds is None else timedelta(seconds=row.life_seconds)
    await business_login.mark_swapped(tx, row.install_id, now)
    return await issue_system_token(tx, services, granted, now, life, bytes(row.hash))


async def _login(tx: Tx, services: Services, row: Any, granted: Granted) -> Login | None:
    """The login behind a code, when the person let the app know who they are (``wire.md`` §3.2)."""
    if "openid" not in granted.scopes or row.install_id is not None:
        return None
    account = await records.find_account(tx, granted.account_id)
    if account is None:
        return None
    subject = await scoped_id(tx, services, granted.app_id, granted.account_id)
    return Login(subject, AccountKind(account.kind), row.nonce)


async def judge_code(
    tx: Tx,
    services: Services,
    row: Any,
    hashed: bytes,
    app_id: int,
    redirect_uri: str | None,
    verifier: str | None,
    now: datetime,
    standard: bool = False,
    jkt: str | None = None,
) -> Granted | TokenError:
    """The consent behind a code, or why it is refused; a refused code is burned here. ``standard``: it is presented on the
    OAuth side, with a proof of the key ``jkt`` (None: none). A code is taken on the side that it left by only."""
    if row is None:
        return TokenError(TokenRefusal.CODE_UNKNOWN)
    if row.app_id != app_id or (row.signed_in_at is not None) != standard:
        await grants.use_code(tx, hashed, row.token_hash, row.used_at or now)
        return TokenError(TokenRefusal.CODE_UNKNOWN)
    if row.used_at is not None:
        if row.token_hash is not None:
            await grants.revoke_descendants(tx, row.grant_id, hashed, Reason.TOKEN_REVOKED, now)
            entry = Audit("code.replayed", row.grant_id, None, None, {"app": app_id})
            await write_audit(tx, (entry,), None, services.entropy.new_id, now)
        return TokenError(TokenRefusal.CODE_USED)
    refusal = _code_refusal(row, redirect_uri, verifier, now)
    if refusal is None and row.jkt not in (None, jkt):
        refusal = TokenRefusal.KEY
    if refusal is not None:
        if refusal is not TokenRefusal.CODE_EXPIRED:
            await grants.use_code(tx, hashed, None, now)
        return TokenError(refusal)
    loaded = await facts.load_session(tx, row.account_id)
    grant = await grants.find_grant_by_id(tx, row.grant_id)
    if loaded is None or grant is None or grant.revoked_at is not None:
        return TokenError(TokenRefusal.CODE_UNKNOWN)
    decision = decide(loaded.facts, ALIVE, now)
    if isinstance(decision, Deny):
        return TokenError(TokenRefusal.TOKEN, decision)
    return Granted(
        row.authorized_at,
        row.grant_id,
        row.account_id,
        app_id,
        tuple(facts.scope_list(row.scopes)),
        (),
    )


def _code_refusal(row: Any, redirect_uri: str | None, verifier: str | None, now: datetime) -> TokenRefusal | None:
    if now >= row.expires_at:
        return TokenRefusal.CODE_EXPIRED
    left_out = redirect_uri is None and row.configuration_id is not None  # codes of the JS flow (wire.md §4)
    if redirect_uri != row.redirect_uri and not left_out:
        return TokenRefusal.REDIRECT_DIFFERS
    if row.challenge is None:
        without = verifier is None and row.signed_in_at is None
        return None if without else TokenRefusal.VERIFIER
    return None if verifier_matches(row.challenge, verifier) else TokenRefusal.VERIFIER


async def exchange_long_lived(
    services: Services, app_id: int, text: str, now: datetime, expiring: bool = False
) -> Issued:
    """A sixty-day token for a user token of the same app (``fb_exchange_token``).

    For a system user's: one that lives for sixty days from now if the given one has an end or ``expiring``, else one without
    an end. It descends from the same consent, so a cut-off stays where it is (M6). Raises TokenError.
    """
    token_text = read_token(text)
    if token_text is None:
        raise TokenError(TokenRefusal.TOKEN, Deny(Reason.TOKEN_MALFORMED))

    async def work(tx: Tx) -> Issued:
        loaded = await facts.load(tx, hash_secret(token_text))
        if loaded is None or loaded.app_id != app_id:
            raise TokenError(TokenRefusal.TOKEN, Deny(Reason.TOKEN_UNKNOWN))
        decision = decide(loaded.facts, ALIVE, now)
        if isinstance(decision, Deny):
            raise TokenError(TokenRefusal.TOKEN, decision)
        token, account = loaded.facts.token, loaded.facts.account
        if token is None or account is None or token.kind not in (TokenKind.USER, TokenKind.SYSTEM_USER):
            raise TokenError(TokenRefusal.TOKEN, Deny(Reason.TOKEN_UNKNOWN))
        granted = Granted(token.authorized, loaded.grant_id or 0, account.id, app_id, tuple(sorted(token.scopes)), ())
        system = token.kind is TokenKind.SYSTEM_USER
        endless = system and token.expires is None and not expiring
        life = SIXTY_DAYS if system else services.policy.long_token
        row = await grants.find_token(tx, hash_secret(token_text))
        code_hash = None if row is None else row.code_hash
        return await issue_user_token(tx, services, granted, now, None, life, token.kind, endless, code_hash)

    return await in_transaction(services, work)


async def app_token(services: Services, app_id: int, now: datetime, scopes: tuple[str, ...] = ()) -> str:
    """An app token ``id|token``, without an end (client credentials). ``scopes``: what it may besides."""
    text = make_token(services.entropy)
    async with services.store.write() as tx:
        await grants.add_token(tx, hash_secret(text), TokenKind.APP, app_id, now, now, scopes=",".join(scopes))
    return f"{app_id}|{text}"


async def token_info(services: Services, client_id: str | None, text: str, now: datetime) -> dict[str, Any]:
    """``{access_token, token_type, expires_in, auth_nonce}`` of a live token of the app. Raises TokenError."""
    token_text = read_token(text)
    if token_text is None:
        raise TokenError(TokenRefusal.TOKEN, Deny(Reason.TOKEN_MALFORMED))
    loaded = await facts.load(services.store, hash_secret(token_text))
    if loaded is None or str(loaded.app_id) != client_id:
        raise TokenError(TokenRefusal.TOKEN, Deny(Reason.TOKEN_UNKNOWN))
    decision = decide(loaded.facts, ALIVE, now)
    if isinstance(decision, Deny):
        raise TokenError(TokenRefusal.TOKEN, decision)
    answer: dict[str, Any] = {"access_token": text, "token_type": "bearer"}
    if loaded.facts.token is not None and loaded.facts.token.expires is not None:
        answer["expires_in"] = int((loaded.facts.token.expires - now).total_seconds())
    async with services.store.read() as tx:
        nonce = await grants.find_nonce(tx, hash_secret(token_text))
    if nonce is not None:
        answer["auth_nonce"] = nonce
    return answer


async def revoke_system_token(services: Services, app_id: int, text: str, now: datetime) -> None:
    """Revoke a system user's token of the app; an unknown one is no error. Raises TokenError for another kind."""
    token_text = read_token(text)
    if token_text is None:
        raise TokenError(TokenRefusal.TOKEN, Deny(Reason.TOKEN_MALFORMED))
    async with services.store.write() as tx:
        row = await grants.find_token(tx, hash_secret(token_text))
        if row is None or row.app_id != app_id:
            return
        if row.kind != TokenKind.SYSTEM_USER.value:
            raise TokenError(TokenRefusal.TOKEN, Deny(Reason.TOKEN_UNKNOWN))
        await grants.revoke_token(tx, row.hash, Reason.TOKEN_REVOKED, now)
        entry = Audit("token.revoke", row.grant_id or 0, None, None, {"app": app_id})
        await write_audit(tx, (entry,), None, services.entropy.new_id, now)
