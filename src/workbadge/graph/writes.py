"""Writes: decided and carried out in one transaction, answered the same when repeated by key (``wire.md`` §3.10).

A refusal that needs no transaction is found before one is opened, so that nobody holds the writer's lock by being refused.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from workbadge.commands.errors import CommandError
from workbadge.commands.first_answer import Repeatable, answer_once
from workbadge.commands.transaction import in_transaction
from workbadge.store.engine import Tx
from workbadge.store.facts import Loaded
from workbadge.terms.kinds import Act

from .context import Call, Item
from .errors import refused

Answer = dict[str, Any]
Work = Callable[[Call, Tx, Item], Awaitable[Answer]]
Write = Callable[[Call, str], Awaitable[Answer]]
DONE: Answer = {"success": True}


def writing(work: Work, act: Act = Act.READ) -> Write:
    """A write on a node: the caller may do ``act`` with it, and whatever else ``work`` demands. Raises WireError."""

    async def write(call: Call, text: str) -> Answer:
        call.used((await call.reach(text, act)).loaded)

        async def in_tx(tx: Tx) -> Answer:
            item = await call.reach(text, act, reader=tx)

            async def effect() -> Answer:
                return await work(call, tx, item)

            return await _once(call, tx, item.loaded, effect)

        return await committed(call, in_tx)

    write.__doc__ = work.__doc__
    return write


async def committed(call: Call, in_tx: Callable[[Tx], Awaitable[Answer]]) -> Answer:
    """What ``in_tx`` answers, committed. Raises WireError."""
    try:
        return await in_transaction(call.services, in_tx)
    except CommandError as error:
        raise refused(error) from error


async def _once(call: Call, tx: Tx, loaded: Loaded, effect: Callable[[], Awaitable[Answer]]) -> Answer:
    request = Repeatable(
        call.params.idempotency_key,
        loaded.app_id,
        actor_of(loaded),
        f"{call.method} {call.path}",
        call.params.values,
    )
    return await answer_once(tx, call.services, request, call.now, effect)


def actor_of(loaded: Loaded) -> int:
    """The account that a decided call acts for."""
    account = loaded.facts.account
    assert account is not None
    return account.id
