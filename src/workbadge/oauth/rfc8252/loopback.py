"""Redirect addresses of apps on a person's own machine."""

from urllib.parse import urlsplit

from workbadge.commands.client import Client

LOOPBACK = frozenset({"127.0.0.1", "[::1]"})
"""Literals only: ``localhost`` can be resolved to anything (§8.3)."""


def is_registered(client: Client, redirect_uri: str) -> bool:
    """Whether a redirect address is one of the client's, byte for byte (OA-06, OA-07); a native app's address on a
    loopback literal may have another port (§7.3, OA-11)."""
    if redirect_uri in client.redirect_uris:
        return True
    if not client.native:
        return False
    given = _without_port(redirect_uri)
    return given is not None and any(given == _without_port(one) for one in client.redirect_uris)


def _without_port(uri: str) -> tuple[str, str] | None:
    """Host and rest of an ``http`` address on a loopback literal; None for any other address."""
    if not uri.startswith("http://") or not uri.isascii() or any(ord(one) < 33 or one in "\\#@" for one in uri):
        return None
    authority, slash, rest = uri.removeprefix("http://").partition("/")
    host, colon, port = authority.rpartition(":") if not authority.endswith("]") else (authority, "", "")
    if not colon:
        host, port = authority, ""
    if host not in LOOPBACK or (colon and not (port.isdecimal() and 0 < int(port) < 65_536)):
        return None
    return host, slash + rest


def asks_again(client: Client, redirect_uri: str) -> bool:
    """Whether a standing consent does not suffice: nobody can tell which program behind such an address it is (§8.6,
    OA-49). An https address proves the client by itself."""
    return client.public and urlsplit(redirect_uri).scheme != "https"
