"""The Business Extension: what ``extras`` of its dialog says, and the configuration that an app keeps with it (``wire.md`` §5)."""

import re
from typing import Any, Literal

import msgspec

from .errors import invalid

SCOPE = "manage_business_extension"
LONGEST = 16_384
EXPECTED = (
    '{"setup": {"external_business_id", "timezone", "currency", "business_vertical"}, "business_config": {"business": {"name"}}, '
    '"repeat": false}'
)
_TIMEZONE = re.compile(r"[A-Za-z0-9_+/-]{1,64}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_VERTICAL = re.compile(r"[A-Z][A-Z0-9_]{0,63}")

Config = dict[str, Any]


class Setup(msgspec.Struct, omit_defaults=True):
    """Who is set up: the maker's own name for the business, and how it does business."""

    external_business_id: str
    timezone: str
    currency: str
    business_vertical: str
    domain: str | None = None
    channel: Literal["DEFAULT", "COMMERCE", "COMMERCE_OFFSITE", "FEED", "SIGNALS"] = "DEFAULT"


class Extras(msgspec.Struct):
    """The dialog's ``extras``."""

    setup: Setup
    business_config: Config = {}
    repeat: bool = False


def names_setup(text: str) -> bool:
    """Whether ``extras`` means the Business Extension; other products send other things there."""
    try:
        given = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return False
    return isinstance(given, dict) and "setup" in given


def read_extras(text: str) -> Extras:
    """The dialog's ``extras``, checked. Raises CommandError INVALID saying what was expected."""
    if len(text) > LONGEST:
        raise invalid("extras", f"extras is longer than {LONGEST} characters.", EXPECTED)
    try:
        extras = msgspec.json.decode(text, type=Extras)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise invalid("extras", f"extras cannot be read: {str(error)[:200]}.", EXPECTED) from error
    check_external_id(extras.setup.external_business_id, "extras.setup.external_business_id")
    for field, form, expected in (
        ("timezone", _TIMEZONE, "a time zone such as Europe/Berlin"),
        ("currency", _CURRENCY, "a currency such as EUR"),
        ("business_vertical", _VERTICAL, "a vertical such as ECOMMERCE"),
    ):
        if not form.fullmatch(getattr(extras.setup, field)):
            raise invalid(f"extras.setup.{field}", f"extras.setup.{field} cannot be used.", expected)
    if extras.setup.domain is not None and (len(extras.setup.domain) > 2000 or not extras.setup.domain.isprintable()):
        raise invalid("extras.setup.domain", "extras.setup.domain cannot be used.", "a domain of the shop")
    check_config(extras.business_config, "extras.business_config")
    return extras


def check_external_id(text: str, field: str = "fbe_external_business_id") -> str:
    """The maker's own id of a business: 1 to 255 visible ASCII characters. Raises CommandError INVALID."""
    if not 1 <= len(text) <= 255 or not text.isascii() or not text.isprintable() or " " in text:
        raise invalid(field, f"{field} cannot be used.", "1 to 255 letters, digits and signs")
    return text


def check_config(config: Config, field: str = "business_config") -> None:
    """``business``, where it is given, is an object with a name. Raises CommandError INVALID."""
    business = config.get("business", {"name": "-"})
    name = business.get("name") if isinstance(business, dict) else None
    if not isinstance(name, str) or not 1 <= len(name) <= 200 or not name.isprintable():
        raise invalid(f"{field}.business", f"{field}.business has no name that can be used.", '{"name": "…"}')


def read_config(text: str) -> Config:
    """A ``business_config`` that an app sends. Raises CommandError INVALID."""
    expected = 'a JSON object such as {"business": {"name": "…"}}'
    if len(text) > LONGEST:
        raise invalid("business_config", f"business_config is longer than {LONGEST} characters.", expected)
    try:
        config = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise invalid("business_config", f"business_config cannot be read: {str(error)[:200]}.", expected) from error
    check_config(config)
    return config


def as_text(extras: Extras) -> str:
    """What an install keeps of it."""
    return msgspec.json.encode(extras).decode()


def config_of(setup: str) -> Config:
    """The configuration that an install keeps."""
    return msgspec.json.decode(setup, type=Extras).business_config


def with_config(setup: str, config: Config) -> str:
    """What an install keeps once ``config`` has replaced the parts that it names. Raises CommandError INVALID."""
    extras = msgspec.json.decode(setup, type=Extras)
    extras.business_config = {**extras.business_config, **config}
    text = as_text(extras)
    if len(text) > 2 * LONGEST:
        raise invalid("business_config", "The configuration would become too large.", f"at most {LONGEST} characters")
    return text
