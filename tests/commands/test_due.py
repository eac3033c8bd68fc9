"""Due work: order, once each, failures, crashes, and which mails go out (B5, L5, M3, S2; FT-04, FT-05, FT-26, FT-28)."""

import asyncio
from datetime import datetime

import pytest
from sqlalchemy import select

from workbadge.commands import claim, due, membership, migration, outbox, portfolio
from workbadge.commands import due as due_work
from workbadge.commands import parked as parked_work
from workbadge.commands.errors import CommandError
from workbadge.lifecycle.changes import DueKind
from workbadge.store import due as rows
from workbadge.store import schema
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import Role

from ._world import T0, TICK, World

pytestmark = pytest.mark.anyio


async def mails(world: World, kind: str) -> list[datetime]:
    """Instants of the mails of a kind."""
    return [sent.at for sent in await world.outbox() if sent.channel == "mail" and sent.kind == kind]


async def test_everything_happens_in_order_and_at_its_own_instant(world: World) -> None:
    """One run long afterwards does the same, in the same order, as many runs on time (S2, FT-28)."""
    await world.consent(world.people["emil"], "tokens", ("page",))
    started = await world.start("emil", deadline=T0 + 40 * DAY)
    await world.claim(started, "emil", T0 + DAY)
    ran = await due.run(world.services, T0 + 400 * DAY)
    cut_off = T0 + 31 * DAY
    assert [(one.kind, one.at) for one in ran] == [
        *(("remind_reconnect", cut_off - days * DAY) for days in (14, 7, 3, 1)),
        ("cut_off", cut_off),
    ]
    assert await mails(world, "reconnect_reminder") == [cut_off - days * DAY for days in (14, 7, 3, 1)]
    subjects = [sent.subject for sent in await world.outbox() if sent.kind == "reconnect_reminder"]
    assert subjects[0] == "14 days left to reconnect 1 app in Harbour"
    assert subjects[-1] == "1 day left to reconnect 1 app in Harbour"
    assert await due.run(world.services, T0 + 400 * DAY) == []


async def test_work_becomes_due_at_its_instant(world: World) -> None:
    """A microsecond before the cut-off its mail does not go out; at it, it does."""
    started = await world.start("emil")
    await world.claim(started, "emil", T0)
    assert await due.run(world.services, T0 + 30 * DAY - TICK) != []
    assert await mails(world, "cut_off") == []
    assert [one.kind for one in await due.run(world.services, T0 + 30 * DAY)] == ["cut_off"]
    assert len(await mails(world, "cut_off")) == 1


async def test_several_workers_do_each_thing_once(world: World, second: World) -> None:
    """Two workers over one database send every mail exactly once (FT-28)."""
    await world.consent(world.people["emil"], "tokens", ("page",))
    await world.consent(world.people["selma"], "tokens", ("page",))
    people = ["ada", "bob", "emil", "selma"]
    wanted = [migration.NewPerson(world.people[name], f"{name}@work.example") for name in people]
    await migration.start_migration(world.services, world.business, wanted, None, T0, T0 + 30 * DAY)
    done = await asyncio.gather(*(due.run(one.services, T0 + 31 * DAY) for one in (world, second, world, second)))
    left = await due.run(world.services, T0 + 31 * DAY)
    ran = [one for part in (*done, left) for one in part]
    assert len(ran) == 4 * 6
    assert len({(one.at, one.kind, one.subject) for one in ran}) == len(ran)
    assert len(await mails(world, "invitation")) == 4
    assert len(await mails(world, "claim_reminder")) == 4 * 4
    assert len(await mails(world, "deadline_missed")) == 3  # the last admin keeps the place until the claim (I9)


