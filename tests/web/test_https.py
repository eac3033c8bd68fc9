"""What an answer says about https (WB-01)."""

from pathlib import Path

import anyio
import httpx
import pytest

from tests.commands._world import T0, make_services
from workbadge.main import make_application
from workbadge.store.engine import StoreSettings
from workbadge.store.opening import open_store
from workbadge.web.clock import SettableClock
from workbadge.web.state import Site


@pytest.mark.parametrize("secure", [True, False])
def test_a_site_over_https_says_so_on_every_answer(tmp_path: Path, secure: bool) -> None:
    """WB-01: pages, redirects, files, errors and the wire carry HSTS when the site is reached over https, and only then."""

    async def ask() -> dict[str, str | None]:
        async with open_store(StoreSettings(f"sqlite:///{tmp_path / 'https.db'}")) as store:
            await store.create()
            site = Site(make_services(store), SettableClock(T0), secure_cookies=secure)
            transport = httpx.ASGITransport(make_application(site))
            async with httpx.AsyncClient(transport=transport, base_url="https://id.example") as client:
                paths = ("/login", "/console", "/static/avatar.svg", "/static/none", "/v26.0/me", "/dialog/oauth")
                return {path: (await client.get(path)).headers.get("strict-transport-security") for path in paths}

    said = anyio.run(ask)
    expected = "max-age=31536000; includeSubDomains" if secure else None
    assert said == dict.fromkeys(said, expected)
