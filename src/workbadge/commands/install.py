"""Installing an app in a business: it acts there as a system user of that business (``wire.md`` §4, §5; L4, A6).

An install has one system user, with every task on the chosen assets. Installing again changes that selection from scratch.
Uninstalling kills every token of the install.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workbadge.lifecycle.changes import (
    Audit,
    Change,
    DropAssignment,
    MembershipState,
    Plan,
    PutAssignment,
    SetMembershipEnd,
)
from workbadge.store import business_login, grants, records, rights
from workbadge.store.apply import apply_plan, write_audit
from workbadge.store.engine import Tx
from workbadge.terms.ids import kind_of
from workbadge.terms.kinds import AccountKind, EndCause, NodeKind, Role
from workbadge.terms.tasks import NONE, TASKS_OF, Task

from .app_status import check_login
from .authority import may_open, require_admin
from .errors import forbidden, not_found
from .grant import Consent, Granted, record_consent
from .install_events import Event, announce
from .portfolio import add_member
from .registration import NAME_LENGTH
from .services import Services


@dataclass(frozen=True, slots=True)
class NewInstall:
    """What an admin chose. ``external_business_id`` and ``setup``: of a business extension, else empty."""

    app_id: int
    business_id: int
    installer_id: int
    scopes: tuple[str, ...]
    assets: tuple[int, ...]
    configuration_id: int | None = None
    external_business_id: str = ""
    setup: str = ""


@dataclass(frozen=True, slots=True)
class Installed:
    """An install, and the consent of its system user."""

    id: int
    granted: Granted


async def list_administered(tx: Tx, account_id: int, now: datetime) -> list[tuple[int, str]]:
    """Businesses in which an account may install apps, by name: those it administers and has not handed over (M5)."""
    places = await rights.list_memberships(tx, account_id)
    found: list[tuple[int, str]] = []
    for one in sorted({one.business_id for one in places if one.is_open(now) and one.role is Role.ADMIN}):
        business = await records.find_business(tx, one)
        if business is not None and await may_open(tx, account_id, one, now):
            found.append((one, business.name))
    return sorted(found, key=lambda one: (one[1].lower(), one[0]))


async def had_by_install(tx: Tx, app_id: int, business_id: int | None, external_business_id: str) -> set[int]:
    """Assets that the app has in a business through an install, to be offered again (L2)."""
    row = await business_login.find_live_install(tx, app_id, business_id or 0, external_business_id)
    grant = None if row is None else await grants.find_grant(tx, row.account_id, app_id)
    return set() if grant is None else {one.target_id for one in await grants.list_targets(tx, grant.id)}


async def install_app(tx: Tx, services: Services, new: NewInstall, now: datetime) -> Installed:
    """Install an app, or change what its install reaches.

    Raises CommandError: NOT_FOUND business or app, FORBIDDEN for who is no admin or may not log in to the app, and for assets
    that this admin cannot select in this business, INVALID for assets that the scopes are not about.
    """
    await require_admin(tx, new.installer_id, new.business_id, now)
    app = await records.find_app(tx, new.app_id)
    if app is None:
        raise not_found("app")
    await check_login(tx, app, new.installer_id, await _kind(tx, new.installer_id))
    await _check_assets(tx, new, now)
    row = await business_login.find_live_install(tx, new.app_id, new.business_id, new.external_business_id, lock=True)
    name = _name(app.name, bool(new.external_business_id))
    account_id = (
        await open_system_user(tx, services, new.business_id, name, new.installer_id, now)
        if row is None
        else row.account_id
    )
    await set_assets(tx, services, account_id, new.business_id, new.assets, now)
    granted = await consent_for(
        tx, services, account_id, new.app_id, new.business_id, new.scopes, new.assets, new.installer_id, now
    )
    if row is None:
        install_id: int = services.entropy.new_id(NodeKind.RECORD)
        await business_login.add_install(tx, _row(new, install_id, account_id, now))
    else:
        install_id = row.id
        await _change(tx, services, row, new, now)
    entry = Audit("install.add" if row is None else "install.change", install_id, new.business_id, None, _detail(new))
    await write_audit(tx, (entry,), new.installer_id, services.entropy.new_id, now)
    installed = await business_login.find_install(tx, install_id)
    await announce(tx, services, app, installed, Event.INSTALL if row is None else Event.UPDATE, now)
    return Installed(install_id, granted)


async def _kind(tx: Tx, account_id: int) -> AccountKind:
    account = await records.find_account(tx, account_id)
    assert account is not None
    return AccountKind(account.kind)


def _name(app: str, extension: bool) -> str:
    """The system user's name (``wire.md`` §5.1), no longer than a name may be."""
    tail = " System User (FBE)" if extension else " System User"
    return app[: NAME_LENGTH - len(tail)] + tail


