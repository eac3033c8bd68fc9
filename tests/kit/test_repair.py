"""Bulk reconnect through a real migration: verified first, replaced asset by asset, harmless when repeated (rule P3)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest

from regrant import (
    AsyncLogins,
    AsyncRepair,
    GraphError,
    Logins,
    Outcome,
    Repair,
    Secret,
    State,
    TokenRefusedError,
)
from tests._dialog import Person
from tests.kit._forms import Form
from tests.kit.conftest import CALLBACK, SCOPES, Place, World


class Maker:
    """An app maker with one customer: pages and an ad account, connected with an employee's personal login."""

    def __init__(self, place: Place, world: World, form: Form) -> None:
        self.place, self.world, self.form = place, world, form
        place.now = world.clock()
        self.client = world.client(form)
        self.assets = [*world.pages, world.ad_account]
        self.old = world.token(self.assets)
        vault = self.vault
        self.connection = vault.add_connection(world.app.id).id
        self.holder = self.client.person(self.old).id
        stored = vault.add_token(
            self.connection,
            self.old,
            holder=self.holder,
            scopes=SCOPES,
            issued_at=self.client.inspect(self.old).issued_at,
        )
        for page in world.pages:
            own = self.client.page_token(page, self.old).secret
            vault.put(self.connection, page, stored, kind="page", name="Local name", page_token=own)
        vault.put(self.connection, world.ad_account, stored, kind="ad_account")

    @property
    def vault(self) -> Any:
        """The customer's vault, just opened."""
        return self.place.vault()

    def repair(self, tenant: str = "acme", **settings: Any) -> Any:
        """Bulk reconnect for a customer."""
        client = self.world.client(self.form, **settings)
        return self.form.of(self.form.pick(Repair, AsyncRepair)(self.place.vault(tenant).it, client.it))

    def managed_token(self, assets: list[str] | None = None, scopes: list[str] | None = None) -> Secret:
        """The employee has moved, and logs in with the managed account."""
        self.managed = self.world.migrate()
        return self.again(assets, scopes)

    def again(self, assets: list[str] | None = None, scopes: list[str] | None = None) -> Secret:
        """Another login of the managed account."""
        chosen = self.assets if assets is None else assets
        consent = self.world.sandbox.consent
        return Secret(consent(self.managed["id"], {"id": self.world.app.id}, scopes or SCOPES, chosen))

    def works(self) -> list[str]:
        """The assets that are reached with what the vault gives out now."""
        reached = []
        for row in self.vault.assets():
            try:
                self.client.get(row.asset, self.vault.token_of(row), fields=["id"])
                reached.append(row.asset)
            except GraphError:
                pass
        return reached


@pytest.fixture
def maker(place: Place, world: World, form: Form) -> Maker:
    """An app maker whose customer is about to move."""
    return Maker(place, world, form)


def outcomes(report: Any) -> dict[str, str]:
    """Asset to outcome."""
    return {one.asset: one.outcome.value for one in report.results}


def test_all_assets_are_replaced_and_outlive_the_cut_off(maker: Maker) -> None:
    """P3, wire 9.29: one call with the managed account's token replaces every asset, keeps connection and settings, and nothing is lost
    at the cut-off; the old token lives on until then (M13)."""
    report = maker.repair().reconnect(maker.assets, maker.managed_token())
    assert outcomes(report) == dict.fromkeys(maker.assets, "replaced") and report.done and report.managed
    assert maker.client.get(maker.world.pages[0], maker.old)["id"]
    rows = maker.vault.assets(maker.connection)
    assert {row.asset for row in rows} == set(maker.assets) and {row.state for row in rows} == {State.OK}
    assert {row.name for row in rows if row.kind == "page"} == {"Local name"}
    (token,) = {row.token for row in rows}
    stored = maker.vault.stored_token(token)
    assert stored.managed and stored.holder == report.holder != maker.holder
    assert stored.expires_at - maker.world.clock() > timedelta(days=59)
    assert len(maker.place.storage.tokens("acme")) == 1
    maker.world.advance("P31D")
    assert set(maker.works()) == set(maker.assets)