async def test_a_failure_leaves_nothing_half_done(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """When writing the outbox fails, the row stays due and nothing of it stands; later it is done once (FT-05, I12)."""
    await migration.start_migration(
        world.services,
        world.business,
        [migration.NewPerson(world.people["emil"], "emil@work.example")],
        None,
        T0,
    )
    whole = outbox.enqueue

    async def breaks(*args: object) -> None:
        await whole(*args)  # type: ignore[arg-type]
        raise OSError("the disk is full")

    monkeypatch.setattr(due_work, "enqueue", breaks)
    assert await due.run(world.services, T0) == []
    assert await world.outbox() == []
    monkeypatch.undo()
    assert await due.run(world.services, T0 + due.RETRY - TICK) == []
    assert [one.kind for one in await due.run(world.services, T0 + due.RETRY)] == ["invite"]
    assert len(await mails(world, "invitation")) == 1


async def test_what_always_fails_is_parked_and_the_rest_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that fails five times is set aside with its error; other rows are not held up meanwhile (FT-26)."""
    started = await migration.start_migration(
        world.services,
        world.business,
        [migration.NewPerson(world.people[name], f"{name}@work.example") for name in ("emil", "selma")],
        None,
        T0,
    )
    poison = next(one.person_id for one in started.people if one.personal_id == world.people["emil"])
    whole = due_work._WORK[DueKind.INVITE]

    async def breaks(case: due_work._Case) -> None:
        if case.row.id == poison:
            raise ValueError("cannot be read")
        await whole(case)

    monkeypatch.setitem(due_work._WORK, DueKind.INVITE, breaks)
    now = T0
    for _ in range(10):
        await due.run(world.services, now)
        now += DAY
    assert [sent.address for sent in await world.outbox()] == ["selma@work.example"]
    async with world.services.store.read() as tx:
        parked = await rows.list_parked(tx, 10)
    assert [(row.subject, row.tries, row.last_error) for row in parked] == [(poison, 5, "ValueError: cannot be read")]
    monkeypatch.undo()
    assert await due.run(world.services, now) == []


async def test_what_was_given_up_can_be_tried_again_or_dropped(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """FT-26: an operator sees each parked row with its person, business and error; one that is tried again is carried out as of
    its own instant, one that is dropped never; both leave one audit entry, and neither is parked any more."""
    services = world.services

    async def breaks(case: due_work._Case) -> None:
        raise ValueError("cannot be read")

    monkeypatch.setitem(due_work._WORK, DueKind.INVITE, breaks)
    people = [migration.NewPerson(world.people[name], f"{name}@work.example") for name in ("emil", "selma")]
    await migration.start_migration(services, world.business, people, None, T0)
    now = T0
    for _ in range(10):
        await due.run(services, now)
        now += DAY
    monkeypatch.undo()
    async with services.store.read() as tx:
        given_up = {one.email: one for one in await parked_work.list_parked(tx, 10)}
        assert await rows.count_parked(tx) == 2
    emil, selma = given_up["emil@work.example"], given_up["selma@work.example"]
    assert (emil.kind, emil.tries, emil.error, emil.at) == ("invite", 5, "ValueError: cannot be read", T0)
    assert emil.business == "Harbour"
    async with services.store.write() as tx:
        await parked_work.retry_parked(tx, services, emil.id, now)
        await parked_work.drop_parked(tx, services, selma.id, now)
    for again in (parked_work.retry_parked, parked_work.drop_parked):
        async with services.store.write() as tx:
            with pytest.raises(CommandError):
                await again(tx, services, selma.id, now)
    assert [(one.at, one.kind) for one in await due.run(services, now)] == [(T0, "invite")]
    assert [sent.address for sent in await world.outbox()] == ["emil@work.example"]
    async with services.store.read() as tx:
        assert await rows.count_parked(tx) == 0
        acts = [row.act for row in await tx.rows(select(schema.audit.c.act).where(schema.audit.c.act.like("due.%")))]
    assert sorted(acts) == ["due.drop", "due.retry"]


async def test_reminders_stop_once_everything_is_covered(world: World) -> None:
    """After the last missing asset was selected again no reminder goes out; a partly covered app is still named (B5)."""
    await world.consent(world.people["emil"], "tokens", ("page", "ads"))
    started = await world.start("emil")
    done = await world.claim(started, "emil", T0)
    await world.consent(done.managed_id, "tokens", ("page",), T0 + DAY)
    await due.run(world.services, T0 + 16 * DAY)
    assert await mails(world, "reconnect_reminder") == [T0 + 16 * DAY]
    assert "App tokens (1 of 2 assets connected again)" in (await world.outbox())[-1].body
    await world.consent(done.managed_id, "tokens", ("page", "ads"), T0 + 17 * DAY)
    await due.run(world.services, T0 + 30 * DAY)
    assert await mails(world, "reconnect_reminder") == [T0 + 16 * DAY]
    assert "connected again in time" in next(
        one.body for one in await world.outbox() if one.kind == "cut_off" and one.channel == "mail"
    )


async def test_the_mail_after_the_claim_names_help_and_support(world: World) -> None:
    """It lists each affected app with help address, support e-mail and where to reconnect (B4)."""
    await world.consent(world.people["emil"], "tokens", ("page",))
    await world.system_user("system", ("page",))
    started = await world.start("emil")
    await world.claim(started, "emil", T0)
    body = next(sent.body for sent in await world.outbox() if sent.kind == "claimed")
    assert "App tokens" in body
    assert "https://tokens.example/help" in body
    assert "help@tokens.example" in body
    assert "/dialog/oauth?client_id=" in body
    assert "App system" not in body


async def test_who_was_removed_hears_nothing_more(world: World) -> None:
    """Neither reminders nor the news of a missed deadline go to somebody who was removed meanwhile (M18)."""
    await world.start("emil", deadline=T0 + 20 * DAY)
    place = (await world.people_list(T0))["emil@home.example"]
    await membership.remove_member(world.services, world.business, place, None, T0 + DAY)
    await due.run(world.services, T0 + 40 * DAY)
    assert {kind for kind, _ in await world.kinds()} == {"invitation"}
    async with world.services.store.read() as tx:
        acts = [row.act for row in await tx.rows(select(schema.audit.c.act))]
    assert "migration.deadline_missed" not in acts


async def test_who_was_removed_and_came_back_is_invited_anew(world: World) -> None:
    """Rejoining makes a new invitation possible; the old link is dead, the new one works (M18, AC-36)."""
    from_before = world.people["emil"]
    await world.start("emil")
    old_link = await world.link("emil")
    place = (await world.people_list(T0))["emil@home.example"]
    await membership.remove_member(world.services, world.business, place, None, T0 + DAY)
    with pytest.raises(CommandError):
        await world.confirm(old_link, "emil", T0 + DAY)
    await rejoin(world, from_before, T0 + 2 * DAY)
    await world.start("emil", now=T0 + 3 * DAY)
    new_link = await world.link("emil")
    with pytest.raises(CommandError):
        await world.confirm(old_link, "emil", T0 + 3 * DAY)
    done = await world.confirm(new_link, "emil", T0 + 3 * DAY)
    assert done.cut_off == T0 + 33 * DAY


async def test_who_missed_the_deadline_and_came_back_has_one_invitation(world: World) -> None:
    """Once somebody is a member again and invited anew, the link of the missed invitation is dead (M10, M18)."""
    await world.start("emil", deadline=T0 + DAY)
    old_link = await world.link("emil")
    await rejoin(world, world.people["emil"], T0 + 2 * DAY)
    await world.start("emil", now=T0 + 3 * DAY)
    with pytest.raises(CommandError):
        await world.confirm(old_link, "emil", T0 + 3 * DAY)
    await world.confirm(await world.link("emil"), "emil", T0 + 3 * DAY)


async def rejoin(world: World, account_id: int, now: datetime) -> None:
    """Put an account into the business again."""
    async with world.services.store.write() as tx:
        await portfolio.add_member(
            tx,
            world.services,
            account_id,
            world.business,
            Role.EMPLOYEE,
            world.tasks(),
            None,
            now,
        )


async def test_a_worker_and_an_admin_do_not_block_each_other(world: World, second: World) -> None:
    """Extending, claiming and excluding while a worker sends mails always finishes, with no deadlock (FT-16)."""
    names = ("ada", "bob", "emil", "selma")
    started = await world.start(*names)
    for name in ("emil", "selma"):
        await world.consent(world.people[name], "tokens", ("page",))
        await migration_claim(world, started.migration_id, name)

    async def admin() -> None:
        for day in range(31, 41):
            for name in ("emil", "selma"):
                await migration.extend_grace(
                    second.services,
                    started.migration_id,
                    world.people[name],
                    T0 + day * DAY,
                    None,
                    T0,
                )

    async def worker() -> None:
        for _ in range(20):
            await due.run(world.services, T0)
            await asyncio.sleep(0)

    async with asyncio.timeout(60):
        await asyncio.gather(admin(), worker(), worker())
    await due.run(world.services, T0)
    async with world.services.store.read() as tx:
        waiting = await rows.list_due(tx, 100)
    assert {row.at for row in waiting if row.kind == "cut_off"} == {T0 + 40 * DAY}
    assert len([row for row in waiting if row.kind == "cut_off"]) == 2


async def migration_claim(world: World, migration_id: int, name: str) -> None:
    """A claim without sending what follows."""
    await claim.claim_for(world.services, migration_id, world.people[name], T0)
