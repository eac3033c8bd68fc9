"""What a node keeps of its reads on PostgreSQL: dropped by notification of any node's commit, never older than a second."""

import asyncio
import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import asyncpg

CHANNEL = "workbadge"
PROBE = "probe"
"""What a notification says that only measures how long one takes."""

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
        self._probes: dict[int, asyncio.Event] = {}

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

    @contextlib.contextmanager
    def probed(self, sender: int) -> Iterator[asyncio.Event]:
        """Set once a probe of that connection of the database is heard, during the block."""
        heard = self._probes[sender] = asyncio.Event()
        try:
            yield heard
        finally:
            del self._probes[sender]

    def _heard(self, connection: Any, sender: int, channel: str, said: str) -> None:
        """A commit, or a probe of this or another node."""
        if said != PROBE:
            self.drop()
        elif sender in self._probes:
            self._probes[sender].set()

    async def _listen(self) -> None:
        try:
            connection = await asyncpg.connect(self._dsn, server_settings=self._settings)
            await connection.add_listener(CHANNEL, self._heard)
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
