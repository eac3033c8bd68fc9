"""Who makes an app: roles on it, and what each opens. No business has a say in this, and no migration changes it (M17)."""

from datetime import datetime

from workbadge.lifecycle.changes import Audit
from workbadge.store import apps, records
from workbadge.store.apply import write_audit
from workbadge.store.engine import Tx
from workbadge.terms.apps import MAKERS, AppRole
from workbadge.terms.kinds import AccountKind

from .errors import conflict, forbidden, invalid, not_found
from .services import Services


async def require_maker(tx: Tx, account_id: int, app_id: int, administrator: bool = False) -> AppRole:
    """The account's role on the app, one that opens its pages. Raises NOT_FOUND (the same for an app that does not exist),
    FORBIDDEN where an administrator is needed."""
    role = await apps.find_role(tx, app_id, account_id)
    if role is None or AppRole(role) not in MAKERS:
        raise not_found("app")
    if administrator and role != AppRole.ADMINISTRATOR.value:
        raise forbidden("Only an administrator of this app can do that.", "the role administrators")
    return AppRole(role)


async def give_role(
    tx: Tx, services: Services, app_id: int, account_id: int, role: AppRole, actor_id: int | None, now: datetime
) -> None:
    """Give somebody a role on an app, in place of another one. Raises CommandError: NOT_FOUND, INVALID for a system user or a
    test user, CONFLICT when the last administrator would be lost."""
    person = await records.find_account(tx, account_id)
    if person is None or await records.find_app(tx, app_id) is None:
        raise not_found("app or account")
    if person.kind == AccountKind.SYSTEM.value or await apps.find_test_app(tx, account_id) is not None:
        raise invalid("account", "This account cannot have a role.", "the account of a person")
    held = {row.account_id: row.role for row in await apps.lock_roles(tx, app_id)}
    if held.get(account_id) == AppRole.ADMINISTRATOR.value and role is not AppRole.ADMINISTRATOR:
        _check_last(held)
    await apps.put_role(tx, app_id, account_id, role.value, account_id in held, now)
    await _note(tx, services, "app.role", app_id, {"account": account_id, "role": role.value}, actor_id, now)


async def take_role(
    tx: Tx, services: Services, app_id: int, account_id: int, actor_id: int | None, now: datetime
) -> None:
    """Take somebody's role on an app away. Raises CommandError: NOT_FOUND, CONFLICT for the last administrator."""
    held = {row.account_id: row.role for row in await apps.lock_roles(tx, app_id)}
    if account_id not in held:
        raise not_found("person with a role on this app")
    if held[account_id] == AppRole.ADMINISTRATOR.value:
        _check_last(held)
    await apps.drop_role(tx, app_id, account_id)
    await _note(tx, services, "app.role_end", app_id, {"account": account_id}, actor_id, now)


def _check_last(held: dict[int, str]) -> None:
    if list(held.values()).count(AppRole.ADMINISTRATOR.value) == 1:
        raise conflict("At least one administrator must remain.", "another administrator first")


async def _note(
    tx: Tx,
    services: Services,
    act: str,
    app_id: int,
    detail: dict[str, str | int | None],
    actor_id: int | None,
    now: datetime,
) -> None:
    await write_audit(tx, (Audit(act, app_id, None, None, detail),), actor_id, services.entropy.new_id, now)