def _detail(new: NewInstall) -> dict[str, str | int | None]:
    return {"app": new.app_id, "assets": len(new.assets), "configuration": new.configuration_id}


def _row(new: NewInstall, install_id: int, account_id: int, now: datetime) -> dict[str, Any]:
    return {
        "id": install_id,
        "app_id": new.app_id,
        "business_id": new.business_id,
        "account_id": account_id,
        "configuration_id": new.configuration_id,
        "external_business_id": new.external_business_id,
        "setup": new.setup,
        "installed_at": now,
        "installed_by": new.installer_id,
        "updated_at": now,
    }


async def _change(tx: Tx, services: Services, row: Any, new: NewInstall, now: datetime) -> None:
    """Bring a standing install up to date; its system users with fewer assets lose what is no longer chosen (MT-12)."""
    values = {"configuration_id": new.configuration_id, "setup": new.setup or row.setup, "updated_at": now}
    await business_login.change_install(tx, row.id, values)
    for account_id in await business_login.list_narrow_users(tx, row.id):
        grant = await grants.find_grant(tx, account_id, row.app_id)
        member = await rights.find_member(tx, account_id, row.business_id, now)
        if grant is not None and member is not None:
            kept = tuple(one for one in member.assignments if one in new.assets)
            await set_assets(tx, services, account_id, row.business_id, kept, now)
            gone = [one for one in member.assignments if one not in kept]
            await grants.drop_targets(tx, grant.id, gone)


async def _check_assets(tx: Tx, new: NewInstall, now: datetime) -> None:
    """Each asset is the business's own or lent to it: those its admins reach. Raises FORBIDDEN."""
    found = await records.list_assets(tx, list(new.assets))
    lent = await rights.list_lent(tx, list(new.assets), [new.business_id], now)
    for one in new.assets:
        if one not in found or (found[one].business_id != new.business_id and one not in lent):
            raise forbidden(f"{one} cannot be selected in this business.", "an asset of this business")


async def open_system_user(
    tx: Tx, services: Services, business_id: int, name: str, actor_id: int, now: datetime
) -> int:
    """A system user of a business without assets."""
    account_id = services.entropy.new_id(NodeKind.ACCOUNT)
    await records.add_account(tx, account_id, AccountKind.SYSTEM, name, now, business_id=business_id)
    await add_member(tx, services, account_id, business_id, Role.EMPLOYEE, {}, actor_id, now)
    return account_id


async def set_assets(
    tx: Tx,
    services: Services,
    account_id: int,
    business_id: int,
    assets: tuple[int, ...],
    now: datetime,
    most: dict[int, Task] | None = None,
) -> None:
    """Give a system user every task on exactly these assets, or those in ``most``; one that an admin has removed meanwhile
    comes back."""
    given = _tasks(assets)
    if most is not None:
        given = {one: tasks & most[one] for one, tasks in given.items() if tasks & most.get(one, NONE)}
    member = await rights.find_member(tx, account_id, business_id, now, lock=True)
    if member is None:
        await add_member(tx, services, account_id, business_id, Role.EMPLOYEE, given, None, now)
        return
    changes: list[Change] = [DropAssignment(member.id, one) for one in member.assignments if one not in given]
    changes += [
        PutAssignment(member.id, one, tasks) for one, tasks in given.items() if member.assignments.get(one) != tasks
    ]
    if changes:
        entry = Audit("assignment.set", account_id, business_id, None, {"assets": len(assets)})
        await apply_plan(tx, Plan(tuple(changes), (entry,)), None, services.entropy.new_id, now)


