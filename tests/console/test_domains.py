"""The page of an organization's domains (O1, O2)."""

import re

import httpx
import pytest

from tests._dns import DnsServer, serve_dns
from workbadge.commands import domains, outbox, portfolio
from workbadge.commands.transaction import in_transaction
from workbadge.terms.domains import record_name
from workbadge.web.domain_proofs import DomainProofs
from workbadge.web.outgoing import Outgoing

from ._site import START, Site, at_work, csrf_of, login

pytestmark = pytest.mark.anyio
NAME = "harbour-goods.com"


def center(site: Site) -> str:
    """Path of the domains."""
    return f"/console/organizations/{site.ids['organization']}/domains"


async def post(browser: httpx.AsyncClient, path: str, **form: str) -> httpx.Response:
    """A form of the page at ``path``."""
    page = await browser.get(path)
    return await browser.post(path, data={"csrf": csrf_of(page.text), **form})


def ask_here(site: Site, dns: DnsServer) -> None:
    """The site asks the tests' DNS server."""
    object.__setattr__(site.world.site, "proofs", DomainProofs(Outgoing(False), dns.resolvers, seconds=1.0))


async def test_a_domain_is_claimed_and_proven_on_the_page(site: Site) -> None:
    """O1: an IT set-up manager adds a domain, sees the record to publish, is shown what was expected and what received while it is
    wrong, and has the domain once it is right; a domain that nobody can own is refused with the reason."""
    itta = await site.browser(at_work("itta"))
    refused = await post(itta, center(site), action="claim", domain="gmail.com")
    assert refused.status_code == 400 and "anybody gets an address" in refused.text
    added = await post(itta, center(site), action="claim", domain="Hafen-Güter.de")
    path = added.headers["location"].partition("?")[0].removeprefix("http://console.test")
    page = (await itta.get(path)).text
    assert "xn--hafen-gter-geb.de" in page and "Hafen-güter.de".lower() in page and "To be proven" in page
    value = re.search(r"workbadge-verification=\w{43}", page)
    assert value
    async with serve_dns() as dns:
        ask_here(site, dns)
        at = record_name("xn--hafen-gter-geb.de")
        dns.texts[at] = ["something else"]
        wrong = (await post(itta, path, action="check-dns")).text
        assert "The proof was not found" in wrong and "something else" in wrong and wrong.count(value[0]) >= 2
        dns.texts[at] = [value[0]]
        assert "The proof was found" in (await post(itta, path, action="check-dns")).text
    assert "Verified" in (await itta.get(center(site))).text
    assert (await post(itta, path, action="release")).headers["location"].endswith("done=domain-released")
    assert (await itta.get(path)).status_code == 404


async def test_a_code_is_sent_and_entered_on_the_page(site: Site) -> None:
    """O1: the code goes to the chosen mailbox of the domain; a wrong one is refused in words, the right one proves the domain."""
    itta = await site.browser(at_work("itta"))
    path = f"{center(site)}/{site.ids['claim']}"
    assert (await post(itta, path, action="send", mailbox="ceo")).status_code == 400
    assert (await post(itta, path, action="send", mailbox="webmaster")).headers["location"].endswith("domain-code")
    async with site.world.services.store.read() as tx:
        sent = (await outbox.list_outbox(tx, site.world.services))[-1]
    code = re.search(r"^\w{22}$", sent.body, re.MULTILINE)
    assert sent.address == f"webmaster@{NAME}" and code
    wrong = await post(itta, path, action="enter", code="x")
    assert wrong.status_code == 400 and "not the code of the last mail" in wrong.text
    assert (await post(itta, path, action="enter", code=code[0])).headers["location"].endswith("domain-proven")
    assert "Verified" in (await itta.get(path)).text


async def test_a_claim_of_another_organization_is_not_found(site: Site) -> None:
    """MT-01: behind the own organization's path another one's claim is answered as one that does not exist, read or changed."""
    services = site.world.services
    async with services.store.write() as tx:
        other = await portfolio.add_organization(tx, services, "Elsewhere", None, START)
    claim = await in_transaction(
        services, lambda tx: domains.claim_domain(tx, services, other, "elsewhere-goods.com", None, START)
    )
    ada = await site.browser(login("ada"))
    before = await site.dump()
    assert (await ada.get(f"{center(site)}/{claim}")).status_code == 404
    token = csrf_of((await ada.get(center(site))).text)
    for action in ("check-dns", "check-file", "send", "enter", "renew", "release"):
        answer = await ada.post(f"{center(site)}/{claim}", data={"csrf": token, "action": action})
        assert answer.status_code == 404, action
    assert await site.dump() == before


async def test_a_trusted_domain_waits_for_another_admin(site: Site) -> None:
    """O2: whoever asked sees no button to approve and is refused; another admin approves; support sees and changes nothing."""
    ada, itta, olga = [await site.browser(who) for who in (login("ada"), at_work("itta"), at_work("olga"))]
    await post(ada, center(site), action="trust", domain="sister-goods.com")
    assert "Waits for approval" in (await ada.get(center(site))).text
    assert ">Approve<" not in (await ada.get(center(site))).text.replace("</span>", "<").replace("<span>", ">")
    assert (await post(ada, center(site), action="approve", domain="sister-goods.com")).status_code == 403
    assert (await post(itta, center(site), action="approve", domain="sister-goods.com")).status_code == 303
    page = (await olga.get(center(site))).text
    assert "Trusted" in page and 'name="action"' not in page.partition("<main")[2]
