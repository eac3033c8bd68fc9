"""What a maker says about an app: addresses, contacts, flags (``wire.md`` §6.9)."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from workbadge.lifecycle.changes import Audit
from workbadge.store import apps
from workbadge.store.apply import write_audit
from workbadge.store.engine import Tx
from workbadge.terms.addresses import canonical_domain, parse_address

from .errors import CommandError, invalid, not_found
from .registration import check_name, check_redirect_uri
from .services import Services
from .webhooks import check_callback

MOST_LISTED = 100


def _link(text: str, field: str) -> str | None:
    """A page of the maker's: http(s) with a host."""
    return check_callback(text, field) if text else None


def _address(text: str, field: str) -> str | None:
    try:
        return parse_address(text) if text else None
    except ValueError as error:
        raise invalid(field, str(error), "name@example.com") from error


def _flag(text: str, field: str) -> int:
    if text.lower() not in ("", "0", "1", "true", "false", "on"):
        raise invalid(field, f"{text[:40]!r} is neither yes nor no.", "true or false")
    return int(text.lower() in ("1", "true", "on"))


def _listed(text: str, field: str) -> list[str]:
    found = list(dict.fromkeys(text.replace(",", " ").split()))
    if len(found) > MOST_LISTED:
        raise invalid(field, f"{len(found)} are too many.", f"{MOST_LISTED} at most")
    return found


def _domains(text: str, field: str) -> str | None:
    """Host names, a comma list."""
    kept = []
    for one in _listed(text, field):
        try:
            kept.append(one if one == "localhost" else canonical_domain(urlsplit(f"//{one}").hostname or ""))
        except ValueError as error:
            raise invalid(field, f"{one[:80]!r} is not a domain: {error}.", "example.com") from error
    return ",".join(dict.fromkeys(kept)) or None


def _redirects(text: str, field: str) -> str:
    """Redirect addresses, one in a line (their own commas belong to them)."""
    kept = list(dict.fromkeys(text.split()))
    if len(kept) > MOST_LISTED:
        raise invalid(field, f"{len(kept)} are too many.", f"{MOST_LISTED} at most")
    return json.dumps([check_redirect_uri(one) for one in kept])


SETTINGS: dict[str, Callable[[str, str], Any]] = {
    "name": check_name,
    "redirect_uris": _redirects,
    "login_uri": _link,
    "user_support_url": _link,
    "user_support_email": _address,
    "contact_email": _address,
    "privacy_policy_url": _link,
    "terms_of_service_url": _link,
    "app_domains": _domains,
    "deauth_callback_url": _link,
    "data_deletion_url": _link,
    "require_proof": _flag,
    "native": _flag,
}
"""Every setting that a maker may change, with what reads it; an empty text takes it back."""


def read_settings(given: dict[str, str]) -> tuple[dict[str, Any], dict[str, CommandError]]:
    """Columns and values, and what is wrong by setting."""
    values: dict[str, Any] = {}
    wrong: dict[str, CommandError] = {}
    for name, text in given.items():
        try:
            values[name] = SETTINGS[name](text.strip(), name)
        except CommandError as error:
            wrong[name] = error
    return values, wrong


async def change_settings(
    tx: Tx, services: Services, app_id: int, given: dict[str, str], actor_id: int | None, now: datetime
) -> None:
    """Change settings of an app. Raises CommandError: NOT_FOUND, INVALID for the first that is wrong."""
    values, wrong = read_settings(given)
    for error in wrong.values():
        raise error
    if not await apps.set_columns(tx, app_id, values):
        raise not_found("app")
    entry = Audit("app.settings", app_id, None, None, {"changed": ",".join(sorted(values))})
    await write_audit(tx, (entry,), actor_id, services.entropy.new_id, now)
