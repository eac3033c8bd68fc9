"""Title and permissions of somebody in a business: set by its admins, told to whoever reads it (``wire.md`` §3.6).

The permissions are told to apps, which may ask for them; nothing here is decided by them.
"""

from dataclasses import dataclass
from datetime import datetime

from workbadge.lifecycle.changes import Audit
from workbadge.store import place_profiles, rights
from workbadge.store.apply import write_audit
from workbadge.store.engine import Tx

from .errors import invalid, not_found
from .services import Services

FINANCE_PERMISSIONS = ("EDITOR", "ANALYST")
IP_PERMISSIONS = ("REVIEWER",)
TITLE_LENGTH = 100


@dataclass(frozen=True, slots=True)
class PlaceChange:
    """What becomes of a place's profile. None: stays as it is; empty: there is none any more."""

    title: str | None = None
    finance_permission: str | None = None
    ip_permission: str | None = None


async def change_profile(
    tx: Tx,
    services: Services,
    business_id: int,
    membership_id: int,
    change: PlaceChange,
    actor_id: int,
    now: datetime,
) -> None:
    """Change title or permissions of an open place. The caller has decided that the actor manages the business.

    Raises CommandError: NOT_FOUND place, INVALID title or permission.
    """
    place = await rights.find_membership(tx, membership_id, lock=True)
    if place is None or place.business_id != business_id or not place.is_open(now) or place.handed_over is not None:
        raise not_found("person in this business")
    values = {
        "title": None if change.title is None else _checked_title(change.title),
        "finance_permission": _checked("finance_permission", change.finance_permission, FINANCE_PERMISSIONS),
        "ip_permission": _checked("ip_permission", change.ip_permission, IP_PERMISSIONS),
    }
    given = {name: text or None for name, text in values.items() if text is not None}
    known = (await place_profiles.find_profiles(tx, [membership_id])).get(membership_id)
    changed = {name: text for name, text in given.items() if getattr(known, name, None) != text}
    if not changed:
        return
    await place_profiles.put_profile(tx, membership_id, changed)
    entry = Audit(
        "membership.profile", place.account_id, business_id, None, {name: str(text) for name, text in changed.items()}
    )
    await write_audit(tx, (entry,), actor_id, services.entropy.new_id, now)


def _checked_title(text: str) -> str:
    plain = text.strip()
    if len(plain) > TITLE_LENGTH or not plain.isprintable():
        raise invalid("title", "This title cannot be used.", f"up to {TITLE_LENGTH} printable characters")
    return plain


def _checked(name: str, text: str | None, known: tuple[str, ...]) -> str | None:
    if text and text not in known:
        raise invalid(name, f"There is no {name} of this name.", f"{' or '.join(known)}, or nothing")
    return text
