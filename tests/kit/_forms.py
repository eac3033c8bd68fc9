"""Both forms of regrant behind one: what is awaited is run to its end, so that a test is written once."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any


class Form:
    """``sync`` or ``async``. ``of`` wraps an object of regrant: methods that are to be awaited become ordinary ones."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._runner = asyncio.Runner() if name == "async" else None

    def of(self, thing: Any) -> Any:
        """The object, to be used without await."""
        return _Plain(thing, self.finish)

    def finish(self, value: Any) -> Any:
        """The value, or what comes out of awaiting or iterating it."""
        if self._runner is not None and inspect.isawaitable(value):
            return self._runner.run(_awaited(value))
        if self._runner is not None and hasattr(value, "__anext__"):
            return self._runner.run(_listed(value))
        return value

    def pick(self, blocking: Any, awaited: Any) -> Any:
        """The one of two that belongs to this form."""
        return blocking if self._runner is None else awaited

    def close(self) -> None:
        """End the event loop."""
        if self._runner is not None:
            self._runner.close()


class _Plain:
    def __init__(self, thing: Any, finish: Callable[[Any], Any]) -> None:
        self.it = thing
        self._finish = finish

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.it, name)
        if not inspect.ismethod(found):
            return found
        return lambda *args, **kwargs: self._finish(found(*args, **kwargs))


async def _awaited(value: Any) -> Any:
    return await value


async def _listed(values: Any) -> list[Any]:
    return [one async for one in values]
