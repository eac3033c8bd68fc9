"""Whose an app is: a business takes an app that one of its admins administers; that cannot be undone (``wire.md`` §1.8)."""

from datetime import datetime

from workbadge.lifecycle.changes import Audit
from workbadge.store import app_links, apps
from workbadge.store.apply import write_audit
from workbadge.store.engine import Tx
from workbadge.terms.apps import AppRole

from .errors import conflict, not_found
from .services import Services


async def take_app(tx: Tx, services: Services, business_id: int, app_id: int, actor_id: int, now: datetime) -> None:
    """The business owns the app from now on. The caller has decided that the actor manages the business.

    Raises CommandError: NOT_FOUND for an app that the actor does not administer, CONFLICT for one that is a business's.
    """
    if await apps.find_role(tx, app_id, actor_id) != AppRole.ADMINISTRATOR.value:
        raise not_found("app that you administer")
    await apps.lock_app(tx, app_id)
    if await app_links.find_owner(tx, app_id) is not None:
        raise conflict("A business owns this app already.", "an app of no business")
    await app_links.add_owner(tx, app_id, business_id, actor_id, now)
    entry = Audit("app.take", app_id, business_id)
    await write_audit(tx, (entry,), actor_id, services.entropy.new_id, now)
