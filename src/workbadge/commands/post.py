"""Posts of a page. The caller has decided that the account may write on it, in the same transaction."""

from datetime import datetime

from workbadge.store import posts, records
from workbadge.store.engine import Tx
from workbadge.terms.ids import RANDOM_SPAN, make_id
from workbadge.terms.instants import to_micros
from workbadge.terms.kinds import NodeKind

from .errors import conflict, invalid
from .services import Services
from .webhooks import notify_page

LONGEST = 63_206
LONGEST_KEY = 255


async def add_post(
    tx: Tx,
    services: Services,
    page_id: int,
    account_id: int,
    app_id: int,
    message: str,
    key: str | None,
    now: datetime,
) -> int:
    """The id of a new post, or of the one that the same app wrote for the same account and page under the same ``key``.

    The id is made from the key, so that key and effect are one row (house rule 18). Raises CommandError: INVALID
    message or key, CONFLICT when the key stands for another message.
    """
    if not message.strip() or len(message) > LONGEST or "\0" in message:
        raise invalid("message", f"The parameter message is required: 1 to {LONGEST} characters, none of them NUL.")
    if key is None:
        post_id: int = services.entropy.new_id(NodeKind.POST)
    else:
        if not key.strip() or len(key) > LONGEST_KEY:
            raise invalid("key", f"The header Idempotency-Key must have 1 to {LONGEST_KEY} characters.")
        mac = services.sealer.mac("post", f"{app_id} {account_id} {page_id} {key}".encode())
        post_id = make_id(NodeKind.POST, int.from_bytes(mac, "big") % RANDOM_SPAN)
        known = await posts.find_post(tx, post_id)
        if known is not None:
            if known.message != message:
                raise conflict("The Idempotency-Key was used for another message.", "a key of its own")
            return post_id
    await posts.add_post(tx, post_id, page_id, account_id, app_id, message, now)
    page = await records.find_asset(tx, page_id)
    value = {
        "from": {"id": str(page_id), "name": "" if page is None else page.name},
        "item": "status",
        "verb": "add",
        "post_id": f"{page_id}_{post_id}",
        "message": message,
        "created_time": to_micros(now) // 1_000_000,
    }
    await notify_page(tx, services, page_id, "feed", value, now)
    return post_id
