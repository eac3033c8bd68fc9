"""Where the library touches the machine: its clock, its randomness, waiting, and threads. Nothing else in it does."""

import asyncio
import random
import secrets
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeAlias, TypeVar

T = TypeVar("T")

Clock: TypeAlias = Callable[[], datetime]
"""Tells the present instant, aware, in UTC."""
Pause: TypeAlias = Callable[[float], None]
AsyncPause: TypeAlias = Callable[[float], Awaitable[None]]


def utc_now() -> datetime:
    """The present instant."""
    return datetime.now(UTC)


def new_id(kind: str) -> str:
    """An id nobody can guess: 128 random bits behind the first letters of what it names."""
    return f"{kind}_{secrets.token_urlsafe(16)}"


def random_bytes(count: int) -> bytes:
    """Bytes for keys and nonces."""
    return secrets.token_bytes(count)


def spread(seconds: float) -> float:
    """A duration between half of ``seconds`` and all of it, so that many do not come back at once."""
    return seconds * random.uniform(0.5, 1.0)  # noqa: S311


def pause(seconds: float) -> None:
    """Wait."""
    time.sleep(seconds)


async def async_pause(seconds: float) -> None:
    """Wait while others run."""
    await asyncio.sleep(seconds)


def aside(work: Callable[[], T]) -> T:
    """Run work that may block."""
    return work()


async def async_aside(work: Callable[[], T]) -> T:
    """Run work that may block in a thread, so that the event loop goes on."""
    return await asyncio.to_thread(work)
