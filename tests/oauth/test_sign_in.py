"""Signing in and out, sessions, and what a browser of somebody else can do about it."""

from urllib.parse import quote

import pytest

from tests.commands._world import PASSWORD, TICK
from workbadge.commands import membership, portfolio
from workbadge.commands.account import change_password
from workbadge.commands.errors import CommandError, Problem
from workbadge.keys import hash_secret
from workbadge.store import records
from workbadge.terms.kinds import AccountKind

from ._site import Browser, LoginSite

pytestmark = pytest.mark.anyio
EMIL = ("emil@home.example", "emil has a password")
WRONG = "E-mail or password is wrong."


def _cookie(browser: Browser) -> str | None:
    return browser.client.cookies.get("wb")


async def _signed_in(browser: Browser) -> bool:
    return "Signed in here" in (await browser.get("/logout")).text


async def test_a_password_signs_in_and_out(site: LoginSite) -> None:
    """L1: address and password sign in, whatever the address's case; signing out ends the session for good."""
    browser = site.browser()
    assert not await _signed_in(browser)
    await browser.sign_in("  EMIL@Home.Example ", EMIL[1])
    cookie = _cookie(browser)
    page = await browser.get("/logout")
    assert "emil@home.example" in page.text
    await browser.submit(page, 1)
    assert not await _signed_in(browser)
    browser.client.cookies.set("wb", cookie or "")
    assert not await _signed_in(browser)


async def test_wrong_and_unknown_look_the_same(site: LoginSite) -> None:
    """OA-58: a wrong password, an unknown address, a suspended account and no address at all get the same page."""
    suspended = await site.migrate("selma")
    await membership.suspend_account(site.world.services, suspended.managed_id, None, site.now)
    seen = set()
    for email, password in (
        (EMIL[0], "not the password"),
        ("nobody@home.example", "not the password"),
        (suspended.email, PASSWORD),
        ("not an address", "not the password"),
        ("emil@home.example\x00", EMIL[1]),
        (EMIL[0], EMIL[1] + " "),
        (EMIL[0], EMIL[1].upper()),
        (EMIL[0], "x" * 100_000),
    ):
        browser = site.browser()
        page = await browser.sign_in(email, password)
        assert not await _signed_in(browser)
        assert WRONG in page.text
        seen.add((page.status_code, tuple(sorted(page.headers))))
    assert len(seen) == 1


