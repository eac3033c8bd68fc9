"""What a node keeps of its reads on PostgreSQL: dropped by notification of any node's commit, never older than a second."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

import asyncpg

CHANNEL = "workbadge"
LONGEST_SECONDS = 1.0
"""How old anything kept may become when a notification is late or lost (``house.md`` §7)."""
MOST = 20_000


class NotifiedMemo:
    """Values that hold until somebody commits. Without a listening connection nothing is kept."""

    def __init__(self, dsn: str, settings: Mapping[str, str]) -> None:
        self._dsn = dsn
        self._settings = dict(settings)
        self._values: dict[Any, Any] = {}
        self._begun = 0.0
        self._connection: Any = None
        self._listening: asyncio.Task[None] | None = None
        self._tried = -LONGEST_SECONDS

    def get(self) -> dict[Any, Any] | None:
        """Where values may be kept now; None while it would not be heard that somebody commits.

        A value that is read from the database must go into the very dictionary that was given out before the read: when somebody
        commits meanwhile, that one is no longer in use.
        """
        now = asyncio.get_running_loop().time()
        if self._connection is None:
            if self._listening is None and now - self._tried >= LONGEST_SECONDS:
                self._tried = now
                self._listening = asyncio.create_task(self._listen())
            return None
        if now - self._begun >= LONGEST_SECONDS or len(self._values) >= MOST:
            self._values, self._begun = {}, now
        return self._values

    def drop(self) -> None:
        """Somebody has committed."""
        self._values = {}

    async def _listen(self) -> None:
        try:
            connection = await asyncpg.connect(self._dsn, server_settings=self._settings)
            await connection.add_listener(CHANNEL, lambda *heard: self.drop())
            connection.add_termination_listener(lambda ended: self._ended())
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            return
        finally:
            self._listening = None
        self.drop()
        self._connection = connection

    def _ended(self) -> None:
        """The connection is gone: what is committed from now on would not be heard."""
        self._connection = None
        self.drop()

    async def close(self) -> None:
        """Stop listening."""
        if self._listening is not None:
            self._listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listening
        if self._connection is not None:
            self._connection.terminate()
