"""The Business Extension in the graph: installs, the token swap, the configuration of a shop (``wire.md`` §5).

An install is found by the maker's own id of the business, among those of the calling app in businesses that the caller
reaches; whose else that id is, nobody learns (MT-20).
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from workbadge.access import Allow, Ask, decide
from workbadge.commands.errors import CommandError
from workbadge.commands.extension import SCOPE, check_external_id, config_of, read_config, with_config
from workbadge.commands.install import chosen_assets, repair_install, uninstall_app
from workbadge.commands.install_events import by_kind
from workbadge.commands.install_token import swap_token
from workbadge.store import business_login, facts, grants, records, rights
from workbadge.store.engine import Tx
from workbadge.store.facts import Loaded
from workbadge.terms.ids import kind_of
from workbadge.terms.kinds import AccountKind, Act, NodeKind, Role
from workbadge.terms.tasks import tasks_for
from workbadge.web.wire import WireError

from .business_login import issue_system_user_token, own_install, refuse_bound
from .context import Call, ask_for
from .errors import refused
from .params import read_list
from .writes import DONE, Answer, actor_of, committed

_EITHER = frozenset({SCOPE, "business_management"})
_READ = Ask(Act.READ, scopes=_EITHER)
_TASKS = tasks_for(NodeKind.BUSINESS, Act.MANAGE)
_MANAGE = Ask(Act.MANAGE, scopes=_EITHER, tasks=_TASKS)
_SWAP = Ask(Act.WRITE, scopes=_EITHER, tasks=_TASKS)
"""A swap is no managing: the install was made before, and the old login is let do it until its cut-off (L4)."""
_NONE = "(#100) There is no installation of this app with this fbe_external_business_id that you can reach."


def _external_id(call: Call) -> str:
    """The parameter by which every call here names its install. Raises WireError 100."""
    text = call.params.values.get("fbe_external_business_id", "")
    if not text:
        raise WireError(100, "(#100) The parameter fbe_external_business_id is required.")
    try:
        return check_external_id(text)
    except CommandError as error:
        raise refused(error) from error


async def _installs(call: Call, loaded: Loaded, tx: Tx, ask: Ask) -> list[Any]:
    """Installs of the calling app with the given external id, in businesses for which ``ask`` is allowed, newest first. The
    install's own system user is allowed everything about its own."""
    found: list[Any] = []
    own = await own_install(loaded, tx)
    for row in await business_login.list_extensions(tx, loaded.app_id, _external_id(call)):
        reached = await call.load(row.business_id, tx)
        wanted = _READ if own is not None and own.id == row.id else ask
        if isinstance(decide(reached.facts, wanted, call.now), Allow):
            found.append(row)
    return found


async def list_installs(call: Call) -> dict[str, Any]:
    """``GET /fbe_business/fbe_installs``: the install with those of its assets that the caller may read (I10)."""
    loaded = await call.alive()
    call.used(loaded)
    async with call.services.store.read() as tx:
        return {"data": [await _show(call, row, tx) for row in await _installs(call, loaded, tx, _READ)]}


async def _show(call: Call, row: Any, tx: Tx) -> dict[str, Any]:
    grant = await grants.find_grant(tx, row.account_id, row.app_id)
    chosen = [] if grant is None else [one.target_id for one in await grants.list_targets(tx, grant.id)]
    seen = [
        one
        for one, loaded in (await facts.load_many(tx, call.hash, chosen)).items()
        if loaded.facts.node is not None
        and isinstance(decide(loaded.facts, ask_for(loaded.facts.node.kind, Act.LIST), call.now), Allow)
    ]
    return {
        "business_manager_id": str(row.business_id),
        "commerce_partner_integration_id": str(row.id),
        **by_kind(one for one in seen if kind_of(one) is not NodeKind.BUSINESS),
    }


async def uninstall(call: Call) -> dict[str, Any]:
    """``DELETE /fbe_business/fbe_installs``: every token of the install's system user is dead. For an admin or that user."""

    async def in_tx(tx: Tx) -> Answer:
        loaded = await call.alive()
        rows = await _installs(call, loaded, tx, _MANAGE)
        if not rows:
            raise WireError(100, _NONE)
        for row in rows:
            await uninstall_app(tx, call.services, row.id, actor_of(loaded), call.now)
        return DONE

    return await committed(call, in_tx)


async def read_configuration(call: Call) -> dict[str, Any]:
    """``GET /fbe_business``: the configuration that the app keeps with the install."""
    loaded = await call.alive()
    call.used(loaded)
    async with call.services.store.read() as tx:
        rows = await _installs(call, loaded, tx, _READ)
    if not rows:
        raise WireError(100, _NONE)
    return config_of(rows[0].setup)


