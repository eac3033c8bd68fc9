"""Credentials by which an organization's directory provisions it (O5): several live at once, each with an end."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from workbadge.keys import hash_secret, make_directory_token, read_directory_token
from workbadge.lifecycle.changes import Audit
from workbadge.store import records, scim_tokens
from workbadge.store.apply import write_audit
from workbadge.store.engine import Tx
from workbadge.terms.instants import DAY
from workbadge.terms.kinds import NodeKind

from .errors import invalid, not_found
from .registration import check_name
from .services import Services

LIFE = 365 * DAY
LONGEST = 730 * DAY
USED_EVERY = timedelta(minutes=1)
"""The last use is written no more often."""

PREFIX = 8
"""Letters of a credential that are kept to tell it from others."""


@dataclass(frozen=True, slots=True)
class DirectoryToken:
    """A credential as it is listed: never its text."""

    id: int
    name: str
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    last_used_at: datetime | None

    def is_live(self, now: datetime) -> bool:
        """Whether it is good at ``now`` (half-open)."""
        return self.ended_at is None and now < self.expires_at


@dataclass(frozen=True, slots=True)
class DirectoryCaller:
    """Whose directory asks, with which credential. ``last_used_at``: its last use that was written."""

    organization_id: int
    token_id: int
    last_used_at: datetime | None


def directory_address(services: Services, organization_id: int) -> str:
    """The base address under which an organization's directory provisions it."""
    return f"{services.base_url}/scim/{organization_id}/v2"


async def make_scim_token(
    tx: Tx,
    services: Services,
    organization_id: int,
    name: str,
    actor_id: int | None,
    now: datetime,
    life: timedelta = LIFE,
) -> tuple[int, str]:
    """A further credential: its id and its text, which is shown once. Raises CommandError."""
    if await records.find_organization(tx, organization_id) is None:
        raise not_found("organization")
    if not timedelta(0) < life <= LONGEST:
        raise invalid("life", "A credential cannot live for so long.", f"1 to {LONGEST.days} days")
    token_id, text = services.entropy.new_id(NodeKind.RECORD), make_directory_token(services.entropy)
    values = {
        "id": token_id,
        "hash": hash_secret(text),
        "organization_id": organization_id,
        "name": check_name(name),
        "created_at": now,
        "expires_at": now + life,
    }
    await scim_tokens.add_scim_token(tx, values)
    await _audit(tx, services, "scim_token.make", token_id, organization_id, actor_id, now)
    return token_id, text


async def list_scim_tokens(tx: Tx, organization_id: int) -> list[DirectoryToken]:
    """Credentials of an organization, oldest first, ended and expired ones among them."""
    return [
        DirectoryToken(row.id, row.name, row.created_at, row.expires_at, row.ended_at, row.last_used_at)
        for row in await scim_tokens.list_scim_tokens(tx, organization_id)
    ]


async def end_scim_token(
    tx: Tx, services: Services, organization_id: int, token_id: int, actor_id: int | None, now: datetime
) -> None:
    """End a credential now. Raises NOT_FOUND, also for one that was ended."""
    if not await scim_tokens.end_scim_token(tx, organization_id, token_id, now):
        raise not_found("credential of this organization")
    await _audit(tx, services, "scim_token.end", token_id, organization_id, actor_id, now)


async def find_directory_caller(tx: Tx, text: str, now: datetime) -> DirectoryCaller | None:
    """Who asks with a credential; None unless it is one of ours and live."""
    if read_directory_token(text) is None:
        return None
    row = await scim_tokens.find_scim_token(tx, hash_secret(text))
    if row is None or row.ended_at is not None or now >= row.expires_at:
        return None
    return DirectoryCaller(row.organization_id, row.id, row.last_used_at)


def is_worth_noting(caller: DirectoryCaller, now: datetime) -> bool:
    """Whether the last use that was written is no more good."""
    return caller.last_used_at is None or now - caller.last_used_at >= USED_EVERY


async def note_use(tx: Tx, caller: DirectoryCaller, now: datetime) -> None:
    """Write the last use, unless that was done a moment ago."""
    if is_worth_noting(caller, now):
        await scim_tokens.set_last_used(tx, caller.token_id, now)


async def _audit(
    tx: Tx, services: Services, act: str, token_id: int, organization_id: int, actor_id: int | None, now: datetime
) -> None:
    entry = Audit(act, token_id, None, organization_id)
    await write_audit(tx, (entry,), actor_id, services.entropy.new_id, now)
