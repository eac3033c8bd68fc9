"""The compatibility checklist of the wire contract (``wire.md`` §9): each of its lines is a test that names it."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parent.parent

CHECKLIST = {
    "9.1": "every path with and without version and trailing slash; a version to come is 2500",
    "9.2": "GET with a JSON body; POST as form, JSON, or all in the query",
    "9.3": "Basic on the token endpoint; Bearer; token in query, form, JSON body, batch member",
    "9.4": "JSON content type on success and error; facebook-api-version on every answer",
    "9.5": "WWW-Authenticate on token errors; usage headers",
    "9.6": "dialog without response_type, version, state; scope by comma and by space",
    "9.7": "redirect_uri not percent-encoded; exact match; refusal is a page",
    "9.8": "cancel is the error triple; return_scopes; rerequest",
    "9.9": "a code: once, minutes, bound to redirect_uri; 36008, 36009",
    "9.10": "exchange by GET and POST without grant_type; fb_exchange_token; client_credentials; id|secret",
    "9.11": "no scope in the token answer; no user_* for managed accounts",
    "9.12": "config_id with override_default_response_type; exchange without redirect_uri",
    "9.13": "the form of tokens; a wrong checksum is 190 without a database read",
    "9.14": "debug_token: app_id a string; is_valid false as 200; self-inspection",
    "9.15": "fields grammar, empty fields, unknown field; the eleven fields",
    "9.16": "ids; summary; limit; cursors; next absolute, with token, on the caller's host",
    "9.17": "batch in a form and in JSON; relative_url; null member; name and depends_on",
    "9.18": "appsecret_proof verified when present, refused when wrong, required when set",
    "9.19": "writes answer objects only",
    "9.20": "id in a POST body is ignored",
    "9.21": "HTTP statuses by code",
    "9.22": "the expiry field before, in and after the window, on five node types",
    "9.23": "id beside the absent field; three forms of instants",
    "9.24": "the token stays valid after the window; targets shrink; lists without lost assets",
    "9.25": "system-user and partner tokens unaffected in all three phases",
    "9.26": "a page token follows its parent",
    "9.27": "is_work_account; an extension moves the expiry and is announced again",
    "9.28": "new consent with the managed account lists only business assets",
    "9.29": "bulk replacement with mixed outcome; idempotent; old tokens not lost",
    "9.30": "the six clients, with normal flow, paging, errors",
    "9.31": "zero-setting mode",
}


def _first_lines() -> dict[str, str]:
    """File and name of every test to the first line of its docstring."""
    found: dict[str, str] = {}
    for file in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test_"):
                text = ast.get_docstring(node) or ""
                found[f"{file.relative_to(TESTS)}::{node.name}"] = text.partition("\n")[0]
    return found


def test_every_line_of_the_checklist_is_a_test() -> None:
    """wire.md §9: every line of the checklist is named by the first line of at least one test, and no other is."""
    named: dict[str, list[str]] = {}
    for name, line in _first_lines().items():
        for number in re.findall(r"(?<![\w.])9\.\d+\b(?!\.\d)", line):
            named.setdefault(number, []).append(name)
    absent = {number: says for number, says in CHECKLIST.items() if number not in named}
    assert not absent, f"write a test whose docstring's first line names the number: {absent}"
    unknown = {number: tests for number, tests in named.items() if number not in CHECKLIST}
    assert not unknown, f"wire.md §9 has no such line; name the right one: {unknown}"


def test_the_client_tests_name_their_line() -> None:
    """wire.md §9: each of the six clients of §7 has a test that names its section and line 9.30 of the checklist."""
    lines = [line for name, line in _first_lines().items() if name.startswith("clients/") and "9.30" in line]
    for section in ("§7.1", "§7.2", "§7.3", "§7.4", "§7.5", "§7.6"):
        assert any(section in line for line in lines), f"no test of {section} names 9.30"
