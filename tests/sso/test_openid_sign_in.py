"""Signing in through an OpenID Connect connection: whose account it becomes, and what no browser gets through with."""

import re
from datetime import timedelta

import pytest

from tests.console._site import csrf_of
from workbadge.commands import connections, due, membership, migration, portfolio
from workbadge.commands.errors import CommandError
from workbadge.commands.migration import NewPerson
from workbadge.commands.organization import give_role
from workbadge.commands.outbox import list_outbox
from workbadge.keys import hash_secret
from workbadge.store import identity_providers
from workbadge.store.engine import Tx
from workbadge.terms.organizations import OrganizationRole

from ._organization import PASSWORD, Company, connect
from ._provider import make_key

pytestmark = pytest.mark.anyio
EMIL = "emil@work.example"


async def test_a_work_address_leads_to_its_provider_and_back(company: Company) -> None:
    """O3: the address typed on the sign-in page routes by its domain to the connection; its person comes back signed in, where
    they wanted to go; how they signed in is kept (O6)."""
    company.provider.claims = {"amr": ["pwd", "mfa"], "acr": "gold", "sid": "there", "auth_time": 1_700_000_000}
    browser = company.site.browser()
    page = await browser.get("/login?next=/console/account")
    page = await browser.submit(page, email=" EMIL@Work.Example ", via="sso")
    address = page.headers["refresh"].removeprefix("0;url=")
    assert address.startswith(company.provider.base + "/authorize?") and "login_hint=EMIL%40Work.Example" in address
    back = await browser.client.get(company.provider.answer(address).removeprefix(company.site.site.services.base_url))
    assert back.status_code == 303 and back.headers["location"] == "/console/account"
    assert await company.signed_in(browser) == [EMIL]
    hashed = hash_secret(browser.client.cookies["wb"])
    async with company.site.world.services.store.read() as tx:
        kept = await identity_providers.find_vouched(tx, hashed, company.people["emil"])
    assert kept is not None
    assert (kept.amr, kept.acr, kept.sid, kept.subject) == ("pwd,mfa", "gold", "there", "subject-1")
    await browser.sign_in("selma@work.example", PASSWORD)
    async with company.site.world.services.store.read() as tx:
        moved = await identity_providers.find_vouched(
            tx, hash_secret(browser.client.cookies["wb"]), company.people["emil"]
        )
    assert moved is not None and moved.acr == "gold"


async def test_addresses_that_lead_nowhere_are_told(company: Company) -> None:
    """O3: what is no address, and a domain without a connection, lead to no provider; the page says what to do."""
    browser = company.site.browser()
    for email, says in (("not an address", "Type your work address"), ("emil@home.example", "Use your password")):
        page = await browser.submit(await browser.get("/login"), email=email, via="sso")
        assert page.status_code in (400, 404) and says in page.text
        assert "refresh" not in page.headers


async def test_the_subject_is_the_person(company: Company) -> None:
    """O4: once linked, the connection's own subject decides, whatever address comes with it; the address alone never does."""
    browser = company.site.browser()
    await company.sign_in(browser)
    company.provider.claims = {"email": "selma@work.example"}
    other = company.site.browser()
    await company.sign_in(other)
    assert await company.signed_in(other) == [EMIL]


async def test_a_new_subject_with_a_known_address_is_not_let_in(company: Company) -> None:
    """RP-19: another subject with the address of a linked account is not attached to it; an admin must decide."""
    await company.sign_in(company.site.browser())
    company.provider.claims = {"sub": "subject-2"}
    browser = company.site.browser()
    page = await company.sign_in(browser)
    assert page.status_code == 400 and "another person" in page.text
    assert await company.signed_in(browser) == []


@pytest.mark.parametrize("value", [False, None, "false", "true", 1, [True]])
async def test_only_a_verified_address_links(company: Company, value: object) -> None:
    """RP-17: only the boolean true makes an address believed; nothing else links an account."""
    company.provider.claims = {"email_verified": value}
    browser = company.site.browser()
    assert (await company.sign_in(browser)).status_code == 400
    assert await company.signed_in(browser) == []


async def test_an_address_outside_of_the_connection_links_nobody(company: Company) -> None:
    """RP-16: an address in a domain of another organization, in one that is not verified, or in one that another connection of
    the same organization has, is not believed."""
    services, now = company.site.world.services, company.site.now
    async with services.store.write() as tx:
        other = await portfolio.add_organization(tx, services, "Other", "other.example", now)
        await portfolio.add_verified_domain(tx, company.site.world.organization, "second.example", now)
    assert other
    await company.open_account("nina", "second.example")
    await connect(company, "Second", ("second.example",))
    company.provider.metadata = {}
    for email in (
        "nina@second.example",
        "ceo@other.example",
        "x@nobody.example",
        "emil@home.example",
        ["emil@work.example"],
    ):
        company.provider.claims = {"email": email}
        browser = company.site.browser()
        assert (await company.sign_in(browser)).status_code == 400, email
        assert await company.signed_in(browser) == []


