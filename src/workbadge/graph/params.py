"""Parameters of writes: ids, lists, names; each says what it expected (``wire.md`` §3.10)."""

import msgspec

from workbadge.terms.ids import kind_of, parse_id
from workbadge.terms.kinds import NodeKind, Role
from workbadge.terms.scopes import parse_scopes
from workbadge.terms.tasks import TASKS_OF, Task, parse_tasks, task_names
from workbadge.web.wire import WireError

from .context import Call

MOST_NAMES = 100
_PROFILE_PLUS = "PROFILE_PLUS_"
_FULL_CONTROL = "FULL_CONTROL"


def read_text(call: Call, name: str) -> str:
    """A parameter that must be there. Raises WireError 100."""
    text = call.params.values.get(name, "").strip()
    if not text:
        raise WireError(100, f"(#100) The parameter {name} is required.")
    return text


def read_id(call: Call, name: str, *kinds: NodeKind) -> int:
    """The id in a parameter that must be there; an ad account's with or without ``act_``. Raises WireError 100."""
    text = read_text(call, name)
    found = parse_id(text.removeprefix("act_") if NodeKind.AD_ACCOUNT in kinds else text)
    if found is None or kind_of(found) not in kinds:
        expected = " or ".join(kind.value.replace("_", " ") for kind in kinds)
        raise WireError(100, f"(#100) The parameter {name} must be the id of a {expected}, got {text[:40]!r}.")
    return found


def read_names(call: Call, name: str) -> list[str]:
    """A list of names: a JSON array, or names between commas; empty where it is not given. Raises WireError 100."""
    text = call.params.values.get(name, "").strip()
    if text.startswith("["):
        try:
            found = msgspec.json.decode(text, type=list[str])
        except msgspec.DecodeError as error:
            raise WireError(100, f"(#100) The parameter {name} must be a list of names.") from error
    else:
        found = [one.strip() for one in text.split(",")]
    names = list(dict.fromkeys(one for one in found if one))
    if len(names) > MOST_NAMES:
        raise WireError(100, f"(#100) The parameter {name} has more than {MOST_NAMES} names.")
    return names


def read_list(call: Call, name: str) -> tuple[str, ...] | None:
    """A list of scopes or ids: a JSON array of texts or numbers, or separated by commas or blanks; None where it is not
    given. Raises WireError 100."""
    text = call.params.values.get(name, "").strip()
    if not text.startswith("["):
        return parse_scopes(text) or None
    try:
        return tuple(dict.fromkeys(str(one) for one in msgspec.json.decode(text, type=list[str | int])))
    except (msgspec.DecodeError, RecursionError) as error:
        raise WireError(100, f"(#100) The parameter {name} must be a list of texts.") from error


def read_role(call: Call, role: str = "role", tasks: str = "tasks") -> Role | None:
    """The role in a business that ``role``, or else the one name in ``tasks``, says; None where neither is given.
    Raises WireError 100."""
    named = [call.params.values.get(role, "").strip()] if call.params.values.get(role) else read_names(call, tasks)
    if not named:
        return None
    if len(named) != 1 or named[0] not in Role.__members__:
        expected = " or ".join(Role)
        raise WireError(100, f"(#100) The parameter {role} must be {expected}, got {', '.join(named)[:40]!r}.")
    return Role(named[0])


def read_flag(call: Call, name: str) -> bool:
    """A boolean as clients write it (``true``, ``1``, ``"true"``); False where it is not given. Raises WireError 100."""
    text = call.params.values.get(name, "").strip().strip('"').lower()
    if text not in ("", "true", "1", "false", "0"):
        raise WireError(100, f"(#100) The parameter {name} must be true or false, got {text[:40]!r}.")
    return text in ("true", "1")


def read_tasks(call: Call, name: str, kind: NodeKind) -> Task:
    """The tasks that a parameter names, of an asset of ``kind``; at least one. Raises WireError 100."""
    names = read_names(call, name)
    if not names:
        allowed = ", ".join(task_names(TASKS_OF[kind]))
        raise WireError(100, f"(#100) The parameter {name} is required: one or more of {allowed}.")
    plain = [one.removeprefix(_PROFILE_PLUS) if kind is NodeKind.PAGE else one for one in names]
    if kind is NodeKind.PAGE and f"{_PROFILE_PLUS}{_FULL_CONTROL}" in names:
        return TASKS_OF[kind]
    try:
        return parse_tasks(plain, kind)
    except ValueError as error:
        raise WireError(100, f"(#100) The parameter {name}: {error}.") from error
