"""Plain nouns: organizations, domains, businesses, accounts, assets, apps. Inserts and look-ups by id or name."""

import json
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, func, insert, select, union_all, update

from workbadge.terms.addresses import address_key
from workbadge.terms.kinds import AccountKind, NodeKind

from .engine import Tx
from .schema import account, app, asset, business, domain, name_key, organization, scoped_account

_IN_ONE = 500
"""Values in one ``IN``."""


async def add_organization(tx: Tx, organization_id: int, name: str, now: datetime) -> None:
    """Insert an organization with the platform's grace."""
    await tx.run(insert(organization), [{"id": organization_id, "name": name, "created_at": now}])


async def find_organization(tx: Tx, organization_id: int) -> Row[Any] | None:
    """id, name, grace_seconds, created_at."""
    return await tx.one(select(organization).where(organization.c.id == organization_id))


async def set_grace_seconds(tx: Tx, organization_id: int, seconds: int | None) -> None:
    """An organization's own grace; None: the platform's."""
    await tx.run(update(organization).where(organization.c.id == organization_id).values(grace_seconds=seconds))


async def add_domain(tx: Tx, name: str, organization_id: int, verified_at: datetime | None, now: datetime) -> None:
    """Insert a domain of an organization."""
    await tx.run(
        insert(domain),
        [
            {
                "name": name,
                "organization_id": organization_id,
                "verified_at": verified_at,
                "created_at": now,
            }
        ],
    )


async def find_domain(tx: Tx, name: str) -> Row[Any] | None:
    """name, organization_id, verified_at, created_at."""
    return await tx.one(select(domain).where(domain.c.name == name))


async def add_business(tx: Tx, business_id: int, name: str, organization_id: int | None, now: datetime) -> None:
    """Insert a business."""
    await tx.run(
        insert(business),
        [
            {
                "id": business_id,
                "name": name,
                "organization_id": organization_id,
                "created_at": now,
            }
        ],
    )


async def find_business(tx: Tx, business_id: int) -> Row[Any] | None:
    """id, organization_id, name, created_at, suspended_at."""
    return await tx.one(select(business).where(business.c.id == business_id))


async def business_names(tx: Tx, ids: list[int]) -> dict[int, str]:
    """Names by id."""
    rows = await tx.rows(select(business.c.id, business.c.name).where(business.c.id.in_(ids)))
    return {row.id: row.name for row in rows}


async def add_account(
    tx: Tx,
    account_id: int,
    kind: AccountKind,
    name: str,
    now: datetime,
    email: str | None = None,
    password_hash: str | None = None,
    organization_id: int | None = None,
    business_id: int | None = None,
    locale: str = "en_US",
) -> None:
    """Insert an account. ``email`` comes from ``parse_address``."""
    await tx.run(
        insert(account),
        [
            {
                "id": account_id,
                "kind": kind.value,
                "organization_id": organization_id,
                "business_id": business_id,
                "name": name,
                "email": email,
                "email_key": None if email is None else address_key(email),
                "password_hash": password_hash,
                "password_changed_at": None if password_hash is None else now,
                "locale": locale,
                "created_at": now,
            }
        ],
    )


async def count_system_accounts(tx: Tx, business_id: int) -> int:
    """How many system users were made in a business."""
    mine = and_(account.c.business_id == business_id, account.c.kind == AccountKind.SYSTEM.value)
    row = await tx.one(select(func.count().label("total")).select_from(account).where(mine))
    return 0 if row is None else int(row.total)


async def rename_account(tx: Tx, account_id: int, name: str) -> None:
    """Give an account another name."""
    await tx.run(update(account).where(account.c.id == account_id).values(name=name, name_key=name_key(name)))


async def set_password(tx: Tx, account_id: int, password_hash: str, now: datetime) -> None:
    """Give an account another password."""
    await tx.run(
        update(account).where(account.c.id == account_id).values(password_hash=password_hash, password_changed_at=now)
    )


async def delete_account(tx: Tx, account_id: int, now: datetime) -> None:
    """Mark an account as deleted: it can do nothing any more."""
    await tx.run(update(account).where(account.c.id == account_id).values(deleted_at=now))


async def find_account(tx: Tx, account_id: int) -> Row[Any] | None:
    """All columns of one account."""
    return await tx.one(select(account).where(account.c.id == account_id))


