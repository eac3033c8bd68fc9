"""What an organization demands of sign-ins, through its Policy page and at every request (O6, O7)."""

from datetime import datetime, timedelta

import httpx
import pytest
from sqlalchemy import select

from workbadge.store.schema import audit

from ._factors import code_at, first_step, hidden, second_step, signed_in
from ._site import EMIL_AT_WORK, Site, at_work, csrf_of, login, make_client

pytestmark = pytest.mark.anyio
TICK = timedelta(microseconds=1)


async def demand(site: Site, client: httpx.AsyncClient, **given: str) -> httpx.Response:
    """Save the policy."""
    path = f"/console/organizations/{site.ids['organization']}/policy"
    page = await client.get(path)
    data = {"csrf": csrf_of(page.text), "demanded": "1", "grace": "14", "session": "", "idle": "", **given}
    return await client.post(path, data={name: text for name, text in data.items() if text != "-"})


async def at(site: Site, instant: datetime) -> None:
    """Move the clock."""
    await site.world.advance(instant)


async def demanded(site: Site, **given: str) -> None:
    """The IT manager, who signs in for it."""
    itta = await site.browser(at_work("itta"))
    assert (await demand(site, itta, **given)).headers["location"].endswith("done=saved")


def key_on(page: str) -> str:
    """The key that a page shows."""
    return page.split('wb-key">')[1].split("<", maxsplit=1)[0].replace(" ", "")


async def test_the_grace_ends_to_the_microsecond_and_then_enrolment_is_all_there_is(site: Site) -> None:
    """O6, AC-44, AC-54: within the grace the password is enough; at its end open sessions are over and a sign-in sets the factor up
    first; personal logins notice nothing."""
    start = site.world.clock.now()
    await demanded(site, grace="1")
    await at(site, start + timedelta(hours=23))
    emil, personal = await site.browser(EMIL_AT_WORK), await site.browser(login("selma"))
    await at(site, start + timedelta(days=1) - TICK)
    assert await signed_in(emil)
    await at(site, start + timedelta(days=1))
    assert not await signed_in(emil) and await signed_in(personal)
    client = make_client(site.world)
    page = await first_step(client, EMIL_AT_WORK, leads_to=site.business)
    assert "Set up a second factor" in page and not await signed_in(client)
    wrong = await second_step(client, page, "12345")
    assert wrong.status_code == 400 and key_on(wrong.text) == key_on(page)
    code = code_at(key_on(page), site.world.clock.now())
    done = await second_step(client, wrong.text, code)
    assert done.status_code == 200 and done.text.count("<li><code>") == 10 and site.business in done.text
    assert (await client.get(site.business)).status_code == 200
    other = make_client(site.world)
    assert "Second step" in await first_step(other, EMIL_AT_WORK)
    replay = await second_step(other, page, code)
    assert replay.status_code == 403 and not await signed_in(other)


async def test_the_grace_does_not_start_anew(site: Site) -> None:
    """O6: neither switching the demand off and on nor a longer grace gives somebody more time."""
    start = site.world.clock.now()
    await demanded(site, grace="1")
    await site.browser(EMIL_AT_WORK)
    itta = await site.browser(at_work("itta"))
    assert (await demand(site, itta, demanded="-")).status_code == 303
    await at(site, start + timedelta(hours=1))
    assert (await demand(site, itta, grace="30")).status_code == 303
    await at(site, start + timedelta(days=1) - TICK)
    assert "Set up" not in await first_step(make_client(site.world), EMIL_AT_WORK)
    await at(site, start + timedelta(days=1))
    assert "Set up a second factor" in await first_step(make_client(site.world), EMIL_AT_WORK)


async def test_shorter_sessions_hold_at_once_and_to_the_microsecond(site: Site) -> None:
    """AC-54: an organization's absolute and idle limits end its own accounts' sign-ins alone, exactly, also in sessions that are
    open; who is gone does not come back because another login of the browser goes on."""
    client = await site.browser(EMIL_AT_WORK, login("selma"))
    start = site.world.clock.now()
    await demanded(site, demanded="-", session="60", idle="20")
    await at(site, start + timedelta(minutes=20) - TICK)
    assert EMIL_AT_WORK[0] in (await client.get("/console/account")).text
    seen = site.world.clock.now()
    await at(site, seen + timedelta(minutes=20))
    for _ in range(2):
        page = (await client.get("/console/account")).text
        assert EMIL_AT_WORK[0] not in page and login("selma")[0] in page
        await at(site, site.world.clock.now() + timedelta(minutes=1))
    again = await site.browser(EMIL_AT_WORK)
    began = site.world.clock.now()
    for minutes in (15, 30, 45):
        await at(site, began + timedelta(minutes=minutes))
        assert await signed_in(again)
    await at(site, began + timedelta(hours=1) - TICK)
    assert await signed_in(again)
    await at(site, began + timedelta(hours=1))
    assert not await signed_in(again)


async def test_nobody_is_locked_out_by_a_demand(site: Site) -> None:
    """O7: whoever demands a second factor without a grace, and has none, sets it up at the next sign-in and is back; the change has
    one audit entry (I11)."""
    itta = await site.browser(at_work("itta"))
    await demand(site, itta, grace="0")
    assert not await signed_in(itta)
    page = await first_step(itta, at_work("itta"))
    done = await second_step(itta, page, code_at(key_on(page), site.world.clock.now()))
    assert done.status_code == 200 and await signed_in(itta)
    policy = f"/console/organizations/{site.ids['organization']}/policy"
    assert "checked" in (await itta.get(policy)).text
    async with site.world.services.store.read() as tx:
        acts = await tx.rows(select(audit.c.act).where(audit.c.act == "organization.policy"))
    assert len(acts) == 1


async def test_a_factor_demands_a_young_proof_for_the_policy(site: Site) -> None:
    """AC-50: an admin with a second factor proves it once more, if that was longer ago than ten minutes, before the policy
    changes."""
    await demanded(site, grace="0")
    itta = make_client(site.world)
    page = await first_step(itta, at_work("itta"))
    await second_step(itta, page, code_at(key_on(page), site.world.clock.now()))
    await at(site, site.world.clock.now() + timedelta(minutes=10))
    asked = await demand(site, itta, demanded="-")
    assert asked.status_code == 303 and "/console/account/confirm/" in asked.headers["location"]
    policy = f"/console/organizations/{site.ids['organization']}/policy"
    assert "checked" in (await itta.get(policy)).text


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"grace": "91"}, "0 to 90 days"),
        ({"grace": "-1"}, "not a whole number"),
        ({"session": "14"}, "15 minutes"),
        ({"session": "721"}, "what the platform allows"),
        ({"idle": "4"}, "5 minutes"),
        ({"idle": "99999999"}, "not a whole number"),
        ({"idle": "\u0661\u0662"}, "not a whole number"),
    ],
)
async def test_lengths_out_of_bounds_are_refused_at_their_field(shared: Site, given: dict[str, str], says: str) -> None:
    """O6: a length that cannot be used is named, with what can be, and nothing is saved."""
    client = await shared.browser(at_work("itta"))
    before = await shared.dump()
    answer = await demand(shared, client, **given)
    assert answer.status_code == 400 and says in answer.text
    assert hidden(answer.text, "csrf")
    assert await shared.dump() == before
