# Written by tools/unasync.py from kit/src/regrant/_async/sql.py: change that file.
"""Storage on SQLAlchemy: SQLite, PostgreSQL. Needs ``regrant[sql]`` and a driver of yours."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, Table, delete, exists, insert, select, update
from sqlalchemy.exc import IntegrityError

from regrant import tables
from regrant.rows import Asset, Connection, DataKey, Event, PendingLogin, State, StoredToken


class SqlStorage:
    """Keeps everything in the tables of ``regrant.tables``, in a database that the app shares with it or not."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self) -> None:
        """Make the tables that are missing. Apps with schema steps of their own hand ``tables.metadata`` to those instead."""
        with self._engine.begin() as tx:
            tables.metadata.create_all(tx)

    def data_keys(self, tenant: str) -> list[DataKey]:
        """All data keys of a tenant."""
        rows = self._of(tables.data_key, tenant=tenant)
        return sorted((DataKey(**row._mapping) for row in rows), key=lambda key: (key.made_at, key.id))

    def add_data_key(self, key: DataKey) -> None:
        """Keep a new one."""
        self._run(insert(tables.data_key).values(**asdict(key)))

    def rewrap_data_key(self, old: DataKey, new: DataKey) -> bool:
        """Replace it if it is as it was."""
        same = (
            tables.data_key.c.tenant == old.tenant,
            tables.data_key.c.id == old.id,
            tables.data_key.c.wrapped == old.wrapped,
        )
        return self._run(update(tables.data_key).where(*same).values(master=new.master, wrapped=new.wrapped)) == 1

    def add_login(self, login: PendingLogin) -> None:
        """Keep a begun login."""
        self._run(insert(tables.login).values(**asdict(login)))

    def take_login(self, tenant: str, login: str) -> PendingLogin | None:
        """Hand it out once."""
        rows = self._of(tables.login, tenant=tenant, id=login)
        taken = self._run(delete(tables.login).where(tables.login.c.tenant == tenant, tables.login.c.id == login))
        return PendingLogin(**rows[0]._mapping) if rows and taken == 1 else None

    def forget_logins(self, before: datetime) -> int:
        """Remove logins that nobody finished."""
        return self._run(delete(tables.login).where(tables.login.c.ends < before))

    def add_connection(self, connection: Connection) -> None:
        """Keep a new one."""
        self._run(insert(tables.connection).values(**asdict(connection)))

    def connections(self, tenant: str) -> list[Connection]:
        """All of a tenant."""
        rows = self._of(tables.connection, tenant=tenant)
        return sorted((Connection(**row._mapping) for row in rows), key=lambda one: (one.made_at, one.id))

    def connection(self, tenant: str, connection: str) -> Connection | None:
        """One of this tenant."""
        rows = self._of(tables.connection, tenant=tenant, id=connection)
        return Connection(**rows[0]._mapping) if rows else None

    def add_token(self, token: StoredToken) -> None:
        """Keep a new one."""
        self._run(insert(tables.token).values(**asdict(token)))

    def token(self, tenant: str, token: str) -> StoredToken | None:
        """One of this tenant."""
        rows = self._of(tables.token, tenant=tenant, id=token)
        return StoredToken(**rows[0]._mapping) if rows else None

    def tokens(self, tenant: str) -> list[StoredToken]:
        """All of a tenant."""
        return [StoredToken(**row._mapping) for row in self._of(tables.token, tenant=tenant)]

    def reseal_token(self, old: StoredToken, sealed: str) -> bool:
        """Replace the sealed text."""
        table = tables.token.c
        same = (table.tenant == old.tenant, table.id == old.id, table.sealed == old.sealed)
        return self._run(update(tables.token).where(*same).values(sealed=sealed)) == 1

    def drop_token(self, tenant: str, token: str) -> bool:
        """Forget one that nothing uses."""
        used = exists().where(tables.asset.c.tenant == tenant, tables.asset.c.token == token)
        one = (tables.token.c.tenant == tenant, tables.token.c.id == token, ~used)
        return self._run(delete(tables.token).where(*one)) == 1

    def assets(self, tenant: str, connection: str | None = None) -> list[Asset]:
        """All of a tenant, or of a connection."""
        only = {} if connection is None else {"connection": connection}
        return _assets(self._of(tables.asset, tenant=tenant, **only))

    def asset(self, tenant: str, connection: str, asset: str) -> Asset | None:
        """One of this tenant."""
        found = _assets(self._of(tables.asset, tenant=tenant, connection=connection, asset=asset))
        return found[0] if found else None

    def put_asset(self, asset: Asset, over: int | None) -> bool:
        """Write a row and a line of its history."""
        table, values = tables.asset.c, asdict(asset)
        one = (table.tenant == asset.tenant, table.connection == asset.connection, table.asset == asset.asset)
        line = {
            name: values[name]
            for name in ("tenant", "connection", "asset", "version", "state", "reason", "until", "token")
        }
        try:
            with self._engine.begin() as tx:
                if over is None:
                    tx.execute(insert(tables.asset).values(**values))
                else:
                    done = tx.execute(update(tables.asset).where(*one, table.version == over).values(**values))
                    if done.rowcount != 1:
                        return False
                tx.execute(insert(tables.event).values(at=asset.changed_at, **line))
        except IntegrityError:
            if over is None and self.asset(asset.tenant, asset.connection, asset.asset) is not None:
                return False
            raise
        return True

    def reseal_asset(self, old: Asset, sealed: str) -> bool:
        """Replace the sealed text."""
        table = tables.asset.c
        one = (table.tenant == old.tenant, table.connection == old.connection, table.asset == old.asset)
        return self._run(update(tables.asset).where(*one, table.sealed == old.sealed).values(sealed=sealed)) == 1

    def history(self, tenant: str, connection: str, asset: str) -> list[Event]:
        """The lines of one asset."""
        rows = self._of(tables.event, tenant=tenant, connection=connection, asset=asset)
        lines = [{**row._mapping, "state": State(row.state)} for row in rows]
        return sorted((Event(**_without_tenant(line)) for line in lines), key=lambda line: line.version)

    def holding_asset(self, app: str, asset: str) -> list[Asset]:
        """Rows of this asset under this app."""
        return _assets(self._of(tables.asset, app=app, asset=asset))

    def held_by(self, app: str, holder: str) -> list[Asset]:
        """Rows of this app whose token stands for this person."""
        same = (tables.asset.c.tenant == tables.token.c.tenant) & (tables.asset.c.token == tables.token.c.id)
        wanted = select(tables.asset).join(tables.token, same)
        wanted = wanted.where(tables.token.c.app == app, tables.token.c.holder == holder)
        with self._engine.begin() as tx:
            return _assets((tx.execute(wanted)).all())

    def first_time(self, app: str, digest: str, now: datetime, forget: datetime) -> bool:
        """Whether this message is new."""
        try:
            with self._engine.begin() as tx:
                tx.execute(insert(tables.seen).values(app=app, digest=digest, at=now))
                tx.execute(delete(tables.seen).where(tables.seen.c.at < forget))
        except IntegrityError:
            return False
        return True

    def unseen(self, app: str, digest: str) -> None:
        """Forget a message whose handling failed."""
        self._run(delete(tables.seen).where(tables.seen.c.app == app, tables.seen.c.digest == digest))

    def claim_due(self, app: str, now: datetime, again: datetime, limit: int) -> Sequence[StoredToken]:
        """Tokens whose time has come."""
        table = tables.token.c
        due = select(tables.token).where(table.app == app, table.check_at <= now).order_by(table.check_at).limit(limit)
        with self._engine.begin() as tx:
            found = [StoredToken(**row._mapping) for row in (tx.execute(due)).all()]
        claimed = []
        for one in found:
            same = (table.tenant == one.tenant, table.id == one.id, table.check_at == one.check_at)
            if self._run(update(tables.token).where(*same).values(check_at=again)) == 1:
                claimed.append(one)
        return claimed

    def check_next(self, tenant: str, token: str, at: datetime) -> None:
        """Set when a token is looked at next."""
        one = (tables.token.c.tenant == tenant, tables.token.c.id == token)
        self._run(update(tables.token).where(*one).values(check_at=at))

    def assets_of(self, tenant: str, token: str) -> list[Asset]:
        """What a token reaches."""
        return _assets(self._of(tables.asset, tenant=tenant, token=token))

    def _of(self, table: Table, **equal: str) -> Sequence[Row[Any]]:
        wanted = select(table).where(*(table.c[name] == value for name, value in equal.items()))
        with self._engine.begin() as tx:
            return (tx.execute(wanted)).all()

    def _run(self, statement: Any) -> int:
        with self._engine.begin() as tx:
            return int((tx.execute(statement)).rowcount)


def _assets(rows: Sequence[Row[Any]]) -> list[Asset]:
    found = [Asset(**{**row._mapping, "state": State(row.state)}) for row in rows]
    return sorted(found, key=lambda one: (one.tenant, one.connection, one.asset))


def _without_tenant(line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name != "tenant"}
