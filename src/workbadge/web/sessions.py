"""Who is signed in in this browser: one cookie, personal and managed accounts side by side (L1's chooser).

The cookie's value is random; only its hash is stored. A sign-in gives the browser a new session and ends the old one
(OA-55, AC-51). Idle and absolute limits are the platform's (``Policy``), or shorter ones of an account's organization.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from workbadge.commands.account import Proven, prove_password
from workbadge.commands.logout import end_logins
from workbadge.commands.sign_in_policy import read_policy, satisfies
from workbadge.keys import hash_secret
from workbadge.store import identity_providers, session_apps, sessions
from workbadge.terms.kinds import AccountKind
from workbadge.terms.methods import Method

from .devices import device_of
from .state import Site, now_of, site_of

_SEEN = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """One account that is signed in here. ``organization``: of a managed account. ``method``: how it was proven; ``proven_at``: when
    it last gave the strongest proof that it has."""

    id: int
    kind: AccountKind
    name: str
    email: str
    organization: str | None
    signed_in_at: datetime
    method: str
    proven_at: datetime | None

    @property
    def managed(self) -> bool:
        """Whether it is a work account."""
        return self.kind is AccountKind.MANAGED


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """The session of this browser. ``secret``: the cookie's value (for CSRF tokens); ``accounts``: oldest sign-in first."""

    secret: str
    hash: bytes
    accounts: tuple[SignedIn, ...]

    def find(self, account_id: int) -> SignedIn | None:
        """The signed-in account with that id."""
        return next((one for one in self.accounts if one.id == account_id), None)


def cookie_name(site: Site) -> str:
    """``__Host-wb`` over https, ``wb`` otherwise."""
    return "__Host-wb" if site.secure_cookies else "wb"


def _shown(rows: Sequence[Any]) -> tuple[SignedIn, ...]:
    return tuple(
        SignedIn(
            one.id,
            AccountKind(one.kind),
            one.name,
            one.email,
            one.organization,
            one.signed_in_at,
            one.method,
            one.proven_at,
        )
        for one in rows
    )


async def current(request: Request) -> BrowserSession | None:
    """The live session of this request; None when there is none."""
    site, now = site_of(request.scope), now_of(request.scope)
    secret = request.cookies.get(cookie_name(site))
    if not secret or len(secret) != 43 or not secret.isascii() or not secret.isalnum():
        return None
    hashed = hash_secret(secret)
    async with site.services.store.read() as tx:
        row = await sessions.find_session(tx, hashed)
        if row is None or now >= row.ends or now - row.seen_at >= site.services.policy.session_idle:
            return None
        found = await sessions.list_signed_in(tx, hashed)
    accounts = [one for one in found if _holds(site, one, row.seen_at, now)]
    if now - row.seen_at >= _SEEN or len(accounts) < len(found):
        async with site.services.store.write() as tx:
            await sessions.touch_session(tx, hashed, now)
            for one in found:
                if one not in accounts:
                    await sessions.drop_signed_in(tx, hashed, one.id)
    return BrowserSession(secret, hashed, _shown(accounts))


def _holds(site: Site, one: Any, seen_at: datetime, now: datetime) -> bool:
    """Whether an account's sign-in still holds, by the platform's policy and its organization's (O6). The absolute limit counts
    from each account's own sign-in, however often the browser's session was renewed since."""
    policy, platform = read_policy(one), site.services.policy
    if now - one.signed_in_at >= min(policy.session or platform.session, platform.session):
        return False
    if policy.idle is not None and now - seen_at >= policy.idle:
        return False
    ends = policy.deadline(one.created_at, one.deadline)
    return ends is None or now < ends or satisfies(one.method)


def _path(request: Request) -> str:
    """``__Host-`` cookies must have the path ``/``; others stay below the site's base path."""
    return "/" if site_of(request.scope).secure_cookies else request.scope.get("root_path", "") or "/"


