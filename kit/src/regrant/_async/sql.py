"""Storage on SQLAlchemy: SQLite, PostgreSQL. Needs ``regrant[sql]`` and a driver of yours."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Table, delete, exists, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from regrant import tables
from regrant.rows import Asset, Connection, DataKey, Event, PendingLogin, State, StoredToken


class AsyncSqlStorage:
    """Keeps everything in the tables of ``regrant.tables``, in a database that the app shares with it or not."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def create(self) -> None:
        """Make the tables that are missing. Apps with schema steps of their own hand ``tables.metadata`` to those instead."""
        async with self._engine.begin() as tx:
            await tx.run_sync(tables.metadata.create_all)

    async def data_keys(self, tenant: str) -> list[DataKey]:
        """All data keys of a tenant."""
        rows = await self._of(tables.data_key, tenant=tenant)
        return sorted((DataKey(**row._mapping) for row in rows), key=lambda key: (key.made_at, key.id))

    async def add_data_key(self, key: DataKey) -> None:
        """Keep a new one."""
        await self._run(insert(tables.data_key).values(**asdict(key)))

    async def rewrap_data_key(self, old: DataKey, new: DataKey) -> bool:
        """Replace it if it is as it was."""
        same = (
            tables.data_key.c.tenant == old.tenant,
            tables.data_key.c.id == old.id,
            tables.data_key.c.wrapped == old.wrapped,
        )
        return await self._run(update(tables.data_key).where(*same).values(master=new.master, wrapped=new.wrapped)) == 1

    async def add_login(self, login: PendingLogin) -> None:
        """Keep a begun login."""
        await self._run(insert(tables.login).values(**asdict(login)))

    async def take_login(self, tenant: str, login: str) -> PendingLogin | None:
        """Hand it out once."""
        rows = await self._of(tables.login, tenant=tenant, id=login)
        taken = await self._run(delete(tables.login).where(tables.login.c.tenant == tenant, tables.login.c.id == login))
        return PendingLogin(**rows[0]._mapping) if rows and taken == 1 else None

    async def forget_logins(self, before: datetime) -> int:
        """Remove logins that nobody finished."""
        return await self._run(delete(tables.login).where(tables.login.c.ends < before))

    async def add_connection(self, connection: Connection) -> None:
        """Keep a new one."""
        await self._run(insert(tables.connection).values(**asdict(connection)))

    async def connections(self, tenant: str) -> list[Connection]:
        """All of a tenant."""
        rows = await self._of(tables.connection, tenant=tenant)
        return sorted((Connection(**row._mapping) for row in rows), key=lambda one: (one.made_at, one.id))

    async def connection(self, tenant: str, connection: str) -> Connection | None:
        """One of this tenant."""
        rows = await self._of(tables.connection, tenant=tenant, id=connection)
        return Connection(**rows[0]._mapping) if rows else None

    async def add_token(self, token: StoredToken) -> None:
        """Keep a new one."""
        await self._run(insert(tables.token).values(**asdict(token)))

    async def token(self, tenant: str, token: str) -> StoredToken | None:
        """One of this tenant."""
        rows = await self._of(tables.token, tenant=tenant, id=token)
        return StoredToken(**rows[0]._mapping) if rows else None

    async def tokens(self, tenant: str) -> list[StoredToken]:
        """All of a tenant."""
        return [StoredToken(**row._mapping) for row in await self._of(tables.token, tenant=tenant)]

    async def reseal_token(self, old: StoredToken, sealed: str) -> bool:
        """Replace the sealed text."""
        table = tables.token.c
        same = (table.tenant == old.tenant, table.id == old.id, table.sealed == old.sealed)
        return await self._run(update(tables.token).where(*same).values(sealed=sealed)) == 1

    async def drop_token(self, tenant: str, token: str) -> bool:
        """Forget one that nothing uses."""
        used = exists().where(tables.asset.c.tenant == tenant, tables.asset.c.token == token)
        one = (tables.token.c.tenant == tenant, tables.token.c.id == token, ~used)
        return await self._run(delete(tables.token).where(*one)) == 1

    async def assets(self, tenant: str, connection: str | None = None) -> list[Asset]:
        """All of a tenant, or of a connection."""
        only = {} if connection is None else {"connection": connection}
        return _assets(await self._of(tables.asset, tenant=tenant, **only))

    async def asset(self, tenant: str, connection: str, asset: str) -> Asset | None:
        """One of this tenant."""
        found = _assets(await self._of(tables.asset, tenant=tenant, connection=connection, asset=asset))
        return found[0] if found else None

    async def put_asset(self, asset: Asset, over: int | None) -> bool:
        """Write a row and a line of its history."""
        table, values = tables.asset.c, asdict(asset)
        one = (table.tenant == asset.tenant, table.connection == asset.connection, table.asset == asset.asset)
        line = {
            name: values[name]
            for name in ("tenant", "connection", "asset", "version", "state", "reason", "until", "token")
        }
        try:
            async with self._engine.begin() as tx:
                if over is None:
                    await tx.execute(insert(tables.asset).values(**values))
                else:
                    done = await tx.execute(update(tables.asset).where(*one, table.version == over).values(**values))
                    if done.rowcount != 1:
                        return False
                await tx.execute(insert(tables.event).values(at=asset.changed_at, **line))
        except IntegrityError:
            if over is None and await self.asset(asset.tenant, asset.connection, asset.asset) is not None:
                return False
            raise
        return True

    async def reseal_asset(self, old: Asset, sealed: str) -> bool:
        """Replace the sealed text."""
        table = tables.asset.c
        one = (table.tenant == old.tenant, table.connection == old.connection, table.asset == old.asset)
        return await self._run(update(tables.asset).where(*one, table.sealed == old.sealed).values(sealed=sealed)) == 1

    async def history(self, tenant: str, connection: str, asset: str) -> list[Event]:
        """The lines of one asset."""
        rows = await self._of(tables.event, tenant=tenant, connection=connection, asset=asset)
        lines = [{**row._mapping, "state": State(row.state)} for row in rows]
        return sorted((Event(**_without_tenant(line)) for line in lines), key=lambda line: line.version)

    async def holding_asset(self, app: str, asset: str) -> list[Asset]:
        """Rows of this asset under this app."""
        return _assets(await self._of(tables.asset, app=app, asset=asset))

    async def held_by(self, app: str, holder: str) -> list[Asset]:
        """Rows of this app whose token stands for this person."""
        same = (tables.asset.c.tenant == tables.token.c.tenant) & (tables.asset.c.token == tables.token.c.id)
        wanted = select(tables.asset).join(tables.token, same)
        wanted = wanted.where(tables.token.c.app == app, tables.token.c.holder == holder)
        async with self._engine.begin() as tx:
            return _assets((await tx.execute(wanted)).all())

    async def first_time(self, app: str, digest: str, now: datetime, forget: datetime) -> bool:
        """Whether this message is new."""
        try:
            async with self._engine.begin() as tx:
                await tx.execute(insert(tables.seen).values(app=app, digest=digest, at=now))
                await tx.execute(delete(tables.seen).where(tables.seen.c.at < forget))
        except IntegrityError:
            return False
        return True

    async def unseen(self, app: str, digest: str) -> None:
        """Forget a message whose handling failed."""
        await self._run(delete(tables.seen).where(tables.seen.c.app == app, tables.seen.c.digest == digest))

    async def claim_due(self, app: str, now: datetime, again: datetime, limit: int) -> Sequence[StoredToken]:
        """Tokens whose time has come."""
        table = tables.token.c
        due = select(tables.token).where(table.app == app, table.check_at <= now).order_by(table.check_at).limit(limit)
        async with self._engine.begin() as tx:
            found = [StoredToken(**row._mapping) for row in (await tx.execute(due)).all()]
        claimed = []
        for one in found:
            same = (table.tenant == one.tenant, table.id == one.id, table.check_at == one.check_at)
            if await self._run(update(tables.token).where(*same).values(check_at=again)) == 1:
                claimed.append(one)
        return claimed

    async def check_next(self, tenant: str, token: str, at: datetime) -> None:
        """Set when a token is looked at next."""
        one = (tables.token.c.tenant == tenant, tables.token.c.id == token)
        await self._run(update(tables.token).where(*one).values(check_at=at))

    async def assets_of(self, tenant: str, token: str) -> list[Asset]:
        """What a token reaches."""
        return _assets(await self._of(tables.asset, tenant=tenant, token=token))

    async def _of(self, table: Table, **equal: str) -> Sequence[Row[Any]]:
        wanted = select(table).where(*(table.c[name] == value for name, value in equal.items()))
        async with self._engine.begin() as tx:
            return (await tx.execute(wanted)).all()

    async def _run(self, statement: Any) -> int:
        async with self._engine.begin() as tx:
            return int((await tx.execute(statement)).rowcount)


def _assets(rows: Sequence[Row[Any]]) -> list[Asset]:
    found = [Asset(**{**row._mapping, "state": State(row.state)}) for row in rows]
    return sorted(found, key=lambda one: (one.tenant, one.connection, one.asset))


def _without_tenant(line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name != "tenant"}
