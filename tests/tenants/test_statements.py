"""Every list, search, history, export and page of the graph and the console, with every statement that they run."""

import httpx
import pytest

from tests.console._site import Site

from ._recorder import Recorder, recording, unbound
from ._stage import Ask, Stage, all_asks, build_stage, leaked
from ._twin import NOBODYS, tenant_tables

pytestmark = pytest.mark.anyio

NOBODYS_AT_MOST = 7
"""How many tables may be no tenant's: this number only goes down."""


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
    assert stage.twins[1].filled == {table.name for table in tenant_tables()}, "the story leaves a table empty"
    with recording(monkeypatch) as recorder:
        for ask in all_asks(stage):
            answer = await _send(stage, recorder, ask)
            assert answer.status_code < 500, ask
            assert not leaked(stage, ask, answer), ask
            for seen in recorder.seen:
                assert not seen.unbound, f"{ask}: {seen.origin} reads {seen.unbound} of everybody: {seen.sql}"


async def _send(stage: Stage, recorder: Recorder, ask: Ask) -> httpx.Response:
    recorder.begin(*stage.known(ask))
    return await stage.send(ask)
