"""Connections to identity providers: which an organization has, whose subjects they know, logins under way there (O3, O4)."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update

from workbadge.terms.addresses import address_key
from workbadge.terms.kinds import AccountKind

from .engine import Tx
from .fence import Fence, fenced_rows
from .schema import account, domain, migration_person
from .schema.connections import (
    connection,
    connection_attempt,
    connection_identity,
    vouched_login,
)


async def add_connection(tx: Tx, values: dict[str, Any]) -> None:
    """Insert a connection; ``values``: its columns, ``secret`` sealed."""
    await tx.run(insert(connection), [values])


async def change_connection(tx: Tx, connection_id: int, values: dict[str, Any]) -> None:
    """Set columns of a connection."""
    await tx.run(update(connection).where(connection.c.id == connection_id).values(values))


async def find_connection(tx: Tx, connection_id: int) -> Row[Any] | None:
    """All columns of a connection."""
    return await tx.one(select(connection).where(connection.c.id == connection_id))


async def list_of_organization(tx: Tx, organization_id: int) -> list[Row[Any]]:
    """An organization's connections, oldest first."""
    statement = (
        select(connection)
        .where(connection.c.organization_id == organization_id)
        .order_by(connection.c.created_at, connection.c.id)
    )
    return await fenced_rows(tx, statement, Fence.around(connection.c.organization_id, organization_id))


async def route_domain(tx: Tx, name: str, connection_id: int | None, required: bool) -> None:
    """Route a domain to a connection; None: to none."""
    routed = {"connection_id": connection_id, "sso_required": int(required)}
    await tx.run(update(domain).where(domain.c.name == name).values(routed))


async def list_routes(tx: Tx, connection_id: int) -> list[Row[Any]]:
    """name, sso_required of the domains that are routed to a connection, by name."""
    statement = select(domain).where(domain.c.connection_id == connection_id).order_by(domain.c.name)
    return await fenced_rows(tx, statement, Fence.around(domain.c.connection_id, connection_id))


async def find_identity(tx: Tx, connection_id: int, subject: str) -> Row[Any] | None:
    """The account (all columns) that a connection's subject stands for."""
    return await tx.one(
        select(account)
        .join(connection_identity, connection_identity.c.account_id == account.c.id)
        .where(connection_identity.c.connection_id == connection_id, connection_identity.c.subject == subject)
    )


async def has_identity(tx: Tx, connection_id: int, account_id: int) -> bool:
    """Whether any subject of a connection stands for an account."""
    mine = (connection_identity.c.connection_id == connection_id, connection_identity.c.account_id == account_id)
    return await tx.one(select(connection_identity.c.subject).where(*mine).limit(1)) is not None


async def add_identity(tx: Tx, connection_id: int, subject: str, account_id: int, now: datetime) -> None:
    """A connection's subject stands for an account."""
    row = {"connection_id": connection_id, "subject": subject, "account_id": account_id, "linked_at": now}
    await tx.run(insert(connection_identity), [row])


async def count_identities(tx: Tx, connection_id: int) -> int:
    """How many people a connection knows."""
    mine = connection_identity.c.connection_id == connection_id
    row = await tx.one(select(func.count().label("n")).select_from(connection_identity).where(mine))
    return 0 if row is None else int(row.n)


async def is_invited(tx: Tx, organization_id: int, address: str, now: datetime) -> bool:
    """Whether an open invitation of a migration awaits somebody with that work address in the organization (M4)."""
    row = await tx.one(
        select(migration_person.c.id)
        .where(
            migration_person.c.organization_id == organization_id,
            func.lower(migration_person.c.work_email) == address_key(address),
            migration_person.c.claimed_at.is_(None),
            migration_person.c.rolled_back_at.is_(None),
            migration_person.c.excluded_at.is_(None),
            migration_person.c.link_expires_at > now,
        )
        .limit(1)
    )
    return row is not None


async def find_managed(tx: Tx, organization_id: int, address: str) -> Row[Any] | None:
    """The managed account (all columns) of an organization with that address."""
    return await tx.one(
        select(account).where(
            account.c.kind == AccountKind.MANAGED.value,
            account.c.email_key == address_key(address),
            account.c.organization_id == organization_id,
        )
    )


async def add_attempt(tx: Tx, values: dict[str, Any]) -> None:
    """Insert a login that goes to an identity provider."""
    await tx.run(insert(connection_attempt), [values])


async def find_attempt(tx: Tx, state_hash: bytes) -> Row[Any] | None:
    """All columns of a login that is under way, locked."""
    return await tx.one(
        select(connection_attempt).where(connection_attempt.c.state_hash == state_hash).with_for_update()
    )


async def drop_attempt(tx: Tx, state_hash: bytes) -> None:
    """A login came back, whatever came of it."""
    await tx.run(delete(connection_attempt).where(connection_attempt.c.state_hash == state_hash))


async def drop_attempts(tx: Tx, before: datetime) -> None:
    """Forget logins that never came back."""
    await tx.run(delete(connection_attempt).where(connection_attempt.c.ends < before))


async def add_vouched(tx: Tx, values: dict[str, Any]) -> None:
    """Keep what an identity provider said of a login; signing in again renews it."""
    await drop_vouched(tx, values["session_hash"], values["account_id"])
    await tx.run(insert(vouched_login), [values])


async def find_vouched(tx: Tx, session_hash: bytes, account_id: int) -> Row[Any] | None:
    """What was said of an account's login on a session."""
    return await tx.one(
        select(vouched_login).where(
            vouched_login.c.session_hash == session_hash, vouched_login.c.account_id == account_id
        )
    )


async def drop_vouched(tx: Tx, session_hash: bytes, account_id: int) -> None:
    """An account signed in anew on a session, or left it."""
    await tx.run(
        delete(vouched_login).where(
            vouched_login.c.session_hash == session_hash, vouched_login.c.account_id == account_id
        )
    )


async def move_vouched(tx: Tx, old: bytes, new: bytes) -> None:
    """A session got a new cookie: what was said of its logins goes along."""
    await tx.run(update(vouched_login).where(vouched_login.c.session_hash == old).values(session_hash=new))
