"""Describing what is served, as values; and the same as an OpenAPI 3.1 document.

Each room describes its own operations from its own route tables (``graph/described.py``, ``oauth/described.py``); ``main`` puts
the parts together. The page for people is ``web/api_docs.py``.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Schema: TypeAlias = Mapping[str, Any]

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "string", "enum": ["true", "false", "1", "0"]}
NUMBER: Schema = {"type": "integer", "minimum": 0}
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
EITHER = (FORM, JSON)
PAGE = "text/html"
BEARER: Schema = {"type": "http", "scheme": "bearer", "description": "An access token is needed."}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter. ``says``: a short sentence for people."""

    name: str
    says: str
    required: bool = False
    schema: Schema = field(default_factory=lambda: TEXT)


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path. ``path``: with names of its parameters in braces, which ``where`` explains; ``form``: of the
    body, in each of the types of ``bodies``. ``answer``: the name of a schema; None: a page for people, or a redirect.
    ``security``: names of schemes, any of which will do and the first of which says in its description what is needed; empty: nothing is. ``media``: the type of the answer; None: it has
    no body."""

    method: str
    path: str
    summary: str
    says: str = ""
    where: tuple[Parameter, ...] = ()
    query: tuple[Parameter, ...] = ()
    form: tuple[Parameter, ...] = ()
    bodies: tuple[str, ...] = (FORM,)
    answer: str | None = None
    security: tuple[str, ...] = ()
    media: str | None = JSON


@dataclass(frozen=True, slots=True)
class Part:
    """One side of the interface. ``refusal``: the name of the schema that all its errors have."""

    name: str
    says: str
    operations: tuple[Operation, ...]
    schemas: Mapping[str, Schema]
    security: Mapping[str, Schema]
    refusal: str


def first_sentence(described: Callable[..., Any]) -> str:
    """What a function's docstring says first, as plain words; empty without one."""
    text = " ".join((described.__doc__ or "").partition("\n\n")[0].split()).replace("``", "")
    head, dot, _ = text.partition(". ")
    return (head + dot).strip().removesuffix(".")


def document(title: str, version: str, base_url: str, parts: Sequence[Part]) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the parts. Raises ValueError when two operations have one method and path."""
    paths: dict[str, dict[str, Any]] = {}
    schemas: dict[str, Schema] = {}
    security: dict[str, Schema] = {}
    for part in parts:
        schemas.update(part.schemas)
        security.update(part.security)
        for one in part.operations:
            methods = paths.setdefault(one.path, {})
            if one.method.lower() in methods:
                raise ValueError(f"{one.method} {one.path} is described twice")
            methods[one.method.lower()] = _operation(part, one)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "servers": [{"url": base_url}],
        "tags": [{"name": part.name, "description": part.says} for part in parts],
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": dict(sorted(schemas.items())), "securitySchemes": security},
    }


def _operation(part: Part, one: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": re.sub("[^a-z0-9]+", "_", f"{one.method} {one.path}".lower()).strip("_"),
        "tags": [part.name],
        "summary": one.summary,
        "responses": _responses(part, one),
    }
    if one.says:
        found["description"] = one.says
    where = [_parameter(each, "path", True) for each in one.where]
    query = [_parameter(each, "query", each.required) for each in one.query]
    if where or query:
        found["parameters"] = where + query
    if one.form:
        body = {
            "type": "object",
            "properties": {each.name: _schema(each) for each in one.form},
            "required": [each.name for each in one.form if each.required],
        }
        found["requestBody"] = {"content": {kind: {"schema": body} for kind in one.bodies}}
    if one.security:
        found["security"] = [{name: []} for name in one.security]
    return found


def _schema(one: Parameter) -> dict[str, Any]:
    """A parameter's schema: a text that must be there must not be empty."""
    needed = {"minLength": 1} if one.required and one.schema is TEXT else {}
    return {**one.schema, **needed, "description": one.says}


def _parameter(one: Parameter, place: str, required: bool) -> dict[str, Any]:
    return {"name": one.name, "in": place, "required": required, "description": one.says, "schema": _schema(one)}


def _responses(part: Part, one: Operation) -> dict[str, Any]:
    refusal = {"description": "A refusal", "content": {JSON: {"schema": ref(part.refusal)}}}
    if one.answer is None:
        page = {"schema": {"type": "string"}}
        return {
            "200": {"description": "A page", "content": {PAGE: page}},
            "303": {"description": "A step onward"},
            "default": {"description": "A page that says what is wrong", "content": {PAGE: page}},
        }
    if one.media is None:
        return {"2XX": {"description": "Done"}, "default": refusal}
    return {
        "2XX": {"description": "The answer", "content": {one.media: {"schema": ref(one.answer)}}},
        "default": refusal,
    }


def ref(name: str) -> dict[str, str]:
    """A reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}
