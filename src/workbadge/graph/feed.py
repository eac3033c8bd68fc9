"""Posts of a page: ``{page}/feed`` to read and to write, ``{page}_{post}`` as a node (``wire.md`` §3.6, §3.10)."""

from workbadge.commands.post import add_post
from workbadge.store import posts
from workbadge.store.engine import Tx
from workbadge.store.window import Order, Rows, Window
from workbadge.terms.ids import kind_of, parse_id
from workbadge.terms.kinds import Act, NodeKind

from .context import Call, Item
from .errors import missing
from .fields import parse_fields
from .lists import Asked, list_rows
from .nodes import show
from .people import POST
from .writes import actor_of, committed


async def feed(call: Call, item: Item, asked: Asked) -> dict[str, object]:
    """``{page}/feed``: posts, newest first."""

    async def read(tx: Tx, window: Window) -> Rows:
        return await posts.list_posts(tx, item.id, window)

    async def count(tx: Tx) -> int:
        return await posts.count_posts(tx, item.id)

    return await list_rows(call, asked, POST, read, count, order=Order.REVERSE)


async def write_post(call: Call, text: str) -> dict[str, object]:
    """``POST {page}/feed``: a post with ``message``; with an ``Idempotency-Key`` that was used before, its first answer.

    Decided in the transaction that writes, so that a right that ends meanwhile is not outlived. Raises WireError.
    """

    call.used((await call.reach(text, Act.WRITE)).loaded)

    async def work(tx: Tx) -> dict[str, object]:
        item = await call.reach(text, Act.WRITE, reader=tx)
        account_id = actor_of(item.loaded)
        message, key = call.params.values.get("message", ""), call.params.idempotency_key
        made = await add_post(tx, call.services, item.id, account_id, item.loaded.app_id, message, key, call.now)
        return {"id": f"{item.id}_{made}"}

    return await committed(call, work)


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
