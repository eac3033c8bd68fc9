"""Second factors, recovery codes and sessions of one's own login, through the pages (O6; attacks.md §5)."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select

from workbadge.console.routes import ROUTES
from workbadge.store.schema import account, audit, factor, recovery_code

from ._factors import code_at, enrol, first_step, hidden, path_of, second_step, signed_in
from ._site import EMIL_AT_WORK, PASSWORD, Site, csrf_of, login, make_client

pytestmark = pytest.mark.anyio


async def advance(site: Site, **time: float) -> None:
    """Let time pass."""
    await site.world.advance(site.world.clock.now() + timedelta(**time))


async def protect(site: Site) -> tuple[str, list[str]]:
    """Selma has an authenticator app; half an hour later."""
    client = await site.browser(login("selma"))
    key, codes = await enrol(site, client, path_of(site))
    await advance(site, minutes=30)
    return key, codes


async def test_a_second_factor_is_asked_for_at_the_next_sign_in(site: Site) -> None:
    """O6, AC-44: after enrolment the password alone signs nobody in; the code of the app does, and leads on."""
    here = await site.browser(login("selma"))
    key, codes = await enrol(site, here, path_of(site))
    assert len(set(codes)) == 10 and await signed_in(here)
    shown = (await here.get(path_of(site))).text
    assert ("Authenticator app" in shown and "Ten codes are left" in shown) or "10 codes are left" in shown
    await advance(site, minutes=1)
    client = make_client(site.world)
    page = await first_step(client, leads_to=site.business)
    assert "second factor" in page and not await signed_in(client)
    done = await second_step(client, page, f" {code_at(key, site.world.clock.now())} ")
    assert (done.status_code, done.headers["location"]) == (303, site.business)
    assert (await client.get(site.business)).status_code == 200
    assert "with a second factor" in (await client.get(path_of(site))).text


async def test_with_half_a_sign_in_only_the_factor_page_works(site: Site) -> None:
    """AC-44: with a proven password and no second step every page of the console and the dialog sends to the sign-in page."""
    await protect(site)
    client = make_client(site.world)
    await first_step(client)
    for route in ROUTES:
        if route.path in ("/console/outbox",) or "{link}" in route.path or "GET" not in (route.methods or ()):
            continue
        path = route.path.format(**{**site.ids, "account": site.ids["person:Selma Second"]})
        answer = await client.get(path)
        assert answer.status_code == 303 and "/login?next=" in answer.headers["location"], path
    assert "Signed in here" not in (await client.get("/logout")).text


async def test_the_half_of_another_browser_or_of_long_ago_is_worth_nothing(site: Site) -> None:
    """AC-44: what the first step gave is of one browser, for ten minutes, and dead when the password changes."""
    key, _ = await protect(site)
    mine, thief = make_client(site.world), make_client(site.world)
    page, other = await first_step(mine), await first_step(thief)
    swapped = {"csrf": csrf_of(other), "waiting": hidden(page, "waiting"), "next": "/console"}
    answer = await thief.post("/login/second", data={**swapped, "code": code_at(key, site.world.clock.now())})
    assert answer.status_code == 403 and not await signed_in(thief)
    await advance(site, minutes=10)
    late = await second_step(mine, page, code_at(key, site.world.clock.now()))
    assert late.status_code == 403 and not await signed_in(mine)
    page = await first_step(mine)
    await advance(site, minutes=1)
    async with site.world.services.store.write() as tx:
        changed = {"password_changed_at": site.world.clock.now()}
        await tx.run(account.update().where(account.c.id == site.ids["person:Selma Second"]).values(**changed))
    stale = await second_step(mine, page, code_at(key, site.world.clock.now()))
    assert stale.status_code == 403 and not await signed_in(mine)


@pytest.mark.parametrize(
    "make",
    [
        lambda code: code[:5],
        lambda code: code + "0",
        lambda code: code[:3] + " " + code[3:],
        lambda code: "".join(chr(ord(one) + 0xFEE0) for one in code),
        lambda code: "",
        lambda code: "0x" + code[2:],
        lambda code: "+" + code[1:],
        lambda code: "x" * 5000,
    ],
)
async def test_codes_of_another_form_are_refused(site: Site, make: object) -> None:
    """AC-41: exactly six ASCII digits pass, after blanks around them are dropped."""
    key, _ = await protect(site)
    client = make_client(site.world)
    page = await first_step(client)
    code = code_at(key, site.world.clock.now())
    assert (await second_step(client, page, make(code))).status_code == 401  # type: ignore[operator]
    assert not await signed_in(client)
    assert (await second_step(client, page, code)).status_code == 303


async def test_neighbouring_steps_pass_once_and_further_ones_never(site: Site) -> None:
    """AC-41: the steps before and after the present one pass; two steps off, or a step that was used, do not."""
    key, _ = await protect(site)
    now = site.world.clock.now()
    client = make_client(site.world)
    page = await first_step(client)
    for steps, status in ((-2, 401), (2, 401), (-1, 303), (-1, 401), (0, 303), (1, 303), (0, 401), (1, 401)):
        answer = await second_step(client, page, code_at(key, now, steps))
        assert answer.status_code == status, steps


async def test_one_code_in_two_browsers_at_once_signs_in_one(site: Site) -> None:
    """AC-41: of several browsers that send one code at once, one is signed in."""
    key, _ = await protect(site)
    clients = [make_client(site.world) for _ in range(3)]
    pages = [await first_step(one) for one in clients]
    code = code_at(key, site.world.clock.now())
    answers = await asyncio.gather(*(second_step(c, p, code) for c, p in zip(clients, pages, strict=True)))
    assert sorted(one.status_code for one in answers) == [303, 401, 401]


async def test_guessing_is_slowed_down_per_account_whatever_the_browser(site: Site) -> None:
    """AC-42: after five wrong codes from five browsers even the right one waits; a recovery code still works meanwhile."""
    key, codes = await protect(site)
    wrong = "000000" if code_at(key, site.world.clock.now()) != "000000" else "000001"
    for _ in range(5):
        client = make_client(site.world)
        assert (await second_step(client, await first_step(client), wrong)).status_code == 401
    client = make_client(site.world)
    page = await first_step(client)
    slowed = await second_step(client, page, code_at(key, site.world.clock.now()))
    assert slowed.status_code == 429 and "Please wait" in slowed.text
    assert (await second_step(client, page, codes[0])).status_code == 303
    await advance(site, minutes=5)
    again = make_client(site.world)
    page = await first_step(again)
    assert (await second_step(again, page, code_at(key, site.world.clock.now()))).status_code == 303


async def test_recovery_codes_work_once_and_die_with_new_ones(site: Site) -> None:
    """AC-47: a recovery code signs in once, however it is typed; new codes kill the old; the database holds hashes alone."""
    _, codes = await protect(site)
    clients = [make_client(site.world) for _ in range(2)]
    pages = [await first_step(one) for one in clients]
    answers = await asyncio.gather(*(second_step(c, p, codes[0]) for c, p in zip(clients, pages, strict=True)))
    assert sorted(one.status_code for one in answers) == [303, 401]
    client = make_client(site.world)
    page = await first_step(client)
    assert (await second_step(client, page, codes[1].upper().replace("-", " "))).status_code == 303
    form = csrf_of((await client.get(path_of(site))).text)
    made = await client.post(path_of(site), data={"csrf": form, "action": "renew"})
    assert made.status_code == 200 and codes[2] not in made.text
    other = make_client(site.world)
    assert (await second_step(other, await first_step(other), codes[2])).status_code == 401
    async with site.world.services.store.read() as tx:
        stored = repr(await tx.rows(select(recovery_code)))
    assert not any(one in stored or one.replace("-", "") in stored for one in codes)


async def test_key_and_codes_are_never_told_again(site: Site) -> None:
    """AC-43: after enrolment no page, and no column in plain, holds the key, a code, or a recovery code."""
    key, codes = await protect(site)
    client = make_client(site.world)
    page = await first_step(client)
    answers = [page, (await second_step(client, page, "123456")).text]
    answers.append((await second_step(client, page, code_at(key, site.world.clock.now()))).text)
    answers += [(await client.get(path)).text for path in (path_of(site), "/console/account")]
    stored = repr(await site.dump())
    for secret in (key, *codes, code_at(key, site.world.clock.now())):
        assert not any(secret in one for one in (*answers, stored))


async def test_a_factor_is_removed_only_with_a_young_proof(site: Site) -> None:
    """AC-50, AC-51: removing asks for a proof of this session under ten minutes old; proving makes a new session; then the
    password is enough again and the recovery codes are void."""
    key, codes = await protect(site)
    client = make_client(site.world)
    page = await first_step(client)
    assert (await second_step(client, page, code_at(key, site.world.clock.now()))).status_code == 303
    async with site.world.services.store.read() as tx:
        row = await tx.one(select(factor.c.id))
    assert row is not None

    async def remove() -> str:
        form = csrf_of((await client.get(path_of(site))).text)
        answer = await client.post(path_of(site), data={"csrf": form, "action": "remove", "factor": str(row.id)})
        assert answer.status_code == 303
        return str(answer.headers["location"])

    await advance(site, minutes=10)
    asked = await remove()
    assert "/console/account/confirm/" in asked
    old = client.cookies["wb"]
    page = (await client.get(asked)).text
    refused = await client.post(asked.partition("?")[0], data={"csrf": csrf_of(page), "proof": PASSWORD})
    assert refused.status_code == 400
    proof = {"csrf": csrf_of(page), "proof": code_at(key, site.world.clock.now()), "next": path_of(site)}
    done = await client.post(asked.partition("?")[0], data=proof)
    assert (done.status_code, done.headers["location"]) == (303, path_of(site))
    thief = make_client(site.world)
    thief.cookies.set("wb", old)
    assert client.cookies["wb"] != old and not await signed_in(thief)
    assert "done=factor-removed" in await remove()
    other = make_client(site.world)
    await first_step(other)
    assert await signed_in(other)
    async with site.world.services.store.read() as tx:
        assert not await tx.rows(select(recovery_code)) and codes
        acts = [one.act for one in await tx.rows(select(audit.c.act).where(audit.c.act.like("account.factor%")))]
    assert sorted(acts) == ["account.factor_added", "account.factor_removed"]


async def test_a_key_is_of_one_page_one_session_and_one_login(site: Site) -> None:
    """AC-46: enrolling with another session's page, an old page, or long after signing in is refused."""
    here, there = await site.browser(login("selma")), await site.browser(login("ada"))
    selma, ada = path_of(site), f"/console/account/security/{await _id(site, 'ada@mail.example')}"
    page, other = (await here.get(selma + "/app")).text, (await there.get(ada + "/app")).text
    key = page.split('wb-key">')[1].split("<")[0].replace(" ", "")
    code = code_at(key, site.world.clock.now())
    stolen = {"csrf": csrf_of(other), "key": hidden(page, "key"), "code": code}
    assert (await there.post(ada + "/app", data=stolen)).status_code == 409
    assert (await there.post(selma + "/app", data=stolen)).status_code == 404
    await advance(site, minutes=10)
    mine = {"csrf": csrf_of(page), "key": hidden(page, "key"), "code": code_at(key, site.world.clock.now())}
    asked = await here.post(selma + "/app", data=mine)
    assert asked.status_code == 303 and "/console/account/confirm/" in asked.headers["location"]
    asked = await here.get(selma + "/app")
    assert asked.status_code == 303 and "/console/account/confirm/" in asked.headers["location"]
    async with site.world.services.store.read() as tx:
        assert not await tx.rows(select(factor))


