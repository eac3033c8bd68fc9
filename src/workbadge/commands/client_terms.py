"""What an app agreed on for the standards side beyond the common way, and how its secret is replaced (OA-31)."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from workbadge.keys import same
from workbadge.lifecycle.changes import Audit
from workbadge.store import client_terms
from workbadge.store.apply import write_audit
from workbadge.store.engine import Tx
from workbadge.terms.instants import DAY

from .errors import not_found
from .registration import SECRET_PLACE
from .services import Services

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
GRANT_TYPES = ("authorization_code", "refresh_token", "client_credentials", EXCHANGE)
"""What an app may use unless it agreed on more or less."""

SECOND_PLACE = "client_terms.second_secret"
OVERLAP = DAY
"""How long a replaced secret stays good beside the new one."""


@dataclass(frozen=True, slots=True)
class Terms:
    """An app's terms. ``auth_alg``: what its assertions must be signed with, None: anything but RS256. ``jwks``: a JWK set as
    JSON. ``frontends``: origins of its pages. ``about``: what is only shown (RFC 7591 §2)."""

    auth_alg: str | None = None
    jwks: str | None = None
    jwks_uri: str | None = None
    grant_types: tuple[str, ...] = GRANT_TYPES
    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str | None = None
    logout_with_session: bool = False
    frontends: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    dpop_bound: bool = False
    dpop_nonce: bool = False
    require_pushed: bool = False
    about: dict[str, Any] = field(default_factory=dict)


DEFAULT = Terms()


async def load_terms(tx: Tx, app_id: int) -> Terms:
    """The terms of an app; the default ones when it agreed on none."""
    row = await client_terms.find_terms(tx, app_id)
    return DEFAULT if row is None else _opened(row)


def _opened(row: Any) -> Terms:
    return Terms(
        row.auth_alg,
        row.jwks,
        row.jwks_uri,
        tuple(row.grant_types.split(",")),
        tuple(json.loads(row.post_logout_redirect_uris)),
        row.backchannel_logout_uri,
        bool(row.logout_with_session),
        tuple(json.loads(row.frontends)),
        tuple(json.loads(row.resources)),
        bool(row.dpop_bound),
        bool(row.dpop_nonce),
        bool(row.require_pushed),
        json.loads(row.about),
    )


async def save_terms(tx: Tx, app_id: int, terms: Terms, now: datetime) -> None:
    """Set an app's terms. Its second secret and its registration stay."""
    values: dict[str, Any] = {
        "auth_alg": terms.auth_alg,
        "jwks": terms.jwks,
        "jwks_uri": terms.jwks_uri,
        "grant_types": ",".join(terms.grant_types),
        "post_logout_redirect_uris": json.dumps(terms.post_logout_redirect_uris),
        "backchannel_logout_uri": terms.backchannel_logout_uri,
        "logout_with_session": int(terms.logout_with_session),
        "frontends": json.dumps(terms.frontends),
        "resources": json.dumps(terms.resources),
        "dpop_bound": int(terms.dpop_bound),
        "dpop_nonce": int(terms.dpop_nonce),
        "require_pushed": int(terms.require_pushed),
        "about": json.dumps(terms.about),
    }
    known = await client_terms.find_terms(tx, app_id) is not None
    await client_terms.set_terms(tx, app_id, values if known else {**values, "registered_at": now}, known)


async def rotate_secret(
    tx: Tx, services: Services, app_id: int, actor_id: int | None, now: datetime, overlap: timedelta = OVERLAP
) -> str:
    """Give an app a new secret, which is returned once; the one before stays good until ``now + overlap`` (OA-31).

    It stays good for client authentication only: proofs and signatures are made with the new one. Raises CommandError NOT_FOUND.
    """
    app = await client_terms.lock_app(tx, app_id)
    if app is None:
        raise not_found("app")
    secret = services.entropy.bytes(16).hex()
    old = services.sealer.open(app.secret, SECRET_PLACE)
    if await client_terms.find_terms(tx, app_id) is None:
        await save_terms(tx, app_id, DEFAULT, now)
    second = {"second_secret": services.sealer.seal(old, SECOND_PLACE), "second_secret_ends": now + overlap}
    await client_terms.set_terms(tx, app_id, second, True)
    await client_terms.set_app(tx, app_id, {"secret": services.sealer.seal(secret, SECRET_PLACE)})
    entry = Audit("app.rotate_secret", app_id, None, None, {"overlap_seconds": int(overlap.total_seconds())})
    await write_audit(tx, (entry,), actor_id, services.entropy.new_id, now)
    return secret


async def is_second_secret(services: Services, app_id: int, secret: str, now: datetime) -> bool:
    """Whether ``secret`` is the one before the last rotation, and still good."""
    async with services.store.read() as tx:
        sealed = await client_terms.find_second_secret(tx, app_id, now)
    return sealed is not None and same(secret, services.sealer.open(sealed, SECOND_PLACE))
