"""Consent: an account lets an app use scopes, on chosen assets (L1, L2, A3, M5). Used by the dialog, by the sandbox
and for system users, under the same rules and with the same refusals."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from workbadge.access import Allow, Ask, decide
from workbadge.lifecycle.changes import Audit
from workbadge.lifecycle.data_access import lapses_at
from workbadge.store import facts, grants, records, rights
from workbadge.store.apply import write_audit
from workbadge.store.engine import Tx
from workbadge.terms.ids import kind_of, parse_id
from workbadge.terms.kinds import AccountKind, Act, NodeKind
from workbadge.terms.scopes import SCOPES, grantable, target_kinds
from workbadge.terms.tasks import tasks_for

from .app_status import check_login, withheld
from .callbacks import DEAUTHORIZE, call_back
from .errors import conflict, forbidden, invalid, not_found
from .services import Services
from .webhooks import PERMISSIONS, Entry, notify


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person chose. A permission declined earlier stays declined until it is granted. ``targets`` maps a node id to
    the business in whose name it was selected (None: none). ``offered``: the nodes that could be chosen, if only some could
    (docs/protocols/reconnect.md); what else is selected stays so. ``replaces``: scopes granted before are not kept."""

    account_id: int
    app_id: int
    asked: tuple[str, ...]
    declined: tuple[str, ...] = ()
    targets: dict[int, int | None] | None = None
    offered: frozenset[int] | None = None
    replaces: bool = False
    by: int | None = None
    """The person who lets a system user grant this: whose role on the app counts (``wire.md`` §6.8)."""


@dataclass(frozen=True, slots=True)
class Granted:
    """The standing record after a consent. ``scopes``: those of this consent, in the order asked. ``authorized``: its
    instant, as codes and tokens under it carry it."""

    authorized: datetime
    grant_id: int
    account_id: int
    app_id: int
    scopes: tuple[str, ...]
    declined: tuple[str, ...]


async def selectable(tx: Tx, account_id: int, node_ids: Iterable[int], now: datetime) -> set[int]:
    """Which nodes an account may select in a consent at ``now`` (M5, MT-17)."""
    known = {one: kind for one in node_ids if (kind := kind_of(one)) is not None}
    loaded = await facts.load_session_many(tx, account_id, known)
    return {
        one
        for one, found in loaded.items()
        if isinstance(decide(found.facts, Ask(Act.CONSENT, tasks=tasks_for(known[one], Act.READ)), now), Allow)
    }


async def record_consent(tx: Tx, services: Services, consent: Consent, now: datetime) -> Granted:
    """Write a consent into ``tx``. Selecting is from scratch: what can be selected and was not chosen is dropped;
    what can no longer be selected (grace) stays as it was, so that older tokens lose nothing by it (I1).

    A permission to which the app has standard access is left out unless the account has a role on it (``wire.md`` §6.8).

    Raises CommandError: NOT_FOUND app, CONFLICT disabled app, INVALID unknown scope or unfit target, FORBIDDEN for a
    target that this account may not select, or when it may not log in to this app at all.
    """
    account = await records.find_account(tx, consent.account_id)
    app = await records.find_app(tx, consent.app_id)
    if account is None or app is None:
        raise not_found("app")
    if app.disabled_at is not None:
        raise conflict("This app is disabled.", "an app that is switched on")
    for name in consent.asked:
        if name not in SCOPES:
            raise invalid("scope", f"Invalid Scopes: {name[:80]}.", "scopes that exist")
    await check_login(tx, app, account.id, AccountKind(account.kind))
    closed = await withheld(tx, app.id, consent.by or account.id)
    may = (name for name in grantable(consent.asked, AccountKind(account.kind)) if name not in closed)
    scopes = tuple(name for name in may if name not in consent.declined)
    chosen = await _with_businesses(tx, consent, scopes, now)
    await _check_targets(tx, consent, chosen, scopes, now)
    grant = await grants.find_grant(tx, consent.account_id, consent.app_id, lock=True)
    if grant is None:
        grant_id: int = services.entropy.new_id(NodeKind.RECORD)
        await grants.add_grant(
            tx,
            grant_id,
            consent.account_id,
            consent.app_id,
            ",".join(scopes),
            ",".join(consent.declined),
            now,
        )
        known: set[int] = set()
        before = Standing((), frozenset())
        held = list(scopes)
    else:
        grant_id = grant.id
        before = await _standing(tx, grant)
        refused = facts.scope_list(grant.declined)
        fresh = consent.replaces or has_lapsed(grant, AccountKind(account.kind), now)
        kept = () if fresh else before.scopes
        both = dict.fromkeys((*kept, *scopes))
        held = [name for name in both if name not in consent.declined and name not in closed]
        refused = [name for name in dict.fromkeys((*refused, *consent.declined)) if name not in scopes]
        await grants.set_grant_scopes(tx, grant_id, ",".join(held), ",".join(refused), now)
        known = await _drop_unchosen(tx, consent, grant_id, chosen, now)
    await grants.add_targets(
        tx,
        grant_id,
        {key: value for key, value in chosen.items() if key not in known},
        now,
    )
    after = Standing(tuple(held), frozenset(chosen) | known)
    changes = told_of_consent(before, after, fresh=grant is None)
    await tell_permissions(tx, services, account, consent.app_id, changes, now)
    entry = Audit(
        "grant.consent",
        grant_id,
        None,
        None,
        {"app": consent.app_id, "targets": len(chosen)},
    )
    await write_audit(tx, (entry,), consent.account_id, services.entropy.new_id, now)
    authorized = await authorized_at(tx, consent.account_id, now)
    return Granted(
        authorized,
        grant_id,
        consent.account_id,
        consent.app_id,
        scopes,
        consent.declined,
    )