async def find_account_by_address(tx: Tx, kind: AccountKind, address: str) -> Row[Any] | None:
    """The account of ``kind`` with that address, compared by ``address_key``."""
    return await tx.one(
        select(account).where(account.c.kind == kind.value, account.c.email_key == address_key(address))
    )


async def list_accounts_by_address(tx: Tx, kind: AccountKind, addresses: list[str]) -> list[Row[Any]]:
    """Accounts of ``kind`` with one of the addresses, compared by ``address_key``."""
    keys = sorted({address_key(one) for one in addresses})
    found: list[Row[Any]] = []
    for start in range(0, len(keys), _IN_ONE):
        some = account.c.email_key.in_(keys[start : start + _IN_ONE])
        found += await tx.rows(select(account).where(account.c.kind == kind.value, some))
    return found


async def list_accounts(tx: Tx, ids: list[int]) -> dict[int, Row[Any]]:
    """Accounts by id; ids that do not exist are left out."""
    rows = await tx.rows(select(account).where(account.c.id.in_(ids)))
    return {row.id: row for row in rows}


async def add_asset(
    tx: Tx,
    asset_id: int,
    kind: NodeKind,
    name: str,
    business_id: int | None,
    details: dict[str, Any],
    now: datetime,
) -> None:
    """Insert an asset. ``details``: further fields of the wire's node, plain JSON."""
    await tx.run(
        insert(asset),
        [
            {
                "id": asset_id,
                "kind": kind.value,
                "business_id": business_id,
                "name": name,
                "details": json.dumps(details, separators=(",", ":")),
                "created_at": now,
            }
        ],
    )


async def find_asset(tx: Tx, asset_id: int, lock: bool = False) -> Row[Any] | None:
    """id, kind, business_id, name, details, created_at of an asset that was not removed."""
    statement = select(asset).where(asset.c.id == asset_id, asset.c.removed_at.is_(None))
    return await tx.one(statement.with_for_update() if lock else statement)


async def list_assets(tx: Tx, ids: list[int]) -> dict[int, Row[Any]]:
    """Assets by id; removed and unknown ones are left out."""
    rows = await tx.rows(select(asset).where(asset.c.id.in_(ids), asset.c.removed_at.is_(None)))
    return {row.id: row for row in rows}


async def add_app(tx: Tx, app_id: int, values: dict[str, Any], now: datetime) -> None:
    """Insert an app; ``values``: the remaining columns, ``secret`` sealed, ``redirect_uris`` a list."""
    row = {
        **values,
        "id": app_id,
        "created_at": now,
        "redirect_uris": json.dumps(values["redirect_uris"]),
    }
    await tx.run(insert(app), [row])


async def find_app(tx: Tx, app_id: int) -> Row[Any] | None:
    """All columns of one app."""
    return await tx.one(select(app).where(app.c.id == app_id))


async def find_scoped_id(tx: Tx, app_id: int, account_id: int) -> int | None:
    """The id by which an app knows an account (``wire.md`` §3.4), if it has one yet."""
    row = await tx.one(
        select(scoped_account.c.id).where(scoped_account.c.app_id == app_id, scoped_account.c.account_id == account_id)
    )
    return None if row is None else int(row.id)


async def scoped_ids(tx: Tx, app_id: int, account_ids: list[int]) -> dict[int, int]:
    """Account to the id by which an app knows it, of those that have one."""
    rows = await tx.rows(
        select(scoped_account.c.account_id, scoped_account.c.id).where(
            scoped_account.c.app_id == app_id, scoped_account.c.account_id.in_(account_ids)
        )
    )
    return {row.account_id: row.id for row in rows}


async def add_scoped_id(tx: Tx, scoped_id: int, app_id: int, account_id: int) -> None:
    """Insert the id by which an app knows an account."""
    await tx.run(
        insert(scoped_account),
        [{"id": scoped_id, "app_id": app_id, "account_id": account_id}],
    )


async def find_by_scoped_id(tx: Tx, scoped_id: int) -> Row[Any] | None:
    """app_id, account_id of an app-scoped id."""
    return await tx.one(select(scoped_account).where(scoped_account.c.id == scoped_id))


async def list_names(tx: Tx, ids: list[int]) -> dict[int, str]:
    """Names of accounts, businesses, assets and apps by id, of removed ones too; what has no name is left out."""
    nouns = (account, business, asset, app)
    every = union_all(*(select(noun.c.id, noun.c.name).where(noun.c.id.in_(ids)) for noun in nouns))
    return {row.id: row.name for row in await tx.rows(every)}
