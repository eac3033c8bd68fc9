"""What a business says of itself, and businesses below it. The caller has decided that the actor manages the business."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workbadge.lifecycle.changes import Audit
from workbadge.store import business_profiles, grants, records
from workbadge.store.apply import write_audit
from workbadge.store.engine import Tx
from workbadge.terms.kinds import AccountKind, NodeKind, Role

from .errors import conflict, invalid, not_found
from .portfolio import add_business, add_member
from .registration import check_name
from .services import Services

VERTICALS = (
    "ADVERTISING",
    "AUTOMOTIVE",
    "CONSUMER_PACKAGED_GOODS",
    "ECOMMERCE",
    "EDUCATION",
    "ENERGY_AND_UTILITIES",
    "ENTERTAINMENT_AND_MEDIA",
    "FINANCIAL_SERVICES",
    "GAMING",
    "GOVERNMENT_AND_POLITICS",
    "HEALTH",
    "LUXURY",
    "MARKETING",
    "NON_PROFIT",
    "ORGANIZATIONS_AND_ASSOCIATIONS",
    "OTHER",
    "PROFESSIONAL_SERVICES",
    "RESTAURANT",
    "RETAIL",
    "TECHNOLOGY",
    "TELECOM",
    "TRAVEL",
)
"""Lines of business; the place in this list is the number that the wire calls ``vertical_id``."""
MOST_TIMEZONES = 1000
DEEPEST = 5
"""A business has at most so many above it."""


@dataclass(frozen=True, slots=True)
class ProfileChange:
    """What is to change; None: stays."""

    name: str | None = None
    vertical: str | None = None
    timezone_id: int | None = None
    primary_page_id: int | None = None


async def change_profile(
    tx: Tx, services: Services, business_id: int, change: ProfileChange, actor_id: int, now: datetime
) -> None:
    """Change what a business says of itself. Raises CommandError: INVALID name, vertical, time zone; NOT_FOUND page."""
    values: dict[str, Any] = {"updated_by": actor_id, "updated_at": now, **await _checked(tx, business_id, change)}
    if change.name is not None:
        await business_profiles.rename_business(tx, business_id, check_name(change.name))
    await business_profiles.put_profile(tx, business_id, values)
    changed = ",".join(one for one in ("name", "vertical", "timezone_id", "primary_page_id") if getattr(change, one))
    entry = Audit("business.change", business_id, business_id, None, {"changed": changed})
    await write_audit(tx, (entry,), actor_id, services.entropy.new_id, now)


async def _checked(tx: Tx, business_id: int, change: ProfileChange) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if change.vertical is not None:
        if change.vertical not in VERTICALS:
            raise invalid("vertical", "There is no such line of business.", ", ".join(VERTICALS))
        values["vertical"] = change.vertical
    if change.timezone_id is not None:
        if not 0 <= change.timezone_id < MOST_TIMEZONES:
            raise invalid("timezone_id", "This is not the number of a time zone.", f"0 to {MOST_TIMEZONES - 1}")
        values["timezone_id"] = change.timezone_id
    if change.primary_page_id is not None:
        page = await records.find_asset(tx, change.primary_page_id)
        if page is None or page.business_id != business_id or page.kind != NodeKind.PAGE.value:
            raise not_found("page of this business")
        values["primary_page_id"] = change.primary_page_id
    return values


async def add_child(
    tx: Tx,
    services: Services,
    parent_id: int,
    name: str,
    change: ProfileChange,
    grant_id: int | None,
    actor_id: int,
    now: datetime,
) -> int:
    """A business below another, of the same organization, with the actor as its admin; its id.

    The app through which it was made (``grant_id``) may use it at once. Raises CommandError: INVALID, CONFLICT for a system
    user (it cannot be the only admin, I9) or when too many would stand above it.
    """
    actor, parent = await records.find_account(tx, actor_id), await records.find_business(tx, parent_id)
    assert actor is not None and parent is not None
    if actor.kind == AccountKind.SYSTEM.value:
        raise conflict("A business needs a person as its admin.", "the token of a person who is an admin")
    if await business_profiles.count_ancestors(tx, parent_id, DEEPEST) >= DEEPEST:
        raise conflict(f"More than {DEEPEST} businesses would stand above it.", "a business further up")
    child_id = await add_business(tx, services, name, parent.organization_id, now)
    values = {"parent_id": parent_id, "created_by": actor_id, **await _checked(tx, child_id, change)}
    await business_profiles.put_profile(tx, child_id, values)
    await add_member(tx, services, actor_id, child_id, Role.ADMIN, {}, actor_id, now)
    if grant_id is not None:
        await grants.add_targets(tx, grant_id, {child_id: child_id}, now)
    return int(child_id)
