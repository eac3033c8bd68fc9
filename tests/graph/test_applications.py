"""The application and its edges over the wire (wire.md 3.6, 6.7-6.9)."""

import pytest

from tests.commands._world import T0
from workbadge.commands.app_settings import change_settings

from ._api import Api, error

pytestmark = pytest.mark.anyio

SETTINGS = {
    "deauth_callback_url": "https://both.example/deauth",
    "data_deletion_url": "https://both.example/delete",
    "privacy_policy_url": "https://both.example/privacy",
    "terms_of_service_url": "https://both.example/terms",
    "contact_email": "maker@both.example",
    "app_domains": "both.example, www.both.example",
}
ASKED = "name,deauth_callback_url,privacy_policy_url,terms_of_service_url,contact_email,app_domains,user_support_url"


async def set_up(api: Api, **given: str) -> None:
    """Settings of the app."""
    async with api.world.services.store.write() as tx:
        await change_settings(tx, api.world.services, api.world.apps["both"], given, None, T0)


async def test_an_app_reads_its_settings(api: Api) -> None:
    """wire 3.6, 6.9: the app's own token reads every setting; a person's token reads what the maker publishes, not what is
    between maker and platform."""
    await set_up(api, **SETTINGS)
    app = api.world.apps["both"]
    shown = await api.get(f"/{app}", await api.app_token("both"), fields=ASKED)
    assert shown == {
        "id": str(app),
        "name": "App both",
        "user_support_url": "https://both.example/help",
        **{name: value for name, value in SETTINGS.items() if name not in ("app_domains", "data_deletion_url")},
        "app_domains": ["both.example", "www.both.example"],
    }
    person = await api.login(api.world.people["emil"], "both", ("page",))
    public = await api.get(f"/{app}", person, fields=ASKED)
    assert set(shown) - set(public) == {"deauth_callback_url", "contact_email"}
    assert error(await api.call(f"/{app}", person, fields="secret"))[:2] == (400, 100)
