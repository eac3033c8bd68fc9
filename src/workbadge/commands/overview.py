"""What admins do from the overview of a business: taking a person's app off the business's assets."""

from datetime import datetime

from workbadge.lifecycle.changes import Audit
from workbadge.store import facts, grants, records
from workbadge.store.apply import write_audit
from workbadge.store.engine import Tx

from .errors import not_found
from .grant import Standing, tell_permissions
from .services import Services


async def cut_app(tx: Tx, services: Services, business_id: int, grant_id: int, actor_id: int, now: datetime) -> None:
    """Unselect everything of a business in one grant: its tokens reach other businesses as before. Raises NOT_FOUND."""
    grant = await grants.find_grant_by_id(tx, grant_id)
    here = [row.target_id for row in await grants.list_targets(tx, grant_id) if row.business_id == business_id]
    if grant is None or not here:
        raise not_found("app of this business")
    scopes = tuple(facts.scope_list(grant.scopes))
    before = Standing(scopes, frozenset(here))
    await grants.drop_targets(tx, grant_id, here)
    detail = {"app": grant.app_id, "targets": len(here)}
    entry = Audit("grant.cut", grant.account_id, business_id, None, detail)
    await write_audit(tx, (entry,), actor_id, services.entropy.new_id, now)
    lost = [(scope, before.targets_of(scope)) for scope in scopes]
    changes = tuple((scope, {"verb": "revoked", "target_ids": targets}) for scope, targets in lost if targets)
    account = await records.find_account(tx, grant.account_id)
    await tell_permissions(tx, services, account, grant.app_id, changes, now)
