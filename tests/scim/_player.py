"""Plays a recorded sequence against a directory's service, and keeps beside it a model of what the sequence means.

The model knows nothing of the service: dictionaries, changed as Entra's and Okta's documentation says.
"""

import json
import re
from pathlib import Path
from typing import Any

from ._directory import ENTERPRISE, Directory, refusal

FIXTURES = Path(__file__).parent / "fixtures"
_WORK = re.compile(r'(\w+)\[type eq "(\w+)"\]\.value')


def load(name: str) -> list[dict[str, Any]]:
    """The steps of a recorded sequence."""
    steps: list[dict[str, Any]] = json.loads((FIXTURES / f"{name}.json").read_text())["steps"]
    return steps


class Model:
    """What the sequence's sender expects to be there."""

    def __init__(self) -> None:
        self.users: dict[str, dict[str, Any]] = {}
        self.groups: dict[str, dict[str, Any]] = {}

    def apply(self, do: str, path: str, body: Any, made: str) -> None:
        """A change that was answered with success."""
        kind, _, own = path.strip("/").partition("/")
        shelf = self.users if kind == "Users" else self.groups
        if do in ("POST", "PUT"):
            kept = {name: value for name, value in body.items() if value not in (None, [], "")}
            shelf[made or own] = {"active": True, **kept} if kind == "Users" else kept
        elif do == "DELETE":
            del shelf[own]
            for group in self.groups.values():
                group["members"] = [one for one in group.get("members", []) if _id(one) != own]
        elif do == "PATCH":
            for one in body["Operations"]:
                values = {one["path"]: one.get("value")} if "path" in one else one["value"]
                for name, value in values.items():
                    self._write(shelf[own], one["op"].lower(), name, value)

    def _write(self, what: dict[str, Any], op: str, path: str, value: Any) -> None:
        if path.startswith("members"):
            asked = re.findall(r'value eq "(\w+)"', path)
            named = asked or [_id(one) for one in (value if isinstance(value, list) else [value])]
            there = [_id(one) for one in what.get("members", [])]
            left = [] if op == "replace" else [one for one in there if one not in named]
            what["members"] = left if op == "remove" else left + named
            return
        typed, inner = _WORK.fullmatch(path), what
        if typed:
            listed = what.setdefault(typed[1], [])
            inner = next((one for one in listed if one["type"] == typed[2]), {"type": typed[2]})
            if inner not in listed:
                listed.append(inner)
            path = "value"
        elif path == "manager":
            inner, value = what.setdefault(ENTERPRISE, {}), _id(value[0])
        elif path.startswith(f"{ENTERPRISE}:"):
            inner, path = what.setdefault(ENTERPRISE, {}), path.removeprefix(f"{ENTERPRISE}:")
        elif "." in path:
            first, _, path = path.partition(".")
            inner = what.setdefault(first, {})
        elif isinstance(value, dict):
            value = {**what.get(path, {}), **value}
        inner[path] = value

    def shown(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Users and groups by id."""
        users = {own: _user(one) for own, one in self.users.items()}
        return users, {own: _group(one) for own, one in self.groups.items()}


def _id(member: Any) -> str:
    return str(member["value"] if isinstance(member, dict) else member)


def _user(one: dict[str, Any]) -> dict[str, Any]:
    """What is compared of a user."""
    extension = dict(one.get(ENTERPRISE, {}))
    manager = extension.get("manager")
    return {
        **{name: one.get(name) for name in ("userName", "externalId", "displayName", "nickName", "locale")},
        "active": str(one["active"]).lower() == "true",
        "name": {key: value for key, value in one.get("name", {}).items() if value},
        "emails": {(mail.get("type"), mail["value"]) for mail in one.get("emails", [])},
        "phones": {(phone.get("type"), phone["value"]) for phone in one.get("phoneNumbers", [])},
        "department": extension.get("department"),
        "employeeNumber": extension.get("employeeNumber"),
        "manager": None if manager is None else _id(manager),
    }


def _group(one: dict[str, Any]) -> dict[str, Any]:
    members = {_id(member) for member in one.get("members", [])}
    return {"displayName": one["displayName"], "externalId": one.get("externalId"), "members": members}


async def play(directory: Directory, steps: list[dict[str, Any]]) -> Model:
    """Every step with its answer checked; the model of what is there now."""
    model, ids = Model(), {}
    for number, raw in enumerate(steps):
        step = json.loads(re.sub(r"\$\{(\w+)\}", lambda found: ids[found[1]], json.dumps(raw)))
        path, body, status = step["path"], step.get("body"), step["status"]
        content = step.get("raw", "").encode() if "raw" in step else None
        answer = await directory.client.request(
            step["do"], directory.base + path, content=content, **({} if content else {"json": body})
        )
        where = f"step {number}: {step['do']} {path}: {answer.text}"
        assert answer.status_code == status, where
        if status >= 400:
            refusal(answer, status, step.get("scimType"))
        said = answer.json() if answer.content else {}
        if status < 300 and step["do"] != "GET":
            model.apply(step["do"], path, body, said.get("id", "") if step["do"] == "POST" else "")
        if "keep" in step:
            ids[step["keep"]] = said["id"]
            step["shows"] = json.loads(
                re.sub(r"\$\{(\w+)\}", lambda found: ids[found[1]], json.dumps(step.get("shows", {})))
            )
        _check(said, step.get("shows", {}), where)
        assert not set(step.get("lacks", ())) & set(said), where
    return model


def _check(said: Any, shows: Any, where: str) -> None:
    """Whatever the step names is there: of objects the named parts, of lists as many."""
    if isinstance(shows, dict):
        for name, value in shows.items():
            assert name in said, where
            _check(said[name], value, where)
    elif isinstance(shows, list):
        assert len(said) == len(shows), where
        if all(isinstance(one, dict) and one.keys() == {"value"} for one in shows):
            assert {one["value"] for one in said} == {one["value"] for one in shows}, where
            return
        for one, other in zip(said, shows, strict=True):
            _check(one, other, where)
    else:
        assert said == shows, where


async def found(directory: Directory) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is there, as ``Model.shown`` says it."""
    users = (await directory.get("/Users", count=1000)).get("Resources", [])
    groups = (await directory.get("/Groups", count=1000)).get("Resources", [])
    return {one["id"]: _user(one) for one in users}, {one["id"]: _group(one) for one in groups}
