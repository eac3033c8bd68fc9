"""Who looks at which business, and the frame around every page of it: navigation, switcher, banner (B1)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from workbadge.commands.authority import may_open, require_admin, require_member
from workbadge.commands.banner import load_banner
from workbadge.commands.errors import CommandError, Problem, not_found
from workbadge.commands.services import Services
from workbadge.lifecycle.changes import MembershipState
from workbadge.store import organizations, overview, records, requests
from workbadge.store.engine import Tx
from workbadge.terms.ids import NodeId, kind_of, parse_id
from workbadge.terms.kinds import NodeKind, Role
from workbadge.web.csrf import check_form, csrf_token
from workbadge.web.pages import render
from workbadge.web.sessions import BrowserSession, SignedIn, current
from workbadge.web.shell import Flash, Link, NavGroup, NavItem, Place, Shell, Viewer
from workbadge.web.signin import login_address
from workbadge.web.state import now_of, site_of
from workbadge.web.step_up import StepUpError, require_proof

SAYS = {
    "saved": "Saved.",
    "removed": "Removed. It holds from this moment on.",
    "invited": "The invitations are on their way.",
    "resent": "The invitation was sent again; the old link is dead.",
    "extended": "The grace was extended everywhere: field, banner and mails.",
    "rolled-back": "Rolled back: everything is as before the claim.",
    "excluded": "The person is no longer part of the migration.",
    "deadline": "The deadline was moved.",
    "shared": "The asset is shared.",
    "lent": "The asset is shared. Partners shows what is lent, and ends it.",
    "asked": "The request is on its way. It waits here until it is answered.",
    "withdrawn": "The request was withdrawn.",
    "unshared": "The asset is no longer shared.",
    "disconnected": "The app was disconnected: its tokens for this login are dead.",
    "deletion": "The app was asked to delete what it holds about you. Its answer will be shown here.",
    "uninstalled": "The app was uninstalled: every token of its system user is dead.",
    "mode": "The mode was changed. It holds for logins from now on.",
    "configuration-made": "The login configuration is ready: put its id into the dialog's address as config_id.",
    "configuration-removed": "The login configuration is out of use.",
    "subscribed": "The receiver answered the handshake: the app is subscribed.",
    "unsubscribed": "The app is no longer subscribed. What waited was given up.",
    "replayed": "The delivery is sent again, under its id.",
    "signed-out": "Signed out.",
    "imported": "Imported. Each row ended as the preview said.",
    "suspended": "Suspended: sessions, tokens and the grace of the old login ended at once.",
    "restored": "The account may sign in again. Apps have to be connected again.",
    "signed-out-everywhere": "Signed out in every browser.",
    "domain-claimed": "The domain was added. Prove it in one of the ways below.",
    "domain-code": "A code was sent. Enter it below.",
    "domain-proven": "The code was right.",
    "domain-released": "The domain was given up. Accounts stay yours.",
    "trust-asked": "Another admin has to approve it. They were told by mail.",
    "trust-approved": "The domain is trusted from this moment on.",
    "trust-dropped": "The domain is trusted no more.",
    "role-given": "The role was given. It holds from this moment on.",
    "role-taken": "The role was taken away. It holds from this moment on.",
    "factor-added": "The second factor was added. It is asked for at every sign-in from now on.",
    "factor-removed": "The second factor was removed.",
    "password": "The password was changed. Other browsers are signed out, and apps have to be connected again.",
}
"""What a page says after something was done: ``?done=`` carries one of these words, never a text."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One request of somebody who may open a business. ``requests``: how many of partners' requests wait for an admin."""

    request: Request
    session: BrowserSession
    account: SignedIn
    member: MembershipState
    business: Any
    shell: Shell
    requests: int

    @property
    def services(self) -> Services:
        """The site's services."""
        return site_of(self.request.scope).services

    @property
    def now(self) -> datetime:
        """The request's instant."""
        return now_of(self.request.scope)

    @property
    def admin(self) -> bool:
        """Whether the person is an admin of the business."""
        return self.member.role is Role.ADMIN

    @property
    def owner_id(self) -> int:
        """Whose lists the pages show."""
        return int(self.business.id)

    @property
    def path(self) -> str:
        """Path of the business's pages."""
        return f"/console/{self.business.id}"

    async def require_proof(self, path: str) -> None:
        """A dangerous act asks a login that has a second factor for a young proof; then it goes on at ``path`` of the business.
        Raises StepUpError (AC-50)."""
        await require_proof(self.request, self.account, self.path + path, only_protected=True)

    def page(self, template: str, status: int = 200, **context: Any) -> Response:
        """A page inside the frame."""
        return render(
            self.request,
            f"console/{template}",
            status=status,
            csrf=csrf_token(self.request, self.session),
            shell=self.shell,
            business=self.business,
            admin=self.admin,
            base=self.path,
            **context,
        )

    def go(self, path: str, done: str = "", **query: str) -> Response:
        """After something was done: to another page of the business."""
        root = self.request.scope.get("root_path", "")
        given = {"done": done, **query}
        tail = urlencode({key: value for key, value in given.items() if value})
        return RedirectResponse(f"{root}{self.path}{path}" + (f"?{tail}" if tail else ""), 303)


