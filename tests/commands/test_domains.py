"""Domains: names that can be claimed, proofs, lost proofs, disputes, trust (O1, O2, AC-01 – AC-12)."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import select

from tests._dns import DnsServer, serve_dns
from workbadge.commands import domain_disputes, domains, portfolio, trusted_domains
from workbadge.commands.domain_name import read_domain, suffixes_as_of
from workbadge.commands.errors import CommandError, Problem
from workbadge.commands.organization import give_role
from workbadge.commands.transaction import in_transaction
from workbadge.lifecycle.domain import SOON
from workbadge.store import domains as rows
from workbadge.store.schema import account, audit
from workbadge.terms import public_mail
from workbadge.terms.domains import (
    ANSWER_TIME,
    ATTEMPT,
    CODE_LIFE,
    MAIL_PROOF,
    SUSPEND_AFTER,
    DomainStatus,
    Found,
    Method,
    Outcome,
    proof_value,
    record_name,
)
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import AccountKind
from workbadge.terms.organizations import OrganizationRole
from workbadge.web.domain_proofs import DomainProofs, check_due, check_now
from workbadge.web.outgoing import Outgoing

from ._world import T0, TICK, World

pytestmark = pytest.mark.anyio
NAME = "harbour-goods.com"
RECORD = record_name(NAME)


@dataclass
class Registrar:
    """Two organizations with an owner each (``first`` and ``second``), and the DNS."""

    world: World
    dns: DnsServer
    proofs: DomainProofs
    first: int = 0
    second: int = 0
    owners: dict[int, int] = None  # type: ignore[assignment]

    async def build(self) -> "Registrar":
        """Make the organizations."""
        services = self.world.services
        self.owners = {}
        async with services.store.write() as tx:
            for name in ("first", "second"):
                made = await portfolio.add_organization(tx, services, name.title(), f"{name}-home.example", T0)
                person = (AccountKind.MANAGED, f"Olga {name}", f"olga@{name}-home.example", "hash", T0, made)
                owner = await portfolio.add_person(tx, services, *person)
                await give_role(tx, services, made, owner, OrganizationRole.OWNER, None, T0)
                setattr(self, name, made)
                self.owners[made] = owner
        return self

    async def claim(self, organization: int, name: str = NAME, now: datetime = T0) -> int:
        """Claim a name as the owner."""
        services, owner = self.world.services, self.owners[organization]
        return await in_transaction(
            services, lambda tx: domains.claim_domain(tx, services, organization, name, owner, now)
        )

    async def token(self, claim: int) -> str:
        """The live token of a claim."""
        async with self.world.services.store.read() as tx:
            row = await rows.find_claim(tx, claim)
        assert row is not None
        return str(row.token)

    async def publish(self, claim: int, name: str = NAME) -> None:
        """Put the record beside what is there."""
        value = proof_value(await self.token(claim))
        self.dns.texts.setdefault(record_name(name), []).append(value)

    async def check(self, claim: int, now: datetime = T0) -> Outcome:
        """The button of the page."""
        return (await check_now(self.world.services, self.proofs, claim, Method.DNS, now)).outcome

    async def look(self, now: datetime) -> int:
        """The worker's round."""
        return await check_due(self.world.services, self.proofs, now)

    async def good(self, organization: int, now: datetime, name: str = NAME) -> bool:
        """Whether anything may rest on the domain."""
        async with self.world.services.store.read() as tx:
            return await domains.is_good(tx, organization, name, now)

    async def status(self, claim: int, now: datetime) -> DomainStatus:
        """How the organization stands to the domain."""
        async with self.world.services.store.read() as tx:
            row = await rows.find_claim(tx, claim)
            assert row is not None
            return domains.status_of(await domains.load_state(tx, row), now)

    async def acts(self) -> list[str]:
        """Audit entries about domains, by time and then by name."""
        async with self.world.services.store.read() as tx:
            found = await tx.rows(select(audit).where(audit.c.act.like("domain.%")).order_by(audit.c.at, audit.c.act))
        return [row.act for row in found]

    async def mails(self) -> list[tuple[str, str]]:
        """Kind and address of every mail."""
        return [(one.kind, one.address) for one in await self.world.outbox()]


