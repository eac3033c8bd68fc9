"""What one operation of a batch takes from another's answer: ``{result=name:$.path}`` (``wire.md`` §3.11).

Answers are put into values that are parsed already, so that nothing in them can add a parameter or leave its place
(MT-03). Of JSONPath the dialect needs members, indexes and wildcards; anything else is refused.
"""

import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_plus

import jsonpath
import msgspec

from workbadge.web.wire import WireError, WireParams

Result = Callable[[str], Any]
"""The decoded answer of an operation by its name. Raises WireError 100 when no earlier one has it."""

LONGEST = 20_000
"""Characters that one reference may become."""

_REFERENCE = re.compile(r"\{result=([^:{}]{1,100}):([^{}]{1,300})\}")
_PATH = re.compile(r"\$(?:\.(?:\*|[A-Za-z_][A-Za-z0-9_-]*)|\[(?:\*|\d{1,6}|'[^'\\]*'|\"[^\"\\]*\")\])*").fullmatch
_SEGMENT = re.compile(r"[A-Za-z0-9_.,-]{1,500}").fullmatch


def find_names(relative_url: str, body: str) -> list[str]:
    """Names of the operations that a relative address and a body refer to, each once."""
    found: dict[str, None] = {}
    for text in (relative_url, body):
        if "result" in text:
            found.update(dict.fromkeys(match[1] for match in _REFERENCE.finditer(unquote_plus(text))))
    return list(found)


@lru_cache(maxsize=512)
def _compile(path: str) -> Any:
    if _PATH(path) is None:
        raise WireError(
            100,
            f"(#100) The reference {path[:100]} is not understood: expected a path like $.data.*.id or $.data[0].id.",
        )
    return jsonpath.compile(path)


def _text(value: Any) -> str:
    """A value as a parameter writes it: lists joined by commas, objects as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ",".join(_text(one) for one in value)
    return msgspec.json.encode(value).decode()


def _resolve(match: re.Match[str], result: Result) -> str:
    """The text that stands for one reference. Raises WireError 100."""
    found = _compile(match[2]).findall(result(match[1]))
    if not found:
        raise WireError(100, f"(#100) {match[2][:100]} names nothing in the answer of the operation {match[1][:100]}.")
    text = _text(found[0] if len(found) == 1 else found)
    if len(text) > LONGEST:
        raise WireError(100, f"(#100) The reference {match[2][:100]} stands for more than {LONGEST} characters.")
    return text


def fill_path(path: str, result: Result) -> str:
    """A relative address without its query, with ids in the place of references. Raises WireError 100."""

    def put(match: re.Match[str]) -> str:
        text = _resolve(match, result)
        if _SEGMENT(text) is None:
            raise WireError(100, f"(#100) {match[2][:100]} is not an id: it cannot stand in a relative_url's path.")
        return text

    return _REFERENCE.sub(put, path) if "{result=" in path else path


def fill_values(params: WireParams, result: Result) -> None:
    """Put answers into the parameters that refer to them, also into a token. Raises WireError 100."""
    for key, value in params.values.items():
        if "{result=" not in value:
            continue
        quoted = value[0] in "[{" and not value.startswith("{result=")

        def put(match: re.Match[str], quoted: bool = quoted) -> str:
            text = _resolve(match, result)
            return json.dumps(text)[1:-1] if quoted else text

        params.values[key] = _REFERENCE.sub(put, value)
        if key == "access_token":
            params.token = params.values[key]
