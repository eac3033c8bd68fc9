"""An app's login configurations for its makers: what one ``config_id`` asks for, and taking one out of use (``wire.md`` §4)."""

from typing import Any

from starlette.responses import Response

from workbadge.commands.configuration import NewConfiguration, add_configuration, as_configuration, remove_configuration
from workbadge.commands.errors import CommandError
from workbadge.store import business_login
from workbadge.terms.kinds import NodeKind
from workbadge.terms.scopes import SCOPES, Audience

from .frame import read_id, text_of
from .maker import AppFrame, app_page

TOKENS = (
    {"value": "system_user", "label": "A system user of the business", "detail": "Stays when people leave or move."},
    {"value": "user", "label": "The person", "detail": "What the person reaches, as long as the person does."},
)
EMPTY: dict[str, Any] = {"name": "", "token": "system_user", "scopes": (), "expires": False}
"""The form for a configuration as it opens."""


@app_page("app-logins")
async def show(frame: AppFrame) -> Response:
    """Login configurations, and a form for one more."""
    return await _page(frame, EMPTY, {}, 200)


async def _page(frame: AppFrame, values: dict[str, Any], errors: dict[str, str], status: int) -> Response:
    async with frame.services.store.read() as tx:
        rows = await business_login.list_configurations(tx, frame.app.id)
        installed = await business_login.count_installs(tx, frame.app.id)
    return frame.page(
        "app_configurations.html",
        status,
        configurations=[as_configuration(row) for row in rows],
        installed=installed,
        scopes=[one for one in SCOPES.values() if one.audience is not Audience.IDENTITY],
        tokens=TOKENS,
        values=values,
        errors=errors,
    )


@app_page("app-logins", form=True)
async def act(frame: AppFrame) -> Response:
    """Make a configuration, or take one out of use."""
    form = await frame.request.form()
    if text_of(form, "action") == "remove":
        configuration_id = read_id(form.get("configuration"), "configuration", NodeKind.RECORD)
        async with frame.services.store.write() as tx:
            await remove_configuration(tx, frame.services, frame.app.id, configuration_id, frame.account.id, frame.now)
        return frame.go("/configurations", "configuration-removed")
    values: dict[str, Any] = {
        "name": text_of(form, "name").strip(),
        "token": text_of(form, "token"),
        "scopes": tuple(str(one) for one in form.getlist("scope")),
        "expires": bool(text_of(form, "expires")),
    }
    new = NewConfiguration(frame.app.id, values["name"], values["token"], values["scopes"], (), values["expires"])
    try:
        async with frame.services.store.write() as tx:
            await add_configuration(tx, frame.services, new, frame.now, frame.account.id)
    except CommandError as error:
        said = f"{error.message} Expected: {error.expected}."
        return await _page(frame, values, {_FIELDS.get(error.field, error.field): said}, 400)
    return frame.go("/configurations", "configuration-made")


_FIELDS = {"scopes": "scope", "expires_in_60_days": "expires"}
"""How the form calls what the command names."""
