"""One run of the login dialog, and what its forms say so far."""

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from workbadge.commands.extension import SCOPE as EXTENSION_SCOPE
from workbadge.commands.services import Services
from workbadge.web.csrf import csrf_token
from workbadge.web.pages import render
from workbadge.web.sessions import BrowserSession, SignedIn
from workbadge.web.signin import login_address
from workbadge.web.state import site_of

from .request import Asked

KEPT = ("public_profile", "openid")
"""Permissions that a login consists of; the others can be declined one by one."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One run of the dialog in one browser. ``sealed``: the request as the forms carry it."""

    request: Request
    session: BrowserSession
    asked: Asked
    app: Any
    sealed: str

    @property
    def services(self) -> Services:
        """The site's services."""
        return site_of(self.request.scope).services

    @property
    def accounts(self) -> tuple[SignedIn, ...]:
        """Who may answer."""
        only = self.asked.only
        return tuple(one for one in self.session.accounts if not only or one.id in only)

    @property
    def kept(self) -> tuple[str, ...]:
        """Permissions that cannot be declined one by one."""
        return KEPT if self.asked.extras is None else (*KEPT, EXTENSION_SCOPE)

    def find(self, account_id: int | None) -> SignedIn | None:
        """The account with that id, when it may answer."""
        return next((one for one in self.accounts if one.id == account_id), None)

    def page(self, template: str, account: SignedIn | None, status: int = 200, **values: Any) -> Response:
        """A page of the dialog. Its forms may lead to the app's redirect address."""
        root: str = self.request.scope.get("root_path", "")
        return render(
            self.request,
            template,
            status=status,
            csrf=csrf_token(self.request, self.session),
            form_action=[self.asked.redirect_uri],
            app=self.app,
            account=account,
            accounts=self.accounts,
            sealed=self.sealed,
            other=login_address(self.request, self.asked.back, another=True).removeprefix(root),
            **values,
        )


@dataclass(frozen=True, slots=True)
class Choice:
    """What the forms say so far. ``granted`` and ``declined``: of the permissions that are asked; ``chosen``: node ids.
    ``business``: the one in which the app is to be installed."""

    granted: tuple[str, ...]
    declined: tuple[str, ...]
    chosen: tuple[int, ...]
    search: str
    business: int | None = None
