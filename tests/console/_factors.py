"""Somebody with an authenticator app, in a browser without scripts."""

import html
import re
from datetime import datetime

import httpx
import pyotp

from ._site import Site, csrf_of, login


def hidden(page: str, name: str) -> str:
    """The value of a hidden field."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, page[:600]
    return html.unescape(found[1])


def code_at(key: str, at: datetime, steps: int = 0) -> str:
    """What the app shows, some time steps before or after an instant."""
    return pyotp.TOTP(key).at(int(at.timestamp()) + 30 * steps)


def path_of(site: Site, person: str = "Selma Second") -> str:
    """Somebody's security page."""
    return f"/console/account/security/{site.ids[f'person:{person}']}"


async def enrol(site: Site, client: httpx.AsyncClient, path: str) -> tuple[str, list[str]]:
    """Set an authenticator app up; its key, and the recovery codes that were shown."""
    page = (await client.get(path + "/app")).text
    found = re.search(r'wb-key">([A-Z2-7 ]+)<', page)
    assert found, page[:800]
    key = found[1].replace(" ", "")
    data = {"csrf": csrf_of(page), "key": hidden(page, "key"), "code": code_at(key, site.world.clock.now())}
    done = await client.post(path + "/app", data=data)
    assert done.status_code in (200, 303), done.text
    return key, re.findall(r"<li><code>([a-z0-9-]+)</code>", done.text)


async def first_step(client: httpx.AsyncClient, who: str | tuple[str, str] = "selma", leads_to: str = "") -> str:
    """The password alone; the page that comes then."""
    email, password = login(who) if isinstance(who, str) else who
    page = await client.get("/login", params={"next": leads_to, "another": "1"} if leads_to else {"another": "1"})
    data = {"email": email, "password": password, "csrf": csrf_of(page.text), "next": leads_to}
    return (await client.post("/login", data=data)).text


async def second_step(client: httpx.AsyncClient, page: str, code: str, **more: str) -> httpx.Response:
    """The second step, on the page that asks for it."""
    data = {
        "csrf": csrf_of(page),
        "waiting": hidden(page, "waiting"),
        "next": hidden(page, "next"),
        "code": code,
        **more,
    }
    return await client.post("/login/second", data=data)


async def signed_in(client: httpx.AsyncClient) -> bool:
    """Whether anybody is."""
    return (await client.get("/console/account")).status_code == 200
