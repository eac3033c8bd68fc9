"""What Entra, Okta and careless clients write, put into the words of the RFCs before it is read (attacks.md §4.0, §4.1).

Most of their dialect the models know already (``provider.POLICY``). Here stands the rest, and what must never be guessed.
"""

import json
import re
from typing import Any

from scim2_models import InvalidFilterException, InvalidSyntaxException, InvalidValueException

CORE_USER = "urn:ietf:params:scim:schemas:core:2.0:User"
CORE_GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

_CORE = {"users": CORE_USER, "groups": CORE_GROUP}
_KNOWN = frozenset({CORE_USER, CORE_GROUP, ENTERPRISE})
_OPS = frozenset({"add", "remove", "replace"})
_NOT_WRITTEN = frozenset({"id", "meta", "groups", "schemas"})
"""Read-only, ignored where a client sends a whole object back (RFC 7643 §2.2)."""

_EXTENSION = frozenset({"employeenumber", "costcenter", "organization", "division", "department", "manager"})
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_BARE = re.compile(r"^\s*([\w.:$-]+)\s+eq\s+([^\s\"()\[\]]+)\s*$", re.IGNORECASE)
_LITERALS = frozenset({"true", "false", "null"})
_OF_EXTENSION = re.compile(
    r"(?<![\w.:$\"])(employeeNumber|costCenter|organization|division|department|manager)(\.\w+)?(?=\s+(?:\w\w)\b)",
    re.IGNORECASE,
)
DEEPEST, MOST_TERMS, LONGEST_PATH = 20, 100, 2_000


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object of a body. Raises InvalidSyntaxException."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidSyntaxException(detail="The body is not JSON: expected one JSON object") from error
    if not isinstance(found, dict):
        raise InvalidSyntaxException(detail="Expected one JSON object")
    return found


def read_flag(value: Any, name: str = "active") -> bool:
    """A truth value as true, false, or either word in any case; never anything else (SC-06)."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise InvalidValueException(detail=f"{name}: expected true or false, got {str(value)[:40]!r}")


def read_manager(value: Any) -> Any:
    """A manager as an object, whichever way it is written: in an array of one, or as the id alone (SC-09); where it is found,
    we know ourselves."""
    if isinstance(value, list):
        if len(value) > 1:
            raise InvalidValueException(detail="manager: expected one manager")
        value = value[0] if value else None
    named = value.get("value") if isinstance(value, dict) else value
    return {"value": named, "$ref": f"Users/{named}"} if named else None


def write_resource(endpoint: str, sent: dict[str, Any]) -> dict[str, Any]:
    """A whole resource in the RFC's words; ``endpoint``: users or groups."""
    written = {name: value for name, value in sent.items() if value is not None or name.lower() == "active"}
    core = _CORE[endpoint]
    named = written.get("schemas", [])
    if not isinstance(named, list):
        raise InvalidSyntaxException(detail="schemas: expected a list of schema URNs")
    written["schemas"] = [core, *(one for one in named if one in _KNOWN and one != core)]
    for name in list(written):
        lower = name.lower()
        if lower in ("groups", "meta"):
            del written[name]
        elif lower == "active" and endpoint == "users":
            written[name] = read_flag(written[name])
        elif lower == "members" and endpoint == "groups":
            written[name] = _members(written[name])
        elif lower == ENTERPRISE.lower() and isinstance(written[name], dict):
            written[name] = _extension(written[name])
            written["schemas"] = list(dict.fromkeys([*written["schemas"], ENTERPRISE]))
    return written


def _extension(sent: dict[str, Any]) -> dict[str, Any]:
    kept = {name: read_manager(value) if name.lower() == "manager" else value for name, value in sent.items()}
    return {name: value for name, value in kept.items() if value is not None}


def _members(value: Any) -> list[Any]:
    """Members as objects: a bare id stands for one."""
    listed = value if isinstance(value, list) else [value]
    return [{"value": one} if isinstance(one, str) else one for one in listed]


def write_patch(endpoint: str, sent: dict[str, Any]) -> dict[str, Any]:
    """A PATCH in the RFC's words: every operation in lower case, what is read-only left out."""
    listed = next((value for name, value in sent.items() if name.lower() == "operations"), None)
    if not isinstance(listed, list) or not listed:
        raise InvalidSyntaxException(detail="Operations: expected a list of one or more operations")
    operations = [made for one in listed for made in _operation(endpoint, one)]
    return {"schemas": [PATCH], "Operations": operations}