async def _id(site: Site, email: str) -> int:
    async with site.world.services.store.read() as tx:
        row = await tx.one(select(account.c.id).where(account.c.email == email))
    assert row is not None
    return int(row.id)


async def test_a_wrong_first_code_adds_nothing(site: Site) -> None:
    """AC-46: the key is kept only once a code shows that an app has it; the same page can be tried again."""
    client = await site.browser(login("selma"))
    path = path_of(site)
    page = (await client.get(path + "/app")).text
    data = {"csrf": csrf_of(page), "key": hidden(page, "key"), "code": "12345"}
    answer = await client.post(path + "/app", data=data)
    assert answer.status_code == 400 and "This is not the code of the key above" in answer.text
    async with site.world.services.store.read() as tx:
        assert not await tx.rows(select(factor))
    key = page.split('wb-key">')[1].split("<")[0].replace(" ", "")
    assert key == answer.text.split('wb-key">')[1].split("<")[0].replace(" ", "")
    data = {**data, "key": hidden(answer.text, "key"), "code": code_at(key, site.world.clock.now())}
    assert (await client.post(path + "/app", data=data)).status_code == 200


async def test_two_logins_of_one_browser_keep_how_each_was_proven(site: Site) -> None:
    """O6: signing somebody else in does not change how the first login was proven."""
    key, _ = await protect(site)
    client = make_client(site.world)
    page = await first_step(client)
    assert (await second_step(client, page, code_at(key, site.world.clock.now()))).status_code == 303
    await first_step(client, EMIL_AT_WORK)
    assert "with a second factor" in (await client.get(path_of(site))).text


