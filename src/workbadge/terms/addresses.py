"""E-mail addresses: one strict parser, one canonical form (AC-13, AC-14).

Accepted is ``local@domain`` with the unquoted local part of RFC 5321's dot-string in ASCII and a domain of
letters, digits and hyphens (IDN through its A-label). Everything that mail software reads in two ways
(quotes, comments, routes, encoded words, controls, literals, lists) is refused. Plus and dots are kept;
case is folded for uniqueness only. Mail goes to the stored original, never to the typed one.
"""

import re

_LOCAL = re.compile(r"[A-Za-z0-9!#$&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


_TWO_READINGS = frozenset("ßςẞ\u200c\u200d")
"""Letters that IDNA 2003 and IDNA 2008 turn into different names: whoever means one writes the A-label."""


def canonical_domain(text: str) -> str:
    """The A-label form of a domain name: lower case, no trailing dot. Raises ValueError otherwise."""
    name = text.strip().removesuffix(".").lower()
    if not name.isascii():
        try:
            name = "" if _TWO_READINGS.intersection(text) else name.encode("idna").decode("ascii").lower()
        except UnicodeError:
            name = ""
    labels = name.split(".")
    if (
        len(labels) < 2
        or len(name) > 253
        or not all(_LABEL.fullmatch(label) for label in labels)
        or labels[-1].isdigit()
    ):
        raise ValueError(f"expected a domain name such as example.com, got {text[:80]!r}")
    return name


def parse_address(text: str) -> str:
    """The address as it is to be stored and written to: local part as typed, domain canonical.

    Raises ValueError saying what was expected; the message never echoes more than 80 characters.
    """
    local, at, domain = text.rpartition("@")
    spaced = domain != domain.strip()
    if not at or spaced or len(local) > 64 or len(text) > 254 or not _LOCAL.fullmatch(local) or "=?" in local:
        raise ValueError(f"expected one e-mail address such as name@example.com, got {text[:80]!r}")
    return f"{local}@{canonical_domain(domain)}"


def address_key(address: str) -> str:
    """The form by which addresses are compared: lower case. ``address`` comes from ``parse_address``."""
    return address.lower()


def domain_of(address: str) -> str:
    """The domain of an address from ``parse_address``."""
    return address.rpartition("@")[2]