def set_cookie(request: Request, response: Response, secret: str) -> None:
    """Give the browser a session."""
    site = site_of(request.scope)
    response.set_cookie(
        cookie_name(site),
        secret,
        max_age=int(site.services.policy.session.total_seconds()),
        path=_path(request),
        secure=site.secure_cookies,
        httponly=True,
        samesite="lax",
    )


def _drop_cookie(request: Request, response: Response) -> None:
    site = site_of(request.scope)
    response.delete_cookie(
        cookie_name(site), path=_path(request), secure=site.secure_cookies, httponly=True, samesite="lax"
    )


async def sign_in(
    request: Request, response: Response, *account_ids: int, method: str = Method.PASSWORD
) -> BrowserSession:
    """Sign accounts in: a new session with everybody of the old one, which is dead from now on (OA-55)."""
    now = now_of(request.scope)
    session = await _renew(request, dict.fromkeys(account_ids, (method, now, now)))
    set_cookie(request, response, session.secret)
    return session


async def prove_again(request: Request, account: SignedIn, method: str) -> BrowserSession:
    """An account that is signed in gave a proof afresh: a new session, the old one is dead (AC-51). Its absolute end stays.

    The caller gives the browser the cookie (``set_cookie``)."""
    proof = (method, account.signed_in_at, now_of(request.scope))
    return await _renew(request, {account.id: proof})


async def rotate(request: Request, response: Response) -> None:
    """A new session with everybody as they are signed in, and the old one dead: what was proven, and when, stays (AC-51)."""
    session = await _renew(request, {})
    set_cookie(request, response, session.secret)


async def _renew(request: Request, proofs: dict[int, tuple[str, datetime, datetime]]) -> BrowserSession:
    """A new session in place of this browser's; ``proofs``: method, sign-in and proof of those for whom they change."""
    site, now = site_of(request.scope), now_of(request.scope)
    old = await current(request)
    secret = site.services.entropy.text(43)
    hashed = hash_secret(secret)
    async with site.services.store.write() as tx:
        device = device_of(request.headers.get("user-agent", ""))
        await sessions.add_session(tx, hashed, now, now + site.services.policy.session, device)
        if old is not None:
            for one in old.accounts:
                await sessions.add_signed_in(tx, hashed, one.id, one.method, one.signed_in_at, one.proven_at)
            await session_apps.move_session_apps(tx, old.hash, hashed)
            await identity_providers.move_vouched(tx, old.hash, hashed)
            await sessions.end_session(tx, old.hash)
        for account_id, (method, signed_in_at, proven_at) in proofs.items():
            if signed_in_at == now:
                await identity_providers.drop_vouched(tx, hashed, account_id)
            await sessions.add_signed_in(tx, hashed, account_id, method, signed_in_at, proven_at)
        accounts = await sessions.list_signed_in(tx, hashed)
    return BrowserSession(secret, hashed, _shown(accounts))


async def sign_out(request: Request, response: Response, account_id: int | None = None) -> None:
    """Sign one account out of this browser, or all (None): then the session ends. Apps that want to know are told."""
    site, session = site_of(request.scope), await current(request)
    if session is None:
        return
    now = now_of(request.scope)
    async with site.services.store.write() as tx:
        await end_logins(tx, site.services, session.hash, account_id, now)
        if account_id is None or len(session.accounts) <= 1:
            await sessions.end_session(tx, session.hash)
            _drop_cookie(request, response)
        else:
            await sessions.drop_signed_in(tx, session.hash, account_id)


async def check_password(request: Request, email: str, password: str) -> Proven:
    """Whose address and password these are (``commands.account.prove_password``). Raises CommandError."""
    services, now = site_of(request.scope).services, now_of(request.scope)
    return await prove_password(services, email, password, client_address(request), now)


def client_address(request: Request) -> str:
    """The network address that asks: what the server saw, never a header."""
    return request.client.host if request.client else ""