def test_after_the_cut_off_what_was_lost_comes_back(maker: Maker) -> None:
    """P3: a reconnect after the cut-off repairs what was lost."""
    token = maker.managed_token()
    maker.world.advance("P31D")
    assert maker.works() == []
    for row in maker.vault.assets():
        maker.vault.mark(row, State.LOST, "lost_reach")
    assert maker.repair().reconnect(maker.assets, token).done
    assert set(maker.works()) == set(maker.assets)
    assert [line.state for line in maker.vault.history(maker.connection, maker.assets[0])] == [
        State.OK,
        State.LOST,
        State.OK,
    ]


def test_a_repeated_call_changes_nothing(maker: Maker) -> None:
    """P3: the same call again, and an older login that comes late, find everything as good already."""
    early = maker.managed_token()
    maker.world.advance("PT1H")
    late = maker.again()
    assert maker.repair().reconnect(maker.assets, late).done
    rows = maker.vault.assets()
    for token in (late, early):
        assert set(outcomes(maker.repair().reconnect(maker.assets, token)).values()) == {"already_newer"}
    assert maker.vault.assets() == rows and len(maker.place.storage.tokens("acme")) == 1


def test_half_of_the_assets_selected(maker: Maker) -> None:
    """P3, wire 9.29: what was not selected keeps its old token, which still works; the report says what to ask for again, and the next
    login brings it."""
    chosen, rest = maker.assets[:1], maker.assets[1:]
    token = maker.managed_token(chosen)
    report = maker.repair().reconnect(maker.assets, token)
    assert outcomes(report) == {**dict.fromkeys(chosen, "replaced"), **dict.fromkeys(rest, "not_granted")}
    assert report.again == tuple(rest) and not report.done
    assert set(maker.works()) == set(maker.assets)
    maker.world.advance("PT1M")
    assert outcomes(maker.repair().reconnect(rest, maker.again())) == dict.fromkeys(rest, "replaced")


def test_missing_permissions_are_named(maker: Maker) -> None:
    """P3, wire 8.5: permissions that the old token had for such an asset, and the new one has not, are named; nothing worse is put there."""
    few = [one for one in SCOPES if one not in ("pages_manage_posts", "ads_read")]
    report = maker.repair().reconnect(maker.assets, maker.managed_token(maker.world.pages, few))
    assert set(outcomes(report).values()) == {"not_granted"} and report.missing == ("ads_read", "pages_manage_posts")
    by_asset = {one.asset: one.missing for one in report.results}
    assert by_asset[maker.world.ad_account] == ("ads_read",) and by_asset[maker.world.pages[0]] == (
        "pages_manage_posts",
    )
    fewer = maker.repair().reconnect(maker.world.pages, maker.again(maker.world.pages, few), scopes=["pages_show_list"])
    assert fewer.done


@pytest.mark.parametrize("kind", ["another app's", "dead", "no token", "a page's"])
def test_a_token_that_is_none_of_ours_changes_nothing(maker: Maker, kind: str) -> None:
    """P3: a token of another app, a dead one, garbage, and a page's token are refused before anything is changed."""
    rows = maker.vault.assets()
    if kind == "another app's":
        token = maker.world.token(maker.assets, app=maker.world.other_app())
    elif kind == "dead":
        token = maker.world.token(maker.assets, "second_employee")
        maker.client.delete("me/permissions", token)
    else:
        token = (
            Secret("EAAgarbage")
            if kind == "no token"
            else maker.client.page_token(maker.world.pages[0], maker.old).secret
        )
    with pytest.raises(TokenRefusedError):
        maker.repair().reconnect(maker.assets, token)
    assert maker.vault.assets() == rows


def test_another_persons_token_that_reaches_less(maker: Maker) -> None:
    """P3: a token of somebody who does not reach an asset replaces nothing there."""
    maker.managed_token()
    token = maker.world.token([], "partner_employee")
    report = maker.repair().reconnect(maker.assets, token, scopes=[])
    assert set(outcomes(report).values()) <= {"not_visible", "not_granted"} and set(maker.works()) == set(maker.assets)


