"""Logins under a configuration, with the browser of ``_site.py``."""

from typing import Any

import httpx

from tests.oauth._site import Answer, Browser, LoginSite
from workbadge.commands import portfolio, webhooks
from workbadge.commands.configuration import NewConfiguration, add_configuration
from workbadge.commands.webhooks import NewSubscription
from workbadge.terms.kinds import Role

SYSTEM = ("business_management", "pages_show_list", "pages_manage_posts", "ads_read")


async def configure(site: LoginSite, app: str = "both", **more: Any) -> str:
    """The id of a new configuration: by default of the system-user kind, for pages and ad accounts."""
    values: dict[str, Any] = {"name": "Sales", "token": "system_user", "scopes": SYSTEM, **more}
    new = NewConfiguration(site.world.apps[app], **values)
    async with site.world.services.store.write() as tx:
        return str((await add_configuration(tx, site.world.services, new, site.now)).id)


def dialog(site: LoginSite, config: str, app: str = "both", **values: str | None) -> str:
    """The dialog's address for a system-user configuration."""
    asked: dict[str, str | None] = {
        "scope": None,
        "config_id": config,
        "response_type": "code",
        "override_default_response_type": "true",
        **values,
    }
    return site.dialog(app, **asked)


async def to_review(
    browser: Browser, address: str, assets: tuple[str, ...], business: int | None = None
) -> httpx.Response:
    """From opening the dialog to the review of an install; the business is chosen where there are several."""
    world = browser.site.world
    page = await browser.get(address)
    page = await browser.submit(page, action="next")
    if 'name="business" value="' in page.text and 'type="radio"' in page.text:
        page = await browser.submit(page, action="next", business=business or world.business)
    return await browser.submit(page, action="next", target=[world.assets[one] for one in assets])


async def install(
    site: LoginSite, config: str, assets: tuple[str, ...] = ("page",), who: str = "ada", **values: str | None
) -> str:
    """The code of a whole install by a person with the personal login."""
    browser = site.browser()
    await browser.sign_in_as(who)
    page = await to_review(browser, dialog(site, config, **values), assets)
    answer = await browser.submit(page, action="allow")
    assert answer.status_code == 303, answer.text
    return Answer(answer.headers["location"]).query["code"]


async def administer_two(site: LoginSite, who: str = "ada") -> None:
    """Make a person an admin of the other business as well."""
    world = site.world
    async with world.services.store.write() as tx:
        await portfolio.add_member(
            tx, world.services, world.people[who], world.elsewhere, Role.ADMIN, {}, None, site.now
        )


async def subscribe(site: LoginSite, about: str = "application", app: str = "both") -> None:
    """The app is told of all of an object."""
    new = NewSubscription(about, f"https://{app}.example/hook", None)
    async with site.world.services.store.write() as tx:
        await webhooks.subscribe(tx, site.world.services, site.world.apps[app], new, True, site.now)
