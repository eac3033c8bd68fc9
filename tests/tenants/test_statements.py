"""Every list, search, history, export and page of the graph and the console, with every statement that they run."""

import ast
import re
from pathlib import Path

import httpx
import pytest

import workbadge.store
from tests.console._site import Site

from ._recorder import Mutant, Recorder, bindings, recording, unbound
from ._stage import Ask, Stage, all_asks, build_stage, leaked
from ._twin import NOBODYS, tenant_tables

pytestmark = pytest.mark.anyio

NOBODYS_AT_MOST = 9
"""How many tables may be no tenant's: this number only goes down."""
EMPTY = {
    *("factor", "recovery_code"),
    *("trusted_domain", "sign_in_policy", "factor_deadline"),
    *("scim_token", "scim_request", "directory_user", "directory_group", "directory_member"),
}
"""Tables that the story leaves empty: their statements are watched here, other tenants' rows in them are not. It may only shrink."""
NUMBERS = {
    "visible._ask": "a number of the caller's own nodes in one list instead of another: tests/store/test_visible.py",
    "visible.count_granted": "the number withheld, out of more than the token's: tests/graph/test_partial.py",
}
"""Statements that only count, whose wrong number the comparison of summaries kills here, and the tests that hold them elsewhere."""
NOT_ASKED = {
    "audit.list_entries": "read by the story's page of the sandbox",
    "business_login.list_unswapped_installs": "part of the plan of a migration: only where one can be planned",
    "grants.list_targets": "read by commands that write",
    "invitations.count_since": "read by a command that writes",
    "sessions.list_sessions": "read by the command that ends them",
    "asset_groups.list_assigned_groups": "the place and the business each hold it when the other is dropped",
    "asset_groups.count_assigned_groups": "the place and the business each hold it when the other is dropped",
    "apps.list_enforcements": "of restricted apps",
    "factors.list_factors": "of people with a second factor, of whom the story has none",
    "organizations.list_verified_domains": "domains are asked for by name in every tenant",
}
"""Fenced lists that no reading request of the story reaches with one binding less."""
DECIDES = "facts."
"""The one loader of what is decided: its rows are the decision, and a lost binding of it turns every test of rights red
(``tests/store/test_facts.py``, ``tests/graph/test_idor.py``)."""


def test_every_table_is_somebodys() -> None:
    """MT-29: a table is a tenant's unless the reviewed list says why it is nobody's, and that list only shrinks."""
    names = {table.name for table in tenant_tables()}
    assert len(NOBODYS) <= NOBODYS_AT_MOST and names.isdisjoint(NOBODYS)
    assert all(len(reason) > 10 for reason in NOBODYS.values())


def test_the_recorder_sees_what_is_missing() -> None:
    """MT-29: a statement without its tenant, with somebody else's, or tied to no table that has one, is found."""
    bound = "SELECT audit.at FROM audit WHERE audit.business_id = ?"
    tied = "SELECT account.id FROM membership JOIN account ON account.id = membership.account_id WHERE membership.business_id = ?"
    assert unbound(bound, (5,), {5}) == set()
    assert unbound(bound, (6,), {5}) == {"audit"}
    assert unbound("SELECT audit.at FROM audit WHERE audit.at > ?", (5,), {5}) == {"audit"}
    assert unbound(tied, (5,), {5}) == set()
    assert unbound(tied.replace("account.id = ", "account.id > "), (5,), {5}) == {"account"}
    assert unbound(f"SELECT x.at FROM ({bound}) AS x JOIN asset ON asset.id = ?", (5, 5), {5}) == set()
    assert unbound(f"SELECT x.at FROM ({bound}) AS x, asset", (5,), {5}) == {"asset"}


async def test_every_statement_carries_the_tenant(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """MT-29: every statement on a tenant's table is bound to the caller or to what was read for the caller, whatever filters
    and searches name of other tenants, and no answer holds a name or an id of another tenant."""
    stage = await build_stage(site)
    expected = {table.name for table in tenant_tables()} - EMPTY
    assert stage.twins[1].filled == expected, "the story leaves a table empty, or fills one that is listed as empty"
    with recording(monkeypatch) as recorder:
        for ask in all_asks(stage):
            answer = await _send(stage, recorder, ask)
            assert answer.status_code < 500, ask
            assert not leaked(stage, ask, answer), ask
            for seen in recorder.seen:
                assert not seen.unbound, f"{ask}: {seen.origin} reads {seen.unbound} of everybody: {seen.sql}"


@pytest.mark.long
async def test_a_lost_predicate_shows_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """MT-30: whatever binding is dropped from whatever statement that reads for a request, nothing of another tenant is shown
    or counted: the fence refuses the list, or the decision on each node does."""
    stage = await build_stage(site)
    fenced: set[str] = set()
    with recording(monkeypatch) as recorder:
        mutants, plain = await _mutants(stage, recorder)
        assert len(mutants) > 300
        for mutant, ask in mutants.items():
            recorder.mutant = mutant
            answer = await _send(stage, recorder, ask)
            if "FenceError" in recorder.raised:
                fenced.add(mutant.origin)
                assert answer.status_code == 500
            if mutant.origin.startswith(DECIDES):
                continue
            assert not leaked(stage, ask, answer), f"{ask} without {mutant.drops} in {mutant.origin}"
            counted = _total(answer) != _total(plain[ask]) and answer.status_code == 200
            assert not counted or mutant.origin in NUMBERS, f"{ask} counts without {mutant.drops} in {mutant.origin}"
    assert _fenced_functions() - fenced <= set(NOT_ASKED), "a fence that no dropped predicate ran into"


async def _mutants(stage: Stage, recorder: Recorder) -> tuple[dict[Mutant, Ask], dict[Ask, httpx.Response]]:
    """Each binding of each statement with a request that runs it, one that is answered where there is one; and the answers."""
    found: dict[Mutant, Ask] = {}
    plain: dict[Ask, httpx.Response] = {}
    for ask in all_asks(stage):
        plain[ask] = answer = await _send(stage, recorder, ask)
        for seen in recorder.seen:
            for one in bindings(seen.sql, seen.args):
                mutant = Mutant(seen.sql, one.number, seen.origin)
                if mutant not in found or (answer.status_code == 200 != plain[found[mutant]].status_code):
                    found[mutant] = ask
    return found, plain


async def _send(stage: Stage, recorder: Recorder, ask: Ask) -> httpx.Response:
    recorder.begin(*stage.known(ask))
    return await stage.send(ask)


def _total(answer: httpx.Response) -> str:
    """The summary of a list, as it is written."""
    found = re.search(r'"summary":\{[^}]*\}', answer.text)
    return found[0] if found else ""


def _fenced_functions() -> set[str]:
    """Every function of the store that reads behind a fence."""
    found = set()
    for path in Path(next(iter(workbadge.store.__path__))).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.AsyncFunctionDef) and path.stem not in ("window", "slices", "keyset", "fence"):
                called = {
                    one.func.id
                    for one in ast.walk(node)
                    if isinstance(one, ast.Call) and isinstance(one.func, ast.Name)
                }
                if called & {"fenced_rows", "count_rows", "read_window", "read_slice"}:
                    found.add(f"{path.stem}.{node.name}")
    return found
