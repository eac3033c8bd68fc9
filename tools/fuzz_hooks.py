"""Real ids and tokens among what the fuzzer makes up: in three of four calls, chosen by what the call says itself; of these, every
second is a right call, whole or bent in one place.

At the end it is said how many calls were answered and how, and which operations never were with success: there, nothing but
refusals was tested.
"""

import atexit
import json
import os
import re
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import schemathesis

KNOWN: dict[str, Any] = json.loads(Path(os.environ["FUZZ_KNOWN"]).read_text())
"""``ids``: by type of node; ``tokens``: by name; ``parameters``: values by the name of a parameter; ``right``: a call by operation."""

_LEFT = {("token", "/oauth/revoke_token"), ("fields", "/{id}/subscriptions")}
"""Parameters that are not what their name says elsewhere, or that would end the run's own tokens."""

_ENDS = frozenset(
    {
        "GET /oauth/revoke",
        "DELETE /me/permissions/{permission}",
        "DELETE /{id}/permissions",
        "DELETE /oauth/register/{id}",
        "DELETE /oauth/grants/{id}",
    }
)
"""Operations whose right call is good once."""

_client = httpx.Client(base_url=os.environ["FUZZ_BASE"], trust_env=False, timeout=20)
_seen: Counter[int] = Counter()
_refused: set[str] = set()
_answered: set[str] = set()


def _ids_for(operation: Any) -> list[str]:
    """Ids of the types of node that an operation says it is of; all ids where it says none."""
    says = operation.definition.raw.get("description", "")
    named = re.findall(r"\w+", says.partition(" ")[2]) if says.startswith(("Of ", "On ")) else []
    found = [one for name in named for one in KNOWN["ids"].get(name, [])]
    return found or [one for several in KNOWN["ids"].values() for one in several]


def _make_right(case: schemathesis.Case, number: int) -> bool:
    """Whether the call was made a right one, in two of three cases with one member as the fuzzer made it up; what has to be there
    before is made. Such calls that end something are left to the walk before the run."""
    key = f"{case.method.upper()} {case.path}"
    right = KNOWN["right"].get(key)
    if right is None or case.method.upper() != case.operation.method.upper() or key in _ENDS:
        return False
    values, given = dict(right["values"]), case.query if case.method.upper() in ("GET", "DELETE") else case.body
    names = sorted(given) if isinstance(given, dict) else []
    if names and number % 3:
        name = names[number // 3 % len(names)]
        values[name] = given[name]
    for method, before in right["before"]:
        _send(method, before)
    template, concrete = case.path.strip("/").split("/"), right["path"].strip("/").split("/")
    for name, value in zip(template, concrete, strict=True):
        if name.startswith("{"):
            case.path_parameters[name[1:-1]] = value
    case.headers["Authorization"] = right["credentials"]
    if case.method.upper() in ("GET", "DELETE"):
        case.query = values
    else:
        case.query, case.body = {}, values
    return True


def _send(method: str, call: dict[str, Any]) -> None:
    """One call beside the fuzzer's own."""
    for earlier, before in call["before"]:
        _send(earlier, before)
    place = "params" if method in ("GET", "DELETE") else "json" if call["is_json"] else "data"
    headers = {"authorization": call["credentials"]} if call["credentials"] else {}
    _client.request(method, call["path"], headers=headers, **{place: call["values"]})


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: Any) -> None:
    """Put known values into their places."""
    text = repr((case.method, case.path, case.path_parameters, case.query, case.body))
    number = zlib.crc32(text.encode("utf-8", "surrogatepass"))
    if number % 4 == 0:
        return
    number //= 4
    if number % 2 and _make_right(case, number // 2):
        return
    number //= 2
    ids, tokens = _ids_for(case.operation), KNOWN["tokens"]
    if "id" in case.path_parameters:
        case.path_parameters["id"] = ids[number % len(ids)]
    fitting = [
        name for name in tokens if (name == "app") == (case.path_parameters.get("id") in KNOWN["ids"]["Application"])
    ]
    token = tokens[fitting[number // 8 % len(fitting)]]
    case.headers["Authorization"] = f"Bearer {token}"
    case.query.pop("access_token", None)
    for place in (case.query, case.body, case.path_parameters):
        if isinstance(place, dict):
            for name, values in KNOWN["parameters"].items():
                if name in place and (name, case.path) not in _LEFT:
                    place[name] = values[number // 64 % len(values)]


@schemathesis.hook
def after_call(context: schemathesis.HookContext, case: schemathesis.Case, response: schemathesis.Response) -> None:
    """Keep count, of the methods that are described."""
    _seen[response.status_code] += 1
    if case.method.upper() == case.operation.method.upper():
        (_answered if response.status_code < 400 else _refused).add(f"{case.method} {case.path}")


@atexit.register
def _tell() -> None:
    print("\nAnswers by status:", ", ".join(f"{status}: {count}" for status, count in sorted(_seen.items())))
    print("Only ever refused while fuzzing:", ", ".join(sorted(_refused - _answered)) or "none")
