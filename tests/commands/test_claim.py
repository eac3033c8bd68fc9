"""Claims: links, proofs, races, late ones, and what they write (M4, M5, M9, M10, M14, M18; AC-22 to AC-28)."""

import asyncio

import pytest
from sqlalchemy import func, select

from workbadge.commands import claim, due, migration, portfolio
from workbadge.commands.authority import may_open
from workbadge.commands.claim import ClaimProof
from workbadge.commands.errors import CommandError, Problem
from workbadge.commands.migration import NewPerson
from workbadge.keys import hash_secret
from workbadge.store import migrations, schema
from workbadge.store.audit import list_entries
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import Role

from ._world import PASSWORD, T0, TICK, World

pytestmark = pytest.mark.anyio


async def refusal(work: object) -> CommandError:
    """The error with which a command refuses."""
    with pytest.raises(CommandError) as caught:
        await work  # type: ignore[misc]
    return caught.value


async def count_rows(world: World) -> dict[str, int]:
    """Rows of every table."""
    async with world.services.store.read() as tx:
        found = {}
        for table in schema.metadata.sorted_tables:
            row = await tx.one(select(func.count().label("n")).select_from(table))
            assert row is not None
            found[table.name] = row.n
        return found


async def test_looking_at_a_link_uses_nothing_up(world: World) -> None:
    """A link can be opened any number of times and then still be claimed (AC-23)."""
    await world.start("emil")
    link = await world.link("emil")
    before = await count_rows(world)
    for _ in range(3):
        async with world.services.store.read() as tx:
            view = await claim.open_claim(tx, world.services, link, T0)
    assert await count_rows(world) == before
    assert (view.personal_name, view.business_name, view.organization_name) == (
        "Emil",
        "Harbour",
        "Group",
    )
    assert {one.name for one in view.assets} == {
        "page",
        "page2",
        "ads",
        "catalog",
        "pixel",
    }
    assert view.cut_off_if_now == T0 + 30 * DAY
    await world.confirm(link, "emil", T0)


async def test_a_link_works_until_it_expires(world: World) -> None:
    """A microsecond before its end a link is claimed, at its end it is not (AC-22)."""
    end = T0 + world.services.policy.claim_link
    await world.start("emil", "selma")
    late, early = await world.link("selma"), await world.link("emil")
    async with world.services.store.read() as tx:
        assert (await claim.open_claim(tx, world.services, late, end - TICK)).link_expires == end
        assert (await refusal(claim.open_claim(tx, world.services, late, end))).message == claim.NEUTRAL
    refused = await refusal(world.confirm(late, "selma", end))
    assert refused.message == claim.NEUTRAL
    await world.confirm(early, "emil", end - TICK)


async def test_every_unusable_link_reads_alike(world: World) -> None:
    """Unknown, used, resent, excluded and foreign links give one answer, for looking and for claiming (AC-22, AC-24)."""
    started = await world.start("ada", "emil", "selma", "bob")
    links = {name: await world.link(name) for name in ("ada", "emil", "selma", "bob")}
    await world.confirm(links["emil"], "emil", T0)
    await migration.resend_invitation(world.services, started.migration_id, world.people["selma"], None, T0)
    await migration.exclude_person(world.services, started.migration_id, world.people["bob"], None, T0)
    answers = [
        await refusal(world.confirm("nosuchlink", "emil", T0)),
        await refusal(world.confirm(links["emil"], "emil", T0)),
        await refusal(world.confirm(links["selma"], "selma", T0)),
        await refusal(world.confirm(links["bob"], "bob", T0)),
        await refusal(world.confirm(links["ada"], "bob", T0)),
    ]
    for link in ("nosuchlink", links["emil"], links["selma"], links["bob"]):
        async with world.services.store.read() as tx:
            answers.append(await refusal(claim.open_claim(tx, world.services, link, T0)))
    assert {(one.problem, one.message, one.expected) for one in answers} == {
        (Problem.NOT_FOUND, claim.NEUTRAL, claim.NEUTRAL_EXPECTED)
    }
    await due.run(world.services, T0)
    await world.confirm(await world.link("selma"), "selma", T0)


