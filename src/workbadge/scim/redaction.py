"""What of a request is kept: no secret, and no more than is of use (O5)."""

import json
import re
from typing import Any
from urllib.parse import quote, unquote_plus

HIDDEN = "(hidden)"
READ_AT_MOST = 262_144
SENT_AT_MOST, ANSWERED_AT_MOST, PATH_AT_MOST = 65_536, 16_384, 2_000

_SECRET = re.compile(r"password|passwd|secret|token|authorization|credential|assertion|api_?key", re.IGNORECASE)
_CREDENTIAL = re.compile(r"\bWB[A-Z][A-Za-z0-9_~+/=.-]{8,}|\bBearer\s+\S+", re.IGNORECASE)
_COMPARED = re.compile(r'((?:password|secret|token)[\w.:\]]*\s+\w\w\s+)("(?:[^"\\]|\\.)*"?|\S+)', re.IGNORECASE)


def redact_text(text: str) -> str:
    """A text without credentials of ours, and without what a filter compares a secret with."""
    return _COMPARED.sub(lambda found: f'{found[1]}"{HIDDEN}"', _CREDENTIAL.sub(HIDDEN, text))


def redact(value: Any) -> Any:
    """A JSON value without secrets: under names that say so, and in a PATCH's operation whose path does."""
    if isinstance(value, dict):
        path = next((one for name, one in value.items() if name.lower() == "path" and isinstance(one, str)), "")
        hidden = bool(_SECRET.search(path))
        return {
            name: HIDDEN if _SECRET.search(name) or (hidden and name.lower() == "value") else redact(one)
            for name, one in value.items()
        }
    if isinstance(value, list):
        return [redact(one) for one in value]
    return redact_text(value) if isinstance(value, str) else value


def redact_body(body: bytes, most: int) -> str | None:
    """A JSON body without secrets; None for one that is empty, is not JSON or is longer than is kept."""
    if not body or len(body) > READ_AT_MOST:
        return None
    try:
        kept = json.dumps(redact(json.loads(body)), ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        return None
    kept = kept.encode("utf-8", "replace").decode()
    return kept if len(kept) <= most else None


def redact_path(path: str, query: str) -> str:
    """Path and query without secrets."""
    parts = []
    for part in query.split("&") if query else []:
        name, equals, value = part.partition("=")
        shown = HIDDEN if _SECRET.search(name) else redact_text(unquote_plus(value))
        parts.append(f"{name}{equals}{quote(shown, safe='')}")
    kept = redact_text(path) + ("?" + "&".join(parts) if parts else "")
    return kept.replace("\0", "�").encode("utf-8", "replace").decode()[:PATH_AT_MOST]
