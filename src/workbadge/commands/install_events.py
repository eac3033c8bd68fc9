"""What an app hears about its installs: ``business_integration_*`` of the object ``application``, ``fbe_install`` of the object
``user`` (``wire.md`` §4, §5.2, §6.5; L5)."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any

from workbadge.store import grants
from workbadge.store.engine import Tx
from workbadge.store.webhooks import find_subscription
from workbadge.terms.ids import kind_of
from workbadge.terms.kinds import NodeKind

from .grant import Granted, scoped_id
from .services import Services
from .token import find_system_token, issue_system_token
from .webhooks import APPLICATION, FBE_INSTALL, USER, Entry, notify


class Event(StrEnum):
    """What happened. Values are the fields of the object ``application``."""

    INSTALL = "business_integration_install"
    UPDATE = "business_integration_update"
    UNINSTALL = "business_integration_uninstall"


async def announce(tx: Tx, services: Services, app: Any, row: Any, event: Event, now: datetime) -> None:
    """Tell the app of what happened to an install's row, if it subscribes to it."""
    if row.external_business_id:
        await _extension(tx, services, app, row, event, now)
        return
    value: dict[str, Any] = {"business_manager_id": str(row.business_id)}
    if event is Event.INSTALL:
        value["tp_config_id"] = None if row.configuration_id is None else str(row.configuration_id)
    entry = Entry(str(app.id), ((event.value, value),))
    await notify(tx, services, app.id, APPLICATION, entry, now, business_id=row.business_id)


async def _extension(tx: Tx, services: Services, app: Any, row: Any, event: Event, now: datetime) -> None:
    """``fbe_install``: with the system user's token and its assets; an uninstall has neither, which is how apps tell.

    No token is made for an app that would not be told.
    """
    subscription = await find_subscription(tx, app.id, USER)
    if subscription is None or FBE_INSTALL not in subscription.fields.split(","):
        return
    uid = str(await scoped_id(tx, services, app.id, row.installed_by))
    value: dict[str, Any] = {"business_id": row.external_business_id, "business_manager_id": str(row.business_id)}
    if event is not Event.UNINSTALL:
        grant = await grants.find_grant(tx, row.account_id, app.id)
        assert grant is not None
        scopes = tuple(one for one in grant.scopes.split(",") if one)
        granted = Granted(grant.consented_at, grant.id, row.account_id, app.id, scopes, ())
        known = await find_system_token(tx, services, granted, now, False)
        issued = known or await issue_system_token(tx, services, granted, now, None)
        chosen = [one.target_id for one in await grants.list_targets(tx, grant.id)]
        value |= {"access_token": issued.text, **by_kind(chosen), "install_time": int(row.installed_at.timestamp())}
    entry = Entry(uid, ((FBE_INSTALL, value),), "uid")
    await notify(tx, services, app.id, USER, entry, now, business_id=row.business_id)


def by_kind(ids: Iterable[int]) -> dict[str, Any]:
    """Assets as an extension's install names them (``wire.md`` §5.1): one of some kinds, lists of the others."""
    found: dict[NodeKind | None, list[str]] = {}
    for one in sorted(ids):
        found.setdefault(kind_of(one), []).append(str(one))
    single = {
        "pixel_id": NodeKind.PIXEL,
        "ad_account_id": NodeKind.AD_ACCOUNT,
        "catalog_id": NodeKind.PRODUCT_CATALOG,
    }
    answer: dict[str, Any] = {name: found[kind][0] for name, kind in single.items() if kind in found}
    instagram = found.get(NodeKind.INSTAGRAM_ACCOUNT, [])
    return {**answer, "pages": found.get(NodeKind.PAGE, []), "profiles": [], "instagram_profiles": instagram}
