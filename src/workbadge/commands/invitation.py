"""Inviting people into a migration: who can be, under which address, and what happens to earlier invitations (M3, M18)."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from workbadge.keys import hash_secret
from workbadge.lifecycle import migration as plans
from workbadge.lifecycle.changes import MembershipState, Refusal
from workbadge.lifecycle.migration import PersonRecord
from workbadge.store import migrations, records, rights
from workbadge.store.apply import apply_plan
from workbadge.store.engine import Tx
from workbadge.terms.addresses import address_key
from workbadge.terms.kinds import AccountKind

from .errors import CommandError, Problem, conflict, invalid
from .portfolio import check_address, check_work_address
from .refusals import check_plan
from .services import Services

MOST_NAMED = 20
"""So many refused people are named in one error."""


@dataclass(frozen=True, slots=True)
class InvitedPerson:
    """An invitation; the claim link's secret itself only goes out by mail."""

    person_id: int
    personal_id: int


@dataclass(slots=True)
class Invitations:
    """The invitations of one migration, inside one transaction. ``holders``: work address to whose it is."""

    tx: Tx
    services: Services
    now: datetime
    holders: dict[str, int]
    _done: list[InvitedPerson] = field(default_factory=list)
    _refused: list[CommandError] = field(default_factory=list)

    @classmethod
    async def load(cls, tx: Tx, services: Services, organization_id: int, now: datetime) -> "Invitations":
        """Start with the addresses that are already somebody's in the organization."""
        holders = {
            address_key(row.work_email): row.personal_id for row in await migrations.list_addresses(tx, organization_id)
        }
        return cls(tx, services, now, holders)

    async def invite(self, record: PersonRecord, actor_id: int | None) -> None:
        """Invite one person, or remember why that cannot be."""
        try:
            await self._invite(record, actor_id)
        except CommandError as error:
            self._refused.append(error)
        else:
            self._done.append(InvitedPerson(record.id, record.personal_id))

    def finish(self) -> tuple[InvitedPerson, ...]:
        """Everybody who was invited. Raises CommandError, naming all who cannot be, when there is any."""
        if not self._refused:
            return tuple(self._done)
        first = self._refused[0]
        if len(self._refused) == 1:
            raise first
        named = [error.message for error in self._refused[:MOST_NAMED]]
        rest = len(self._refused) - len(named)
        message = " ".join([*named, *([f"And {rest} more."] if rest else [])])
        raise CommandError(first.problem, message, first.expected, "people", first.refusal, first.at)

    async def _invite(self, record: PersonRecord, actor_id: int | None) -> None:
        tx, now = self.tx, self.now
        account = await records.find_account(tx, record.personal_id)
        personal = await rights.find_member(tx, record.personal_id, record.business_id, now, lock=True)
        if account is None or account.kind != AccountKind.PERSONAL.value or personal is None or personal.handed_over:
            raise CommandError(
                Problem.NOT_FOUND,
                f"{record.personal_id} is not a member with a personal login.",
                "such a member",
                "people",
            )
        work_email = check_address(record.work_email, "work_email")
        await check_work_address(tx, work_email, record.organization_id, now)
        if record.deadline is not None and record.deadline <= now:
            raise invalid("deadline", "The deadline lies in the past.", "a later instant")
        await self._close_earlier(record, personal, account.name, actor_id)
        await self._take_address(work_email, record.personal_id)
        completed = replace(
            record,
            work_email=work_email,
            prior_ends=personal.ends,
            prior_cause=personal.cause,
        )
        others = await rights.count_other_admins(tx, record.business_id, personal.id, now)
        plan = plans.plan_invite(completed, personal, others, now)
        check_plan(plan)
        nobody_knows = hash_secret(self.services.entropy.bytes(32).hex())
        await migrations.add_person(tx, completed, personal.id, nobody_knows)
        await apply_plan(tx, plan, actor_id, self.services.entropy.new_id, now)

    async def _close_earlier(
        self,
        record: PersonRecord,
        personal: MembershipState,
        name: str,
        actor_id: int | None,
    ) -> None:
        """One open invitation for each membership; those for memberships that ended are closed (rejoining, M18)."""
        for row in await migrations.list_open_invitations(self.tx, record.business_id, record.personal_id):
            if row.personal_membership_id == personal.id:
                raise conflict(
                    f"{name} was invited already.",
                    "somebody who was not",
                    Refusal.ALREADY_INVITED,
                )
            former = await rights.find_membership(self.tx, row.personal_membership_id)
            if row.claimed_at is None and former is not None:
                plan = plans.plan_exclude(migrations.as_record(row), former, self.now)
                await apply_plan(self.tx, plan, actor_id, self.services.entropy.new_id, self.now)

    async def _take_address(self, work_email: str, personal_id: int) -> None:
        """Nobody else holds or is invited to that work address (A1, M18)."""
        key = address_key(work_email)
        if self.holders.setdefault(key, personal_id) != personal_id:
            raise conflict(
                f"{work_email} is taken by somebody else's invitation.",
                "an address of one's own",
            )
        managed = await records.find_account_by_address(self.tx, AccountKind.MANAGED, work_email)
        if managed is not None:
            links = await migrations.list_linked(self.tx, managed.id)
            if links and all(row.personal_id != personal_id for row in links):
                raise conflict(
                    f"{work_email} is somebody else's managed account.",
                    "an address of one's own",
                )
