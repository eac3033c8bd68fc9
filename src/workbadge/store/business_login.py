"""Login configurations and installs of apps in businesses: reading and writing. Whether somebody may is decided elsewhere."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, exists, func, insert, or_, select, update

from .engine import Tx
from .fence import Fence, count_rows, fenced_rows
from .schema import account, app, business
from .schema.business_login import install, login_configuration, narrow_user
from .window import Rows, Window, read_window


async def add_configuration(tx: Tx, values: dict[str, Any]) -> None:
    """Insert a login configuration."""
    await tx.run(insert(login_configuration), [values])


async def find_configuration(tx: Tx, configuration_id: int, lock: bool = False) -> Row[Any] | None:
    """A configuration by its id, removed ones too."""
    statement = select(login_configuration).where(login_configuration.c.id == configuration_id)
    return await tx.one(statement.with_for_update() if lock else statement)


async def remove_configuration(tx: Tx, configuration_id: int, now: datetime) -> None:
    """Take a configuration out of use."""
    where = login_configuration.c.id == configuration_id
    await tx.run(update(login_configuration).where(where).values(removed_at=now))


async def list_configurations(tx: Tx, app_id: int) -> list[Row[Any]]:
    """Configurations of an app that were not removed, oldest first."""
    where = and_(login_configuration.c.app_id == app_id, login_configuration.c.removed_at.is_(None))
    order = (login_configuration.c.created_at, login_configuration.c.id)
    statement = select(login_configuration).where(where).order_by(*order)
    return await fenced_rows(tx, statement, Fence.around(login_configuration.c.app_id, app_id))


async def add_install(tx: Tx, values: dict[str, Any]) -> None:
    """Insert an install."""
    await tx.run(insert(install), [values])


async def find_install(tx: Tx, install_id: int, lock: bool = False) -> Row[Any] | None:
    """An install by its id, ended ones too."""
    statement = select(install).where(install.c.id == install_id)
    return await tx.one(statement.with_for_update() if lock else statement)


async def find_live_install(
    tx: Tx, app_id: int, business_id: int, external_business_id: str, lock: bool = False
) -> Row[Any] | None:
    """The install of an app in a business that was not ended; ``external_business_id`` empty: by a login configuration."""
    statement = select(install).where(
        install.c.app_id == app_id,
        install.c.business_id == business_id,
        install.c.external_business_id == external_business_id,
        install.c.uninstalled_at.is_(None),
    )
    return await tx.one(statement.with_for_update() if lock else statement)


async def list_extensions(
    tx: Tx, app_id: int, external_business_id: str | None = None, business_id: int | None = None
) -> list[Row[Any]]:
    """Installs of an app as a business extension that were not ended, newest first."""
    where = [install.c.app_id == app_id, install.c.external_business_id != "", install.c.uninstalled_at.is_(None)]
    if external_business_id is not None:
        where.append(install.c.external_business_id == external_business_id)
    if business_id is not None:
        where.append(install.c.business_id == business_id)
    return await tx.rows(select(install).where(*where).order_by(install.c.installed_at.desc(), install.c.id))


async def find_install_of(tx: Tx, account_id: int) -> Row[Any] | None:
    """The install that a system user belongs to, as its own or as one with fewer assets; ended ones too."""
    narrow = exists().where(narrow_user.c.install_id == install.c.id, narrow_user.c.account_id == account_id)
    return await tx.one(select(install).where(or_(install.c.account_id == account_id, narrow)))


def _shown(business_id: int) -> Select[Any]:
    """Live installs of a business with names, by app and instant."""
    by = account.alias("by")
    return (
        select(
            install,
            app.c.name.label("app"),
            app.c.user_support_url,
            app.c.user_support_email,
            account.c.name.label("system_user"),
            login_configuration.c.name.label("configuration"),
            by.c.name.label("installer"),
        )
        .join(app, app.c.id == install.c.app_id)
        .join(account, account.c.id == install.c.account_id)
        .join(by, by.c.id == install.c.installed_by)
        .outerjoin(login_configuration, login_configuration.c.id == install.c.configuration_id)
        .where(install.c.business_id == business_id, install.c.uninstalled_at.is_(None))
        .order_by(app.c.name, install.c.installed_at, install.c.id)
    )


async def list_installs(tx: Tx, business_id: int) -> list[Row[Any]]:
    """Live installs in a business by app: all columns, app, system_user, configuration, installer (names), help of the app."""
    return await fenced_rows(tx, _shown(business_id), Fence.around(install.c.business_id, business_id))


async def list_unswapped_installs(tx: Tx, business_id: int) -> list[Row[Any]]:
    """Those of ``list_installs`` whose app never took a token of its system user: it rests on people's logins (L4)."""
    waiting = _shown(business_id).where(install.c.swapped_at.is_(None))
    return await fenced_rows(tx, waiting, Fence.around(install.c.business_id, business_id))


