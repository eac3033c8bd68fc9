# Written by tools/unasync.py from kit/src/regrant/_async/logins.py: change that file.
"""Logins of one tenant: what was begun is bound to tenant, user, app and callback address, and is finished once."""

import json
from collections.abc import Iterable, Mapping
from datetime import timedelta

from regrant._sync.client import Client
from regrant._sync.vault import Vault
from regrant.edge import new_id
from regrant.keys import VaultKeyError
from regrant.logins import Begun, Finished, LoginError, LoginReason
from regrant.rows import PendingLogin
from regrant.secret import Secret

LIFE = timedelta(hours=1)


class Logins:
    """Begins and finishes logins for the tenant of ``vault``, into the app of ``client``.

    The app's own session names the tenant (by the vault that is opened) and the user; the callback's route names the app and its
    address. The state in the address proves that all four are those for which the login was begun: it is sealed under the
    tenant's keys, so another tenant cannot even read it.
    """

    def __init__(self, vault: Vault, client: Client) -> None:
        self._vault = vault
        self._client = client

    def start(
        self,
        user: str,
        redirect_uri: str,
        scopes: Iterable[str] = (),
        *,
        connection: str | None = None,
        rerequest: bool = False,
        **more: str,
    ) -> Begun:
        """Begin a login of your ``user``. ``connection``: one of this tenant that it is to renew; else it makes a new one.

        ``rerequest`` asks for declined permissions again and reopens the selection of assets; ``more`` goes into the dialog's address.
        """
        app = self._client.app.id
        if connection is not None and (self._vault.connection(connection)).app != app:
            raise ValueError("this connection belongs to another app of yours: begin the login with that app's client")
        now = self._vault.clock()
        pending = PendingLogin(self._vault.tenant, new_id("log"), now + LIFE)
        bound = {"user": user, "app": app, "address": redirect_uri, "connection": connection}
        sealed = self._vault.seal(Secret(json.dumps(bound)), "login", pending.id)
        self._vault.storage.forget_logins(now - LIFE)
        self._vault.storage.add_login(pending)
        url = self._client.login_url(redirect_uri, f"{pending.id}~{sealed}", scopes, rerequest=rerequest, **more)
        return Begun(url, pending.ends)

    def finish(self, user: str, redirect_uri: str, query: Mapping[str, str]) -> Finished:
        """Take what came to the callback: ``query`` is that of the request. Raises LoginError, GraphError.

        The token is exchanged, looked at (it has to be alive and of this app), made long-lived and kept.
        """
        connection = self._opened(user, redirect_uri, query.get("state", ""))
        if query.get("error") == "access_denied":
            raise LoginError(LoginReason.DECLINED, "the person did not allow it")
        code = query.get("code")
        if not code:
            raise LoginError(
                LoginReason.FAILED, str(query.get("error_message") or query.get("error") or "no code came")[:500]
            )
        short = self._client.exchange(code, redirect_uri)
        granted = self._client.inspect(short.secret)
        if not granted.valid or granted.app != self._client.app.id:
            raise LoginError(LoginReason.FOREIGN_TOKEN, "the token that came back is dead, or belongs to another app")
        person = self._client.person(short.secret)
        new = short if granted.kind == "SYSTEM_USER" else self._client.extend(short.secret)
        parent = (
            self._vault.add_connection(self._client.app.id)
            if connection is None
            else self._vault.connection(connection)
        )
        token = self._vault.add_token(
            parent.id,
            new.secret,
            holder=person.id,
            managed=person.managed or granted.kind == "SYSTEM_USER",
            scopes=sorted(granted.scopes),
            issued_at=granted.issued_at,
            expires_at=new.expires_at,
        )
        return Finished(parent, token, person, granted)

    def _opened(self, user: str, redirect_uri: str, state: str) -> str | None:
        """The connection that a state was made for, if it is good for this callback; from then on it is used."""
        id, _, sealed = state.partition("~")
        try:
            bound = json.loads((self._vault.unseal(sealed, "login", id)).reveal())
        except VaultKeyError:
            raise LoginError(LoginReason.UNKNOWN, "this login was not begun here") from None
        for name, here, reason in (
            ("user", user, LoginReason.OTHER_USER),
            ("app", self._client.app.id, LoginReason.OTHER_APP),
            ("address", redirect_uri, LoginReason.OTHER_ADDRESS),
        ):
            if bound[name] != here:
                raise LoginError(reason, f"this login was begun for another {name}")
        pending = self._vault.storage.take_login(self._vault.tenant, id)
        if pending is None:
            raise LoginError(LoginReason.USED, "this login was finished already: begin a new one")
        if pending.ends <= self._vault.clock():
            raise LoginError(LoginReason.EXPIRED, "this login was begun too long ago: begin a new one")
        connection: str | None = bound["connection"]
        return connection
