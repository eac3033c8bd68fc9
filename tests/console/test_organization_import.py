"""Importing people from a file: seen first, then written, or nothing (O8, I11)."""

import re
from html import unescape

import httpx
import pytest
from sqlalchemy import insert, select

from workbadge.commands.portfolio import add_organization
from workbadge.store import records
from workbadge.store.schema import audit, domain_dispute
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import AccountKind

from ._site import START, Site, at_work, csrf_of
from .test_organization import center

pytestmark = pytest.mark.anyio
FILE = (
    'Name;E-Mail;Team\r\n"Nina; New";nina@example.com;x\r\nOlga Other;olga@example.com;\r\n'
    "Axel;axel@example.com;\r\nEvil;evil@elsewhere.example;\r\n;;\r\n"
)


async def upload(browser: httpx.AsyncClient, path: str, data: bytes) -> httpx.Response:
    """Send a file."""
    token = csrf_of((await browser.get(path)).text)
    return await browser.post(path, data={"csrf": token}, files={"file": ("people.csv", data, "text/csv")})


def hidden(page: str, name: str) -> str:
    """A hidden field of the preview."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, page
    return unescape(found[1])


async def confirm(browser: httpx.AsyncClient, path: str, page: str) -> httpx.Response:
    """Confirm what a preview shows."""
    form = {name: hidden(page, name) for name in ("csrf", "text", "seal")}
    return await browser.post(path + "/confirm", data=form)


async def test_what_is_seen_is_what_is_written(site: Site) -> None:
    """O8, I11: the preview writes nothing and tells every row's end; confirmed, exactly these accounts are made and renamed, with one
    entry each; the same file again changes nothing."""
    itta, path = await site.browser(at_work("itta")), center(site) + "/people/import"
    before = await site.dump()
    page = (await upload(itta, path, FILE.encode())).text
    assert await site.dump() == before
    for word in (
        "Nina; New",
        "New</span>",
        "Renamed</span>",
        "Unchanged</span>",
        "elsewhere.example is not a verified domain",
    ):
        assert word in page, word
    assert "Write 2 accounts" in page
    assert (await confirm(itta, path, page)).headers["location"].endswith("done=imported")
    async with site.world.services.store.read() as tx:
        nina = await records.find_account_by_address(tx, AccountKind.MANAGED, "nina@example.com")
        olga = await records.find_account_by_address(tx, AccountKind.MANAGED, "olga@example.com")
        assert await records.find_account_by_address(tx, AccountKind.MANAGED, "evil@elsewhere.example") is None
        acts = [row.act for row in await tx.rows(select(audit).order_by(audit.c.number.desc()).limit(2))]
    assert nina is not None and nina.organization_id == site.ids["organization"] and nina.password_hash is None
    assert olga is not None and olga.name == "Olga Other"
    assert sorted(acts) == ["account.import", "account.rename"]
    before = await site.dump()
    page = (await upload(itta, path, FILE.encode())).text
    assert "Write 0 accounts" in page
    assert (await confirm(itta, path, page)).status_code == 303
    assert await site.dump() == before


async def test_what_has_changed_since_is_shown_again(site: Site) -> None:
    """O8: where a row would end otherwise than it was shown, nothing is written and the new outcome is shown."""
    itta, path = await site.browser(at_work("itta")), center(site) + "/people/import"
    page = (await upload(itta, path, FILE.encode())).text
    async with site.world.services.store.write() as tx:
        await records.rename_account(tx, site.ids["at work:olga"], "Olga Other")
    before = await site.dump()
    answer = await confirm(itta, path, page)
    assert answer.status_code == 409 and "Nothing was written" in answer.text and "Write 1 account<" in answer.text
    assert await site.dump() == before
    assert (await confirm(itta, path, answer.text)).headers["location"].endswith("done=imported")


async def test_a_suspended_domain_gives_no_accounts(site: Site) -> None:
    """O1, A1: once a domain is suspended, here because a dispute about it was not answered in time, rows in it are refused, and a
    preview of before writes nothing."""
    itta, path = await site.browser(at_work("itta")), center(site) + "/people/import"
    page = (await upload(itta, path, FILE.encode())).text
    async with site.world.services.store.write() as tx:
        other = await add_organization(tx, site.world.services, "Claimants", None, START)
        row = {"id": 1, "name": "example.com", "holder_id": site.ids["organization"], "claimant_id": other}
        await tx.run(insert(domain_dispute), [{**row, "opened_at": START - DAY, "answer_by": START}])
    before = await site.dump()
    answer = await confirm(itta, path, page)
    assert answer.status_code == 409 and "example.com is not a verified domain here, or it is suspended" in answer.text
    assert "Write 0 accounts" in answer.text
    assert await site.dump() == before


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "The first line names: nothing"),
        (b"who,where\nA,b@example.com\n", "a first line with the columns name and email"),
        (b'name,email\n"A,b@example.com\n', "This is not a CSV file"),
        (b"name,email\n\xff\xfe,a@example.com\n", "not text in UTF-8"),
        (b"name,email\n" + b"A,a@example.com\n" * 5_001, "5000 at most"),
        (b"name,email\n" + b"x" * 1_000_000, "too large"),
    ],
    ids=["empty", "columns", "quote", "encoding", "rows", "size"],
)
async def test_a_file_that_cannot_be_read_is_named(shared: Site, data: bytes, says: str) -> None:
    """O8: what is wrong with a file stands beside the field, with what was expected."""
    itta, path = await shared.browser(at_work("itta")), center(shared) + "/people/import"
    answer = await upload(itta, path, data)
    assert answer.status_code == 400 and says in unescape(answer.text)