def has_lapsed(grant: Any, kind: AccountKind, now: datetime) -> bool:
    """Whether the row of a grant was not used for 90 days: the person is to grant it again (``wire.md`` §6.8)."""
    lapses = lapses_at(kind, grant.consented_at, grant.last_used_at)
    return lapses is not None and lapses <= now


async def authorized_at(tx: Tx, account_id: int, now: datetime) -> datetime:
    """The instant of a consent: after any claim of the same instant (M5; a world's clock may stand still)."""
    claimed_now = await rights.has_handed_over_at(tx, account_id, now)
    return now + timedelta(microseconds=1) if claimed_now else now


async def _with_businesses(tx: Tx, consent: Consent, scopes: tuple[str, ...], now: datetime) -> dict[int, int | None]:
    """The chosen targets, and with ``business_management`` the businesses in whose name they were chosen."""
    chosen = dict(consent.targets or {})
    if "business_management" in scopes:
        named = {one for one in chosen.values() if one is not None} - set(chosen)
        chosen.update({one: one for one in await selectable(tx, consent.account_id, named, now)})
    return chosen


async def _check_targets(
    tx: Tx,
    consent: Consent,
    chosen: dict[int, int | None],
    scopes: tuple[str, ...],
    now: datetime,
) -> None:
    """Every chosen node fits the scopes, was offered, and may be selected by this account."""
    kinds = target_kinds(scopes) | {NodeKind.BUSINESS}
    may = await selectable(tx, consent.account_id, chosen, now)
    if consent.offered is not None:
        may -= set(consent.targets or ()) - consent.offered
    for node_id in sorted(chosen):
        if kind_of(node_id) not in kinds:
            raise invalid(
                "assets",
                f"{node_id} is not covered by the scopes that are granted.",
                "assets of those scopes",
            )
        if node_id not in may:
            raise forbidden(
                f"{node_id} cannot be selected with this account.",
                "an asset that this account reaches",
            )


async def _drop_unchosen(
    tx: Tx, consent: Consent, grant_id: int, chosen: dict[int, int | None], now: datetime
) -> set[int]:
    """Unselect what could have been chosen and was not; the ids that stay selected."""
    held = {row.target_id for row in await grants.list_targets(tx, grant_id)}
    unchosen = held - set(chosen) if consent.offered is None else (held & consent.offered) - set(chosen)
    gone = await selectable(tx, consent.account_id, unchosen, now)
    await grants.drop_targets(tx, grant_id, sorted(gone))
    return held - gone


async def scoped_id(tx: Tx, services: Services, app_id: int, account_id: int) -> int:
    """The id by which an app knows an account; made at the first consent."""
    known = await records.find_scoped_id(tx, app_id, account_id)
    if known is None:
        known = services.entropy.new_id(NodeKind.SCOPED_ACCOUNT)
        await records.add_scoped_id(tx, known, app_id, account_id)
    return known