async def test_sessions_are_listed_and_ended(site: Site) -> None:
    """AC-52: one other browser, then all others, are signed out at once; this one stays, and nobody else's can be ended."""
    here = await site.browser(login("selma"))
    others = []
    for agent in ("Mozilla/5.0 (Windows NT 10.0) Firefox/140.0", "Mozilla/5.0 (iPhone) Safari/605", ""):
        client = make_client(site.world)
        client.headers["user-agent"] = agent
        await first_step(client)
        others.append(client)
    page = (await here.get(path_of(site))).text
    for text in ("Firefox on Windows", "Safari on iPhone", "Unknown browser", "This browser"):
        assert text in page, text
    phone = page.split("Safari on iPhone")[1]
    ended = {"csrf": csrf_of(page), "action": "end", "session": hidden(phone, "session")}
    ada = await site.browser(login("ada"))
    hers = f"/console/account/security/{await _id(site, 'ada@mail.example')}"
    form = csrf_of((await ada.get(hers)).text)
    assert (await ada.post(hers, data={**ended, "csrf": form})).status_code == 404
    assert (await here.post(path_of(site), data=ended)).headers["location"].endswith("done=signed-out")
    assert [await signed_in(one) for one in others] == [True, False, True]
    assert (await here.post(path_of(site), data=ended)).status_code == 404
    await here.post(path_of(site), data={"csrf": csrf_of(page), "action": "end_others"})
    assert [await signed_in(one) for one in (*others, here)] == [False, False, False, True]


