"""What the fuzzer starts from: each operation of the document is accepted at least once."""

import re
from typing import Any

import httpx
import pytest

from tests._sandbox import running_sandbox
from tools.fuzz import prepare

Prepared = tuple[dict[str, Any], list[str], dict[str, Any]]


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    """The right calls of a world, those of them that were refused, and what the world says of itself."""
    with running_sandbox() as sandbox:
        values, refused = prepare(sandbox.about)
        return values["right"], refused, httpx.get(sandbox.about["openapi_url"], trust_env=False).json()


def test_every_operation_has_a_call_that_is_accepted(prepared: Prepared) -> None:
    """Issue 3 line 10: in a world with people in every phase of a migration each operation that openapi.json describes is answered with
    success, writes and endings included; whoever adds one adds its right call to tools/fuzz_right.py where a plain one will not do."""
    right, refused, document = prepared
    described = {f"{method.upper()} {path}" for path, found in document["paths"].items() for method in found}
    assert set(right) == described
    assert refused == []


def test_right_calls_are_of_the_paths_that_they_stand_for(prepared: Prepared) -> None:
    """House rule 24: a right call's address is one of its operation, so that the fuzzer bends the operation that it means to."""
    for key, one in prepared[0].items():
        template = re.escape(key.partition(" ")[2]).replace(r"\{id\}", "[^/]+").replace(r"\{permission\}", "[^/]+")
        assert re.fullmatch(template, one["path"]), (key, one["path"])
