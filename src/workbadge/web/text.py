"""How pages say instants, numbers and names: pure functions, used as filters and globals by ``web.pages``.

Every instant is aware UTC and is shown in UTC; ``now`` is always passed in. Nothing here reads a clock or a locale.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from urllib.parse import urlsplit
from zlib import crc32

from markupsafe import Markup

_MONTHS = [
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
]
_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)
_KINDS = {
    "page": ("Page", "Pages"),
    "ad_account": ("Ad account", "Ad accounts"),
    "product_catalog": ("Catalog", "Catalogs"),
    "pixel": ("Pixel", "Pixels"),
    "adspixel": ("Pixel", "Pixels"),
    "instagram_account": ("Instagram account", "Instagram accounts"),
    "whatsapp_account": ("WhatsApp account", "WhatsApp accounts"),
}


def day_text(at: date) -> str:
    """``24 Nov 2026``; a datetime is cut to its day."""
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}"


def moment_text(at: datetime) -> str:
    """``24 Nov 2026, 14:05 UTC``."""
    return f"{day_text(at)}, {at:%H:%M} UTC"


def relative_text(at: datetime, now: datetime) -> str:
    """``just now``, ``5 minutes ago``, ``in 3 days``; beyond 45 days the date itself. Rounds towards now."""
    distance = abs(at - now)
    if distance < _MINUTE:
        return "just now" if at <= now else "in less than a minute"
    if distance > 45 * _DAY:
        return day_text(at)
    for unit, word in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")):
        if distance >= unit:
            text = count(distance // unit, word)
            return f"{text} ago" if at < now else f"in {text}"
    raise AssertionError("a distance of at least a minute has a unit")


def _time_element(at: date | None, text: str, title: str = "") -> Markup:
    return Markup('<time datetime="{}"{}>{}</time>').format(
        at.isoformat() if at else "",
        Markup(' title="{}"').format(title) if title else "",
        text,
    )


def date_element(at: date | None, absent: str = "–") -> Markup | str:
    """The day in a ``<time>`` element, ``absent`` for None."""
    return absent if at is None else _time_element(at, day_text(at))


def moment_element(at: datetime | None, absent: str = "–") -> Markup | str:
    """Day and minute in a ``<time>`` element, ``absent`` for None."""
    return absent if at is None else _time_element(at, moment_text(at))


def relative_element(at: datetime | None, now: datetime, absent: str = "Never") -> Markup | str:
    """The distance from ``now`` in a ``<time>`` element that shows the exact minute on hover."""
    if at is None:
        return absent
    return _time_element(at, relative_text(at, now), moment_text(at))


def number(n: int) -> str:
    """``12 345``: groups of three, separated by a narrow no-break space."""
    return f"{n:,}".replace(",", "\u202f")


def count(n: int, singular: str, plural: str | None = None) -> str:
    """``1 app``, ``2 apps``, ``0 apps``; ``plural`` where an s does not do."""
    return f"{number(n)} {singular if n == 1 else plural or singular + 's'}"


def initials(name: str) -> str:
    """One or two capitals: of the first and the last word that has a letter or digit; ``?`` when none has."""
    words = [one for word in name.split() if (one := "".join(c for c in word if c.isalnum()))]
    if not words:
        return "?"
    picked = words[0][:1] + (words[-1][:1] if len(words) > 1 else "")
    return picked.upper()[:2]


def hue(name: str) -> int:
    """0 to 7, the same for the same name on every machine: picks the ``wb-hue-N`` class."""
    return crc32(name.encode()) % 8


def breakable(value: object) -> object:
    """An e-mail address that may wrap before its ``@``; other values unchanged."""
    if not isinstance(value, str) or isinstance(value, Markup) or "@" not in value:
        return value
    return Markup("{}<wbr>@{}").format(*value.split("@", 1))


def kind_text(kind: str, n: int = 1) -> str:
    """An asset kind in words: ``Ad account``; plural unless ``n`` is 1. Unknown kinds are shown as they are spelled."""
    one, many = _KINDS.get(kind, (kind.replace("_", " ").capitalize(),) * 2)
    return one if n == 1 else many


def safe_href(url: str | None) -> str:
    """An address that somebody else supplied, for ``href``: only http, https and mailto pass; else the empty string."""
    if not url:
        return ""
    try:
        return url if urlsplit(url).scheme in ("http", "https", "mailto") else ""
    except ValueError:
        return ""


Urgency = Literal["calm", "soon", "urgent", "over"]


@dataclass(frozen=True, slots=True)
class TimeLeft:
    """What a countdown shows: a big number with its unit, and how urgent it is."""

    number: int
    unit: str
    tone: Urgency


def _urgency(left: timedelta) -> Urgency:
    if left <= 3 * _DAY:
        return "urgent"
    return "soon" if left <= 7 * _DAY else "calm"


def time_left(ends: datetime, now: datetime) -> TimeLeft:
    """Days left, rounded up; in the last 24 hours, hours; in the last hour, minutes; 0 days from ``ends`` on."""
    left = ends - now
    if left <= timedelta(0):
        return TimeLeft(0, "days left", "over")
    for size, unit in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")):
        if left > size or unit == "minute":
            n = -(-left // size)
            return TimeLeft(n, f"{unit}{'' if n == 1 else 's'} left", _urgency(left))
    raise AssertionError("minutes are always reached")