async def test_dangerous_acts_ask_a_protected_login_for_a_young_proof(site: Site) -> None:
    """AC-50: roles, system users, the start of a migration and roles in the organization wait for a proof under ten minutes old of a
    login that has a factor; nothing was changed meanwhile, and after the proof it goes on."""
    client = await site.browser(login("ada"))
    ada = f"/console/account/security/{await _id(site, 'ada@mail.example')}"
    key, _ = await enrol(site, client, ada)
    await advance(site, minutes=10)
    form = csrf_of((await client.get(ada)).text)
    before = await site.dump()
    role = f"{site.business}/people/{site.ids['membership']}/role"
    acts = {
        role: {"role": "EMPLOYEE"},
        f"{site.business}/system-users": {"name": "Robot"},
        f"{site.business}/migration/plan": {"action": "start"},
        f"/console/organizations/{site.ids['organization']}/roles": {"action": "take", "account": site.ids["person"]},
    }
    asked = ""
    for path, data in acts.items():
        answer = await client.post(path, data={"csrf": form, **data})
        asked = answer.headers.get("location", "")
        assert answer.status_code == 303 and "/console/account/confirm/" in asked, path
    assert await site.dump() == before
    page = (await client.get(asked)).text
    proof = {"csrf": csrf_of(page), "proof": code_at(key, site.world.clock.now()), "next": f"{site.business}/people"}
    done = await client.post(asked.partition("?")[0], data=proof)
    assert done.headers["location"] == f"{site.business}/people"
    form = csrf_of((await client.get(ada)).text)
    changed = await client.post(role, data={"csrf": form, "role": "EMPLOYEE"})
    assert "done=saved" in changed.headers["location"]


async def test_a_new_password_keeps_how_the_login_was_proven(site: Site) -> None:
    """AC-50, AC-51: after a change of the password the session is a new one, still known for its second factor, and no younger."""
    key, _ = await protect(site)
    client = make_client(site.world)
    page = await first_step(client)
    await second_step(client, page, code_at(key, site.world.clock.now()))
    await advance(site, minutes=10)
    path, old = path_of(site).replace("/security/", "/password/"), client.cookies["wb"]
    form = csrf_of((await client.get(path)).text)
    given = {"csrf": form, "present": PASSWORD, "new": "a new password", "again": "a new password"}
    assert (await client.post(path, data=given)).status_code == 303
    assert client.cookies["wb"] != old
    assert "with a second factor" in (await client.get(path_of(site))).text
    asked = await client.get(path_of(site) + "/app")
    assert asked.status_code == 303 and "/console/account/confirm/" in asked.headers["location"]
