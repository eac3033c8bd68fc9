"""The usage headers of ``wire.md`` §3.13: how full the allowances are, and from when on one may go on."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

_HEADERS = ("x-app-usage", "x-business-use-case-usage", "x-ad-account-usage", "x-fb-ads-insights-throttle")
_WAIT = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Usage:
    """``percent``: the fullest allowance that an answer told of. ``app``: the fullest of those that all calls of the app share.

    ``until``: the instant from which a full one is free again.
    """

    percent: float = 0.0
    app: float = 0.0
    until: datetime | None = None


def usage_of(headers: Mapping[str, str], now: datetime, refused: bool = False) -> Usage:
    """What the headers of one answer say. ``refused``: it was an error of a limit, so that there is a wait in any case."""
    percent, app, wait = 0.0, 0.0, timedelta()
    for name in _HEADERS:
        for key, value in _numbers(_decoded(headers.get(name, ""))):
            if key == "estimated_time_to_regain_access":
                wait = max(wait, timedelta(minutes=value))
            elif key == "reset_time_duration":
                continue
            else:
                percent = max(percent, value)
                app = max(app, value) if name == "x-app-usage" else app
    if not wait and (refused or percent >= 100):
        wait = _reset(headers) or _WAIT
    return Usage(percent, app, now + wait if wait else None)


def _reset(headers: Mapping[str, str]) -> timedelta:
    told = dict(_numbers(_decoded(headers.get("x-ad-account-usage", ""))))
    return timedelta(seconds=told.get("reset_time_duration", 0))


def _decoded(text: str) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None


def _numbers(value: Any, key: str = "") -> Iterator[tuple[str, float]]:
    """All numbers of a header that are sane, with the key they stand under."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _numbers(one, str(name))
    elif isinstance(value, list):
        for one in value:
            yield from _numbers(one, key)
    elif isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1_000_000:
        yield key, float(value)
