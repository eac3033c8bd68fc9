"""The list of assets, the apps that reach them, system users, partners."""

from starlette.responses import Response

from workbadge.commands.errors import invalid, not_found
from workbadge.commands.membership import list_people
from workbadge.commands.overview import cut_app
from workbadge.commands.partnership import lend
from workbadge.commands.portfolio import NewSystemUser, add_system_user, stop_sharing
from workbadge.store import app_links, business_login, overview, records
from workbadge.terms.kinds import ASSET_KINDS, AccountKind, NodeKind, Role
from workbadge.terms.scopes import SCOPES, Audience
from workbadge.terms.tasks import TASKS_OF, Task, task_words

from .frame import Frame, page, read_id, text_of


@page("assets")
async def assets(frame: Frame) -> Response:
    """What the business owns and was lent."""
    wanted = frame.request.query_params.get("q", "").strip()[:100]
    async with frame.services.store.read() as tx:
        found = await overview.list_business_assets(tx, frame.business.id, frame.now)
        people = await overview.count_people_per_asset(tx, frame.business.id, frame.now)
    shown = [row for row in found if wanted.lower() in row.name.lower()]
    return frame.page("assets.html", assets=shown, people=people, query=wanted, total=len(found))


@page("apps")
async def apps(frame: Frame) -> Response:
    """Apps that are installed in the business, and apps that reach it, through whom and until when."""
    async with frame.services.store.read() as tx:
        access = await overview.list_access(tx, frame.business.id, frame.now)
        installs = await business_login.list_installs(tx, frame.business.id)
    groups: dict[int, dict[str, object]] = {}
    for row in access:
        group = groups.setdefault(row.app_id, {"app": row, "rows": []})
        group["rows"].append(row)  # type: ignore[attr-defined]
    return frame.page("apps.html", groups=list(groups.values()), installs=installs)


@page("apps", admin=True, form=True)
async def remove_app(frame: Frame) -> Response:
    """Take one person's app off this business."""
    grant_id = read_id(frame.request.path_params["grant"], "app of this business", NodeKind.RECORD)
    async with frame.services.store.write() as tx:
        await cut_app(tx, frame.services, frame.business.id, grant_id, frame.account.id, frame.now)
    return frame.go("/apps", "removed")


@page("system-users", admin=True)
async def system_users(frame: Frame) -> Response:
    """System users and a form for a new one."""
    return await _system_users(frame, None)


async def _system_users(frame: Frame, made: object) -> Response:
    async with frame.services.store.read() as tx:
        people = await list_people(tx, frame.business.id, frame.now)
        access = await overview.list_access(tx, frame.business.id, frame.now)
        found = await overview.list_business_assets(tx, frame.business.id, frame.now)
        known = await app_links.list_choices(tx, frame.business.id, frame.account.id)
    apps_of: dict[int, list[str]] = {}
    for row in access:
        apps_of.setdefault(row.account_id, []).append(row.app)
    return frame.page(
        "system_users.html",
        users=[one for one in people if one.kind is AccountKind.SYSTEM],
        apps_of=apps_of,
        assets=found,
        apps=[(str(app_id), name) for app_id, name in known.items()],
        scopes=[one for one in SCOPES.values() if one.audience is Audience.BUSINESS],
        made=made,
    )


@page("system-users", admin=True, form=True)
async def add_user(frame: Frame) -> Response:
    """Make a system user; its token is shown once."""
    await frame.require_proof("/system-users")
    form = await frame.request.form()
    ids = tuple(read_id(one, "asset", *ASSET_KINDS) for one in form.getlist("asset"))
    scopes = tuple(str(one) for one in form.getlist("scope"))
    if not scopes:
        raise invalid("scope", "A system user needs at least one permission.", "one permission or more")
    app_id = read_id(form.get("app"), "app", NodeKind.APP)
    new = NewSystemUser(
        frame.business.id,
        app_id,
        text_of(form, "name"),
        scopes,
        ids,
        Role.EMPLOYEE,
    )
    async with frame.services.store.write() as tx:
        if app_id not in await app_links.list_choices(tx, frame.business.id, frame.account.id):
            raise not_found("app")
        made = await add_system_user(tx, frame.services, new, frame.account.id, frame.now)
    return await _system_users(frame, made.token.text)


@page("partners", admin=True)
async def partners(frame: Frame) -> Response:
    """What is shared with whom, and a form for one more."""
    async with frame.services.store.read() as tx:
        shares = await overview.list_shares(tx, frame.business.id, frame.now)
        found = await overview.list_business_assets(tx, frame.business.id, frame.now)
    owned = [(str(row.id), row.name) for row in found if row.business_id == frame.business.id]
    tasks = {one.id: task_words(Task(one.tasks), NodeKind(one.kind)) for one in shares}
    return frame.page("partners.html", shares=shares, owned=owned, tasks=tasks)


@page("partners", admin=True, form=True)
async def change_share(frame: Frame) -> Response:
    """Share an asset that the business owns, or stop."""
    form = await frame.request.form()
    asset_id = read_id(form.get("asset"), "asset", *ASSET_KINDS)
    partner_id = read_id(form.get("partner"), "business", NodeKind.BUSINESS)
    async with frame.services.store.write() as tx:
        row = await records.find_asset(tx, asset_id)
        if row is None or row.business_id != frame.business.id:
            raise not_found("asset")
        if form.get("action") == "stop":
            await stop_sharing(tx, frame.services, asset_id, partner_id, frame.account.id, frame.now)
            return frame.go("/partners", "unshared")
        every = TASKS_OF[NodeKind(row.kind)]
        await lend(tx, frame.services, asset_id, partner_id, every, frame.account.id, frame.now)
    return frame.go("/partners", "shared")
