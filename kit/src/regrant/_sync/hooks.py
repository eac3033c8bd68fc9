# Written by tools/unasync.py from kit/src/regrant/_async/hooks.py: change that file.
"""The receiver of webhooks of one app: handshake, signature over the raw body, each message once, rows of this app alone."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from regrant._sync.storage import Storage
from regrant._sync.vault import Vault
from regrant.answers import App, read_instant, veil
from regrant.edge import Clock, utc_now
from regrant.keys import KeyService
from regrant.messages import HookError, Told
from regrant.rows import Asset, State
from regrant.secret import Secret

REMEMBERED = timedelta(days=3)
"""How long a message is remembered, and how old one may be. The platform repeats for about 36 hours."""
LARGEST = 4_000_000
_OF_PEOPLE = frozenset({"managed_meta_account", "user", "permissions"})


class Hooks:
    """Takes the messages that the platform sends about one app.

    Several apps behind one address are not told apart by what a message says: give each app its own address, and its own Hooks.
    ``receive`` answers once the message's effect is stored; whatever it raises is answered with 4xx or 5xx, and comes again.
    """

    def __init__(
        self, app: App, storage: Storage, keys: KeyService, verify_token: Secret, clock: Clock = utc_now
    ) -> None:
        self.app = app
        self._storage = storage
        self._keys = keys
        self._verify = verify_token
        self._clock = clock

    def handshake(self, query: Mapping[str, str]) -> str:
        """The body to answer the platform's GET with. HookError: answer 403."""
        given = Secret(query.get("hub.verify_token") or "-")
        if query.get("hub.mode") != "subscribe" or given != self._verify or "hub.challenge" not in query:
            raise HookError("this is no handshake with our verify_token")
        return query["hub.challenge"]

    def receive(self, body: bytes, signature: str | None) -> list[Told]:
        """Take a POST: its raw body, and its header ``X-Hub-Signature-256``. What it tells; nothing for a repetition.

        HookError: answer 403, nothing was done. An expiry that is told is written to each asset it is about: at once where none was
        known or it moved on; an earlier one than known is not believed, but looked up by the monitor, since messages may be overtaken.
        """
        if len(body) > LARGEST:
            raise HookError("this message is too large")
        wanted = hmac.new(self.app.secret.reveal().encode(), body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(f"sha256={wanted}".encode(), (signature or "").encode()):
            raise HookError("the signature is not this app's")
        message = _decoded(body)
        now = self._clock()
        digest = hashlib.sha256(body).hexdigest()
        del body  # it may hold tokens, which a traceback would show
        if not self._storage.first_time(self.app.id, digest, now, now - REMEMBERED):
            return []
        try:
            return [
                self._told(message["object"], entry, field, value)
                for entry in message["entry"]
                if (read_instant(entry.get("time")) or now) > now - REMEMBERED
                for field, value in _changes(entry)
            ]
        except BaseException:
            self._storage.unseen(self.app.id, digest)
            raise

    def _told(self, kind: str, entry: Mapping[str, Any], field: str, value: Any) -> Told:
        about = str(entry.get("id") or entry.get("uid") or "")
        rows = self._rows(kind, about, value)
        if kind in _OF_PEOPLE:
            for tenant, token in {(row.tenant, row.token) for row in rows}:
                self._storage.check_next(tenant, token, self._clock())
        if (kind, field) == ("managed_meta_account", "migration_expire_time"):
            until = value.get("migration_expire_time") if isinstance(value, dict) else None
            rows = [self._expiring(row, until) for row in rows]
        return Told(kind, field, about, tuple(rows), value)

    def _rows(self, kind: str, about: str, value: Any) -> list[Asset]:
        """Rows of this app that an entry is about: of a person those held by its tokens, else those of the asset itself."""
        if kind == "managed_meta_account":
            person = str(value.get("user_id", about)) if isinstance(value, dict) else about
            return self._storage.held_by(self.app.id, person)
        if kind in _OF_PEOPLE:
            return self._storage.held_by(self.app.id, about)
        found = self._storage.holding_asset(self.app.id, about)
        if not found and kind == "ad_account" and not about.startswith("act_"):
            found = self._storage.holding_asset(self.app.id, f"act_{about}")
        return found

    def _expiring(self, row: Asset, until: Any) -> Asset:
        """The row after it was told of its expiry."""
        ends = read_instant(until)
        sooner = ends is None or (row.until is not None and ends < row.until)
        if row.state not in (State.OK, State.EXPIRING) or sooner:
            return row
        vault = Vault(row.tenant, self._storage, self._keys, self._clock)
        return vault.mark(row, State.EXPIRING, "migration", ends) or row


def _decoded(body: bytes) -> Any:
    try:
        message = json.loads(body)
    except ValueError:
        raise HookError("the body is no JSON") from None
    shape = (
        isinstance(message, dict) and isinstance(message.get("object"), str) and isinstance(message.get("entry"), list)
    )
    if not shape or not all(isinstance(entry, dict) for entry in message["entry"]):
        raise HookError("the body is no message of webhooks")
    return veil(message)


def _changes(entry: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """(field, value) of an entry, in order."""
    changes = entry.get("changes")
    if isinstance(changes, list):
        return [(str(one.get("field", "")), one.get("value")) for one in changes if isinstance(one, dict)]
    names = entry.get("changed_fields")
    return [(str(name), None) for name in names] if isinstance(names, list) else []
