"""The control API in words and schemas, from its own table: a call's body is described by the type that it is read as."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from workbadge.web.openapi import JSON, TEXT, Operation, Parameter, Part, Schema, first_sentence

from .requests import Body, body_of

NEEDED = "control_token"
_REF = "#/components/schemas/{name}"
_ID: Schema = {"type": "string", "minLength": 1}
_SCHEMAS: dict[str, Schema] = {
    "Answer": {"type": "object"},
    "ControlError": {
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["code", "message", "expected"],
                "properties": {
                    "code": TEXT,
                    "message": TEXT,
                    "expected": {"type": ["string", "null"]},
                    "field": TEXT,
                    "at": TEXT,
                },
            }
        },
    },
}
_SECURITY: dict[str, Schema] = {
    NEEDED: {"type": "http", "scheme": "bearer", "description": "The control token of the world is needed."}
}
_WORDS = {"string": "a text", "boolean": "true or false", "integer": "a number", "object": "an object"}

Row = tuple[str, str, Callable[..., Any]]


def describe_control(table: Sequence[Row]) -> Part:
    """The calls of ``table``: method, path, handler."""
    bodies = [kind for _, _, handler in table if (kind := body_of(handler)) is not None]
    shown, components = msgspec.json.schema_components(bodies, ref_template=_REF)
    by_kind = {kind: components[one["$ref"].rpartition("/")[2]] for kind, one in zip(bodies, shown, strict=True)}
    text = msgspec.json.encode(list(by_kind.values())).decode()
    inner = {name: one for name, one in components.items() if f'"{_REF.format(name=name)}"' in text}
    return Part(
        "Control",
        "What moves a sandbox world: its clock, its people, its apps and their migration, under the rules that everybody has.",
        tuple(_operation(*row, by_kind) for row in table),
        {**_SCHEMAS, **inner},
        _SECURITY,
        "ControlError",
    )


def _operation(
    method: str, path: str, handler: Callable[..., Any], by_kind: Mapping[type[Body], Mapping[str, Any]]
) -> Operation:
    kind, says = body_of(handler), first_sentence(handler).partition(": ")[2]
    where = tuple(Parameter(name, f"Whose: the id of {path.split('/')[1]}", True, _ID) for name in _NAMES(path))
    return Operation(
        method,
        path,
        says[:1].upper() + says[1:],
        "" if kind is None else " ".join((kind.__doc__ or "").replace("``", "").split()),
        where,
        form=() if kind is None else tuple(_members(by_kind[kind])),
        bodies=(JSON,),
        answer="Answer",
        security=(NEEDED,),
    )


_NAMES = re.compile(r"{(\w+)}").findall


def _members(schema: Mapping[str, Any]) -> list[Parameter]:
    needed = schema.get("required", ())
    return [Parameter(name, _in_words(one), name in needed, one) for name, one in schema["properties"].items()]


def _in_words(schema: Mapping[str, Any]) -> str:
    """A schema for people, with what holds when it is left out."""
    words = _kind_in_words(schema)
    given = schema.get("default")
    return words if given in (None, [], {}) else f"{words}; {msgspec.json.encode(given).decode()} without it"


def _kind_in_words(schema: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind_in_words(one) for one in schema["anyOf"] if one.get("type") != "null"))
    if "$ref" in schema:
        return f"a {schema['$ref'].rpartition('/')[2]}"
    if schema["type"] == "array":
        return f"a list, each {_kind_in_words(schema['items'])}"
    return _WORDS[schema["type"]]