def _tasks(assets: tuple[int, ...]) -> dict[int, Task]:
    return {one: TASKS_OF[kind] for one in assets if (kind := kind_of(one)) in TASKS_OF and kind is not None}


async def consent_for(
    tx: Tx,
    services: Services,
    account_id: int,
    app_id: int,
    business_id: int,
    scopes: tuple[str, ...],
    assets: tuple[int, ...],
    by: int,
    now: datetime,
) -> Granted:
    """The system user lets the app use these assets and its business, and nothing besides: no grace keeps what it lost."""
    targets: dict[int, int | None] = {**dict.fromkeys(assets, business_id), business_id: business_id}
    granted = await record_consent(tx, services, Consent(account_id, app_id, scopes, (), targets, by=by), now)
    held = [row.target_id for row in await grants.list_targets(tx, granted.grant_id)]
    await grants.drop_targets(tx, granted.grant_id, [one for one in held if one not in targets])
    return granted


async def chosen_assets(tx: Tx, row: Any) -> tuple[int, ...]:
    """The assets that an install's system user let the app use: what its admin chose, less what left the business since."""
    grant = await grants.find_grant(tx, row.account_id, row.app_id)
    chosen = [] if grant is None else [one.target_id for one in await grants.list_targets(tx, grant.id)]
    return tuple(one for one in chosen if kind_of(one) in TASKS_OF)


async def repair_install(
    tx: Tx, services: Services, install_id: int, assets: tuple[int, ...], actor_id: int, now: datetime
) -> None:
    """Give the install's system user every task again on these of its chosen assets that the business still has; what it has
    besides stays as it is. A system user that was removed stays so: that takes a new install. Repeating is harmless.

    The caller has decided that the actor manages business and assets.
    """
    row = await business_login.find_install(tx, install_id, lock=True)
    member = None if row is None else await rights.find_member(tx, row.account_id, row.business_id, now, lock=True)
    if row is None or member is None:
        return
    found = await records.list_assets(tx, list(assets))
    lent = await rights.list_lent(tx, list(assets), [row.business_id], now)
    changes = [
        PutAssignment(member.id, one, tasks)
        for one, tasks in _tasks(assets).items()
        if one in found
        and (found[one].business_id == row.business_id or one in lent)
        and member.assignments.get(one) != tasks
    ]
    if changes:
        entry = Audit("install.repair", install_id, row.business_id, None, {"app": row.app_id, "assets": len(changes)})
        await apply_plan(tx, Plan(tuple(changes), (entry,)), actor_id, services.entropy.new_id, now)


async def uninstall_app(tx: Tx, services: Services, install_id: int, actor_id: int, now: datetime) -> None:
    """End an install: its system users leave the business, every token of theirs is dead. Repeating is harmless.

    The caller has decided that the actor may. Raises NOT_FOUND.
    """
    row = await business_login.find_install(tx, install_id, lock=True)
    if row is None:
        raise not_found("install")
    if row.uninstalled_at is not None:
        return
    for account_id in (row.account_id, *await business_login.list_narrow_users(tx, install_id)):
        await _close(tx, services, account_id, row, actor_id, now)
    await business_login.change_install(tx, install_id, {"uninstalled_at": now, "uninstalled_by": actor_id})
    entry = Audit("install.end", install_id, row.business_id, None, {"app": row.app_id})
    await write_audit(tx, (entry,), actor_id, services.entropy.new_id, now)
    app = await records.find_app(tx, row.app_id)
    await announce(tx, services, app, row, Event.UNINSTALL, now)


async def _close(tx: Tx, services: Services, account_id: int, row: Any, actor_id: int, now: datetime) -> None:
    grant = await grants.find_grant(tx, account_id, row.app_id, lock=True)
    if grant is not None:
        await grants.revoke_grant(tx, grant.id, now)
    member: MembershipState | None = await rights.find_member(tx, account_id, row.business_id, now, lock=True)
    if member is not None:
        end = SetMembershipEnd(member.id, now, EndCause.REMOVED, None)
        entry = Audit("membership.remove", account_id, row.business_id, None, {"app": row.app_id})
        await apply_plan(tx, Plan((end,), (entry,)), actor_id, services.entropy.new_id, now)
