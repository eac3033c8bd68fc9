"""docs/conformance.md says of every module of the conformance suite which test does the same."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "conformance.md"
MODULES = Path(__file__).parent / "conformance_modules.txt"
HERE = ROOT / "tests" / "oauth" / "standards"
STATES = {"passes", "not applicable", "open"}
OPEN_AT_MOST = 0
"""How many modules may be open: this number only goes down."""

_TEST = re.compile(r"`([\w./]+\.py)::(test_\w+)`")


def rows() -> list[tuple[str, str, str]]:
    """Module, state, and by what or why."""
    return re.findall(r"^\| `([\w-]+)` \| ([a-z ]+) \| (.+) \|$", PAGE.read_text(), re.MULTILINE)


def test_every_module_has_a_row() -> None:
    """house.md 24: every module of the plans stands in the table once, with a state and a test or a reason."""
    assert [module for module, _, _ in rows()] == MODULES.read_text().split()
    assert {state for _, state, _ in rows()} <= STATES
    for module, state, by in rows():
        assert _TEST.search(by) if state == "passes" else len(by) > 20, module
    assert sum(state == "open" for _, state, _ in rows()) <= OPEN_AT_MOST


def test_every_test_that_is_named_exists() -> None:
    """house.md 24: a test that the table names is there."""
    named = {(path, name) for _, _, by in rows() for path, name in _TEST.findall(by)}
    assert len(named) > 50
    for path, name in sorted(named):
        tree = ast.parse((ROOT / path if "/" in path else HERE / path).read_text())
        functions = {one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert name in functions, f"{path} has no {name}"