async def test_as_much_is_hashed_for_unknown_addresses(site: LoginSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """OA-58: known, unknown, suspended and work addresses cost the same number of password hashes."""
    made, suspended = await site.migrate("emil"), await site.migrate("selma")
    await membership.suspend_account(site.world.services, suspended.managed_id, None, site.now)
    passwords, counts = site.world.services.passwords, []
    verify = passwords._verify

    def counted(hashed: str, password: str) -> bool:
        counts[-1] += 1
        return verify(hashed, password)

    monkeypatch.setattr(passwords, "_verify", counted)
    for email in (EMIL[0], made.email, suspended.email, "nobody@home.example", "no address"):
        counts.append(0)
        await site.browser().sign_in(email, "wrong password")
    assert len(set(counts)) == 1
    assert counts[0] > 0


async def test_delays_grow_to_a_bound(site: LoginSite) -> None:
    """OA-57: the delay of an address that is guessed at grows to five minutes, and one second before its end it still holds."""
    browser, waits = site.browser(), []
    for _ in range(4):
        assert (await browser.sign_in(EMIL[0], "wrong")).status_code == 401
    for _ in range(12):
        assert (await browser.sign_in(EMIL[0], "wrong")).status_code == 401
        blocked = await browser.sign_in(*EMIL)
        assert blocked.status_code == 429
        waits.append(int(blocked.text.partition("Please wait ")[2].partition(" ")[0]) - 1)
        site.advance(seconds=waits[-1] - 0.5)
        assert (await browser.sign_in(*EMIL)).status_code == 429
        site.advance(seconds=0.5)
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    assert (await browser.sign_in(*EMIL)).status_code != 429
    assert await _signed_in(browser)


async def test_unknown_addresses_are_slowed_down_alike(site: LoginSite) -> None:
    """OA-57, OA-58: whether an address exists does not show in when guessing is slowed down."""
    answers = []
    for email in (EMIL[0], "nobody@home.example"):
        browser = site.browser()
        answers.append([(await browser.sign_in(email, "wrong")).status_code for _ in range(8)])
    assert answers[0] == answers[1]
    assert answers[0][-1] == 429


async def test_one_address_two_accounts(site: LoginSite) -> None:
    """A1: a work and a personal account may share an address; the password tells which one, the same password signs in both."""
    made = await site.migrate("emil", "work password")
    async with site.world.services.store.write() as tx:
        await portfolio.add_person(
            tx,
            site.world.services,
            AccountKind.PERSONAL,
            "Emil privately",
            made.email,
            await site.world.services.passwords.hash("home password"),
            site.now,
        )
    for password, shown in (("work password", ["Work account"]), ("home password", ["Personal account"])):
        browser = site.browser()
        await browser.sign_in(made.email, password)
        page = (await browser.get("/logout")).text
        assert [one for one in ("Work account", "Personal account") if one in page] == shown
    async with site.world.services.store.write() as tx:
        hashed = await site.world.services.passwords.hash("home password")
        await records.set_password(tx, made.managed_id, hashed, site.now)
    browser = site.browser()
    await browser.sign_in(made.email, "home password")
    page = (await browser.get("/logout")).text
    assert "Work account" in page
    assert "Personal account" in page


async def test_each_sign_in_makes_a_new_session(site: LoginSite) -> None:
    """OA-55: the session's secret changes at each sign-in, the old one is dead, and who was signed in stays so."""
    browser = site.browser()
    await browser.sign_in_as("emil")
    first = _cookie(browser)
    await browser.sign_in_as("selma")
    assert _cookie(browser) != first
    page = (await browser.get("/logout")).text
    assert "emil@home.example" in page
    assert "selma@home.example" in page
    planted = site.browser()
    planted.client.cookies.set("wb", first or "")
    assert not await _signed_in(planted)


async def test_a_planted_session_is_not_taken_over(site: LoginSite) -> None:
    """OA-55: a cookie that was planted before signing in is never the session afterwards."""
    browser = site.browser()
    browser.client.cookies.set("wb", "A" * 43, domain="badge.example")
    await browser.sign_in_as("emil")
    planted = site.browser()
    planted.client.cookies.set("wb", "A" * 43)
    assert not await _signed_in(planted)


async def test_sessions_end_idle_and_absolutely(site: LoginSite) -> None:
    """A session holds one microsecond before its idle and its absolute end, and no longer at them."""
    policy = site.world.services.policy
    browser = site.browser()
    await browser.sign_in_as("emil")
    site.clock.set(site.now + policy.session_idle - TICK)
    assert await _signed_in(browser)
    start = site.now - policy.session_idle + TICK
    while site.now + policy.session_idle / 2 < start + policy.session:
        site.clock.set(site.now + policy.session_idle / 2)
        assert await _signed_in(browser)
    site.clock.set(start + policy.session - TICK)
    assert await _signed_in(browser)
    site.clock.set(start + policy.session)
    assert not await _signed_in(browser)
    await browser.sign_in_as("emil")
    site.clock.set(site.now + policy.session_idle)
    assert not await _signed_in(browser)


async def test_another_sign_in_does_not_renew_the_first(site: LoginSite) -> None:
    """The absolute end counts from each account's own sign-in, though the browser's session is a new one."""
    policy = site.world.services.policy
    browser = site.browser()
    await browser.sign_in_as("emil")
    start = site.now
    while site.now + policy.session_idle / 2 < start + policy.session:
        site.clock.set(site.now + policy.session_idle / 2)
        await browser.get("/logout")
    await browser.sign_in_as("selma")
    site.clock.set(start + policy.session)
    page = (await browser.get("/logout")).text
    assert "selma@home.example" in page
    assert "emil@home.example" not in page


async def test_one_account_can_leave(site: LoginSite) -> None:
    """Signing one account out leaves the other; the last one ends the session."""
    browser = site.browser()
    await browser.sign_in_as("emil")
    await browser.sign_in_as("selma")
    await browser.submit(await browser.get("/logout"), 0, account=site.world.people["emil"])
    page = (await browser.get("/logout")).text
    assert "emil@home.example" not in page
    assert "selma@home.example" in page
    await browser.submit(await browser.get("/logout"), 0)
    assert not await _signed_in(browser)


async def test_cookies_behind_https(site: LoginSite) -> None:
    """WB-02: behind https the session is a __Host- cookie: Secure, HttpOnly, SameSite, Path=/, no Domain; also when it ends."""
    browser = site.secured().browser()
    page = await browser.get("/login")
    mark = page.headers["set-cookie"]
    answer = await browser.post("/login", browser.fields(page, email=EMIL[0], password=EMIL[1]))
    session = answer.headers["set-cookie"]
    ended = await browser.post("/logout", browser.fields(await browser.get("/logout"), 1))
    for cookie in (mark, session, ended.headers["set-cookie"]):
        parts = {one.strip().lower() for one in cookie.split(";")[1:]}
        assert cookie.startswith("__Host-")
        assert {"secure", "httponly", "samesite=lax", "path=/"} <= parts
        assert not any(one.startswith("domain") for one in parts)
        assert len(cookie) < 4096


@pytest.mark.parametrize(
    "value", ["", "x", "A" * 43, "A" * 42 + "é", "=" * 43, "A" * 10_000, "\u2028" * 43, "A" * 42 + ";"]
)
async def test_a_broken_cookie_is_nobody(site: LoginSite, value: str) -> None:
    """WB-39: a session cookie that no sign-in gave is treated as none: a page, never an error of the server."""
    raw = f"wb={value}; wb-login={value}".encode("utf-8", "replace")
    for path in ("/login", "/logout", "/dialog/step", site.dialog()):
        method = "POST" if path == "/dialog/step" else "GET"
        request = site.browser().client.build_request(
            method, path, headers={"cookie": raw.decode("latin-1").encode("latin-1")}
        )
        answer = await site.browser().client.send(request)
        assert answer.status_code in (200, 303, 400, 403)
        assert "Signed in here" not in answer.text


NEXT = [
    "//evil.example",
    "/\\evil.example",
    "/%09/evil.example",
    "https:evil.example",
    "https://evil.example",
    "javascript:alert(1)",
]
NEXT += [
    "@evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    " //evil.example",
    "data:text/html,x",
    "///evil.example",
    "/\n/evil.example",
]


async def test_signing_in_leads_only_to_this_site(site: LoginSite) -> None:
    """OA-54, WB-24: whatever ``next`` says, signing in leads to a path of this site; a path of it is kept."""
    for leads_to in NEXT:
        browser = site.browser()
        page = await browser.get("/login?next=" + quote(leads_to))
        answer = await browser.post("/login", browser.fields(page, email=EMIL[0], password=EMIL[1], next=leads_to))
        assert answer.status_code == 303
        location = answer.headers["location"]
        assert location.startswith("/"), leads_to
        assert location == "/console" or location == quote(leads_to, safe="/%"), leads_to
        assert not location.startswith(("//", "/\\")), leads_to
    browser = site.browser()
    page = await browser.get("/login?next=" + quote("/console/1?a=b&c=d"))
    answer = await browser.post("/login", browser.fields(page, email=EMIL[0], password=EMIL[1]))
    assert answer.headers["location"] == "/console/1?a=b&c=d"


async def test_the_sign_in_form_of_another_browser_is_refused(site: LoginSite) -> None:
    """WB-04: a sign-in form is of the browser that was given it; without that browser's cookie nobody is signed in."""
    attacker, victim = site.browser(), site.browser()
    pairs = attacker.fields(await attacker.get("/login"), email=EMIL[0], password=EMIL[1])
    assert (await victim.post("/login", pairs)).status_code == 403
    await victim.get("/login")
    assert (await victim.post("/login", pairs)).status_code == 403
    assert not await _signed_in(victim)


FOREIGN = [
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": "http://badge.example.evil.example"},
    {"content-type": "text/plain"},
    {"content-type": "application/json"},
]


async def test_forms_of_other_sites_are_refused(site: LoginSite) -> None:
    """WB-03, WB-04, OA-47: sign-in, sign-out and consent refuse a form that says it comes from elsewhere, or is none."""
    browser = site.browser()
    await browser.sign_in_as("emil")
    out, consent = await browser.get("/logout"), await browser.get(site.dialog(scope="email"))
    login = await browser.get("/login")
    for headers in FOREIGN:
        for path, page, fields in (
            ("/logout", out, {}),
            ("/login", login, {"email": "selma@home.example", "password": "selma has a password"}),
            ("/dialog/step", consent, {"action": "next"}),
        ):
            answer = await browser.post(path, browser.fields(page, **fields), **headers)
            assert answer.status_code in (400, 403), (headers, path)
            assert "location" not in answer.headers
    page = (await browser.get("/logout")).text
    assert "emil@home.example" in page
    assert "selma@home.example" not in page


async def test_forms_need_their_own_token(site: LoginSite) -> None:
    """WB-03: without a token, with another session's, by GET or with a method override, nothing changes."""
    browser, other = site.browser(), site.browser()
    await browser.sign_in_as("emil")
    await other.sign_in_as("selma")
    strange = dict(other.fields(await other.get("/logout"), 1))["csrf"]
    for pairs in ([], [("csrf", "")], [("csrf", strange)], [("csrf", "é" * 40)], [("csrf", "x" * 10_000)]):
        assert (await browser.post("/logout", pairs)).status_code == 403
    assert (
        await browser.client.get("/logout?csrf=x&_method=POST", headers={"x-http-method-override": "POST"})
    ).status_code == 200
    assert (await browser.client.get("/dialog/step")).status_code == 405
    assert await _signed_in(browser)


async def test_pages_cannot_be_framed_or_kept(site: LoginSite) -> None:
    """OA-48, OA-53, WB-01: every answer here, redirects and errors too, forbids framing, sniffing, storing and referrers."""
    browser = site.browser()
    await browser.sign_in_as("emil")
    answers = [
        await browser.client.get(path)
        for path in (
            "/login",
            "/logout",
            "/dialog/oauth",
            site.dialog(),
            site.dialog(scope="nothing"),
            "/login/x",
            "/dialog/step",
        )
    ]
    answers.append(await browser.post("/dialog/step", []))
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"


async def test_links_come_from_the_settings(site: LoginSite) -> None:
    """OA-63: another Host or forwarding header changes no address that a page leads to."""
    browser = site.browser(
        **{"x-forwarded-host": "evil.example", "x-forwarded-proto": "https", "forwarded": "host=evil.example"}
    )
    for answer in (await browser.client.get("/login"), await browser.client.get(site.dialog())):
        assert "evil.example" not in answer.text
        assert "evil.example" not in str(answer.headers)


async def test_a_body_without_end_is_cut_off(site: LoginSite) -> None:
    """A form of more than a megabyte, or of too many fields, is refused with a page."""
    browser = site.browser()
    page = await browser.get("/login")
    large = await browser.post("/login", browser.fields(page, email="x" * 2_000_000, password="x"))
    many = await browser.post("/login", [("email", "x")] * 5_000)
    for answer in (large, many):
        assert answer.status_code in (400, 413)
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


async def test_a_changed_password_ends_sessions_and_tokens(site: LoginSite) -> None:
    """Wire §3.12 (190/460): with a new password the other browsers are signed out, the old one is refused, tokens are dead."""
    here, elsewhere = site.browser(), site.browser()
    token = (await site.exchange(await site.code()))["access_token"]
    await here.sign_in_as("emil")
    await elsewhere.sign_in_as("emil")
    services, account = site.world.services, site.world.people["emil"]
    keep = hash_secret(_cookie(here) or "")
    with pytest.raises(CommandError) as refused:
        await change_password(services, account, "wrong", "a new password", keep, "", site.now)
    assert refused.value.problem is Problem.UNAUTHENTICATED
    with pytest.raises(CommandError) as refused:
        await change_password(services, account, EMIL[1], "short", keep, "", site.now)
    assert refused.value.problem is Problem.INVALID
    assert "error" not in await site.graph("/me", token)
    await change_password(services, account, EMIL[1], "a new password", keep, "", site.now)
    assert await _signed_in(here)
    assert not await _signed_in(elsewhere)
    error = (await site.graph("/me", token))["error"]
    assert (error["code"], error["error_subcode"]) == (190, 460)
    assert WRONG in (await elsewhere.sign_in(*EMIL)).text
    await elsewhere.sign_in(EMIL[0], "a new password")
    assert await _signed_in(elsewhere)


async def test_a_suspended_account_is_signed_out_at_once(site: LoginSite) -> None:
    """A5: a suspended work account has no session any more and cannot sign in; other accounts of the browser stay."""
    made = await site.migrate("emil")
    browser = site.browser()
    await browser.sign_in(made.email, PASSWORD)
    await browser.sign_in_as("selma")
    await membership.suspend_account(site.world.services, made.managed_id, None, site.now)
    page = (await browser.get("/logout")).text
    assert made.email not in page
    assert "selma@home.example" in page
    assert WRONG in (await site.browser().sign_in(made.email, PASSWORD)).text
