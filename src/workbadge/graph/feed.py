"""Posts of a page: ``{page}/feed`` to read and to write, ``{page}_{post}`` as a node (``wire.md`` §3.6, §3.10)."""

from datetime import datetime

from workbadge.commands.errors import CommandError
from workbadge.commands.post import add_post
from workbadge.commands.transaction import in_transaction
from workbadge.store import posts
from workbadge.store.engine import Tx
from workbadge.terms.ids import kind_of, parse_id
from workbadge.terms.instants import from_micros, to_micros
from workbadge.terms.kinds import Act, NodeKind
from workbadge.web.wire import WireError

from .context import Call, Item
from .edges import Asked, Edge, bound_to, wrap
from .errors import missing
from .fields import parse_fields
from .nodes import show
from .paging import read_cursor
from .people import POST


async def feed(call: Call, item: Item, asked: Asked) -> dict[str, object]:
    """``{page}/feed``: posts, newest first."""

    def place(cursor: str | None) -> tuple[datetime, int] | None:
        if cursor is None:
            return None
        at, _, last = read_cursor(call.services.sealer, cursor, bound_to(call, asked)).partition(":")
        return (from_micros(int(at)), int(last)) if at.isdecimal() and last.isdecimal() else None

    before = place(asked.before)
    async with call.services.store.read() as tx:
        rows = await posts.list_posts(tx, item.id, asked.limit, place(asked.after), before)
        total = await posts.count_posts(tx, item.id) if asked.summary else None
    more = len(rows) > asked.limit
    kept = rows[-asked.limit :] if before is not None else rows[: asked.limit]
    data = [await show(call, POST, row, asked.fields) for row in kept]
    positions = [f"{to_micros(row.created_at)}:{row.id}" for row in kept]
    return wrap(call, asked, data, positions, more, total)


async def write_post(call: Call, text: str) -> dict[str, object]:
    """``POST {page}/feed``: a post with ``message``; with an ``Idempotency-Key`` that was used before, its first answer.

    Decided in the transaction that writes, so that a right that ends meanwhile is not outlived. Raises WireError.
    """

    async def work(tx: Tx) -> dict[str, object]:
        item = await call.reach(text, Act.WRITE, reader=tx)
        account = item.loaded.facts.account
        assert account is not None
        message, key = call.params.values.get("message", ""), call.params.idempotency_key
        made = await add_post(tx, call.services, item.id, account.id, item.loaded.app_id, message, key, call.now)
        return {"id": f"{item.id}_{made}"}

    try:
        return await in_transaction(call.services, work)
    except CommandError as error:
        raise WireError(100, f"(#100) {error.message}") from error


def read_post_id(text: str) -> tuple[int, int] | None:
    """Page and post of ``<page>_<post>``, or None when the text has not that form."""
    page, _, post = text.partition("_")
    page_id, post_id = parse_id(page), parse_id(post)
    if page_id is None or post_id is None:
        return None
    return (page_id, post_id) if (kind_of(page_id), kind_of(post_id)) == (NodeKind.PAGE, NodeKind.POST) else None


async def read_post(call: Call, text: str, page_id: int, post_id: int) -> dict[str, object]:
    """One post, to whoever may read its page. Raises WireError."""
    item = await call.reach(text, node_id=page_id)
    call.used(item.loaded)
    async with call.services.store.read() as tx:
        row = await posts.find_post(tx, post_id)
    if row is None or row.page_id != item.id:
        raise missing(text)
    return await show(call, POST, row, parse_fields(call.params.values.get("fields", "")))


PAGE_EDGES: dict[str, Edge] = {"feed": feed}