async def test_first_sign_ins_open_accounts_where_allowed(company: Company) -> None:
    """O4: somebody without a work account is refused, unless the connection opens accounts; then it opens one, without a password,
    named as the provider says."""
    company.provider.claims = {"email": "new@work.example", "sub": "new", "name": "Nora New"}
    browser = company.site.browser()
    assert "no work account" in (await company.sign_in(browser)).text
    await company.change(
        lambda tx, services, row: connections.set_creates_accounts(tx, services, row, True, None, company.site.now)
    )
    await company.sign_in(browser)
    assert await company.signed_in(browser) == ["new@work.example"]
    page = await company.site.browser().sign_in("new@work.example", PASSWORD)
    assert page.status_code == 401


async def test_answers_belong_to_the_browser_that_asked(company: Company) -> None:
    """RP-11: an answer without a state, with an unknown one, in another browser, used before, or after ten minutes is refused."""
    site = company.site
    base = site.site.services.base_url
    victim, attacker = site.browser(), site.browser()
    address = await company.leave(victim)
    answer = company.provider.answer(address).removeprefix(base)
    await company.leave(attacker)
    for browser, path in (
        (attacker, answer),
        (site.browser(), answer),
        (victim, company.provider.answer(address, state=None).removeprefix(base)),
        (victim, company.provider.answer(address, state="A" * 43).removeprefix(base)),
    ):
        assert (await browser.get(path)).status_code == 400
        assert await company.signed_in(browser) == []
    await victim.get(answer)
    assert await company.signed_in(victim) == [EMIL]
    again = site.browser()
    again.client.cookies.set("wb-sso", victim.client.cookies["wb-sso"])
    assert (await again.get(answer)).status_code == 400
    late = site.browser()
    address = await company.leave(late)
    site.advance(minutes=10)
    assert (await late.get(company.provider.answer(address).removeprefix(base))).status_code == 400
    assert await company.signed_in(late) == []


async def test_answers_belong_to_the_connection_that_asked(company: Company) -> None:
    """RP-12: an answer at another connection's path, and one whose ``iss`` is missing or another, is refused."""
    services, now = company.site.world.services, company.site.now
    async with services.store.write() as tx:
        await portfolio.add_verified_domain(tx, company.site.world.organization, "second.example", now)
    second = await connect(company, "Second", ("second.example",))
    base = company.site.site.services.base_url
    browser = company.site.browser()
    answer = company.provider.answer(await company.leave(browser)).removeprefix(base)
    swapped = answer.replace(str(company.connection), str(second))
    assert swapped != answer and (await browser.get(swapped)).status_code == 400
    for issuer in (None, "https://other.example", company.provider.base + "/"):
        page = await company.sign_in(browser, iss=issuer)
        assert page.status_code == 400 and "iss of the answer" in page.text
    assert company.provider.posted == []
    assert await company.signed_in(browser) == []


async def test_a_connection_or_a_person_that_is_off_meanwhile(company: Company) -> None:
    """RP-23: a connection that is switched off while somebody is at the provider, and an account that is suspended, let nobody
    in."""
    site = company.site
    browser = site.browser()
    answer = company.provider.answer(await company.leave(browser)).removeprefix(site.site.services.base_url)
    await company.switch(False)
    assert (await browser.get(answer)).status_code == 404
    assert (await browser.get(f"/sso/{company.connection}/login")).status_code == 404
    await company.switch(True)
    address = await company.leave(browser)
    await membership.suspend_account(site.world.services, company.people["emil"], None, site.now)
    page = await browser.get(company.provider.answer(address).removeprefix(site.site.services.base_url))
    assert page.status_code == 400 and "cannot sign in" in page.text
    assert await company.signed_in(browser) == []


async def test_what_a_provider_says_is_shown_as_text(company: Company) -> None:
    """RP-21: an error with markup in its description is shown as text and never linked."""
    browser = company.site.browser()
    address = await company.leave(browser)
    error = {
        "error": "access_denied",
        "error_description": "<script>alert(1)</script>",
        "error_uri": "javascript:alert(1)",
    }
    page = await browser.get(
        company.provider.answer(address, code=None, **error).removeprefix(company.site.site.services.base_url)
    )
    assert page.status_code == 400 and "&lt;script&gt;" in page.text
    assert "<script>alert" not in page.text and "javascript:" not in page.text


