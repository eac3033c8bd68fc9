"""The Admin Center's frame: an organization's pages for those who run it, decided by the role there (O8)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from workbadge.commands.errors import not_found
from workbadge.commands.organization import demand, load_role
from workbadge.commands.services import Services
from workbadge.store import records
from workbadge.terms.ids import kind_of, parse_id
from workbadge.terms.kinds import NodeKind
from workbadge.terms.organizations import OrganizationAct, OrganizationRole, may
from workbadge.web.csrf import csrf_token
from workbadge.web.pages import render
from workbadge.web.sessions import BrowserSession, SignedIn
from workbadge.web.shell import NavGroup, NavItem, Shell
from workbadge.web.state import Site, now_of, site_of

from .frame import framed, outer_shell


@dataclass(frozen=True, slots=True)
class Section:
    """A line of the Admin Center's navigation: ``path`` below the organization's, shown to roles that may do ``act``."""

    key: str
    label: str
    path: str
    icon: str
    act: OrganizationAct


SECTIONS = (
    Section("organization", "Overview", "", "layout-dashboard", OrganizationAct.VIEW),
    Section("organization-people", "People", "/people", "users", OrganizationAct.SEE_PEOPLE),
    Section("organization-domains", "Domains", "/domains", "world", OrganizationAct.SEE_DOMAINS),
    Section("organization-policy", "Policy", "/policy", "shield-check", OrganizationAct.SEE_POLICY),
    Section("organization-audit", "Audit", "/audit", "history", OrganizationAct.SEE_AUDIT),
    Section("organization-roles", "Roles", "/roles", "user-shield", OrganizationAct.VIEW),
)
"""The navigation, in order: People, Groups, Domains, Sign-in, Provisioning, Policy, Audit, Roles. A new page adds its line."""


@dataclass(frozen=True, slots=True)
class OrganizationFrame:
    """One request of somebody with a role in an organization. ``role``: of ``account``."""

    request: Request
    session: BrowserSession
    account: SignedIn
    role: OrganizationRole
    organization: Any
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
    def owner_id(self) -> int:
        """Whose lists the pages show."""
        return int(self.organization.id)

    @property
    def path(self) -> str:
        """Path of the organization's pages."""
        return f"/console/organizations/{self.organization.id}"

    def may(self, act: OrganizationAct) -> bool:
        """Whether the person's role may do that: for what a page offers. The command decides again."""
        return may(self.role, act)

    def page(self, template: str, status: int = 200, **context: Any) -> Response:
        """A page inside the frame. ``may`` and ``acts`` are there for what it offers."""
        return render(
            self.request,
            f"console/{template}",
            status=status,
            csrf=csrf_token(self.request, self.session),
            shell=self.shell,
            organization=self.organization,
            may=self.may,
            acts=OrganizationAct,
            base=self.path,
            **context,
        )

    def go(self, path: str, done: str = "", **query: str) -> Response:
        """After something was done: to another page of the organization."""
        root = self.request.scope.get("root_path", "")
        tail = urlencode({key: value for key, value in {"done": done, **query}.items() if value})
        return RedirectResponse(f"{root}{self.path}{path}" + (f"?{tail}" if tail else ""), 303)

    def leave(self) -> Response:
        """To the console: whoever gave the own role up has no page here any more."""
        return RedirectResponse(f"{self.request.scope.get('root_path', '')}/console", 303)


Handler = Callable[[OrganizationFrame], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


def organization_page(
    active: str, act: OrganizationAct, form: bool = False, files: int = 0
) -> Callable[[Handler], Endpoint]:
    """An endpoint of an organization, for a role that may do ``act``. Whoever has no role is told the same as of an
    organization that does not exist; whoever has another one is told which is needed."""
    return framed(lambda request, session: _frame(request, session, active, act), form, files)


async def _frame(request: Request, session: BrowserSession, active: str, act: OrganizationAct) -> OrganizationFrame:
    """The frame of the organization in the path, for the signed-in account whose role may do ``act``; of several, the highest
    role."""
    organization_id = parse_id(request.path_params["organization"])
    if organization_id is None or kind_of(organization_id) is not NodeKind.ORGANIZATION:
        raise not_found("organization")
    async with site_of(request.scope).services.store.read() as tx:
        ranks = list(OrganizationRole)
        held = [(one, await load_role(tx, organization_id, one.id)) for one in session.accounts]
        able = [(one, role) for one, role in held if role is not None]
        if not able:
            raise not_found("organization")
        account, _ = min(able, key=lambda pair: (not may(pair[1], act), ranks.index(pair[1])))
        role = await demand(tx, organization_id, account.id, act)
        organization = await records.find_organization(tx, organization_id)
        if organization is None:
            raise not_found("organization")
        shell = await outer_shell(request, tx, session, active, account, _nav(organization, role))
    return OrganizationFrame(request, session, account, role, organization, shell)


def _nav(organization: Any, role: OrganizationRole) -> NavGroup:
    base = f"/console/organizations/{organization.id}"
    shown = [one for one in SECTIONS if may(role, one.act)]
    return NavGroup(organization.name, [NavItem(one.key, one.label, base + one.path, one.icon) for one in shown])