@pytest.fixture
async def registrar(world: World) -> AsyncIterator[Registrar]:
    """On a fresh database."""
    async with serve_dns() as dns:
        proofs = DomainProofs(Outgoing(False), dns.resolvers, seconds=1.0)
        yield await Registrar(world, dns, proofs).build()


@pytest.mark.parametrize(
    "text",
    [
        *("gmail.com", "outlook.com", "co.uk", "github.io", "onmicrosoft.com", "firm.onmicrosoft.com", "mail.ru"),
        *(
            "localhost",
            "10.0.0.1",
            "*.example.com",
            "com",
            "printer.local",
            "firm.internal",
            "x.test",
            "bücher.example",
        ),
        *(
            "me@firm.com",
            "https://firm.com",
            "",
            "firm..com",
            "-firm.com",
            "xn--zzzzzz.com",
            "a_b.com",
            "p\u0430ypal.com",
        ),
        *("firm.com/x", "firm.com:80", "f\u200birm.com\x00", "a" * 64 + ".com", "a." * 130 + "com", "[::1]"),
    ],
)
def test_a_name_that_nobody_can_own_is_refused(text: str) -> None:
    """AC-09, AC-10: public suffixes, mail providers, reserved names, addresses, wildcards, look-alikes, invalid A-labels."""
    with pytest.raises(CommandError) as caught:
        read_domain(text)
    assert caught.value.problem is Problem.INVALID and caught.value.expected


@pytest.mark.parametrize(
    ("text", "name"),
    [
        *(
            ("bücher.de", "xn--bcher-kva.de"),
            ("XN--BCHER-KVA.de", "xn--bcher-kva.de"),
            ("BU\u0308CHER.de.", "xn--bcher-kva.de"),
        ),
        *(
            (" Firm.COM. ", "firm.com"),
            ("firm\u3002com", "firm.com"),
            ("ｆｉｒｍ.com", "firm.com"),
            ("faß.de", "xn--fa-hia.de"),
        ),
        *(("eu.firm.co.uk", "eu.firm.co.uk"), ("пример.com", "xn--e1afmkfd.com")),
    ],
)
def test_a_name_has_one_form(text: str, name: str) -> None:
    """AC-10: an IDN and its A-label are one domain; case, a final dot, full-width letters and dots are folded (UTS #46)."""
    assert read_domain(text) == name


def test_the_lists_say_how_old_they_are() -> None:
    """O1: the public suffix list and the list of mail providers have a date that can be shown."""
    assert (suffixes_as_of() or date.min) >= date(2026, 1, 1)
    assert date(2026, 11, 24) <= public_mail.AS_OF
    assert all(one == one.lower() and "." in one for one in public_mail.PUBLIC_MAIL)


async def test_tokens_are_long_and_one_attempts_own(registrar: Registrar) -> None:
    """AC-01: a token has 256 bits, is another one for each organization and attempt, and dies with the next attempt."""
    first, second = await registrar.claim(registrar.first), await registrar.claim(registrar.second)
    tokens = {await registrar.token(first), await registrar.token(second)}
    for _ in range(5):
        assert await registrar.claim(registrar.first) == first
        tokens.add(await registrar.token(first))
    assert len(tokens) == 7 and {len(one) for one in tokens} == {43}
    old = await registrar.token(first)
    await registrar.claim(registrar.first)
    services = registrar.world.services
    found = (Method.DNS, Found(Outcome.FOUND), T0)
    await in_transaction(services, lambda tx: domains.note_found(tx, services, first, old, *found))
    assert not await registrar.good(registrar.first, T0)


