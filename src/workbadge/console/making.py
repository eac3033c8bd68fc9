"""An app's pages for its makers: all apps, overview and mode, settings, roles."""

import json

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from workbadge.commands.app_roles import give_role, take_role
from workbadge.commands.app_settings import SETTINGS, change_settings, read_settings
from workbadge.commands.app_status import mode_of, set_mode
from workbadge.commands.errors import CommandError, not_found
from workbadge.commands.outbox import list_deliveries
from workbadge.commands.reconnects import Wanted, app_share, list_reconnects
from workbadge.store import apps, records
from workbadge.store.engine import Tx
from workbadge.terms.addresses import parse_address
from workbadge.terms.apps import MAKERS, AppMode, AppRole, read_limits
from workbadge.terms.ids import parse_id
from workbadge.terms.kinds import AccountKind
from workbadge.web.csrf import csrf_token
from workbadge.web.pages import render
from workbadge.web.sessions import current
from workbadge.web.signin import login_address
from workbadge.web.state import site_of

from .frame import outer_shell, text_of
from .maker import AppFrame, app_page

SHOWN = 25
FLAGS = ("require_proof", "native")


async def mine(request: Request) -> Response:
    """``GET /console/apps``: apps on which somebody who is signed in here works."""
    session = await current(request)
    if session is None or not session.accounts:
        return RedirectResponse(login_address(request, "/console/apps"), 303)
    async with site_of(request.scope).services.store.read() as tx:
        rows = await apps.list_apps_of(tx, [one.id for one in session.accounts])
        shell = await outer_shell(request, tx, session, "my-apps")
    makers = {role.value for role in MAKERS}
    shown = {row.id: row for row in reversed(rows) if row.role in makers}
    return render(
        request,
        "console/my_apps.html",
        csrf=csrf_token(request, session),
        shell=shell,
        apps=[row for row in rows if shown.get(row.id) is row],
        tested=[row for row in rows if row.id not in shown],
        restricted={row.id for row in rows if read_limits(row.limits).restricts},
    )


@app_page("app")
async def overview(frame: AppFrame) -> Response:
    """Mode, restrictions, connections at risk (B3), permissions."""
    async with frame.services.store.read() as tx:
        at_risk = await list_reconnects(tx, Wanted(frame.app.id, limit=SHOWN), frame.now)
        share = await app_share(tx, frame.app.id, None, frame.now)
        enforcements = await apps.list_enforcements(tx, frame.app.id)
        permissions = await apps.list_permissions(tx, frame.app.id)
        dead = await list_deliveries(tx, frame.services, frame.app.id, SHOWN, parked=True)
        testers = await apps.list_test_users(tx, frame.app.id)
    return frame.page(
        "app_overview.html",
        development=mode_of(frame.app) is AppMode.DEVELOPMENT,
        reconnects=at_risk.items,
        more=at_risk.more,
        share=share,
        stopped=[one for one in enforcements if one.ends is None],
        permissions=permissions,
        dead=len(dead),
        most=SHOWN,
        testers=testers,
    )


@app_page("app", administrator=True, form=True)
async def switch(frame: AppFrame) -> Response:
    """Development or live."""
    form = await frame.request.form()
    wanted = text_of(form, "mode")
    if wanted not in list(AppMode):
        raise not_found("mode")
    async with frame.services.store.write() as tx:
        await set_mode(tx, frame.services, frame.app.id, AppMode(wanted), frame.account.id, frame.now)
    return frame.go("", "mode")


def _stored(frame: AppFrame) -> dict[str, str]:
    """Settings as they stand in the form."""
    found = {name: str(getattr(frame.app, name) or "") for name in SETTINGS}
    lines = {"redirect_uris": "\n".join(json.loads(frame.app.redirect_uris))}
    return {**found, **lines, "app_domains": found["app_domains"].replace(",", "\n")}


@app_page("app-settings")
async def settings(frame: AppFrame) -> Response:
    """The form of all settings."""
    return frame.page("app_settings.html", values=_stored(frame), errors={})


@app_page("app-settings", form=True)
async def save_settings(frame: AppFrame) -> Response:
    """Change settings; what is wrong is shown beside its field, and nothing is stored then."""
    form = await frame.request.form()
    given = {name: text_of(form, name) for name in SETTINGS if name in form or name in FLAGS}
    _, wrong = read_settings(given)
    if wrong:
        errors = {name: f"{error.message} Expected: {error.expected}." for name, error in wrong.items()}
        return frame.page("app_settings.html", 400, values={**_stored(frame), **given}, errors=errors)
    async with frame.services.store.write() as tx:
        await change_settings(tx, frame.services, frame.app.id, given, frame.account.id, frame.now)
    return frame.go("/settings", "saved")


@app_page("app-roles")
async def roles(frame: AppFrame) -> Response:
    """Who works on the app."""
    return await _roles(frame, {}, 200)


async def _roles(frame: AppFrame, errors: dict[str, str], status: int, email: str = "") -> Response:
    async with frame.services.store.read() as tx:
        people = await apps.list_roles(tx, frame.app.id)
    return frame.page("app_roles.html", status, people=people, roles=_ROLES, errors=errors, email=email)


_ROLES = [
    (AppRole.ADMINISTRATOR.value, "Administrator"),
    (AppRole.DEVELOPER.value, "Developer"),
    (AppRole.TESTER.value, "Tester"),
]


@app_page("app-roles", administrator=True, form=True)
async def change_roles(frame: AppFrame) -> Response:
    """Give somebody a role, by e-mail, or take one away."""
    form = await frame.request.form()
    if text_of(form, "action") == "take":
        async with frame.services.store.write() as tx:
            person = parse_id(text_of(form, "account")) or 0
            await take_role(tx, frame.services, frame.app.id, person, frame.account.id, frame.now)
        return frame.go("/roles", "removed")
    wanted, email = text_of(form, "role"), text_of(form, "email").strip()
    if wanted not in list(AppRole):
        raise not_found("role")
    try:
        async with frame.services.store.write() as tx:
            person = await _person(tx, email)
            await give_role(tx, frame.services, frame.app.id, person, AppRole(wanted), frame.account.id, frame.now)
    except CommandError as error:
        return await _roles(frame, {"email": error.message}, 400, email[:200])
    return frame.go("/roles", "saved")


async def _person(tx: Tx, email: str) -> int:
    """The account with that address, the managed one first. Raises NOT_FOUND."""
    try:
        address = parse_address(email)
    except ValueError as error:
        raise not_found("account with this e-mail") from error
    for kind in (AccountKind.MANAGED, AccountKind.PERSONAL):
        found = await records.find_account_by_address(tx, kind, address)
        if found is not None and found.deleted_at is None:
            return int(found.id)
    raise not_found("account with this e-mail")