async def test_a_forwarded_link_leaves_a_trace(world: World) -> None:
    """Somebody else's try is refused, changes nothing and stands in the audit (AC-24, I11)."""
    await world.start("emil")
    link = await world.link("emil")
    before = await world.rights_of("emil")
    await refusal(world.confirm(link, "selma", T0))
    assert await world.rights_of("emil") == before
    async with world.services.store.read() as tx:
        entries = await list_entries(tx, world.business, 10, ("migration.claim_refused",))
    assert [(one.actor_id, one.subject_id) for one in entries] == [(world.people["selma"], world.people["emil"])]
    await world.confirm(link, "emil", T0)


async def test_the_secret_is_stored_as_a_hash_only(world: World) -> None:
    """Neither the person's row nor the outbox holds the link's secret in the clear (AC-29)."""
    await world.start("emil")
    link = await world.link("emil")
    async with world.services.store.read() as tx:
        person = await migrations.find_person_by_link(tx, hash_secret(link))
        bodies = [bytes(row.body) for row in await tx.rows(select(schema.outbox))]
    assert person is not None
    assert bodies
    assert all(link.encode() not in body for body in bodies)


async def test_an_existing_managed_account_must_be_signed_in(world: World) -> None:
    """A password chosen by the claim never replaces that of an account that exists; its own proof is asked for (M4)."""
    started = await world.start("emil")
    done = await world.claim(started, "emil", T0)
    await migration.roll_back(world.services, started.migration_id, world.people["emil"], None, T0)
    await world.start("emil", now=T0 + DAY)
    link = await world.link("emil")
    refused = await refusal(world.confirm(link, "emil", T0 + DAY))
    assert refused.problem is Problem.UNAUTHENTICATED
    proof = ClaimProof(world.people["emil"], managed_id=done.managed_id)
    again = await claim.confirm_claim(world.services, link, proof, T0 + DAY)
    assert again.managed_id == done.managed_id
    await world.start("selma", now=T0 + DAY)
    none = ClaimProof(world.people["selma"])
    theirs = ClaimProof(world.people["selma"], managed_id=done.managed_id)
    for proof in (none, theirs):
        refused = await refusal(claim.confirm_claim(world.services, await world.link("selma"), proof, T0 + DAY))
        assert refused.problem is Problem.UNAUTHENTICATED


async def test_a_password_too_short_says_what_is_expected(world: World) -> None:
    """A password that cannot be used is refused as input and the link stays good."""
    await world.start("emil")
    link = await world.link("emil")
    proof = ClaimProof(world.people["emil"], password="short")
    refused = await refusal(claim.confirm_claim(world.services, link, proof, T0))
    assert (refused.problem, refused.field) == (Problem.INVALID, "password")
    assert "8" in refused.expected
    await world.confirm(link, "emil", T0)


async def test_of_two_browsers_exactly_one_claims(world: World, second: World) -> None:
    """Two confirmations at once, through two stores: one wins, one reads the neutral answer, one account exists (M18, AC-26)."""
    for number, name in enumerate(("emil", "selma", "ada", "bob")):
        now = T0 + number * DAY
        await world.start(name, now=now)
        link = await world.link(name)
        answers = await asyncio.gather(
            world.confirm(link, name, now),
            second.confirm(link, name, now),
            return_exceptions=True,
        )
        won = [one for one in answers if isinstance(one, claim.Claimed)]
        lost = [one for one in answers if isinstance(one, CommandError)]
        assert (len(won), len(lost)) == (1, 1), answers
        assert lost[0].problem in (Problem.NOT_FOUND, Problem.UNAUTHENTICATED)
        async with world.services.store.read() as tx:
            rows = await tx.rows(select(schema.account.c.id).where(schema.account.c.email == f"{name}@work.example"))
        assert [row.id for row in rows] == [won[0].managed_id]