async def test_a_record_proves_a_domain(registrar: Registrar) -> None:
    """O1: before the record is there nothing is proven; with it the organization holds the domain, and its work addresses may lie
    there; the audit says so once."""
    claim = await registrar.claim(registrar.first)
    assert await registrar.check(claim) is Outcome.NO_DOMAIN
    assert await registrar.status(claim, T0) is DomainStatus.OPEN
    await registrar.publish(claim)
    assert await registrar.check(claim) is Outcome.FOUND
    assert await registrar.status(claim, T0) is DomainStatus.VERIFIED
    assert await registrar.good(registrar.first, T0) and not await registrar.good(registrar.second, T0)
    await registrar.check(claim)
    assert await registrar.acts() == ["domain.claim", "domain.prove"]
    async with registrar.world.services.store.read() as tx:
        await portfolio.check_work_address(tx, f"ada@{NAME}", registrar.first, T0)
        for address in (f"ada@eu.{NAME}", "ada@goods.com"):
            with pytest.raises(CommandError):
                await portfolio.check_work_address(tx, address, registrar.first, T0)


async def test_another_organizations_token_proves_nothing(registrar: Registrar) -> None:
    """AC-02, AC-05: a record with the token of another organization, of a former attempt, or left behind after the domain was given
    up proves nothing."""
    first, second = await registrar.claim(registrar.first), await registrar.claim(registrar.second)
    await registrar.publish(first)
    assert await registrar.check(second) is Outcome.WRONG
    assert await registrar.check(first) is Outcome.FOUND
    services, owner = registrar.world.services, registrar.owners[registrar.first]
    gone = (registrar.first, first, owner, T0 + DAY)
    await in_transaction(services, lambda tx: domains.release_domain(tx, services, *gone))
    assert not await registrar.good(registrar.first, T0 + DAY)
    again = await registrar.claim(registrar.first, now=T0 + DAY)
    for claim in (again, second):
        assert await registrar.check(claim, T0 + DAY) is Outcome.WRONG


async def test_an_attempt_ends(registrar: Registrar) -> None:
    """AC-01: a token proves nothing from the end of its attempt on; until then the worker looks for it by itself."""
    claim = await registrar.claim(registrar.first)
    assert await registrar.look(T0 + SOON - TICK) == 0
    assert await registrar.look(T0 + SOON) == 1
    await registrar.publish(claim)
    end = T0 + ATTEMPT
    assert await registrar.check(claim, end) is Outcome.FOUND
    assert await registrar.status(claim, end) is DomainStatus.EXPIRED and not await registrar.good(registrar.first, end)
    assert await registrar.look(end - TICK) == 1
    assert await registrar.status(claim, end - TICK) is DomainStatus.VERIFIED


async def test_a_lost_proof_warns_then_suspends_and_heals(registrar: Registrar) -> None:
    """AC-06: one miss does nothing, the second warns the admins, a week later what rests on the domain is suspended, each with one
    audit entry and one mail; no account moves; a proof that comes back heals."""
    claim = await registrar.claim(registrar.first)
    await registrar.publish(claim)
    await registrar.check(claim)
    kept = registrar.dns.texts.pop(RECORD)
    async with registrar.world.services.store.read() as tx:
        before = await tx.rows(select(account).order_by(account.c.id))
    at = T0 + DAY
    assert await registrar.look(at - TICK) == 0 and await registrar.look(at) == 1
    assert await registrar.status(claim, at) is DomainStatus.VERIFIED
    warned = at + SOON
    assert await registrar.look(warned) == 1
    assert await registrar.status(claim, warned) is DomainStatus.WARNED and await registrar.good(
        registrar.first, warned
    )
    at, end = warned, warned + SUSPEND_AFTER
    assert await registrar.good(registrar.first, end - TICK) and not await registrar.good(registrar.first, end)
    while at < end + DAY:
        at += timedelta(hours=6)
        await registrar.look(at)
    assert await registrar.status(claim, at) is DomainStatus.SUSPENDED
    async with registrar.world.services.store.read() as tx:
        assert await tx.rows(select(account).order_by(account.c.id)) == before
        with pytest.raises(CommandError):
            await portfolio.check_work_address(tx, f"ada@{NAME}", registrar.first, at)
    registrar.dns.texts[RECORD] = kept
    await registrar.look(at + DAY)
    assert await registrar.good(registrar.first, at + DAY)
    steps = ["domain.claim", "domain.prove", "domain.warn", "domain.suspend", "domain.regain"]
    assert await registrar.acts() == steps
    kinds = ["domain_warned", "domain_suspended", "domain_regained"]
    assert [one for one in await registrar.mails() if one[0].startswith("domain_")] == [
        (kind, "olga@first-home.example") for kind in kinds
    ]


