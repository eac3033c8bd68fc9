"""Passwords: argon2id in a bounded pool, so that hashing never holds the event loop (``house.md`` §7)."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LONGEST = 256
SHORTEST = 8


class PasswordError(ValueError):
    """A password that cannot be used; the message says what was expected."""


class Passwords:
    """Hashes and verifies passwords exactly as entered (WB-37). 19 MiB, two passes, one lane."""

    def __init__(self, workers: int = 2, memory_kib: int = 19_456, passes: int = 2) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="argon2")
        self._dummy = self._hasher.hash("no account has this password")

    def check_form(self, password: str) -> None:
        """Raises PasswordError unless the password has 8 to 256 characters and no NUL."""
        if not SHORTEST <= len(password) <= LONGEST or "\0" in password:
            raise PasswordError(f"expected {SHORTEST} to {LONGEST} characters, got {len(password)}")

    async def hash(self, password: str) -> str:
        """The argon2id hash of ``password``. Raises PasswordError."""
        self.check_form(password)
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._hasher.hash, password)

    async def verify(self, hashed: str | None, password: str) -> bool:
        """Whether ``password`` is the one. With ``hashed`` None it takes as long and says no (AC-55)."""
        if len(password) > LONGEST:
            return False
        right = await asyncio.get_running_loop().run_in_executor(
            self._pool,
            self._verify,
            hashed if hashed is not None else self._dummy,
            password,
        )
        return right and hashed is not None

    def _verify(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False