async def test_cancelling_while_somebody_confirms_has_one_outcome(world: World, second: World) -> None:
    """Excluding and confirming at once end either claimed or excluded, never both (AC-27)."""
    for number, name in enumerate(("emil", "selma", "ada", "bob")):
        now = T0 + number * DAY
        started = await world.start(name, now=now)
        answers = await asyncio.gather(
            world.confirm(await world.link(name), name, now),
            migration.exclude_person(second.services, started.migration_id, world.people[name], None, now),
            return_exceptions=True,
        )
        refused = [one for one in answers if isinstance(one, CommandError)]
        assert len(refused) == 1, answers
        async with world.services.store.read() as tx:
            view = await migration.load_migration(tx, started.migration_id, now)
        claimed = not isinstance(answers[0], CommandError)
        assert view.people[0].state == ("in_grace" if claimed else "excluded")


async def test_rolling_back_and_extending_at_once_leave_one_state(world: World, second: World) -> None:
    """Whichever comes second sees the other's outcome: no grace outlives a rollback (AC-27)."""
    started = await world.start("emil")
    await world.claim(started, "emil", T0)
    person = world.people["emil"]
    await asyncio.gather(
        migration.roll_back(world.services, started.migration_id, person, None, T0 + DAY),
        migration.extend_grace(second.services, started.migration_id, person, T0 + 60 * DAY, None, T0 + DAY),
        return_exceptions=True,
    )
    places = [one for one in await world.rights_of("emil") if one[0] == world.business]
    assert [(ends, handed_over) for _, _, ends, handed_over in places] == [(None, None)]
    assert await due.run(world.services, T0 + 400 * DAY) != []
    assert "cut_off" not in {kind for kind, _ in await world.kinds()}


async def test_one_person_in_two_businesses_has_two_graces(world: World) -> None:
    """Each business has its own claim, its own cut-off and its own rollback; the managed account is one (M14, AC-28)."""
    services, emil = world.services, world.people["emil"]
    async with services.store.write() as tx:
        third = await portfolio.add_business(tx, services, "Third", world.organization, T0)
        await portfolio.add_member(tx, services, emil, third, Role.ADMIN, {}, None, T0)
    await world.start("emil")
    first_link = await world.link("emil")
    other = await migration.start_migration(services, third, [NewPerson(emil, "emil@work.example")], None, T0)
    await due.run(services, T0)
    second_link = await world.link("emil")
    first = await world.confirm(first_link, "emil", T0)
    later = T0 + 5 * DAY
    proof = ClaimProof(emil, managed_id=first.managed_id)
    again = await claim.confirm_claim(services, second_link, proof, later)
    assert again.managed_id == first.managed_id
    ends = {business: ends for business, _, ends, _ in await world.rights_of("emil")}
    assert ends == {
        world.business: T0 + 30 * DAY,
        third: later + 30 * DAY,
        world.elsewhere: None,
    }
    await migration.roll_back(services, other.migration_id, emil, None, later)
    ends = {business: ends for business, _, ends, _ in await world.rights_of("emil")}
    assert ends == {world.business: T0 + 30 * DAY, third: None, world.elsewhere: None}


async def test_two_claims_of_one_address_at_once_open_one_account(world: World, second: World) -> None:
    """Invited in two businesses and confirming both at once: one opens the account, the other is asked to sign in with it
    and then goes through (M18, A1)."""
    services = world.services
    for name in ("ada", "bob", "emil", "selma"):
        person = world.people[name]
        async with services.store.write() as tx:
            third = await portfolio.add_business(tx, services, "Third", world.organization, T0)
            await portfolio.add_member(tx, services, person, third, Role.ADMIN, {}, None, T0)
        await world.start(name)
        links = [await world.link(name)]
        wanted = [NewPerson(person, f"{name}@work.example")]
        await migration.start_migration(services, third, wanted, None, T0)
        await due.run(services, T0)
        links.append(await world.link(name))
        answers = await asyncio.gather(
            world.confirm(links[0], name, T0), second.confirm(links[1], name, T0), return_exceptions=True
        )
        won = [one for one in answers if isinstance(one, claim.Claimed)]
        lost = [one for one in answers if isinstance(one, CommandError)]
        assert [one.problem for one in lost] == [Problem.UNAUTHENTICATED], answers
        again = links[answers.index(lost[0])]
        proof = ClaimProof(person, managed_id=won[0].managed_id)
        assert (await claim.confirm_claim(services, again, proof, T0)).managed_id == won[0].managed_id


