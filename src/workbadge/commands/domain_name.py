"""Reading a domain's name: IDN to A-labels (UTS #46, IDNA 2008), what nobody can own is refused (O1, AC-09, AC-10).

Sources: the public suffix list, with its date; ``terms.public_mail``, with its date; the reserved names of RFC 2606, 6761, 6762,
7686, 8375.
"""

import re
import unicodedata
from datetime import date
from functools import lru_cache
from pathlib import Path

import idna
import publicsuffixlist
from publicsuffixlist import PublicSuffixList

from workbadge.terms.addresses import canonical_domain
from workbadge.terms.public_mail import PUBLIC_MAIL

from .errors import CommandError, invalid

RESERVED = frozenset(
    [
        "localhost",
        "local",
        "localdomain",
        "internal",
        "intranet",
        "private",
        "corp",
        "home",
        "lan",
        "invalid",
        "test",
        "example",
        "onion",
        "alt",
        "arpa",
    ]
)
"""Top-level names that no registry gives out."""

_VERSION = re.compile(r"^// VERSION: (\d{4}-\d{2}-\d{2})", re.MULTILINE)


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


@lru_cache(maxsize=1)
def suffixes_as_of() -> date | None:
    """The day of the public suffix list that is used; None when the list does not say."""
    text = (Path(publicsuffixlist.__file__).parent / "public_suffix_list.dat").read_text(encoding="utf-8")[:4096]
    found = _VERSION.search(text)
    return date.fromisoformat(found[1]) if found else None


def read_domain(text: str) -> str:
    """The A-label form of a domain that somebody can own, without a final dot. Raises CommandError.

    A registrable name or one below it. Refused: public suffixes, reserved names, public mail providers and what lies below
    them, addresses, wildcards, labels that mix alphabets.
    """
    name = _to_labels(text)
    labels = name.split(".")
    if labels[-1] in RESERVED:
        raise _refused(name, f"names below .{labels[-1]} are reserved and belong to nobody")
    owned = _suffixes().privatesuffix(name)
    if owned is None:
        raise _refused(name, "anybody can register names below it (public suffix list)")
    if any(".".join(labels[at:]) in PUBLIC_MAIL for at in range(len(labels))):
        raise _refused(name, "it belongs to a provider at which anybody gets an address")
    return name


def registrable(name: str) -> str:
    """The registrable part of a name from ``read_domain``."""
    return _suffixes().privatesuffix(name) or name


def parents(name: str) -> list[str]:
    """The names above one from ``read_domain`` that somebody can own, nearest first."""
    labels, top = name.split("."), registrable(name)
    above = [".".join(labels[at:]) for at in range(1, len(labels))]
    return [one for one in above if one == top or one.endswith(f".{top}")]


def shown(name: str) -> str:
    """The name in its own letters, for a page; the A-label where they cannot be shown."""
    try:
        return idna.decode(name)
    except idna.IDNAError:
        return name


def _to_labels(text: str) -> str:
    typed = text.strip()
    try:
        if not 0 < len(typed) <= 1000:
            raise ValueError
        name = idna.encode(typed, uts46=True, std3_rules=True, transitional=False).decode("ascii").removesuffix(".")
        name = canonical_domain(name)
    except (ValueError, idna.IDNAError) as error:
        raise invalid("domain", f"{typed[:80]!r} is not a domain name.", "a name such as example.com") from error
    if any(_mixes(label) for label in shown(name).split(".")):
        raise _refused(name, "it mixes alphabets, as look-alikes of other names do")
    return name


def _mixes(label: str) -> bool:
    """Whether Latin letters stand beside Cyrillic or Greek ones."""
    alphabets = {unicodedata.name(one, "").partition(" ")[0] for one in label if one.isalpha()}
    return len(alphabets & {"LATIN", "CYRILLIC", "GREEK"}) > 1


def _refused(name: str, why: str) -> CommandError:
    return invalid("domain", f"{name} cannot be claimed: {why}.", "a domain that your company registered")