async def test_a_code_to_a_mailbox_proves_a_domain(registrar: Registrar) -> None:
    """O1: a code goes to a fixed mailbox only, works once, for a day, and dies with the fifth wrong try or the next code; a year later
    the proof counts as lost."""
    services, owner = registrar.world.services, registrar.owners[registrar.first]
    claim = await registrar.claim(registrar.first)

    async def send(mailbox: str, now: datetime) -> str:
        await in_transaction(
            services, lambda tx: domains.send_code(tx, services, registrar.first, claim, mailbox, owner, now)
        )
        last = (await registrar.world.outbox())[-1]
        assert last.address == f"{mailbox}@{NAME}"
        found = re.search(r"^\w{22}$", last.body, re.MULTILINE)
        assert found
        return found[0]

    async def enter(code: str, now: datetime) -> Outcome:
        return await in_transaction(
            services, lambda tx: domains.enter_code(tx, services, registrar.first, claim, code, owner, now)
        )

    with pytest.raises(CommandError, match="fixed mailboxes"):
        await send("ceo", T0)
    first = await send("postmaster", T0)
    with pytest.raises(CommandError, match="a moment ago"):
        await send("postmaster", T0 + TICK)
    second = await send("admin", T0 + DAY / 2)
    assert await enter(first, T0 + DAY / 2) is Outcome.WRONG
    assert await enter(second, T0 + DAY / 2 + CODE_LIFE) is Outcome.TOO_OLD
    third = await send("admin", T0 + 2 * DAY)
    assert [await enter("guess", T0 + 2 * DAY) for _ in range(5)] == [Outcome.WRONG] * 5
    assert await enter(third, T0 + 2 * DAY) is Outcome.TOO_OLD
    fourth = await send("admin", T0 + 3 * DAY)
    assert await enter(f" {fourth} ", T0 + 3 * DAY) is Outcome.FOUND
    assert await enter(fourth, T0 + 3 * DAY) is Outcome.TOO_OLD
    assert await registrar.good(registrar.first, T0 + 3 * DAY)
    lost = T0 + 3 * DAY + MAIL_PROOF
    assert await registrar.look(lost - TICK) == 0 and await registrar.look(lost) == 1
    assert await registrar.look(lost + SOON) == 1
    assert await registrar.status(claim, lost + SOON) is DomainStatus.WARNED


async def test_a_domain_gives_nothing_below_it(registrar: Registrar) -> None:
    """AC-08: each organization may prove a name below the other's; the holder of the one above is told, and nothing else changes."""
    first, second = await registrar.claim(registrar.first), await registrar.claim(registrar.second, f"eu.{NAME}")
    await registrar.publish(first)
    await registrar.publish(second, f"eu.{NAME}")
    assert await registrar.check(first) is Outcome.FOUND and await registrar.check(second) is Outcome.FOUND
    assert await registrar.good(registrar.first, T0) and await registrar.good(registrar.second, T0, f"eu.{NAME}")
    assert not await registrar.good(registrar.first, T0, f"eu.{NAME}")
    assert ("domain_below", "olga@first-home.example") in await registrar.mails()


