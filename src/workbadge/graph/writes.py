"""Writes: decided and carried out in one transaction, answered the same when repeated by key (``wire.md`` §3.10).

A refusal that needs no transaction is found before one is opened, so that nobody holds the writer's lock by being refused.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from workbadge.commands.errors import CommandError
from workbadge.commands.first_answer import Repeatable, answer_once
from workbadge.commands.transaction import in_transaction
from workbadge.store.engine import Tx
from workbadge.store.facts import Loaded
from workbadge.terms.ids import parse_id
from workbadge.terms.kinds import Act
from workbadge.web.wire import WireError

from .context import Call, Item
from .errors import missing, refused

Answer = dict[str, Any]
Work = Callable[[Call, Tx, Item], Awaitable[Answer]]
InnerWork = Callable[[Call, Tx, Item, Any], Awaitable[Answer]]
Find = Callable[[Tx, datetime, int], Awaitable[Any]]
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


def inside(find: Find, work: InnerWork) -> Write:
    """A write on something inside a business: the caller reads the business and manages it. Raises WireError.

    ``find``: the row that the path names, with its ``business_id``; who may not read that business is told no more than of
    one that does not exist.
    """

    async def locate(call: Call, text: str, tx: Tx) -> tuple[Item, Any]:
        found = parse_id(text)
        row = None if found is None else await find(tx, call.now, found)
        if row is None:
            await call.alive()
            raise missing(text)
        try:
            item = await call.reach(text, node_id=row.business_id, reader=tx)
        except WireError as error:
            await call.alive()
            raise missing(text) from error
        await call.demand_manager(item.id, tx)
        return item, row

    async def write(call: Call, text: str) -> Answer:
        async with call.services.store.read() as tx:
            item, _ = await locate(call, text, tx)
        call.used(item.loaded)

        async def in_tx(tx: Tx) -> Answer:
            item, row = await locate(call, text, tx)

            async def effect() -> Answer:
                return await work(call, tx, item, row)

            return await _once(call, tx, item.loaded, effect)

        return await committed(call, in_tx)

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
