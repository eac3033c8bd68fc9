"""The frame of an app's pages for its makers: who may open them is decided by the role on the app (``terms.apps``)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from workbadge.commands.app_roles import require_maker
from workbadge.commands.errors import not_found
from workbadge.commands.services import Services
from workbadge.store import apps, records
from workbadge.terms.apps import MAKERS, AppRole
from workbadge.terms.ids import kind_of, parse_id
from workbadge.terms.kinds import NodeKind
from workbadge.web.csrf import csrf_token
from workbadge.web.pages import render
from workbadge.web.sessions import BrowserSession, SignedIn
from workbadge.web.shell import NavGroup, NavItem, Shell
from workbadge.web.state import Site, now_of, site_of

from .frame import framed, outer_shell


@dataclass(frozen=True, slots=True)
class AppFrame:
    """One request of somebody who works on an app. ``role``: of ``account``, one that opens these pages."""

    request: Request
    session: BrowserSession
    account: SignedIn
    role: AppRole
    app: Any
    shell: Shell

    @property
    def site(self) -> Site:
        """The site."""
        return site_of(self.request.scope)

    @property
    def services(self) -> Services:
        """The site's services."""
        return self.site.services

    @property
    def now(self) -> datetime:
        """The request's instant."""
        return now_of(self.request.scope)

    @property
    def path(self) -> str:
        """Path of the app's pages."""
        return f"/console/apps/{self.app.id}"

    def page(self, template: str, status: int = 200, **context: Any) -> Response:
        """A page inside the frame."""
        return render(
            self.request,
            f"console/{template}",
            status=status,
            csrf=csrf_token(self.request, self.session),
            shell=self.shell,
            app=self.app,
            administrator=self.role is AppRole.ADMINISTRATOR,
            base=self.path,
            **context,
        )

    def go(self, path: str, done: str) -> Response:
        """After something was done: to another page of the app."""
        root = self.request.scope.get("root_path", "")
        return RedirectResponse(f"{root}{self.path}{path}?{urlencode({'done': done})}", 303)


Handler = Callable[[AppFrame], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


def app_page(active: str, administrator: bool = False, form: bool = False) -> Callable[[Handler], Endpoint]:
    """An endpoint of an app, for whoever has a role that opens its pages (that of an administrator). Whoever has none is told
    the same as of an app that does not exist."""
    return framed(lambda request, session: _frame(request, session, active, administrator), form)


async def _frame(request: Request, session: BrowserSession, active: str, administrator: bool) -> AppFrame:
    """The frame of the app in the path, for the signed-in account with the highest role on it."""
    app_id = parse_id(request.path_params["app"])
    if app_id is None or kind_of(app_id) is not NodeKind.APP:
        raise not_found("app")
    async with site_of(request.scope).services.store.read() as tx:
        held = [(one, await apps.find_role(tx, app_id, one.id)) for one in session.accounts]
        able = [(one, role) for one, role in held if role is not None and AppRole(role) in MAKERS]
        if not able:
            raise not_found("app")
        account, _ = min(able, key=lambda pair: pair[1] or "")  # administrators before developers
        role = await require_maker(tx, account.id, app_id, administrator)
        app = await records.find_app(tx, app_id)
        if app is None:
            raise not_found("app")
        shell = await outer_shell(request, tx, session, active, account, _nav(app))
    return AppFrame(request, session, account, role, app, shell)


def _nav(app: Any) -> NavGroup:
    base = f"/console/apps/{app.id}"
    return NavGroup(
        app.name,
        [
            NavItem("app", "Overview", base, "layout-dashboard"),
            NavItem("app-settings", "Settings", f"{base}/settings", "settings"),
            NavItem("app-roles", "Roles", f"{base}/roles", "users"),
            NavItem("app-logins", "Logins", f"{base}/configurations", "login"),
            NavItem("app-webhooks", "Webhooks", f"{base}/webhooks", "webhook"),
        ],
    )
