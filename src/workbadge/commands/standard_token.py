"""The token endpoint of the OAuth side: codes, refresh tokens, app tokens (RFC 6749 §4.1.3, §6, §4.4).

Access tokens are the same opaque ones as in the Graph dialect, so that they work there too.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from workbadge.access import Deny, decide
from workbadge.keys import hash_secret, make_refresh_token, read_refresh_token
from workbadge.lifecycle.changes import Audit
from workbadge.lifecycle.refresh import RefreshOutcome, RefreshState, expiry_of_next, judge_refresh
from workbadge.store import facts, grants, records, refresh_tokens
from workbadge.store.apply import write_audit
from workbadge.store.engine import Tx
from workbadge.terms.kinds import AccountKind
from workbadge.terms.methods import read_method
from workbadge.terms.reasons import Reason

from .grant import Granted, has_lapsed, scoped_id
from .services import Services
from .token import ALIVE, Bound, Login, TokenError, TokenRefusal, challenge_of, issue_code, issue_user_token, judge_code
from .transaction import in_transaction

OFFLINE = "offline_access"
OPENID = "openid"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a token request says beside its credential. ``jkt``: the key that it proves; ``named``: the resource that it names is
    ``resource`` (None: this server). ``keeps_key``: the refresh tokens are bound to the key too, since nothing else
    authenticates the client (RFC 9449 §5). ``may_refresh``: the client agreed to refresh tokens."""

    jkt: str | None = None
    named: bool = False
    resource: str | None = None
    keeps_key: bool = False
    may_refresh: bool = True

    def names_other(self, granted: str | None) -> bool:
        """Whether it names another resource than the one that was granted."""
        return self.named and self.resource != granted


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a client gets. ``scopes``: of the access token. ``subject``: the id by which it knows the account. ``details``: it
    asked for the assets to be named. ``nonce``, ``sid``: of the login, for the ID token. ``jkt``: the key that the
    access token is bound to."""

    access: str
    lifetime: timedelta | None
    scopes: tuple[str, ...]
    grant_id: int
    subject: int
    kind: AccountKind
    signed_in_at: datetime
    refresh: str | None = None
    nonce: str | None = None
    details: bool = False
    sid: str | None = None
    jkt: str | None = None
    method: str | None = None

    @property
    def login(self) -> Login:
        """Who logged in."""
        return Login(self.subject, self.kind, self.nonce, self.signed_in_at, self.sid, read_method(self.method))


async def redeem_code(
    services: Services,
    app_id: int,
    code: str,
    redirect_uri: str | None,
    verifier: str | None,
    now: datetime,
    wish: Wish = Wish(),
) -> Tokens:
    """Tokens for a code of the OAuth side; a refresh token comes with ``offline_access``.

    Refusals are those of ``commands.token.exchange_code``: a second use ends what the first one led to. Raises TokenError;
    what it says is committed.
    """
    hashed = hash_secret(code)

    async def work(tx: Tx) -> Tokens | TokenError:
        row = await grants.find_code(tx, hashed)
        outcome = await judge_code(tx, services, row, hashed, app_id, redirect_uri, verifier, now, True, wish.jkt)
        if isinstance(outcome, TokenError):
            return outcome
        assert row is not None
        if wish.names_other(row.resource):
            return TokenError(TokenRefusal.TARGET)
        tokens = await _issue(tx, services, outcome, hashed, row, wish, now)
        await grants.use_code(tx, hashed, hash_secret(tokens.access), now)
        tokens = replace(tokens, nonce=row.nonce)
        if OFFLINE not in outcome.scopes or not wish.may_refresh:
            return tokens
        return await _start_family(tx, services, outcome, tokens, row, wish, now)

    return _raised(await in_transaction(services, work))


async def issue_tokens(services: Services, granted: Granted, now: datetime) -> Tokens:
    """Tokens for a consent that was given without a browser: what its code would have led to at once."""
    verifier, signed_in = services.entropy.text(43), {"signed_in_at": now, "details": 1}

    async def work(tx: Tx) -> str:
        return await issue_code(tx, services, granted, "", now, challenge_of(verifier), standard=signed_in)

    code = await in_transaction(services, work)
    return await redeem_code(services, granted.app_id, code, "", verifier, now)


async def refresh(
    services: Services, app_id: int, text: str, asked: tuple[str, ...], now: datetime, wish: Wish = Wish()
) -> Tokens:
    """Tokens for a refresh token, which is used up; ``asked``: fewer scopes, for this access token only (empty: all).

    A second use ends the family (OA-25). Another client's token is refused and stays (OA-20). Raises TokenError; what it
    says is committed.
    """
    if read_refresh_token(text) is None:
        raise TokenError(TokenRefusal.REFRESH_UNKNOWN)
    hashed = hash_secret(text)

    async def work(tx: Tx) -> Tokens | TokenError:
        row = await refresh_tokens.find_refresh_token(tx, hashed)
        outcome = await _judge(tx, services, row, app_id, asked, now)
        if isinstance(outcome, TokenError):
            return outcome
        assert row is not None
        if row.jkt not in (None, wish.jkt):
            return TokenError(TokenRefusal.KEY)
        if wish.names_other(row.resource):
            return TokenError(TokenRefusal.TARGET)
        await refresh_tokens.use_refresh_token(tx, hashed, now)
        await grants.touch_grants(tx, {row.grant_id: now})
        tokens = await _issue(tx, services, outcome, row.code_hash, row, wish, now)
        return replace(tokens, refresh=await _add_next(tx, services, row.code_hash, row.ends, now))

    return _raised(await in_transaction(services, work))


@dataclass(frozen=True, slots=True)
class LiveRefresh:
    """A refresh token that would be taken now. ``expires``: by whichever limit comes first."""

    scopes: tuple[str, ...]
    subject: int
    issued: datetime
    expires: datetime


async def find_refresh(services: Services, app_id: int, text: str, now: datetime) -> LiveRefresh | None:
    """A refresh token of the app, if it is good; nothing changes (RFC 7662)."""
    async with services.store.read() as tx:
        row = await refresh_tokens.find_refresh_token(tx, hash_secret(text), lock=False)
        if row is None or row.app_id != app_id:
            return None
        granted = await _stands(tx, row, app_id, now)
        subject = await records.find_scoped_id(tx, app_id, row.account_id)
    if granted is None or subject is None:
        return None
    return LiveRefresh(granted.scopes, subject, row.issued_at, min(row.expires_at, row.ends))


def _raised(outcome: Tokens | TokenError) -> Tokens:
    """The outcome, once it is committed. Raises TokenError."""
    if isinstance(outcome, TokenError):
        raise outcome
    return outcome


async def _judge(
    tx: Tx, services: Services, row: Any, app_id: int, asked: tuple[str, ...], now: datetime
) -> Granted | TokenError:
    """The consent behind a refresh token, or why it is refused; a replayed one ends its family here."""
    if row is None or row.app_id != app_id:
        return TokenError(TokenRefusal.REFRESH_UNKNOWN)
    if _outcome(row, now) is RefreshOutcome.REPLAYED:
        await grants.revoke_descendants(tx, row.grant_id, row.code_hash, Reason.TOKEN_REVOKED, now)
        entry = Audit("refresh.replayed", row.grant_id, None, None, {"app": app_id})
        await write_audit(tx, (entry,), None, services.entropy.new_id, now)
        return TokenError(TokenRefusal.REFRESH_USED)
    granted = await _stands(tx, row, app_id, now)
    if granted is None:
        return TokenError(TokenRefusal.REFRESH_ENDED)
    if not set(asked) <= set(granted.scopes):
        return TokenError(TokenRefusal.SCOPE)
    return replace(granted, scopes=asked or granted.scopes)


def _outcome(row: Any, now: datetime) -> RefreshOutcome:
    return judge_refresh(RefreshState(row.expires_at, row.used_at, row.ends, row.revoked_at), now)


async def _stands(tx: Tx, row: Any, app_id: int, now: datetime) -> Granted | None:
    """The consent behind a refresh token that is good: neither token, grant nor account has ended, and the app did use what
    was granted (``wire.md`` §6.8)."""
    grant = await grants.find_grant_by_id(tx, row.grant_id)
    loaded = await facts.load_session(tx, row.account_id)
    if _outcome(row, now) is not RefreshOutcome.ROTATE or grant is None or grant.revoked_at is not None:
        return None
    if loaded is None or isinstance(decide(loaded.facts, ALIVE, now), Deny):
        return None
    if loaded.facts.account is None or has_lapsed(grant, loaded.facts.account.kind, now):
        return None
    stands = facts.scope_set(grant.scopes)
    held = tuple(one for one in facts.scope_list(row.scopes) if one in stands)
    return Granted(row.authorized_at, row.grant_id, row.account_id, app_id, held, ())


async def _issue(
    tx: Tx, services: Services, granted: Granted, code_hash: bytes, row: Any, wish: Wish, now: datetime
) -> Tokens:
    """An access token; ``row``: of the code or the family, for what both keep."""
    bound = Bound(wish.jkt, row.resource)
    issued = await issue_user_token(tx, services, granted, now, code_hash=code_hash, bound=bound)
    loaded = await facts.load_session(tx, granted.account_id)
    account = None if loaded is None else loaded.facts.account
    assert account is not None
    return Tokens(
        issued.text,
        issued.lifetime,
        granted.scopes,
        granted.grant_id,
        await scoped_id(tx, services, granted.app_id, granted.account_id),
        account.kind,
        row.signed_in_at,
        details=bool(row.details),
        sid=row.sid,
        jkt=wish.jkt,
        method=row.method,
    )


async def _start_family(
    tx: Tx, services: Services, granted: Granted, tokens: Tokens, code: Any, wish: Wish, now: datetime
) -> Tokens:
    """The same with the first refresh token."""
    ends = now + services.policy.refresh_life
    values = {
        "code_hash": bytes(code.hash),
        "app_id": granted.app_id,
        "grant_id": granted.grant_id,
        "account_id": granted.account_id,
        "scopes": ",".join(granted.scopes),
        "details": int(tokens.details),
        "signed_in_at": tokens.signed_in_at,
        "authorized_at": granted.authorized,
        "ends": ends,
        "jkt": wish.jkt if wish.keeps_key else None,
        "resource": code.resource,
        "sid": code.sid,
        "method": code.method,
    }
    await refresh_tokens.add_family(tx, values)
    return replace(tokens, refresh=await _add_next(tx, services, bytes(code.hash), ends, now))


async def _add_next(tx: Tx, services: Services, code_hash: bytes, ends: datetime, now: datetime) -> str:
    """The text of a fresh refresh token of a family."""
    text = make_refresh_token(services.entropy)
    expires = expiry_of_next(ends, services.policy.refresh_idle, now)
    await refresh_tokens.add_refresh_token(tx, hash_secret(text), code_hash, now, expires)
    return text
