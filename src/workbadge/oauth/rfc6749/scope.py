"""Scopes as this side writes them (RFC 6749 §3.3): blanks between names, ``profile`` for the Graph's ``public_profile``."""

from collections.abc import Iterable

from workbadge.terms.scopes import OPENID_NAMES, SCOPES

_HERE = {ours: name for name, ours in OPENID_NAMES.items()}
SUPPORTED = tuple(_HERE.get(one, one) for one in SCOPES)


def read_scope(text: str | None) -> tuple[str, ...] | None:
    """Names in a ``scope`` parameter, each once, as they are stored; None when its syntax is wrong."""
    if not text:
        return ()
    names = text.split(" ")
    if not all(names) or any(not ("!" <= letter <= "~") or letter in '"\\' for letter in text.replace(" ", "")):
        return None
    return tuple(dict.fromkeys(OPENID_NAMES.get(one, one) for one in names))


def write_scope(names: Iterable[str]) -> str:
    """The ``scope`` value of stored names."""
    return " ".join(_HERE.get(one, one) for one in names)
