"""Installs on the world of the command tests, made by commands, and the calls that are about them."""

from typing import Any

import httpx

from tests.graph._api import Api
from workbadge.commands.extension import as_text, read_extras
from workbadge.commands.install import NewInstall, install_app
from workbadge.commands.token import issue_system_token
from workbadge.keys import app_secret_proof

SCOPES = ("business_management", "pages_show_list", "pages_manage_posts", "ads_read")
SHOP_SCOPES = ("manage_business_extension", "ads_management", "catalog_management", "pages_read_engagement")
EXTRAS = (
    '{"setup": {"external_business_id": "%s", "timezone": "Europe/Berlin", "currency": "EUR", "business_vertical": "ECOMMERCE"},'
    ' "business_config": {"business": {"name": "Shop"}, "ig_cta": {"enabled": true}}, "repeat": false}'
)


async def install(
    api: Api,
    names: tuple[str, ...] = ("page", "page2", "ads"),
    app: str = "both",
    who: str = "bob",
    shop: str = "",
    **more: Any,
) -> tuple[int, str]:
    """Install an app as an admin; the install's id and a token of its system user. ``shop``: as a business extension."""
    world = api.world
    values: dict[str, Any] = {
        "business_id": world.business,
        "scopes": SHOP_SCOPES if shop else SCOPES,
        "external_business_id": shop,
        "setup": as_text(read_extras(EXTRAS % shop)) if shop else "",
        **more,
    }
    assets = tuple(world.assets[name] for name in names)
    new = NewInstall(world.apps[app], installer_id=world.people[who], assets=assets, **values)
    async with world.services.store.write() as tx:
        made = await install_app(tx, world.services, new, api.now)
        issued = await issue_system_token(tx, world.services, made.granted, api.now, None)
    return made.id, issued.text


async def mint(
    api: Api, token: str | None, business: int | None = None, app: str = "both", proof: bool = True, **more: str
) -> httpx.Response:
    """``POST {business}/system_user_access_tokens`` with the app's proof."""
    if proof and token is not None:
        more = {"appsecret_proof": app_secret_proof(await api.secret(app), token), **more}
    path = f"/{business or api.world.business}/system_user_access_tokens"
    return await api.call(path, token, "POST", **more)


async def swap(
    api: Api, token: str | None, business: int | None = None, app: str = "both", **more: str
) -> httpx.Response:
    """``POST {business}/access_token`` for all that a shop's system user may."""
    values = {"app_id": str(api.world.apps[app]), "scope": ",".join(SHOP_SCOPES), **more}
    return await api.call(f"/{business or api.world.business}/access_token", token, "POST", **values)