async def write_configuration(call: Call) -> dict[str, Any]:
    """``POST /fbe_business`` with ``business_config``: replaces the parts that it names. For an admin or the system user."""

    async def in_tx(tx: Tx) -> Answer:
        config = read_config(call.params.values.get("business_config", ""))
        loaded = await call.alive()
        rows = await _installs(call, loaded, tx, _MANAGE)
        if not rows:
            raise WireError(100, _NONE)
        row = await business_login.find_install(tx, rows[0].id, lock=True)
        assert row is not None
        values = {"setup": with_config(row.setup, config), "updated_at": call.now}
        await business_login.change_install(tx, row.id, values)
        return DONE

    return await committed(call, in_tx)


async def rollout_switches(call: Call) -> dict[str, Any]:
    """``GET /fbe_business/fbe_rollout_switches``: there is nothing here that is rolled out in parts."""
    loaded = await call.alive()
    async with call.services.store.read() as tx:
        if not await _installs(call, loaded, tx, _READ):
            raise WireError(100, _NONE)
    return {"data": []}


async def repair(call: Call) -> dict[str, Any]:
    """``POST /commerce_partner_integrations_repair``: under which id the install stands. For an admin of the business it is put
    right: its system user has every task again on what was chosen, as far as this call manages it itself. Whoever else calls,
    the system user too, gets back nothing that was taken away."""

    async def in_tx(tx: Tx) -> Answer:
        loaded = await call.alive()
        rows = await _installs(call, loaded, tx, _READ)
        if not rows:
            raise WireError(100, _NONE)
        reached = await call.load(rows[0].business_id, tx)
        if isinstance(decide(reached.facts, _MANAGE, call.now), Allow):
            managed = await _managed(call, await chosen_assets(tx, rows[0]), tx)
            await repair_install(tx, call.services, rows[0].id, managed, actor_of(loaded), call.now)
        return {"success": True, "id": str(rows[0].id)}

    return await committed(call, in_tx)


async def _managed(call: Call, assets: tuple[int, ...], tx: Tx) -> tuple[int, ...]:
    """Those of the assets that this call may manage: nobody gives by a repair what they could not give by hand."""
    managed = []
    for one, loaded in (await facts.load_many(tx, call.hash, assets)).items():
        node = loaded.facts.node
        if node is not None:
            ask = replace(ask_for(node.kind, Act.MANAGE), scopes=_EITHER)
            managed += [one] if isinstance(decide(loaded.facts, ask, call.now), Allow) else []
    return tuple(managed)


async def swap(call: Call, text: str) -> dict[str, Any]:
    """``POST {business}/access_token``: the token of the install's system user (L4). For an admin of the business, also
    through the old login while its grace lasts, and for the admin system user of a partner of it. Raises WireError."""
    refuse_bound(call)
    scopes = read_list(call, "scope")
    app_id = call.params.values.get("app_id")
    if not scopes or not app_id:
        raise WireError(100, f"(#100) The parameter {'app_id' if not app_id else 'scope'} is required.")

    async def in_tx(tx: Tx) -> Answer:
        loaded = await call.alive()
        business_id = int(text)
        if not await _is_partner(call, loaded, business_id, tx):
            await call.reach(text, reader=tx, ask=_SWAP)
        if app_id != str(loaded.app_id):
            raise WireError(100, "(#100) The app_id is not that of the app whose token was sent.")
        external = None if "fbe_external_business_id" not in call.params.values else _external_id(call)
        rows = await business_login.list_extensions(tx, loaded.app_id, external, business_id)
        if not rows:
            raise WireError(100, _NONE)
        if len(rows) > 1:
            raise WireError(100, "(#100) Several installations are here: fbe_external_business_id is required.")
        issued = await swap_token(tx, call.services, rows[0], scopes, actor_of(loaded), call.now)
        return {"access_token": issued.text}

    return await committed(call, in_tx)


async def _is_partner(call: Call, loaded: Loaded, business_id: int, tx: Tx) -> bool:
    """Whether an admin system user of a business calls to which this one lends something now (on behalf of)."""
    account = loaded.facts.account
    if account is None or account.kind is not AccountKind.SYSTEM or call.scopes(loaded).isdisjoint(_EITHER):
        return False
    row = await records.find_account(tx, account.id)
    if row is None or row.business_id in (None, business_id):
        return False
    member = await rights.find_member(tx, account.id, row.business_id, call.now)
    if member is None or member.role is not Role.ADMIN:
        return False
    return await rights.lends(tx, business_id, row.business_id, call.now)


BUSINESS_POSTS: dict[str, Callable[[Call, str], Awaitable[dict[str, Any]]]] = {
    "access_token": swap,
    "system_user_access_tokens": issue_system_user_token,
}
"""What is posted to a business here."""

EXTENSION: dict[tuple[str, str], Callable[[Call], Awaitable[dict[str, Any]]]] = {
    ("GET", "fbe_business"): read_configuration,
    ("POST", "fbe_business"): write_configuration,
    ("GET", "fbe_business/fbe_installs"): list_installs,
    ("DELETE", "fbe_business/fbe_installs"): uninstall,
    ("GET", "fbe_business/fbe_rollout_switches"): rollout_switches,
    ("POST", "commerce_partner_integrations_repair"): repair,
}
"""Paths that name no node: the install is named by a parameter."""
