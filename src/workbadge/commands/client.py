"""Clients of the OAuth side: an app, how it proves who it is, which addresses it may be answered at."""

import json
from dataclasses import dataclass
from hmac import compare_digest
from urllib.parse import urlsplit

from workbadge.keys import SIGNING_ALGORITHMS, hash_secret
from workbadge.store import oauth_clients
from workbadge.store.engine import Tx
from workbadge.store.oauth_clients import ClientRow, Reader
from workbadge.terms.ids import kind_of, parse_id
from workbadge.terms.kinds import NodeKind

from .errors import invalid
from .registration import SECRET_PLACE
from .services import Services

AUTH_METHODS = ("client_secret_basic", "client_secret_post", "private_key_jwt", "none")
"""Ways of client authentication that can be registered."""

APPLICATION_TYPES = ("web", "native")
_SECRET_METHODS = frozenset({"client_secret_basic", "client_secret_post"})
_NO_SECRET = frozenset({"none"})


@dataclass(frozen=True, slots=True)
class Client:
    """An app on the OAuth side. One that registered nothing for it is a confidential web client; one whose maker calls it
    native is a public native client, for its secret is in everybody's hands (RFC 8252 §8.5)."""

    row: ClientRow

    @property
    def id(self) -> int:
        """The app's id, which is the client_id."""
        return self.row.id

    @property
    def redirect_uris(self) -> tuple[str, ...]:
        """The addresses that it registered."""
        return tuple(json.loads(self.row.redirect_uris))

    @property
    def methods(self) -> frozenset[str]:
        """How it may authenticate."""
        if self.row.auth_method is not None:
            return frozenset({self.row.auth_method})
        return _NO_SECRET if self._native_by_nature else _SECRET_METHODS

    @property
    def public(self) -> bool:
        """Whether it has no secret (RFC 6749 §2.1)."""
        return self.methods == _NO_SECRET

    @property
    def native(self) -> bool:
        """Whether it runs on a person's machine (RFC 8252)."""
        return self._native_by_nature or self.row.application_type == "native"

    @property
    def _native_by_nature(self) -> bool:
        return self.row.native and self.row.application_type is None

    @property
    def id_token_alg(self) -> str:
        """What its ID tokens are signed with."""
        return self.row.id_token_alg or SIGNING_ALGORITHMS[0]

    @property
    def origins(self) -> frozenset[str]:
        """Web origins from which its pages may call (OA-61)."""
        parts = (urlsplit(uri) for uri in self.redirect_uris)
        return frozenset(f"{one.scheme}://{one.netloc}" for one in parts if one.scheme in ("http", "https"))


async def find_client(reader: Reader, client_id: str | None) -> Client | None:
    """The client with that id, unless it was switched off."""
    app_id = parse_id(client_id) if client_id else None
    if app_id is None or kind_of(app_id) is not NodeKind.APP:
        return None
    row = await oauth_clients.find_client(reader, app_id)
    return None if row is None or row.disabled else Client(row)


def secret_matches(services: Services, reader: Reader, client: Client, secret: str) -> bool:
    """Whether ``secret`` is the client's. Between two commits only its hash is kept, not the opened secret."""
    memo, key = reader.memo(), ("secret hash", client.id)
    hashed: bytes | None = None if memo is None else memo.get(key)
    if hashed is None:
        hashed = hash_secret(services.sealer.open(client.row.secret, SECRET_PLACE))
        if memo is not None:
            memo[key] = hashed
    return compare_digest(hash_secret(secret), hashed)


async def register_client(
    tx: Tx, app_id: int, auth_method: str | None, application_type: str, id_token_alg: str
) -> None:
    """Set how an app takes part on the OAuth side. ``auth_method`` None: by secret, in either place.

    Raises CommandError INVALID for what is not known.
    """
    for field, value, known in (
        ("token_endpoint_auth_method", auth_method or AUTH_METHODS[0], AUTH_METHODS),
        ("application_type", application_type, APPLICATION_TYPES),
        ("id_token_signed_response_alg", id_token_alg, SIGNING_ALGORITHMS),
    ):
        if value not in known:
            raise invalid(field, f"{value[:40]!r} is not a {field}.", ", ".join(known))
    values = {"auth_method": auth_method, "application_type": application_type, "id_token_alg": id_token_alg}
    await oauth_clients.set_client(tx, app_id, values)