async def list_client_businesses(tx: Tx, app_id: int, window: Window) -> Rows:
    """id and name of businesses in which an app is installed."""
    fence = Fence.around(_installed(app_id), app_id)
    return await read_window(tx, _clients(app_id), fence, window, business.c.id, business.c.created_at)


async def count_client_businesses(tx: Tx, app_id: int) -> int:
    """In how many businesses an app is installed."""
    return await count_rows(tx, _clients(app_id), Fence.around(_installed(app_id), app_id))


def _installed(app_id: int) -> ColumnElement[Any]:
    """The app, of a business that has it; else nobody."""
    here = (install.c.app_id == app_id, install.c.business_id == business.c.id)
    return select(func.max(install.c.app_id)).where(*here).correlate(business).scalar_subquery()


def _clients(app_id: int) -> Select[Any]:
    """Businesses with a live install of an app."""
    live = (install.c.app_id == app_id, install.c.business_id == business.c.id, install.c.uninstalled_at.is_(None))
    columns = (business.c.id, business.c.name, business.c.created_at.label("made"))
    return select(*columns).where(exists().where(*live))


async def count_installs(tx: Tx, app_id: int) -> dict[int, int]:
    """Configuration to the number of businesses in which an app is installed by it."""
    rows = await tx.rows(
        select(install.c.configuration_id, func.count().label("total"))
        .where(install.c.app_id == app_id, install.c.uninstalled_at.is_(None), install.c.configuration_id.is_not(None))
        .group_by(install.c.configuration_id)
    )
    return {row.configuration_id: row.total for row in rows}


async def change_install(tx: Tx, install_id: int, values: dict[str, Any]) -> None:
    """Set columns of an install."""
    await tx.run(update(install).where(install.c.id == install_id).values(**values))


async def mark_swapped(tx: Tx, install_id: int, now: datetime) -> None:
    """Note the first instant at which the app took a token of the install's system user."""
    await tx.run(
        update(install).where(install.c.id == install_id, install.c.swapped_at.is_(None)).values(swapped_at=now)
    )


async def find_narrow_user(tx: Tx, install_id: int, selection: str) -> int | None:
    """The account of an install that has exactly one selection of assets."""
    row = await tx.one(
        select(narrow_user.c.account_id).where(
            narrow_user.c.install_id == install_id, narrow_user.c.selection == selection
        )
    )
    return None if row is None else int(row.account_id)


async def add_narrow_user(tx: Tx, install_id: int, selection: str, account_id: int) -> None:
    """Insert a system user with fewer assets."""
    await tx.run(insert(narrow_user), [{"install_id": install_id, "selection": selection, "account_id": account_id}])


async def list_narrow_users(tx: Tx, install_id: int) -> list[int]:
    """Accounts of an install besides its own, by id."""
    statement = select(narrow_user.c.account_id).where(narrow_user.c.install_id == install_id)
    return [int(row.account_id) for row in await tx.rows(statement.order_by(narrow_user.c.account_id))]