async def test_passwords_of_a_required_domain_are_refused(company: Company) -> None:
    """O6: where single sign-on is required, the right and a wrong password of a work account get the same clear page; personal
    logins and other ways stay; without the connection the password counts again."""
    site = company.site
    await _own(company)
    await company.route("work.example", required=True)
    pages = []
    for password in (PASSWORD, "a wrong password"):
        browser = site.browser()
        page = await browser.sign_in(EMIL, password)
        pages.append(page.status_code)
        assert "sign in through their organization" in page.text and "Harbour ID" not in page.headers.get(
            "location", ""
        )
        assert await company.signed_in(browser) == []
    assert pages == [403, 403]
    personal = site.browser()
    await personal.sign_in_as("emil")
    assert await company.signed_in(personal) == ["emil@home.example"]
    await company.switch(False)
    browser = site.browser()
    await browser.sign_in(EMIL, PASSWORD)
    assert await company.signed_in(browser) == [EMIL]


async def _own(company: Company) -> None:
    """Selma owns the organization."""

    services, world = company.site.world.services, company.site.world
    async with services.store.write() as tx:
        await give_role(
            tx, services, world.organization, company.people["selma"], OrganizationRole.OWNER, None, company.site.now
        )


async def test_an_owner_keeps_a_way_in(company: Company) -> None:
    """O7: single sign-on is not required where nobody who owns the organization has a password; whoever owns it keeps the
    password when it is."""

    with pytest.raises(CommandError, match="Nobody could get in"):
        await company.route("work.example", required=True)
    await _own(company)
    await company.route("work.example", required=True)
    browser = company.site.browser()
    await browser.sign_in("selma@work.example", PASSWORD)
    assert await company.signed_in(browser) == ["selma@work.example"]


async def test_only_verified_domains_are_routed(company: Company) -> None:
    """O4: a connection gets verified domains of its own organization, no others, and one that never passed a test is not on."""

    services, now = company.site.world.services, company.site.now
    async with services.store.write() as tx:
        await portfolio.add_organization(tx, services, "Other", "other.example", now)
    for name in ("other.example", "nobody.example", "sub.work.example", "not a domain"):
        with pytest.raises(CommandError):
            await company.route(name)

    async def untested(tx: Tx, services: object, row: object) -> None:
        await identity_providers.change_connection(tx, company.connection, {"tested_at": None})

    await company.change(untested)
    await company.switch(False)
    with pytest.raises(CommandError, match="live test"):
        await company.switch(True)


async def test_keys_may_be_rotated(company: Company) -> None:
    """RP-10: new keys between two logins, and again just before signing: each login works with one more fetch of the key set."""
    for kid in ("one", "two", "three"):
        if kid != "one":
            company.provider.signs = make_key(kid)
            company.provider.published = [company.provider.signs]
        browser = company.site.browser()
        await company.sign_in(browser)
        assert await company.signed_in(browser) == [EMIL]
        company.site.advance(seconds=5)
    assert company.provider.asked.count("/keys") == 3


async def test_the_claim_is_proven_through_the_connection(company: Company) -> None:
    """M4: where the organization has a connection, the work login is proven there and not by a new password; the claim goes on
    after the way to the provider and back, and opens the account of the invited address."""
    site = company.site
    services = site.world.services
    async with services.store.write() as tx:
        await portfolio.add_verified_domain(tx, site.world.organization, "fresh.example", site.now)
    await company.route("work.example", "fresh.example")
    link = await _invite(company, "selma", "selma@fresh.example")
    browser = site.browser()
    await browser.sign_in_as("selma")
    page = await browser.get(f"/console/claim/{link}")
    assert "Sign in with Harbour ID" in page.text and 'name="password"' not in page.text
    company.provider.claims = {"email": "selma@fresh.example", "sub": "selma"}
    token = csrf_of((await browser.get("/logout")).text)
    chosen = {"csrf": token, "password": "a chosen password", "again": "a chosen password"}
    forced = await browser.client.post(f"/console/claim/{link}", data=chosen)
    assert forced.status_code == 400 and "The work login was not proven" in forced.text
    address = await company.leave(browser, next=f"/console/claim/{link}")
    page = await browser.get(company.provider.answer(address).removeprefix(site.site.services.base_url))
    assert page.status_code == 200 and "Claim my work account" in page.text, page.text[:2000]
    page = await browser.submit(page, 0)
    assert page.status_code == 200 and "Help Center" in page.text
    assert sorted(await company.signed_in(browser)) == ["selma@fresh.example", "selma@home.example"]


async def _invite(company: Company, name: str, work: str) -> str:
    """A claim link for somebody."""

    world = company.site.world
    person = [NewPerson(world.people[name], work)]
    await migration.start_migration(
        world.services,
        world.business,
        person,
        world.people["ada"],
        company.site.now,
        company.site.now + timedelta(days=40),
    )
    await due.run(world.services, company.site.now)
    async with world.services.store.read() as tx:
        sent = await list_outbox(tx, world.services)
    found = [re.search(r"/console/claim/(\w+)", one.body) for one in sent]
    return [one[1] for one in found if one][-1]
