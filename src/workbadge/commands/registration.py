"""Registering third-party apps: names, redirect addresses, secrets."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from workbadge.store import records
from workbadge.store.engine import Tx
from workbadge.terms.ids import NodeId
from workbadge.terms.kinds import NodeKind

from .errors import invalid
from .services import Services
from .webhooks import MANAGED_META_ACCOUNT, NewSubscription, check_callback, subscribe

NAME_LENGTH = 200


def check_name(name: str, field: str = "name") -> str:
    """A name as it is stored: trimmed, one to 200 characters, no control characters (WB-15). Raises CommandError."""
    kept = name.strip()
    if not 1 <= len(kept) <= NAME_LENGTH or any(ord(letter) < 32 or ord(letter) == 127 for letter in kept):
        raise invalid(
            field,
            "This name cannot be used.",
            f"1 to {NAME_LENGTH} characters, no control characters",
        )
    return kept


def check_redirect_uri(uri: str) -> str:
    """A redirect address that may be registered (OA-10): http(s) with a host, or an app's own scheme for mobile.

    http only on this machine; no fragment, no user part, at most 2 000 characters. Raises CommandError.
    """
    expected = "https://… (http only for localhost), without fragment and user part"
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise invalid("redirect_uris", f"{uri[:80]!r} is not an address.", expected) from error
    bad = len(uri) > 2000 or not uri.isprintable() or " " in uri or "\\" in uri or "#" in uri or "@" in parts.netloc
    if bad or parts.scheme in {"javascript", "data", "file", "vbscript", "blob", "about"} or not parts.scheme:
        raise invalid("redirect_uris", f"{uri[:80]!r} cannot be registered.", expected)
    if parts.scheme in {"http", "https"}:
        local = host in {"localhost", "127.0.0.1", "::1"}
        if not host or (parts.scheme == "http" and not local):
            raise invalid("redirect_uris", f"{uri[:80]!r} cannot be registered.", expected)
    elif "." not in parts.scheme and not parts.scheme.startswith("fb"):
        raise invalid(
            "redirect_uris",
            f"{uri[:80]!r} cannot be registered.",
            "a scheme such as com.example.app",
        )
    return uri


@dataclass(frozen=True, slots=True)
class NewApp:
    """A third party's app. ``login_uri``: where its own login starts (the Reconnect link, B1). ``webhook_url``: subscribed to
    ``managed_meta_account`` without a handshake, as by an operator who knows the receiver."""

    name: str
    redirect_uris: tuple[str, ...]
    login_uri: str | None = None
    user_support_url: str | None = None
    user_support_email: str | None = None
    webhook_url: str | None = None
    require_proof: bool = False


@dataclass(frozen=True, slots=True)
class AppCreated:
    """An app's id and its secret, which is shown once."""

    id: NodeId
    secret: str


SECRET_PLACE = "app.secret"


async def add_app(tx: Tx, services: Services, new: NewApp, now: datetime) -> AppCreated:
    """Register an app; its secret is stored sealed."""
    app_id = services.entropy.new_id(NodeKind.APP)
    secret = services.entropy.bytes(16).hex()
    for uri in new.redirect_uris:
        check_redirect_uri(uri)
    values = {
        "name": check_name(new.name),
        "secret": services.sealer.seal(secret, SECRET_PLACE),
        "redirect_uris": list(new.redirect_uris),
        "login_uri": new.login_uri,
        "user_support_url": new.user_support_url,
        "user_support_email": new.user_support_email,
        "require_proof": int(new.require_proof),
    }
    await records.add_app(tx, app_id, values, now)
    if new.webhook_url:
        wanted = NewSubscription(MANAGED_META_ACCOUNT, check_callback(new.webhook_url), None, True)
        await subscribe(tx, services, app_id, wanted, False, now)
    return AppCreated(app_id, secret)


def redirect_uris(app: Any) -> tuple[str, ...]:
    """The redirect addresses that an app's row registers."""
    return tuple(json.loads(app.redirect_uris))
