"""What admins do from the overview of a business: taking a person's app off the business's assets."""

from datetime import datetime

from workbadge.lifecycle.changes import Audit
from workbadge.store import grants
from workbadge.store.apply import write_audit
from workbadge.store.engine import Tx

from .errors import not_found
from .services import Services


async def cut_app(tx: Tx, services: Services, business_id: int, grant_id: int, actor_id: int, now: datetime) -> None:
    """Unselect everything of a business in one grant: its tokens reach other businesses as before. Raises NOT_FOUND."""
    grant = await grants.find_grant_by_id(tx, grant_id)
    here = [row.target_id for row in await grants.list_targets(tx, grant_id) if row.business_id == business_id]
    if grant is None or not here:
        raise not_found("app of this business")
    await grants.drop_targets(tx, grant_id, here)
    detail = {"app": grant.app_id, "targets": len(here)}
    entry = Audit("grant.cut", grant.account_id, business_id, None, detail)
    await write_audit(tx, (entry,), actor_id, services.entropy.new_id, now)