async def disputed(registrar: Registrar) -> tuple[int, int]:
    """The first organization holds the domain, the second has proven it too."""
    held, claim = await registrar.claim(registrar.first), await registrar.claim(registrar.second)
    await registrar.publish(held)
    await registrar.check(held)
    await registrar.publish(claim)
    assert await registrar.check(claim) is Outcome.FOUND
    return held, claim


async def test_a_second_proof_opens_a_dispute(registrar: Registrar) -> None:
    """AC-07: a domain that is held is never taken by a second proof: the holder is told, keeps everything until the time to answer is
    over, and ends the dispute with a new proof; the old record is no answer. The claimant may not come again soon."""
    held, claim = await disputed(registrar)
    assert await registrar.status(held, T0) is DomainStatus.DISPUTED
    assert await registrar.status(claim, T0) is DomainStatus.CONTESTED
    assert await registrar.good(registrar.first, T0) and not await registrar.good(registrar.second, T0)
    assert {("domain_disputed", "olga@first-home.example"), ("domain_contested", "olga@second-home.example")} <= set(
        await registrar.mails()
    )
    assert await registrar.check(held, T0 + DAY) is Outcome.WRONG
    assert await registrar.status(held, T0 + DAY) is DomainStatus.DISPUTED
    await registrar.publish(held)
    assert await registrar.check(held, T0 + DAY) is Outcome.FOUND
    assert await registrar.status(held, T0 + DAY) is DomainStatus.VERIFIED
    with pytest.raises(CommandError, match="disputed"):
        await registrar.claim(registrar.second, now=T0 + 2 * DAY)
    assert (await registrar.acts()).count("domain.dispute") == 2
    assert (await registrar.acts()).count("domain.dispute_end") == 2


async def test_an_unanswered_dispute_waits_for_the_operator(registrar: Registrar) -> None:
    """AC-07, AC-12: from the end of the time to answer nothing rests on the domain, and nobody has it but the holder until the operator
    decides; decided for the claimant, its proof is looked at once more, accounts stay where they are, both have it in the audit."""
    held, claim = await disputed(registrar)
    end = T0 + ANSWER_TIME
    services = registrar.world.services
    async with services.store.write() as tx:
        person = (AccountKind.MANAGED, "Ada", f"ada@{NAME}", None, T0, registrar.first)
        ada = await portfolio.add_person(tx, services, *person)
    assert await registrar.good(registrar.first, end - TICK) and not await registrar.good(registrar.first, end)
    await registrar.look(end)
    await registrar.look(end + DAY)
    assert [kind for kind, _ in await registrar.mails()].count("domain_unanswered") == 2
    assert await registrar.status(held, end) is DomainStatus.SUSPENDED and not await registrar.good(
        registrar.second, end
    )
    at = end + 2 * DAY
    await in_transaction(services, lambda tx: domain_disputes.decide(tx, services, NAME, True, at))
    assert not await registrar.good(registrar.second, at)
    await registrar.look(at)
    assert await registrar.good(registrar.second, at) and not await registrar.good(registrar.first, at)
    assert await registrar.status(claim, at) is DomainStatus.VERIFIED
    async with services.store.read() as tx:
        owner = await tx.one(select(account.c.organization_id).where(account.c.id == ada))
        ends = await tx.rows(select(audit.c.organization_id).where(audit.c.act == "domain.dispute_end"))
    assert owner is not None and owner.organization_id == registrar.first
    assert {row.organization_id for row in ends} == {registrar.first, registrar.second}


