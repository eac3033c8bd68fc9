"""Real ids and tokens among what the fuzzer makes up: in three of four calls, chosen by what the call says itself.

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

import schemathesis

KNOWN: dict[str, Any] = json.loads(Path(os.environ["FUZZ_KNOWN"]).read_text())
"""``ids``: by type of node; ``tokens``: by name; ``parameters``: values by the name of a parameter."""

_LEFT = {("token", "/oauth/revoke_token"), ("fields", "/{id}/subscriptions")}
"""Parameters that are not what their name says elsewhere, or that would end the run's own tokens."""

_seen: Counter[int] = Counter()
_refused: set[str] = set()
_answered: set[str] = set()


def _ids_for(operation: Any) -> list[str]:
    """Ids of the types of node that an operation says it is of; all ids where it says none."""
    says = operation.definition.raw.get("description", "")
    named = re.findall(r"\w+", says.partition(" ")[2]) if says.startswith(("Of ", "On ")) else []
    found = [one for name in named for one in KNOWN["ids"].get(name, [])]
    return found or [one for several in KNOWN["ids"].values() for one in several]


def _tokens_for(case: schemathesis.Case) -> list[str]:
    """Names of the tokens that may do something there. Only ``leaving`` may take the app off: that ends its tokens."""
    if case.path_parameters.get("id") in KNOWN["ids"]["Application"]:
        return ["app"]
    if "permissions" in case.path and case.method == "DELETE":
        return ["leaving"]
    if case.path_parameters.get("id") == KNOWN["ids"]["Page"][0] and "subscribed_apps" in case.path:
        return ["page"]
    return ["admin"] * 6 + [name for name in KNOWN["tokens"] if name not in ("admin", "app", "leaving")]


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: Any) -> None:
    """Put known values into their places."""
    text = repr((case.method, case.path, case.path_parameters, case.query, case.body))
    number = zlib.crc32(text.encode("utf-8", "surrogatepass"))
    if number % 4 == 0:
        return
    number //= 4
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
    print("Only ever refused:", ", ".join(sorted(_refused - _answered)) or "none")