async def test_the_old_login_is_shut_out_at_once(world: World) -> None:
    """From the very instant of the claim the personal account opens the console of that business no more, and can select
    nothing of it; the managed one can (M5)."""
    started = await world.start("emil")
    done = await world.claim(started, "emil", T0 + DAY)
    async with world.services.store.read() as tx:
        assert not await may_open(tx, world.people["emil"], world.business, T0 + DAY)
        assert await may_open(tx, done.managed_id, world.business, T0 + DAY)
        assert await may_open(tx, world.people["emil"], world.elsewhere, T0 + DAY)
    refused = await refusal(world.consent(world.people["emil"], "tokens", ("page",), T0 + DAY))
    assert refused.problem is Problem.FORBIDDEN
    await world.consent(done.managed_id, "tokens", ("page",), T0 + DAY)


async def test_who_misses_the_deadline_gets_no_grace(world: World) -> None:
    """Access ends at the deadline by itself; a later claim works and brings nothing back (M10)."""
    old = await world.consent(world.people["emil"], "tokens", ("page",))
    deadline = T0 + 10 * DAY
    await world.start("emil", "selma", deadline=deadline)
    for now, may in (
        (deadline - TICK, True),
        (deadline, False),
        (deadline + TICK, False),
    ):
        assert await world.may(old, "page", now) is may
    link = await world.link("emil")
    ran = await due.run(world.services, deadline + DAY)
    assert [(one.kind, one.at) for one in ran][-2:] == [("deadline", deadline)] * 2
    done = await world.confirm(link, "emil", deadline + DAY)
    assert done.cut_off == deadline
    assert not await world.may(old, "page", deadline + DAY)
    assert await world.banner(done.managed_id, deadline + DAY) is None
    assert await world.may(
        await world.consent(done.managed_id, "tokens", ("page",), deadline + DAY),
        "page",
        deadline + DAY,
    )
    early = await world.confirm(await world.link("selma"), "selma", deadline - TICK)
    assert early.cut_off == deadline - TICK + 30 * DAY


async def test_a_claim_writes_rows_by_assignments_only(world: World) -> None:
    """With 10 and with 2 000 tokens and selections a claim writes the same rows, and none per token (M9)."""
    written = []
    for name, tokens in (("emil", 10), ("selma", 2_000)):
        await world.consent(world.people[name], "tokens", ("page", "ads"))
        await world.consent(world.people[name], "both", ("page", "ads"))
        await add_tokens(world, world.people[name], tokens)
        started = await world.start(name)
        before = await count_rows(world)
        await claim.claim_for(world.services, started.migration_id, world.people[name], T0)
        after = await count_rows(world)
        written.append({table: after[table] - before[table] for table in after if after[table] != before[table]})
    assert written[0] == written[1]
    assert written[0] == {
        "account": 1,
        "account_link": 1,
        "assignment": 5,
        "audit": 1,
        "due": 7,
        "membership": 1,
    }


async def add_tokens(world: World, account_id: int, count: int) -> None:
    """More tokens under an account's first grant."""
    async with world.services.store.write() as tx:
        row = await tx.one(
            select(schema.token).where(schema.token.c.account_id == account_id).order_by(schema.token.c.hash)
        )
        assert row is not None
        values = dict(row._mapping)
        more = [values | {"hash": world.services.entropy.bytes(32)} for _ in range(count)]
        await tx.run(schema.token.insert(), more)


async def test_the_new_place_equals_the_old_one(world: World) -> None:
    """Role and tasks of the managed account are those of the personal one, and nothing else is reached (M4, M16, I6, AC-31)."""
    started = await world.start("emil", "ada")
    for name in ("emil", "ada"):
        old = [one for one in await world.rights_of(name) if one[0] == world.business]
        done = await world.claim(started, name, T0)
        world.people["new"] = done.managed_id
        new = await world.rights_of("new")
        assert [(business, state) for business, state, _, _ in new] == [(old[0][0], old[0][1])]
        fresh = await world.consent(done.managed_id, "tokens", ("page", "page2"))
        assert await world.may(fresh, "page", T0)
        assert not await world.may(fresh, "other", T0)


