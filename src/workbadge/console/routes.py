"""The console's route table. The tests' matrices (who may, CSRF) are generated from ``ROUTES``."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from workbadge.web.pages import render

from . import assets, claim, home, migration

B = "/console/{business}"

ROUTES = [
    Route("/console", home.start, methods=["GET"]),
    Route("/console/account", home.account_page, methods=["GET"]),
    Route("/console/account", home.account_action, methods=["POST"]),
    Route("/console/outbox", home.outbox_page, methods=["GET"]),
    Route("/console/claim/{link}", claim.open_page, methods=["GET"]),
    Route("/console/claim/{link}", claim.confirm, methods=["POST"]),
    Route(f"{B}/", home.home, methods=["GET"]),
    Route(f"{B}/claimed", claim.done, methods=["GET"]),
    Route(f"{B}/people", home.people, methods=["GET"]),
    Route(f"{B}/people/{{membership}}/role", home.set_role, methods=["POST"]),
    Route(f"{B}/people/{{membership}}/remove", home.remove_person, methods=["POST"]),
    Route(f"{B}/history", home.history, methods=["GET"]),
    Route(f"{B}/assets", assets.assets, methods=["GET"]),
    Route(f"{B}/assets/{{asset}}", assets.asset, methods=["GET"]),
    Route(f"{B}/assets/{{asset}}", assets.change_asset, methods=["POST"]),
    Route(f"{B}/apps", assets.apps, methods=["GET"]),
    Route(f"{B}/system-users", assets.system_users, methods=["GET"]),
    Route(f"{B}/system-users", assets.add_user, methods=["POST"]),
    Route(f"{B}/partners", assets.partners, methods=["GET"]),
    Route(f"{B}/partners", assets.change_share, methods=["POST"]),
    Route(f"{B}/migration", migration.overview_page, methods=["GET"]),
    Route(f"{B}/migration/plan", migration.plan, methods=["GET"]),
    Route(f"{B}/migration/plan", migration.start, methods=["POST"]),
    Route(f"{B}/migration/{{migration}}.csv", migration.export, methods=["GET"]),
    Route(f"{B}/migration/{{migration}}", migration.progress, methods=["GET"]),
    Route(f"{B}/migration/{{migration}}/{{person}}", migration.person, methods=["GET"]),
    Route(f"{B}/migration/{{migration}}/{{person}}", migration.act, methods=["POST"]),
]


async def _not_found(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    text = "The address is wrong or old." if status == 404 else "This address does not take that kind of request."
    return render(
        request, "web/layout/error.html", status=status, title="No such page", text=text, action_href="/console"
    )


def make_console() -> ASGIApp:
    """The application of this room."""
    return Starlette(routes=ROUTES, exception_handlers={404: _not_found, 405: _not_found})