async def find_scoped_account(tx: Tx, app_id: int, text: str) -> int | None:
    """The account that an app knows by this id; None for any other text."""
    scoped = parse_id(text)
    row = None if scoped is None else await records.find_by_scoped_id(tx, scoped)
    return None if row is None or row.app_id != app_id else int(row.account_id)


async def remove_app(tx: Tx, services: Services, account_id: int, app_id: int, now: datetime) -> None:
    """The account takes the app off: every token of the pair is dead (``wire.md`` §3.5). Repeating is harmless."""
    grant = await grants.find_grant(tx, account_id, app_id, lock=True)
    if grant is None:
        return
    before = await _standing(tx, grant)
    await grants.revoke_grant(tx, grant.id, now)
    entry = Audit("grant.revoke", grant.id, None, None, {"app": app_id})
    await write_audit(tx, (entry,), account_id, services.entropy.new_id, now)
    changes = (*told_of_consent(before, Standing((), frozenset())), ("connected", {"verb": "revoked"}))
    account = await records.find_account(tx, account_id)
    await tell_permissions(tx, services, account, app_id, changes, now)
    app = await records.find_app(tx, app_id)
    await call_back(tx, services, app, DEAUTHORIZE, await scoped_id(tx, services, app_id, account_id), now)


async def remove_permission(tx: Tx, services: Services, account_id: int, app_id: int, name: str, now: datetime) -> None:
    """The account takes one permission back (``wire.md`` §3.5). Raises CommandError INVALID when it is not granted."""
    grant = await grants.find_grant(tx, account_id, app_id, lock=True)
    before = Standing((), frozenset()) if grant is None else await _standing(tx, grant)
    if grant is None or name not in before.scopes:
        raise invalid("permission", f"The permission {name[:80]} is not granted.", "one that is granted")
    left = tuple(one for one in before.scopes if one != name)
    declined = ",".join(dict.fromkeys([*facts.scope_list(grant.declined), name]))
    await grants.set_grant_scopes(tx, grant.id, ",".join(left), declined, now)
    entry = Audit("grant.permission_removed", grant.id, None, None, {"permission": name})
    await write_audit(tx, (entry,), account_id, services.entropy.new_id, now)
    changes = told_of_consent(before, Standing(left, before.targets))
    account = await records.find_account(tx, account_id)
    await tell_permissions(tx, services, account, app_id, changes, now)


@dataclass(frozen=True, slots=True)
class Standing:
    """What a grant grants: scopes and selected nodes."""

    scopes: tuple[str, ...]
    targets: frozenset[int]

    def targets_of(self, scope: str) -> list[str]:
        """The selected nodes that a scope is about."""
        kinds = SCOPES[scope].targets if scope in SCOPES else ()
        return [str(one) for one in sorted(self.targets) if kind_of(one) in kinds]


async def _standing(tx: Tx, grant: Any) -> Standing:
    targets = frozenset(row.target_id for row in await grants.list_targets(tx, grant.id))
    return Standing(tuple(facts.scope_list(grant.scopes)), targets)


def told_of_consent(before: Standing, after: Standing, fresh: bool = False) -> tuple[tuple[str, Any], ...]:
    """The changes of the webhook ``permissions`` (``wire.md`` §6.5): ``connected`` when the app is new to the account, then a
    permission each that was granted (with its assets as they are now), was taken back, or is about other assets now."""
    changes: list[tuple[str, Any]] = [("connected", {"verb": "granted"})] if fresh else []
    for scope in after.scopes:
        targets = after.targets_of(scope)
        if scope not in before.scopes or targets != before.targets_of(scope):
            changes.append((scope, {"verb": "granted", "target_ids": targets}))
    for scope in before.scopes:
        if scope not in after.scopes:
            changes.append((scope, {"verb": "revoked", "target_ids": before.targets_of(scope)}))
    return tuple(changes)


async def tell_permissions(
    tx: Tx, services: Services, account: Any, app_id: int, changes: tuple[tuple[str, Any], ...], now: datetime
) -> None:
    """Tell an app what changed between an account and it, under the id by which it knows the person. Of system users
    there is nothing to tell: they belong to the business that made them."""
    user_id = await scoped_id(tx, services, app_id, account.id)
    if changes and account.kind != AccountKind.SYSTEM.value:
        await notify(tx, services, app_id, PERMISSIONS, Entry(str(user_id), changes), now)
