"""docs/conformance.md says of every module of the conformance suite which test does the same."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "conformance.md"
MODULES = Path(__file__).parent / "conformance_modules.txt"
HERE = "tests/oauth/standards/"
STATES = {"passes", "not applicable", "open"}
OPEN_AT_MOST = 0
"""How many modules may be open: this number only goes down."""

_ROW = re.compile(r"^\| `([\w-]+)` \| ([a-z ]+) \| (.+) \|$", re.MULTILINE)
_TEST = re.compile(r"`([\w./]+\.py)::(test_\w+)`")
_LEFT_OUT = re.compile(r"\b(skip|skipif|xfail|importorskip)\(|mark\.(skip|xfail|long)\b")

Row = tuple[str, str, str]


def rows(plan: str = "") -> list[Row]:
    """Module, state, and by what or why; with ``plan`` those below that plan's name."""
    sections = PAGE.read_text().split("\n## ")[1:]
    return [row for one in sections if f"Plan: {plan}" in one for row in _ROW.findall(one)]


def expected() -> dict[str, list[str]]:
    """The modules of each plan (several of them on one line where they share a section)."""
    parts = [part.split("\n") for part in MODULES.read_text().strip().split("# ")[1:]]
    return {plan: [one for one in modules if one] for plan, *modules in parts}


def named(by: str) -> list[tuple[str, str]]:
    """Path and name of the tests in the last column."""
    return [(path if "/" in path else HERE + path, name) for path, name in _TEST.findall(by)]


@cache
def _functions(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text())
    return frozenset(one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef))


@cache
def collected() -> frozenset[tuple[str, str]]:
    """Path and name of what ``make test`` would run of the files that the page names."""
    paths = sorted({path for _, _, by in rows() for path, _ in named(by)})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-m", "not long", *paths]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return frozenset(re.findall(r"^(tests/[\w./]+\.py)::(test_\w+)", said, re.MULTILINE))


def check_plan(plan: str) -> list[Row]:
    """Every module of the plan is there, and passes by tests that run, or does not apply for a reason that is written."""
    found = rows(plan)
    assert [module for module, _, _ in found] == expected()[plan]
    for module, state, by in found:
        tests = named(by)
        if state == "passes":
            assert tests, module
        else:
            assert state == "not applicable" and len(by) > 30, module
        for path, name in tests:
            assert (path, name) in collected(), f"{module}: {path}::{name} is not run"
            left_out = _LEFT_OUT.search((ROOT / path).read_text())
            assert left_out is None, f"{module}: {path} leaves something out: {left_out and left_out[0]}"
    return found


def test_every_module_has_a_row() -> None:
    """house.md 24: every module of the plans stands in the table once, with a state and a test or a reason."""
    assert [module for module, _, _ in rows()] == [one for modules in expected().values() for one in modules]
    assert {state for _, state, _ in rows()} <= STATES
    for module, state, by in rows():
        assert _TEST.search(by) if state == "passes" else len(by) > 20, module
    assert sum(state == "open" for _, state, _ in rows()) <= OPEN_AT_MOST


def test_every_test_that_is_named_exists() -> None:
    """house.md 24: a test that the table names is there."""
    everything = {one for _, _, by in rows() for one in named(by)}
    assert len(everything) > 50
    for path, name in sorted(everything):
        assert name in _functions(path), f"{path} has no {name}"


def test_basic_op() -> None:
    """OA-01: every module of the Basic OP plan passes by tests of ours that run, or has its reason on the page; the suite itself has
    not been run."""
    found = check_plan("oidcc-basic-certification-test-plan")
    assert sum(state == "passes" for _, state, _ in found) >= 32


def test_config_op() -> None:
    """OA-02: the module of the Config OP plan passes by tests of ours that run."""
    (found,) = check_plan("oidcc-config-certification-test-plan")
    assert found[1] == "passes"


def test_dynamic_op() -> None:
    """OA-03: every module that the Dynamic OP plan adds passes by tests of ours that run, or has its reason on the page; those of
    redirect addresses and of key rotation pass."""
    found = check_plan("oidcc-dynamic-certification-test-plan")
    for module, state, _ in found:
        assert state == "passes" or not re.search("redirect-uri|rotat", module), module


def test_the_strict_profile_is_a_gate() -> None:
    """OA-05: all modules of the FAPI 2.0 Security Profile plan are gates (none is not applicable, none may be left out): those of PKCE,
    codes, pushed requests and assertions as those of proofs."""
    found = check_plan("fapi2-security-profile-final-test-plan")
    assert {state for _, state, _ in found} == {"passes"}
    for family in ("pkce", "code", "par-", "client-assertion", "dpop"):
        assert any(family in module for module, _, _ in found), family


def test_the_page_says_that_the_suite_was_not_run() -> None:
    """house.md 24: nobody takes the table for a run of the suite."""
    assert "has not been run" in PAGE.read_text()
