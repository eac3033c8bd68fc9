"""Storage on SQLAlchemy: ``SqlStorage(engine)`` and ``AsyncSqlStorage(async_engine)``. Needs ``regrant[sql]``."""

from regrant._async.sql import AsyncSqlStorage
from regrant._sync.sql import SqlStorage
from regrant.tables import metadata

__all__ = ["AsyncSqlStorage", "SqlStorage", "metadata"]