async def test_a_released_domain_goes_to_whoever_proved_it(registrar: Registrar) -> None:
    """AC-12: the holder gives the domain up, and the claimant whose proof still stands has it; one whose proof is gone has not."""
    held, claim = await disputed(registrar)
    services, owner = registrar.world.services, registrar.owners[registrar.first]
    gone = (registrar.first, held, owner, T0 + DAY)
    await in_transaction(services, lambda tx: domains.release_domain(tx, services, *gone))
    registrar.dns.texts.pop(RECORD)
    await registrar.look(T0 + DAY)
    assert not await registrar.good(registrar.second, T0 + DAY)
    await registrar.publish(claim)
    await registrar.check(claim, T0 + DAY + SOON)
    assert await registrar.good(registrar.second, T0 + DAY + SOON)


async def test_a_claimant_whose_proof_is_gone_withdraws(registrar: Registrar) -> None:
    """AC-04, AC-07: one miss of a claimant changes nothing; a day of them ends the dispute, and the holder keeps the domain."""
    held, claim = await disputed(registrar)
    registrar.dns.texts[RECORD] = registrar.dns.texts[RECORD][:1]
    at = T0 + DAY
    await registrar.look(at)
    assert await registrar.status(held, at) is DomainStatus.DISPUTED
    while at < T0 + 2 * DAY + SOON:
        at += SOON
        await registrar.look(at)
    assert await registrar.status(claim, at) is DomainStatus.EXPIRED
    assert not await registrar.good(registrar.second, at) and await registrar.good(registrar.first, at)


async def test_trust_needs_a_second_person(registrar: Registrar) -> None:
    """O2: a trusted domain gives addresses once a second admin approved it, never the one who asked; it gives none while another
    organization holds it, and none once it is withdrawn."""
    services, first, olga = registrar.world.services, registrar.first, registrar.owners[registrar.first]
    async with services.store.write() as tx:
        person = (AccountKind.MANAGED, "Pia", "pia@first-home.example", "hash", T0, first)
        pia = await portfolio.add_person(tx, services, *person)
        await give_role(tx, services, first, pia, OrganizationRole.IT_MANAGER, None, T0)

    async def allowed(now: datetime = T0) -> bool:
        async with services.store.read() as tx:
            return await domains.gives_addresses(tx, first, NAME, now)

    async def approve(actor: int, now: datetime = T0) -> None:
        await in_transaction(services, lambda tx: trusted_domains.approve_trust(tx, services, first, NAME, actor, now))

    await in_transaction(services, lambda tx: trusted_domains.ask_trust(tx, services, first, NAME, olga, T0))
    assert not await allowed()
    with pytest.raises(CommandError) as caught:
        await approve(olga)
    assert caught.value.problem is Problem.FORBIDDEN
    with pytest.raises(CommandError) as caught:
        await approve(registrar.owners[registrar.second])
    assert caught.value.problem is Problem.NOT_FOUND
    await approve(pia)
    assert await allowed() and not await registrar.good(first, T0)
    claim = await registrar.claim(registrar.second)
    await registrar.publish(claim)
    await registrar.check(claim)
    assert not await allowed()
    await in_transaction(services, lambda tx: trusted_domains.drop_trust(tx, services, first, NAME, pia, T0))
    with pytest.raises(CommandError, match="proven by an organization"):
        await in_transaction(services, lambda tx: trusted_domains.ask_trust(tx, services, first, NAME, olga, T0))


async def test_support_changes_no_domain(registrar: Registrar) -> None:
    """O8: whoever may not manage domains is told which role may; a stranger is told nothing."""
    services, first = registrar.world.services, registrar.first
    async with services.store.write() as tx:
        person = (AccountKind.MANAGED, "Sam", "sam@first-home.example", "hash", T0, first)
        sam = await portfolio.add_person(tx, services, *person)
        await give_role(tx, services, first, sam, OrganizationRole.SUPPORT, None, T0)
    for actor, problem in ((sam, Problem.FORBIDDEN), (registrar.owners[registrar.second], Problem.NOT_FOUND)):
        acting = replace(registrar, owners={first: actor})
        with pytest.raises(CommandError) as caught:
            await acting.claim(first)
        assert caught.value.problem is problem