def test_a_good_token_is_not_overwritten_by_a_worse_one(maker: Maker) -> None:
    """P3: neither the old login in its grace, nor a colleague's newer personal login, replaces the managed account's token."""
    assert maker.repair().reconnect(maker.assets, maker.managed_token()).done
    rows = maker.vault.assets()
    maker.world.advance("PT1M")
    for worse in (maker.old, maker.world.token(maker.assets, "second_employee")):
        assert set(outcomes(maker.repair().reconnect(maker.assets, worse)).values()) == {"already_newer"}
    assert maker.vault.assets() == rows


def test_a_token_that_will_end_does_not_replace_one_that_does_not(maker: Maker) -> None:
    """P3: with a system user's token in place, a person's token that ends with the grace is not put over it."""
    business = maker.world.about["business"]["id"]
    body = {"business": business, "app": maker.world.app.id, "scopes": SCOPES[1:], "assets": maker.assets}
    robot = Secret(maker.world.sandbox.control("POST", "/system_users", body)["access_token"])
    assert maker.repair().reconnect(maker.assets, robot).done
    assert maker.vault.stored_token(maker.vault.assets()[0].token).expires_at is None
    maker.world.migrate()
    assert set(outcomes(maker.repair().reconnect(maker.assets, maker.old)).values()) == {"already_newer"}
    maker.world.advance("P31D")
    assert set(maker.works()) == set(maker.assets)


def test_what_is_not_connected_or_another_tenants(maker: Maker) -> None:
    """MT-39: assets that this tenant does not have, has removed, or has in another app are not touched, whatever the token reaches."""
    vault, page = maker.vault, maker.world.pages[0]
    vault.mark(vault.asset(maker.connection, page), State.REMOVED)
    elsewhere = vault.add_connection("another app")
    stored = vault.add_token(elsewhere.id, Secret("EAAx"), holder="1")
    vault.put(elsewhere.id, "200", stored)
    token = maker.managed_token()
    report = maker.repair().reconnect([page, "200", "999", *maker.assets[1:]], token)
    assert {one.asset for one in report.results if one.outcome is Outcome.NOT_CONNECTED} == {page, "200", "999"}
    rows = maker.vault.assets()
    assert {one.outcome for one in maker.repair("globex").reconnect(maker.assets, token).results} == {
        Outcome.NOT_CONNECTED
    }
    assert maker.vault.assets() == rows


class Flaky:
    """A way to the real server on which something goes wrong. ``spoil`` sees each request and may answer in its place."""

    def __init__(self, spoil: Callable[[httpx.Request], httpx.Response | None]) -> None:
        self._spoil = spoil
        self._real = httpx.Client(trust_env=False, timeout=20)
        self.transport = httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        spoiled = self._spoil(request)
        if spoiled is not None:
            return spoiled
        headers = {name: value for name, value in request.headers.items() if name not in ("host", "content-length")}
        answer = self._real.request(request.method, request.url, headers=headers, content=request.content)
        return httpx.Response(answer.status_code, json=answer.json())


@pytest.mark.parametrize("number", range(7))
def test_a_server_that_fails_half_way_loses_nothing(maker: Maker, number: int) -> None:
    """P3: whichever call fails, old tokens stay where the new one was not proven, and the same call made again finishes."""
    token, seen = maker.managed_token(), []

    def spoil(request: httpx.Request) -> httpx.Response | None:
        seen.append(request)
        return httpx.Response(503, text="<html>") if len(seen) > number else None

    repair = maker.repair(transport=Flaky(spoil).transport, tries=1)
    if number < 2:
        with pytest.raises(GraphError, match="garbled"):
            repair.reconnect(maker.assets, token)
    else:
        expected = {"replaced"} if number == 6 else {"error"}
        assert set(outcomes(repair.reconnect(maker.assets, token)).values()) == expected
    assert len(seen) == min(number + 1, 6)
    assert set(maker.works()) == set(maker.assets)
    assert maker.repair().reconnect(maker.assets, token).done and set(maker.works()) == set(maker.assets)