def read_id(text: object, what: str, *kinds: NodeKind) -> NodeId:
    """An id from a form or a path, of one of ``kinds`` where given. Raises NOT_FOUND."""
    found = parse_id(str(text or ""))
    if found is None or (kinds and kind_of(found) not in kinds):
        raise not_found(what)
    return found


def text_of(form: FormData, name: str) -> str:
    """A text field of a form; empty when it is missing or a file."""
    value = form.get(name)
    return value if isinstance(value, str) else ""


Handler = Callable[[Frame], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


def plain_error(request: Request, error: CommandError) -> Response:
    """A refusal as a page of its own; a proof that is missing is asked for, and leads back."""
    if isinstance(error, StepUpError):
        root = request.scope.get("root_path", "")
        tail = urlencode({"next": error.back})
        return RedirectResponse(f"{root}/console/account/confirm/{error.account_id}?{tail}", 303)
    titles = {
        Problem.NOT_FOUND: ("Not found", 404),
        Problem.FORBIDDEN: ("Not allowed", 403),
        Problem.INVALID: ("Please check what you entered", 400),
        Problem.CONFLICT: ("This is not possible now", 409),
        Problem.TOO_MANY: ("Too many tries", 429),
        Problem.UNAUTHENTICATED: ("Please sign in", 401),
    }
    title, status = titles[error.problem]
    expected = f" Expected: {error.expected}." if error.expected else ""
    return dead_end(request, status, title, f"{error.message}{expected}")


def dead_end(request: Request, status: int, title: str, text: str) -> Response:
    """A page that says what cannot be done here, and leads to the console."""
    return render(
        request,
        "web/layout/error.html",
        status=status,
        title=title,
        text=text,
        action_href="/console",
        action_label="To the console",
    )


AnyFrame = TypeVar("AnyFrame")


def framed(
    load: Callable[[Request, BrowserSession], Awaitable[AnyFrame]], form: bool, files: int = 0
) -> Callable[[Callable[[AnyFrame], Awaitable[Response]]], Endpoint]:
    """An endpoint that works in a frame: signed in, with what ``load`` lets through, with a valid ``form`` where it changes
    something. What is refused is a page."""

    def wrap(handler: Callable[[AnyFrame], Awaitable[Response]]) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            session = await current(request)
            if session is None or not session.accounts:
                path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
                return RedirectResponse(login_address(request, path), 303)
            try:
                if form:
                    await check_form(request, session, files)
                return await handler(await load(request, session))
            except CommandError as error:
                return plain_error(request, error)

        endpoint.__name__ = handler.__name__
        endpoint.__doc__ = handler.__doc__
        return endpoint

    return wrap


def page(active: str, admin: bool = False, form: bool = False) -> Callable[[Handler], Endpoint]:
    """An endpoint of a business, for a member (an admin)."""
    return framed(lambda request, session: _frame(request, session, active, admin), form)


async def _frame(request: Request, session: BrowserSession, active: str, admin: bool) -> Frame:
    """The frame of the business in the path, for the first signed-in account that may open it (managed ones first)."""
    site, now = site_of(request.scope), now_of(request.scope)
    business_id = parse_id(request.path_params["business"])
    if business_id is None or kind_of(business_id) is not NodeKind.BUSINESS:
        raise not_found("business")
    async with site.services.store.read() as tx:
        account: SignedIn | None = None
        for one in sorted(session.accounts, key=lambda one: not one.managed):
            if await may_open(tx, one.id, business_id, now):
                account = one
                break
        if account is None:
            raise not_found("business")
        check = require_admin if admin else require_member
        member = await check(tx, account.id, business_id, now)
        business = await records.find_business(tx, business_id)
        banner = None
        if account.managed:
            banner = await load_banner(tx, site.services.base_url, account.id, business_id, now)
        places = await overview.list_places(tx, [one.id for one in session.accounts])
        waiting = await requests.count_received(tx, business_id) if member.role is Role.ADMIN else 0
        ran = await organizations.list_organizations_of(tx, [one.id for one in session.accounts])
    done = SAYS.get(request.query_params.get("done", ""))
    nav = _nav(business_id, member.role is Role.ADMIN, banner is not None, waiting)
    centers = admin_centers(ran)
    shell = Shell(
        viewer=Viewer(account.name, account.email, account.managed, member.role.value.capitalize()),
        nav=[*nav, *centers, *_outbox(site.show_outbox or site.sandbox)],
        active=active,
        places=_places(places, business_id, now),
        account_links=_links(account.id),
        banners=() if banner is None else (banner,),
        flashes=() if done is None else (Flash(done),),
        sandbox=site.sandbox,
    )
    return Frame(request, session, account, member, business, shell, waiting)


def _links(account_id: int) -> tuple[Link, ...]:
    """The account menu of somebody."""
    return (
        Link("Your account", "/console/account", "user-cog"),
        Link("Security", f"/console/account/security/{account_id}", "shield-lock"),
        Link("Change password", f"/console/account/password/{account_id}", "key"),
        Link("Apps you make", "/console/apps", "code"),
        Link("Sign in with another account", "/login?another=1", "login"),
    )


def admin_centers(rows: list[Any]) -> list[NavGroup]:
    """A way to the Admin Center of each organization in which somebody signed in here has a role (O8)."""
    named = {row.organization_id: row.name for row in rows}
    items = [
        NavItem(f"organization-{key}", name, f"/console/organizations/{key}", "building-community")
        for key, name in named.items()
    ]
    return [NavGroup("Admin Center", items)] if items else []


def _nav(business_id: int, admin: bool, in_grace: bool, waiting: int) -> list[NavGroup]:
    base = f"/console/{business_id}"
    items = [
        NavItem("home", "Overview", base, "layout-dashboard"),
        NavItem("people", "People", f"{base}/people", "users"),
        NavItem("assets", "Assets", f"{base}/assets", "folder"),
        NavItem("apps", "Apps", f"{base}/apps", "apps"),
    ]
    if admin:
        items += [
            NavItem("system-users", "System users", f"{base}/system-users", "robot"),
            NavItem("partners", "Partners", f"{base}/partners", "heart-handshake"),
            NavItem("requests", "Requests", f"{base}/requests", "inbox", str(waiting) if waiting else ""),
        ]
    groups = [NavGroup("", items)]
    if in_grace:
        groups.append(NavGroup("Your move", [NavItem("help", "Help Center", f"{base}/claimed", "lifebuoy")]))
    if admin:
        managed = [
            NavItem("migration", "Migration", f"{base}/migration", "transform"),
            NavItem("history", "History", f"{base}/history", "history"),
        ]
        groups.append(NavGroup("Managed accounts", managed))
    return groups


def _outbox(shown: bool) -> list[NavGroup]:
    return [NavGroup("Demo", [NavItem("outbox", "Outbox", "/console/outbox", "mail")])] if shown else []


async def outer_shell(
    request: Request,
    tx: Tx,
    session: BrowserSession,
    active: str,
    viewer: SignedIn | None = None,
    *first_groups: NavGroup,
) -> Shell:
    """The frame of pages that belong to no business; ``viewer``: whose page it is, where it is one account's.
    ``first_groups``: what stands on top of the navigation."""
    site, now = site_of(request.scope), now_of(request.scope)
    first = viewer or session.accounts[0]
    ids = [one.id for one in session.accounts]
    places = _places(await overview.list_places(tx, ids), 0, now)
    centers = admin_centers(await organizations.list_organizations_of(tx, ids))
    own = [
        NavItem("account", "Your account", "/console/account", "user-cog"),
        NavItem("my-apps", "Apps you make", "/console/apps", "code"),
    ]
    groups = [NavGroup("You" if first_groups else "", own)]
    if places:
        items = [NavItem(place.href, place.name, place.href, "building-store") for place in places]
        groups.insert(0, NavGroup("Businesses", items))
    done = SAYS.get(request.query_params.get("done", ""))
    return Shell(
        viewer=Viewer(first.name, first.email, first.managed),
        nav=[*first_groups, *groups, *centers, *_outbox(site.show_outbox or site.sandbox)],
        active=active,
        places=places,
        account_links=_links(first.id),
        flashes=() if done is None else (Flash(done),),
        sandbox=site.sandbox,
    )


def _places(rows: list[Any], business_id: int, now: datetime) -> list[Place]:
    """Businesses that somebody signed in here may open, each once."""
    seen: dict[int, Place] = {}
    for row in rows:
        open_now = row.starts <= now and (row.ends is None or row.ends > now) and row.handed_over is None
        if open_now and row.business_id not in seen:
            seen[row.business_id] = Place(
                row.business, f"/console/{row.business_id}", row.business_id == business_id, row.role.capitalize()
            )
    return list(seen.values())
