"""Paths of the console. ``ROUTES`` is the whole list; the tests call each of them as everybody who may not."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from workbadge.store.engine import StoreConflictError

from . import (
    access_requests,
    account,
    app_configurations,
    app_webhooks,
    asset_people,
    assets,
    claim,
    domains,
    history,
    home,
    installs,
    join,
    making,
    migration,
    organization,
    organization_audit,
    organization_import,
    organization_people,
    own,
    password,
    security,
    sign_in_policy,
)
from .frame import dead_end

_IN = "/console/{business}"
_APP = "/console/apps/{app}"
_ORGANIZATION = "/console/organizations/{organization}"

ROUTES = (
    Route("/console", home.start, methods=["GET"]),
    Route("/console/account", account.show, methods=["GET"]),
    Route("/console/account", account.act, methods=["POST"]),
    Route("/console/account/password/{account}", password.show, methods=["GET"]),
    Route("/console/account/password/{account}", password.change, methods=["POST"]),
    Route("/console/account/confirm/{account}", own.confirm_page, methods=["GET"]),
    Route("/console/account/confirm/{account}", own.confirm, methods=["POST"]),
    Route("/console/account/security/{account}", security.show, methods=["GET"]),
    Route("/console/account/security/{account}", security.act, methods=["POST"]),
    Route("/console/account/security/{account}/app", security.enrol_page, methods=["GET"]),
    Route("/console/account/security/{account}/app", security.enrol, methods=["POST"]),
    Route("/console/account/security/{account}/passkey", security.passkey_page, methods=["GET"]),
    Route("/console/account/security/{account}/passkey", security.enrol_passkey, methods=["POST"]),
    Route("/console/outbox", account.outbox, methods=["GET"]),
    Route("/console/claim/{link}", claim.open_page, methods=["GET"]),
    Route("/console/claim/{link}", claim.confirm, methods=["POST"]),
    Route("/console/apps", making.mine, methods=["GET"]),
    Route(_APP, making.overview, methods=["GET"]),
    Route(_APP, making.switch, methods=["POST"]),
    Route(_APP + "/settings", making.settings, methods=["GET"]),
    Route(_APP + "/settings", making.save_settings, methods=["POST"]),
    Route(_APP + "/roles", making.roles, methods=["GET"]),
    Route(_APP + "/roles", making.change_roles, methods=["POST"]),
    Route(_APP + "/configurations", app_configurations.show, methods=["GET"]),
    Route(_APP + "/configurations", app_configurations.act, methods=["POST"]),
    Route(_APP + "/webhooks", app_webhooks.show, methods=["GET"]),
    Route(_APP + "/webhooks", app_webhooks.act, methods=["POST"]),
    Route("/console/join/{link}", join.show, methods=["GET"]),
    Route("/console/join/{link}", join.accept, methods=["POST"]),
    Route(_ORGANIZATION, organization.overview, methods=["GET"]),
    Route(_ORGANIZATION + "/domains", domains.show, methods=["GET"]),
    Route(_ORGANIZATION + "/domains", domains.act, methods=["POST"]),
    Route(_ORGANIZATION + "/domains/{claim}", domains.one, methods=["GET"]),
    Route(_ORGANIZATION + "/domains/{claim}", domains.act_on_one, methods=["POST"]),
    Route(_ORGANIZATION + "/policy", sign_in_policy.policy, methods=["GET"]),
    Route(_ORGANIZATION + "/policy", sign_in_policy.change, methods=["POST"]),
    Route(_ORGANIZATION + "/roles", organization.roles, methods=["GET"]),
    Route(_ORGANIZATION + "/roles", organization.change_roles, methods=["POST"]),
    Route(_ORGANIZATION + "/people", organization_people.show, methods=["GET"]),
    Route(_ORGANIZATION + "/people/import", organization_import.show, methods=["GET"]),
    Route(_ORGANIZATION + "/people/import", organization_import.preview, methods=["POST"]),
    Route(_ORGANIZATION + "/people/import/confirm", organization_import.confirm, methods=["POST"]),
    Route(_ORGANIZATION + "/people/{account}", organization_people.person, methods=["GET"]),
    Route(_ORGANIZATION + "/people/{account}", organization_people.act, methods=["POST"]),
    Route(_ORGANIZATION + "/invitations/{person}", organization_people.resend, methods=["POST"]),
    Route(_ORGANIZATION + "/audit", organization_audit.show, methods=["GET"]),
    Route(_ORGANIZATION + "/audit.csv", organization_audit.as_csv, methods=["GET"]),
    Route(_ORGANIZATION + "/audit.json", organization_audit.as_json, methods=["GET"]),
    Route(_IN, home.home, methods=["GET"]),
    Route(_IN + "/people", home.people, methods=["GET"]),
    Route(_IN + "/people/{membership}/role", home.set_role, methods=["POST"]),
    Route(_IN + "/people/{membership}/details", home.set_details, methods=["POST"]),
    Route(_IN + "/people/{membership}/remove", home.remove_person, methods=["POST"]),
    Route(_IN + "/assets", assets.assets, methods=["GET"]),
    Route(_IN + "/assets/{asset}", asset_people.show, methods=["GET"]),
    Route(_IN + "/assets/{asset}/people", asset_people.choose, methods=["GET"]),
    Route(_IN + "/assets/{asset}/people/{membership}", asset_people.person, methods=["GET"]),
    Route(_IN + "/assets/{asset}/people/{membership}", asset_people.change, methods=["POST"]),
    Route(_IN + "/apps", assets.apps, methods=["GET"]),
    Route(_IN + "/apps/{grant}/remove", assets.remove_app, methods=["POST"]),
    Route(_IN + "/installs/{install}/uninstall", installs.uninstall, methods=["POST"]),
    Route(_IN + "/system-users", assets.system_users, methods=["GET"]),
    Route(_IN + "/system-users", assets.add_user, methods=["POST"]),
    Route(_IN + "/partners", assets.partners, methods=["GET"]),
    Route(_IN + "/partners", assets.change_share, methods=["POST"]),
    Route(_IN + "/requests", access_requests.show, methods=["GET"]),
    Route(_IN + "/requests/new", access_requests.new, methods=["GET"]),
    Route(_IN + "/requests/new", access_requests.send, methods=["POST"]),
    Route(_IN + "/requests/{request}", access_requests.one, methods=["GET"]),
    Route(_IN + "/requests/{request}", access_requests.answer, methods=["POST"]),
    Route(_IN + "/history", history.show, methods=["GET"]),
    Route(_IN + "/claimed", claim.done, methods=["GET"]),
    Route(_IN + "/claimed/cut-off.ics", claim.calendar, methods=["GET"]),
    Route(_IN + "/migration", migration.overview_page, methods=["GET"]),
    Route(_IN + "/migration/plan", migration.plan, methods=["GET"]),
    Route(_IN + "/migration/plan", migration.start, methods=["POST"]),
    Route(_IN + "/migration/{migration}.csv", migration.export, methods=["GET"]),
    Route(_IN + "/migration/{migration}", migration.progress, methods=["GET"]),
    Route(_IN + "/migration/{migration}/{person}", migration.person, methods=["GET"]),
    Route(_IN + "/migration/{migration}/{person}", migration.act, methods=["POST"]),
)


async def _not_found(request: Request, error: Exception) -> Response:
    return dead_end(request, 404, "No such page", "The address is wrong or old.")


async def _busy(request: Request, error: Exception) -> Response:
    return dead_end(
        request,
        503,
        "Somebody else changed this just now",
        "Nothing was saved. Please open the page again and repeat it.",
    )


class Console:
    """Every page of the Business Manager and of apps for their makers; a slash at the end of a path makes no difference."""

    def __init__(self) -> None:
        handlers = {404: _not_found, 405: _not_found, StoreConflictError: _busy}
        self._pages = Starlette(routes=list(ROUTES), exception_handlers=handlers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        root: str = scope.get("root_path", "")
        path: str = scope["path"].removeprefix(root)
        whole = root + (path.rstrip("/") or "/")
        await self._pages({**scope, "path": whole, "raw_path": whole.encode()}, receive, send)


def make_console() -> ASGIApp:
    """The application of this room."""
    return Console()
