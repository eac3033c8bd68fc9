"""Changes, audit entries, due work and plans as values. ``store.apply`` writes them; nobody else interprets them."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from workbadge.terms.kinds import EndCause, Role
from workbadge.terms.tasks import Task


@dataclass(frozen=True, slots=True)
class MembershipState:
    """One membership with its assignments, as it stands. ``assignments`` maps asset id to tasks."""

    id: int
    account_id: int
    business_id: int
    role: Role
    starts: datetime
    ends: datetime | None = None
    cause: EndCause | None = None
    handed_over: datetime | None = None
    assignments: dict[int, Task] = field(default_factory=dict)

    def is_open(self, now: datetime) -> bool:
        """Whether the membership holds at ``now`` (half-open)."""
        return self.starts <= now and (self.ends is None or now < self.ends)


@dataclass(frozen=True, slots=True)
class OpenAccount:
    """Create a managed account of ``organization_id``; ``password_hash`` is already hashed."""

    id: int
    organization_id: int
    name: str
    email: str
    password_hash: str
    at: datetime


@dataclass(frozen=True, slots=True)
class OpenMembership:
    """Insert a membership and its assignments."""

    membership: MembershipState


@dataclass(frozen=True, slots=True)
class SetMembershipEnd:
    """Set end, cause and hand-over of a membership to exactly these values."""

    membership_id: int
    ends: datetime | None
    cause: EndCause | None
    handed_over: datetime | None


@dataclass(frozen=True, slots=True)
class SetRole:
    """Change a membership's role."""

    membership_id: int
    role: Role


@dataclass(frozen=True, slots=True)
class PutAssignment:
    """Insert or replace one assignment."""

    membership_id: int
    asset_id: int
    tasks: Task


@dataclass(frozen=True, slots=True)
class DropAssignment:
    """Delete one assignment, if it is there."""

    membership_id: int
    asset_id: int


@dataclass(frozen=True, slots=True)
class LinkAccounts:
    """Remember that one person holds both accounts (M4). Idempotent."""

    personal_id: int
    managed_id: int
    at: datetime


@dataclass(frozen=True, slots=True)
class SetPersonClaimed:
    """The person of a migration has claimed; ``before`` is the state that a rollback restores."""

    person_id: int
    at: datetime
    managed_id: int
    managed_membership_id: int
    before: str


@dataclass(frozen=True, slots=True)
class SetPersonRolledBack:
    """The person was rolled back."""

    person_id: int
    at: datetime


@dataclass(frozen=True, slots=True)
class SetPersonDeadline:
    """The person's deadline moved (None: none)."""

    person_id: int
    deadline: datetime | None


@dataclass(frozen=True, slots=True)
class SetPersonExcluded:
    """The person is no longer part of the migration."""

    person_id: int
    at: datetime


@dataclass(frozen=True, slots=True)
class ForgetSelections:
    """Remove what an account had selected of one business, for every app (M12).

    Kept is what the account still reaches at ``at`` through another business that owns them or was lent them (A6, I4).
    """

    account_id: int
    business_id: int
    at: datetime


@dataclass(frozen=True, slots=True)
class SuspendAccount:
    """Suspend an account from ``at`` on and end its sessions (A5)."""

    account_id: int
    at: datetime


@dataclass(frozen=True, slots=True)
class RestoreAccount:
    """Lift a suspension. Tokens issued before ``at`` stay dead (SC-17)."""

    account_id: int
    at: datetime


@dataclass(frozen=True, slots=True)
class SetAccountPerson:
    """Name and address of an account."""

    account_id: int
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class DeleteAccount:
    """An account can do nothing any more; its address is free again."""

    account_id: int
    at: datetime


@dataclass(frozen=True, slots=True)
class CancelDue:
    """Remove work that is due later for a subject."""

    subject: int


@dataclass(frozen=True, slots=True)
class SetAssetOwner:
    """An asset is a business's from now on (None: nobody's), and so is what was selected of it. Direct roles on it end."""

    asset_id: int
    business_id: int | None


@dataclass(frozen=True, slots=True)
class PutDirectRole:
    """A personal account holds a role on an asset of no business (A2)."""

    account_id: int
    asset_id: int
    tasks: Task


@dataclass(frozen=True, slots=True)
class EndShares:
    """End every open share of an asset with a partner."""

    asset_id: int
    partner_business_id: int
    at: datetime


Change: TypeAlias = (
    OpenAccount
    | OpenMembership
    | SetMembershipEnd
    | SetRole
    | PutAssignment
    | DropAssignment
    | LinkAccounts
    | SetPersonClaimed
    | SetPersonRolledBack
    | SetPersonDeadline
    | SetPersonExcluded
    | ForgetSelections
    | SuspendAccount
    | RestoreAccount
    | SetAccountPerson
    | DeleteAccount
    | CancelDue
    | SetAssetOwner
    | PutDirectRole
    | EndShares
)


class DueKind(StrEnum):
    """Work that becomes due at an instant. ``commands.due`` has one function for each."""

    INVITE = "invite"  # mail with the claim link (M3)
    REMIND_CLAIM = "remind_claim"  # claim reminder before the deadline (M3)
    DEADLINE = "deadline"  # the deadline has come (M10)
    ANNOUNCE = "announce"  # webhooks: a window starts, moves or is taken back (L5)
    CLAIMED = "claimed"  # mail after the claim with the affected apps (B4, B5)
    REMIND_RECONNECT = "remind_reconnect"  # 14, 7, 3, 1 days before the cut-off (B5)
    CUT_OFF = "cut_off"  # the cut-off has come: mail and webhooks (B5, L5)


@dataclass(frozen=True, slots=True)
class Due:
    """One row of due work; ``subject`` is a person of a migration."""

    at: datetime
    kind: DueKind
    subject: int


@dataclass(frozen=True, slots=True)
class Audit:
    """One audit entry (I11): ``act`` in the form noun.verb, ``subject`` an id, ``detail`` plain values, no secrets."""

    act: str
    subject: int
    business_id: int | None = None
    organization_id: int | None = None
    detail: dict[str, str | int | None] = field(default_factory=dict)


class Refusal(StrEnum):
    """Why a plan does nothing of what was asked."""

    NOT_INVITED = "not_invited"
    LINK_EXPIRED = "link_expired"
    ALREADY_CLAIMED = "already_claimed"
    WRONG_PERSON = "wrong_person"
    NOT_A_MEMBER = "not_a_member"
    MISSING_PROOF = "missing_proof"
    NOT_CLAIMED = "not_claimed"
    AFTER_CUT_OFF = "after_cut_off"
    BEYOND_LIMIT = "beyond_limit"
    NOT_LATER = "not_later"
    LAST_ADMIN = "last_admin"
    IN_THE_PAST = "in_the_past"
    ALREADY_INVITED = "already_invited"
    ADDRESS_NOT_IN_DOMAIN = "address_not_in_domain"
    NOTHING_TO_DO = "nothing_to_do"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done in one transaction. ``refusal`` None means that the command does what it says."""

    changes: tuple[Change, ...] = ()
    audit: tuple[Audit, ...] = ()
    due: tuple[Due, ...] = ()
    refusal: Refusal | None = None
    limit: datetime | None = None


def refuse(refusal: Refusal, limit: datetime | None = None) -> Plan:
    """A plan that changes nothing and says why; ``limit`` is the instant that a time was held against."""
    return Plan(refusal=refusal, limit=limit)
