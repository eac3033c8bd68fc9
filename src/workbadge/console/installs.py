"""Apps that are installed in the business (``wire.md`` §4: connected apps), and taking one off again."""

from starlette.responses import Response

from workbadge.commands.errors import not_found
from workbadge.commands.install import uninstall_app
from workbadge.store import business_login
from workbadge.terms.kinds import NodeKind

from .frame import Frame, page, read_id


@page("apps", admin=True, form=True)
async def uninstall(frame: Frame) -> Response:
    """Take an installed app off the business: every token of its system users is dead."""
    install_id = read_id(frame.request.path_params["install"], "installed app", NodeKind.RECORD)
    async with frame.services.store.write() as tx:
        row = await business_login.find_install(tx, install_id)
        if row is None or row.business_id != frame.business.id:
            raise not_found("installed app")
        await uninstall_app(tx, frame.services, install_id, frame.account.id, frame.now)
    return frame.go("/apps", "uninstalled")
