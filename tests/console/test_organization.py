"""The Admin Center: who gets there, and who runs an organization (O7, O8)."""

import re

import httpx
import pytest

from ._site import Site, at_work, csrf_of, login

pytestmark = pytest.mark.anyio


def center(site: Site) -> str:
    """Path of the organization."""
    return f"/console/organizations/{site.ids['organization']}"


async def post(browser: httpx.AsyncClient, path: str, **form: str) -> httpx.Response:
    """A form of the page at ``path``."""
    page = await browser.get(path)
    return await browser.post(path, data={"csrf": csrf_of(page.text), **form})


async def test_the_admin_center_is_reached_from_the_business(shared: Site) -> None:
    """O8: whoever has a role in an organization finds its Admin Center in the Business Manager and on the start page; others do
    not."""
    ada, selma = await shared.browser(login("ada")), await shared.browser(login("selma"))
    for path in (shared.business, "/console", "/console/account"):
        assert f'href="{center(shared)}"' in (await ada.get(path)).text, path
        assert "/console/organizations/" not in (await selma.get(path)).text, path
    page = await ada.get(center(shared))
    assert "Harbour Group" in page.text and "example.com" in page.text and "Your role: owner" in page.text


async def test_an_owner_gives_and_takes_roles(site: Site) -> None:
    """O8: an owner makes a member of a business support by e-mail, gives another role in its place, and takes it away; the
    person's pages open and close with it."""
    ada, selma = await site.browser(login("ada")), await site.browser(login("selma"))
    roles = center(site) + "/roles"
    assert (await selma.get(center(site))).status_code == 404
    assert (
        (await post(ada, roles, email="selma@mail.example", role="support")).headers["location"].endswith("role-given")
    )
    assert "Your role: support" in (await selma.get(center(site))).text
    await post(ada, roles, email="Selma@mail.example", role="auditor")
    assert "Your role: auditor" in (await selma.get(center(site))).text
    person = str(site.ids["person:Selma Second"])
    assert (await post(ada, roles, action="take", account=person)).headers["location"].endswith("role-taken")
    assert (await selma.get(center(site))).status_code == 404


async def test_a_stranger_gets_no_role(site: Site) -> None:
    """O8: a partner's employee, an unknown address and a work account of nobody get the same answer, and no role."""
    ada = await site.browser(login("ada"))
    before = await site.dump()
    for email in ("paul@mail.example", "nobody@mail.example", "not an address"):
        answer = await post(ada, center(site) + "/roles", email=email, role="owner")
        assert answer.status_code == 400
        assert "Nobody of this organization has this address." in answer.text
    assert await site.dump() == before


async def test_the_last_owner_stays(site: Site) -> None:
    """O7: the last owner with a way in keeps the role, however it is asked for; an owner may leave while another remains."""
    ada = await site.browser(login("ada"))
    roles = center(site) + "/roles"
    page = (await ada.get(roles)).text
    found = re.search(r'id="take-(\d+)-title">Take the role of Ada Admin', page)
    assert found, page
    me = found[1]
    bruno = str(site.ids["person"])
    await post(ada, roles, action="take", account=bruno)
    assert (await post(ada, roles, action="take", account=me)).status_code == 409
    assert "At least one owner" in (await post(ada, roles, email="ada@mail.example", role="auditor")).text
    await post(ada, roles, email="itta@example.com", role="owner")
    assert (await post(ada, roles, action="take", account=me)).headers["location"].endswith("/console")
    assert (await ada.get(center(site))).status_code == 404
    itta = await site.browser(at_work("itta"))
    assert "Your role: owner" in (await itta.get(center(site))).text