def test_a_poisoned_page_token_is_not_kept(maker: Maker) -> None:
    """P3, wire 8.4: a page token that does not work is found out by trying it, and the good one stays."""
    token = maker.managed_token()

    def spoil(request: httpx.Request) -> httpx.Response | None:
        if request.method == "GET" and "access_token" in request.url.params.get("fields", ""):
            ids = request.url.params["ids"].split(",")
            return httpx.Response(200, json={id: {"id": id, "access_token": "EAApoison"} for id in ids})
        return None

    report = maker.repair(transport=Flaky(spoil).transport).reconnect(maker.assets, token)
    assert {one.outcome for one in report.results if one.asset in maker.world.pages} == {Outcome.ERROR}
    assert outcomes(report)[maker.world.ad_account] == "replaced"
    assert set(maker.works()) == set(maker.assets)


def test_two_reconnects_at_once_end_in_one_token(maker: Maker) -> None:
    """P3: several calls at the same time leave each asset with a token that works, and no token that nobody uses."""
    if maker.form.name == "async":
        pytest.skip("threads are the blocking form's")
    token = maker.managed_token()
    with ThreadPoolExecutor(3) as threads:
        reports = list(threads.map(lambda one: one.reconnect(maker.assets, token), [maker.repair() for _ in range(3)]))
    assert all(report.done for report in reports)
    replaced = [one.asset for report in reports for one in report.results if one.outcome is Outcome.REPLACED]
    assert sorted(replaced) == sorted(maker.assets)
    assert set(maker.works()) == set(maker.assets)
    used = {row.token for row in maker.vault.assets()}
    assert {one.id for one in maker.place.storage.tokens("acme")} == used


def test_one_login_again_brings_exactly_what_is_missing(maker: Maker) -> None:
    """P3: the login that the report leads to offers exactly the missing assets, renews the same connection, and its token finishes the work."""
    maker.world.advance("PT1M")
    report = maker.repair().reconnect(maker.assets, maker.managed_token(maker.assets[:1]))
    begun = maker.repair().ask_again(report, "u1", CALLBACK)
    query = parse_qs(urlsplit(begun.url).query)
    assert query["auth_type"] == ["rerequest"] and query["reconnect"][0]
    person = Person(maker.world.sandbox.base, maker.managed["email"], maker.managed["password"])
    page = person.submit(person.open(begun.url), 0, action="next")
    assert maker.assets[1] in page.text and maker.assets[0] not in page.text
    back = dict(parse_qsl(urlsplit(person.go(begun.url, maker.assets[1:])).query))
    vault = maker.vault
    logins = maker.form.of(maker.form.pick(Logins, AsyncLogins)(vault.it, maker.client.it))
    done = logins.finish("u1", CALLBACK, back)
    assert done.connection.id == maker.connection
    assert maker.repair().reconnect(report.again, done.token).done
    maker.world.advance("P31D")
    assert set(maker.works()) == set(maker.assets)
    assert {one.id for one in maker.place.storage.tokens("acme")} == {row.token for row in vault.assets()}


def test_without_such_links_the_login_selects_among_all(maker: Maker) -> None:
    """P5: a server that knows no such link gets an ordinary rerequest."""
    report = maker.repair().reconnect(maker.assets, maker.managed_token(maker.assets[:1]))

    def spoil(request: httpx.Request) -> httpx.Response | None:
        unknown = {"error": {"message": "Unknown path components: /reconnects", "type": "OAuthException", "code": 2500}}
        return httpx.Response(400, json=unknown) if request.url.path.endswith("/reconnects") else None

    begun = maker.repair(transport=Flaky(spoil).transport).ask_again(report, "u1", CALLBACK)
    query = parse_qs(urlsplit(begun.url).query)
    assert query["auth_type"] == ["rerequest"] and "reconnect" not in query
