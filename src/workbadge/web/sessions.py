"""Who is signed in in this browser: one cookie, personal and managed accounts side by side (L1's chooser).

The cookie's value is random; only its hash is stored. A sign-in gives the browser a new session and ends the old one
(OA-55, AC-51). Idle and absolute limits are the platform's (``Policy``).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from workbadge.commands.errors import CommandError, Problem
from workbadge.commands.limits import Throttle
from workbadge.keys import hash_secret
from workbadge.store import records, sessions
from workbadge.terms.addresses import address_key, parse_address
from workbadge.terms.kinds import AccountKind

from .state import Site, now_of, site_of

_SEEN = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """One account that is signed in here. ``organization``: of a managed account."""

    id: int
    kind: AccountKind
    name: str
    email: str
    organization: str | None
    signed_in_at: datetime

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
        accounts = await sessions.list_signed_in(tx, hashed)
    if now - row.seen_at >= _SEEN:
        async with site.services.store.write() as tx:
            await sessions.touch_session(tx, hashed, now)
    shown = tuple(
        SignedIn(
            one.id,
            AccountKind(one.kind),
            one.name,
            one.email,
            one.organization,
            one.signed_in_at,
        )
        for one in accounts
    )
    return BrowserSession(secret, hashed, shown)


def set_cookie(request: Request, response: Response, secret: str) -> None:
    """Give the browser a session."""
    site = site_of(request.scope)
    response.set_cookie(
        cookie_name(site),
        secret,
        max_age=int(site.services.policy.session.total_seconds()),
        path="/" if site.secure_cookies else request.scope.get("root_path", "") or "/",
        secure=site.secure_cookies,
        httponly=True,
        samesite="lax",
    )


async def sign_in(request: Request, response: Response, account_id: int, method: str = "password") -> BrowserSession:
    """Sign an account in: a new session with everybody of the old one, which is dead from now on."""
    site, now = site_of(request.scope), now_of(request.scope)
    old = await current(request)
    secret = site.services.entropy.text(43)
    hashed = hash_secret(secret)
    async with site.services.store.write() as tx:
        await sessions.add_session(tx, hashed, now, now + site.services.policy.session)
        if old is not None:
            for one in old.accounts:
                await sessions.add_signed_in(tx, hashed, one.id, "password", one.signed_in_at)
            await sessions.end_session(tx, old.hash)
        await sessions.add_signed_in(tx, hashed, account_id, method, now)
        accounts = await sessions.list_signed_in(tx, hashed)
    set_cookie(request, response, secret)
    shown = tuple(
        SignedIn(
            one.id,
            AccountKind(one.kind),
            one.name,
            one.email,
            one.organization,
            one.signed_in_at,
        )
        for one in accounts
    )
    return BrowserSession(secret, hashed, shown)


async def sign_out(request: Request, response: Response, account_id: int | None = None) -> None:
    """Sign one account out of this browser, or all (None): then the session ends."""
    site, session = site_of(request.scope), await current(request)
    if session is None:
        return
    async with site.services.store.write() as tx:
        if account_id is None or len(session.accounts) <= 1:
            await sessions.end_session(tx, session.hash)
            response.delete_cookie(cookie_name(site), path=request.scope.get("root_path", "") or "/")
        else:
            await sessions.drop_signed_in(tx, session.hash, account_id)


async def check_password(request: Request, email: str, password: str) -> int:
    """The account whose address and password these are; a managed and a personal one may share an address, the password
    tells them apart. It takes as long and answers the same for known and unknown addresses (AC-55).

    Raises CommandError: UNAUTHENTICATED, TOO_MANY.
    """
    site, now = site_of(request.scope), now_of(request.scope)
    services = site.services
    wrong = CommandError(
        Problem.UNAUTHENTICATED,
        "E-mail or password is wrong.",
        "the address and its password",
        "password",
    )
    try:
        address = parse_address(email.strip())
    except ValueError:
        address = ""
    client = request.client.host if request.client else ""
    throttle = Throttle(services, f"login:{address_key(address)}", client)
    await throttle.check(now)
    async with services.store.read() as tx:
        found = [
            None if not address else await records.find_account_by_address(tx, kind, address)
            for kind in (AccountKind.MANAGED, AccountKind.PERSONAL)
        ]
    matched: int | None = None
    for account in found:
        usable = account is not None and account.suspended_at is None and account.deleted_at is None
        right = await services.passwords.verify(account.password_hash if account is not None else None, password)
        if right and usable and account is not None and matched is None:
            matched = account.id
    if matched is None:
        await throttle.failed(now)
        raise wrong
    await throttle.succeeded()
    return matched