def _operation(endpoint: str, sent: Any) -> list[dict[str, Any]]:
    if not isinstance(sent, dict):
        raise InvalidSyntaxException(detail="Operations: expected objects with op, path and value")
    given = {name.lower(): value for name, value in sent.items()}
    op = given.get("op")
    if not isinstance(op, str) or op.lower() not in _OPS:
        raise InvalidSyntaxException(detail=f"op: expected add, remove or replace, got {str(op)[:40]!r}")
    path = given.get("path")
    if path is not None and not isinstance(path, str):
        raise InvalidSyntaxException(detail="path: expected a text")
    made = {
        "op": op.lower(),
        **({"path": path} if path else {}),
        **({"value": given["value"]} if "value" in given else {}),
    }
    if path:
        check_expression(path)
        return [_with_path(endpoint, made, path)]
    if op.lower() != "remove" and isinstance(made.get("value"), dict):
        return _without_path(endpoint, made)
    return [made]


def _with_path(endpoint: str, made: dict[str, Any], path: str) -> dict[str, Any]:
    lower = path.lower()
    if endpoint == "users" and lower.partition(".")[0] in _EXTENSION:
        made["path"], lower = f"{ENTERPRISE}:{path}", f"{ENTERPRISE}:{path}".lower()
    if "value" not in made:
        return made
    if made["op"] == "remove" and made["value"] in (None, [], ""):
        del made["value"]
    elif lower.rpartition(":")[2] == "active" and endpoint == "users":
        made["value"] = read_flag(made["value"])
    elif lower == f"{ENTERPRISE}:manager".lower():
        made["value"] = read_manager(made["value"])
        if made["value"] is None:
            return {"op": "remove", "path": made["path"]}
    elif lower == "members" and made["value"] is not None:
        made["value"] = _members(made["value"])
    return made


def _without_path(endpoint: str, made: dict[str, Any]) -> list[dict[str, Any]]:
    """Each attribute of the value on its own, under its own path: dotted and URN keys are paths (SC-08)."""
    operations = []
    for name, value in made["value"].items():
        if name.lower() in _NOT_WRITTEN:
            continue
        if name.lower() == ENTERPRISE.lower() and isinstance(value, dict):
            inner = [{**made, "path": f"{ENTERPRISE}:{key}", "value": one} for key, one in value.items()]
            operations += [_with_path(endpoint, one, one["path"]) for one in inner]
            continue
        check_expression(name)
        if value is None and name.lower() != "active":
            operations.append({"op": "remove", "path": name})
        else:
            operations.append(_with_path(endpoint, {**made, "path": name, "value": value}, name))
    return operations or [{"op": "replace", "value": {}}]


def write_filter(text: str) -> str:
    """A filter in the RFC's words: the value of a comparison in quotes, attributes of the enterprise extension under their whole
    names (Entra's ``manager eq``). Raises InvalidFilterException for a monster."""
    check_expression(text)
    bare = _BARE.match(text)
    if bare is not None and bare[2].lower() not in _LITERALS:
        text = f"{bare[1]} eq {json.dumps(bare[2])}"
    parts, end = [], 0
    for quoted in _QUOTED.finditer(text):
        parts += [_OF_EXTENSION.sub(_in_extension, text[end : quoted.start()]), quoted[0]]
        end = quoted.end()
    return "".join([*parts, _OF_EXTENSION.sub(_in_extension, text[end:])])


def _in_extension(found: re.Match[str]) -> str:
    """An attribute of the enterprise extension under its whole name; a manager is compared by its id."""
    inner = found[2] or (".value" if found[1].lower() == "manager" else "")
    return f"{ENTERPRISE}:{found[1]}{inner}"


def check_expression(text: str) -> None:
    """A filter or a path is no deeper and has no more terms than anybody needs (SC-28); values may be of any length."""
    bare = _QUOTED.sub('""', text)
    depth = deepest = 0
    for letter in bare:
        depth += (letter in "([") - (letter in ")]")
        deepest = max(deepest, depth)
    terms = len(re.findall(r"\b(?:and|or|not)\b", bare, re.IGNORECASE)) + 1
    if deepest > DEEPEST or terms > MOST_TERMS or len(bare) > MOST_TERMS * LONGEST_PATH // 10:
        raise InvalidFilterException(
            detail=f"Expected no more than {MOST_TERMS} terms, nested no deeper than {DEEPEST}"
        )