async def test_nobody_is_invited_twice_and_no_address_used_twice(world: World) -> None:
    """Refusals come all at once, by name, and nothing is written where there is one (M3, M18, A1)."""
    await world.start("emil")
    before = await count_rows(world)
    people = world.people
    wanted = [
        NewPerson(people["emil"], "emil@work.example"),
        NewPerson(people["selma"], "EMIL@work.example"),
        NewPerson(people["ada"], "ada@elsewhere.example"),
        NewPerson(people["paul"], "paul@work.example"),
        NewPerson(people["bob"], "bob@work.example"),
    ]
    refused = await refusal(migration.start_migration(world.services, world.business, wanted, None, T0))
    for text in (
        "Emil was invited already.",
        "EMIL@work.example is taken",
        "elsewhere.example",
        str(people["paul"]),
    ):
        assert text in refused.message
    assert "bob" not in refused.message.lower()
    assert await count_rows(world) == before
    twice = [
        NewPerson(people["bob"], "bob@work.example"),
        NewPerson(people["ada"], "bob@work.example"),
    ]
    refused = await refusal(migration.start_migration(world.services, world.business, twice, None, T0))
    assert "bob@work.example is taken" in refused.message
    past = [NewPerson(people["bob"], "bob@work.example", T0)]
    refused = await refusal(migration.start_migration(world.services, world.business, past, None, T0))
    assert refused.field == "deadline"


async def test_a_work_address_with_a_line_break_is_refused(world: World) -> None:
    """An address that would write another header of the mail is no address (AC-14, WB-16)."""
    for address in (
        "emil@work.example\r\nBcc: eve@evil.example",
        "a b@work.example",
        "x@work.example,y@work.example",
    ):
        wanted = [NewPerson(world.people["emil"], address)]
        refused = await refusal(migration.start_migration(world.services, world.business, wanted, None, T0))
        assert refused.problem is Problem.INVALID


async def test_two_admins_who_invite_the_same_person_at_once(world: World, second: World) -> None:
    """One invitation stands; the other admin is told (M18)."""
    wanted = [NewPerson(world.people["emil"], "emil@work.example")]
    answers = await asyncio.gather(
        migration.start_migration(world.services, world.business, wanted, None, T0),
        migration.start_migration(second.services, world.business, wanted, None, T0),
        return_exceptions=True,
    )
    assert sum(isinstance(one, CommandError) for one in answers) == 1, answers
    async with world.services.store.read() as tx:
        assert len(await tx.rows(select(schema.migration_person))) == 1
        assert len(await tx.rows(select(schema.migration))) == 1


async def test_the_managed_account_has_the_chosen_password(world: World) -> None:
    """The account that a claim opens is the organization's, at the work address, with the password chosen there (A1, M4)."""
    await world.start("emil")
    done = await world.confirm(await world.link("emil"), "emil", T0)
    async with world.services.store.read() as tx:
        row = await tx.one(select(schema.account).where(schema.account.c.id == done.managed_id))
    assert row is not None
    assert (row.kind, row.email, row.organization_id) == (
        "managed",
        "emil@work.example",
        world.organization,
    )
    assert await world.services.passwords.verify(row.password_hash, PASSWORD)


async def test_an_old_link_is_dead_once_the_person_joined_again(world: World) -> None:
    """An invitation hands over only the place it was made for; whoever joins again is invited anew (M5, M18, AC-36)."""
    await world.start("emil", deadline=T0 + 9 * DAY)
    old, again, emil = await world.link("emil"), T0 + 12 * DAY, world.people["emil"]
    async with world.services.store.write() as tx:
        await portfolio.add_member(tx, world.services, emil, world.business, Role.EMPLOYEE, {}, None, again)
    refused = await refusal(world.confirm(old, "emil", again + DAY))
    assert refused.problem is Problem.NOT_FOUND
    async with world.services.store.read() as tx:
        assert await may_open(tx, emil, world.business, again + DAY)
    await world.start("emil", now=again + DAY)
    await world.confirm(await world.link("emil"), "emil", again + 2 * DAY)
    async with world.services.store.read() as tx:
        assert not await may_open(tx, emil, world.business, again + 2 * DAY)
