"""Clients that register themselves, over HTTP: RFC 7591 §3, RFC 7592, OA-10, OA-59, OA-60."""

import json
import re
from dataclasses import replace
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlalchemy import select

from tests.commands._world import PASSWORD
from tests.oauth._site import LoginSite
from workbadge.commands.app_settings import change_settings
from workbadge.commands.app_status import set_access
from workbadge.commands.client_registration import hand_over, registration_address
from workbadge.commands.errors import CommandError
from workbadge.store.schema import app, client_terms
from workbadge.terms.apps import Level, Review

from ._app import VERIFIER, App, basic
from ._forge import jwks, new_key

pytestmark = pytest.mark.anyio

BACK = "https://app.example/back"
PATH = "/oauth/register"


@pytest.fixture
def opened(site: LoginSite) -> LoginSite:
    """The site of an operator who lets clients register themselves."""
    services = site.world.services
    policy = replace(services.policy, open_registration=True)
    return LoginSite(replace(site.world, services=replace(services, policy=policy)), clock=site.clock)


async def register(site: LoginSite, **members: Any) -> httpx.Response:
    """One registration."""
    return await site.token("POST", PATH, json={"redirect_uris": [BACK], **members})


async def manage(
    site: LoginSite, made: dict[str, Any], method: str, token: str | None = None, **more: Any
) -> httpx.Response:
    """One call of a client's own address."""
    path = made["registration_client_uri"].removeprefix(site.world.services.base_url)
    bearer = made["registration_access_token"] if token is None else token
    return await site.token(method, path, headers={"authorization": f"Bearer {bearer}"}, **more)


async def test_closed_unless_the_operator_opens_it(site: LoginSite) -> None:
    """RFC 7591 §3: without the operator's word nobody registers, and the metadata names no such endpoint."""
    answer = await register(site)
    assert (answer.status_code, answer.json()["error"]) == (403, "access_denied")
    metadata = (await site.token("GET", "/.well-known/openid-configuration")).json()
    assert "registration_endpoint" not in metadata


async def test_a_registered_client_logs_somebody_in(opened: LoginSite) -> None:
    """RFC 7591 §3.2.1: who registered has an id, a secret and a token, none of them stored in clear, and is a client."""
    answer = await register(opened, client_name="Scheduler")
    made = answer.json()
    assert answer.status_code == 201 and answer.headers["cache-control"] == "no-store"
    assert made["client_name"] == "Scheduler" and made["client_secret_expires_at"] == 0
    assert made["token_endpoint_auth_method"] == "client_secret_basic"
    opened.world.apps["new"] = int(made["client_id"])
    new = App(opened, "new")
    new.back = BACK
    assert (await new.log_in()).query["code"]
    headers = basic(made["client_id"], made["client_secret"])
    assert (await opened.token("POST", "/oauth/par", data=new.request(), headers=headers)).status_code == 201
    async with opened.world.services.store.read() as tx:
        row = await tx.one(select(client_terms).where(client_terms.c.app_id == int(made["client_id"])))
        stored = await tx.one(select(app).where(app.c.id == int(made["client_id"])))
    assert made["registration_access_token"].encode() not in repr(row).encode()
    assert made["client_secret"] not in repr(stored)


async def test_nobody_has_looked_at_it(opened: LoginSite) -> None:
    """OA-60: a client that registered itself learns who logs in, and reaches no business until the operator raises its
    access; only then do its people choose assets."""
    made = (await register(opened)).json()
    opened.world.apps["new"] = int(made["client_id"])
    new = App(opened, "new")
    new.back = BACK
    headers = basic(made["client_id"], made["client_secret"])

    async def scopes() -> set[str]:
        code = (await new.log_in(prompt="consent")).query["code"]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": VERIFIER}
        answer = await opened.token("POST", "/oauth/token", data=form, headers=headers)
        return set(answer.json()["scope"].split())

    assert await scopes() == {"openid", "profile", "email", "offline_access"}
    services = opened.world.services
    async with services.store.write() as tx:
        level = Level.ADVANCED, Review.APPROVED, None, opened.now
        await set_access(tx, services, int(made["client_id"]), "pages_show_list", *level)
    assert await scopes() == {"openid", "profile", "email", "offline_access", "pages_show_list"}


async def test_an_app_that_was_registered_otherwise(opened: LoginSite) -> None:
    """RFC 7592 §2: an app that an operator registered gets a token for its registration, a new one each time; it reads what
    stands, and turns into a client by key."""
    services, app_id = opened.world.services, opened.world.apps["both"]
    async with services.store.write() as tx:
        first = await hand_over(tx, services, app_id, None, opened.now)
        token = await hand_over(tx, services, app_id, None, opened.now)
    made = {"registration_client_uri": registration_address(services, app_id), "registration_access_token": token}
    assert (await manage(opened, made, "GET", first)).status_code == 401
    stands = (await manage(opened, made, "GET")).json()
    assert stands["client_name"] == "App both" and stands["client_secret"] == await opened.secret()
    keys = {"token_endpoint_auth_method": "private_key_jwt", "jwks": KEYS, "dpop_bound_access_tokens": True}
    changed = await manage(opened, made, "PUT", json={**stands, **keys})
    assert changed.status_code == 200, changed.text
    assert changed.json()["dpop_bound_access_tokens"] is True and "client_secret" not in changed.json()
    with pytest.raises(CommandError):
        async with services.store.write() as tx:
            await hand_over(tx, services, app_id + 1, None, opened.now)


async def test_reconnecting_is_a_login_that_starts_at_the_client(opened: LoginSite) -> None:
    """OIDF oidcc-3rd_party-init-login: a client's ``initiate_login_uri`` is given back and read again; the Reconnect link of the console
    opens it with ``iss``, beside what was in its query; the login that begins there leads back with a code, and the link is gone."""
    world, client = opened.world, App(opened)
    async with world.services.store.write() as tx:
        token = await hand_over(tx, world.services, int(client.id), None, opened.now)
    made = {
        "registration_client_uri": registration_address(world.services, int(client.id)),
        "registration_access_token": token,
    }
    stands = (await manage(opened, made, "GET")).json()
    members = {**stands, "initiate_login_uri": "https://both.example/in?shop=7&iss=https%3A%2F%2Fother.example"}
    for answer in (await manage(opened, made, "PUT", json=members), await manage(opened, made, "GET")):
        assert answer.json()["initiate_login_uri"] == members["initiate_login_uri"]
    await client.tokens(scope="openid pages_show_list")
    claimed = await opened.migrate("emil")
    browser = opened.browser()
    await browser.sign_in(claimed.email, PASSWORD)
    home = f"/console/{world.business}"
    page = await browser.get(home)
    (link,) = {unescape(one) for one in re.findall(r'href="(https://both\.example/in[^"]*)"', page.text)}
    assert parse_qs(urlsplit(link).query, strict_parsing=True) == {"shop": ["7"], "iss": [world.services.base_url]}
    back = await client.log_in(browser=browser, scope="openid pages_show_list", state="from the link")
    assert back.query["code"] and back.query["iss"] == world.services.base_url
    assert "https://both.example/in" not in (await browser.get(home)).text


async def test_policy_and_terms_are_linked_in_the_dialog(opened: LoginSite) -> None:
    """OIDF oidcc-registration-policy-uri, oidcc-registration-tos-uri: both addresses come back, and are links where the person is
    asked; they are the app's settings, and gone when the registration is replaced without them."""
    links = {"policy_uri": "https://app.example/privacy?a=1&b=2", "tos_uri": "https://app.example/terms"}
    made = (await register(opened, client_name="Scheduler", **links)).json()
    opened.world.apps["new"] = int(made["client_id"])
    new = App(opened, "new")
    new.back = BACK
    browser = opened.browser()
    await browser.sign_in_as("emil")

    async def linked() -> set[str]:
        page = await browser.get(new.address(scope="openid email"))
        return {unescape(one) for one in re.findall(r'href="(https://app\.example/[^"]*)"', page.text)}

    assert {name: made[name] for name in links} == links and await linked() == set(links.values())
    async with opened.world.services.store.write() as tx:
        await change_settings(
            tx, opened.world.services, int(new.id), {"privacy_policy_url": "https://app.example/p"}, None, opened.now
        )
    stands = (await manage(opened, made, "GET")).json()
    assert stands["policy_uri"] == "https://app.example/p"
    assert await linked() == {"https://app.example/p", "https://app.example/terms"}
    kept = {name: value for name, value in stands.items() if name not in links}
    assert (await manage(opened, made, "PUT", json=kept)).status_code == 200
    assert "tos_uri" not in (await manage(opened, made, "GET")).json() and await linked() == set()


async def test_a_public_client_has_no_secret(opened: LoginSite) -> None:
    """RFC 7591 §3.2.1: a client that does not authenticate by a secret is given none."""
    for more in (
        {"token_endpoint_auth_method": "none"},
        {"token_endpoint_auth_method": "private_key_jwt", "jwks": KEYS},
    ):
        made = (await register(opened, **more)).json()
        assert "client_secret" not in made and made["registration_access_token"]


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"redirect_uris": ["javascript:alert(1)"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://[bad"]}, "invalid_redirect_uri"),
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://app.example/#part"]}, "invalid_redirect_uri"),
        ({"redirect_uris": [None]}, "invalid_client_metadata"),
        ({"jwks_uri": "https://169.254.169.254/"}, "invalid_client_metadata"),
        ({"grant_types": ["password"]}, "invalid_client_metadata"),
        ({"software_statement": "a.b.c"}, "invalid_software_statement"),
    ],
    ids=str,
)
async def test_a_wrong_registration_is_refused_with_a_reason(
    opened: LoginSite, members: dict[str, Any], error: str
) -> None:
    """OA-10: what cannot be registered is answered 400 with a code and a reason, and nothing is stored."""
    before = await _apps(opened)
    answer = await register(opened, **members)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert answer.json()["error_description"]
    assert await _apps(opened) == before


async def _apps(site: LoginSite) -> int:
    async with site.world.services.store.read() as tx:
        return len(await tx.rows(select(app.c.id)))


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "null", "7", '{"redirect_uris": NaN}', '"' + "x" * 70_000 + '"', "[" * 50_000]
)
async def test_a_body_that_is_no_registration(opened: LoginSite, body: str) -> None:
    """OA-10: broken, deep and endless bodies are refused, never with a 500."""
    headers = {"content-type": "application/json"}
    answer = await opened.token("POST", PATH, content=body, headers=headers)
    assert answer.status_code in (400, 413)
    form = await opened.token("POST", PATH, data={"redirect_uris": BACK})
    assert form.status_code == 400


async def test_rights_are_not_registered(opened: LoginSite) -> None:
    """OA-60: extra members change no column of the app."""
    extra = {
        "first_party": True,
        "organization_id": 7,
        "owner": "me",
        "verified": True,
        "scopes": "*",
        "disabled_at": 1,
    }
    plain, more = (await register(opened)).json(), (await register(opened, **extra, require_proof=7)).json()

    async def columns(made: dict[str, Any]) -> dict[str, Any]:
        async with opened.world.services.store.read() as tx:
            row = await tx.one(select(app).where(app.c.id == int(made["client_id"])))
        assert row is not None
        return {name: value for name, value in row._mapping.items() if name not in ("id", "secret")}

    assert await columns(plain) == await columns(more)
    assert set(plain) == set(more)


async def test_registrations_of_one_address_are_slowed_down(opened: LoginSite) -> None:
    """OA-57: after five registrations in a row an address waits, longer each time, and may go on then."""
    for _ in range(5):
        assert (await register(opened)).status_code == 201
    assert (await register(opened)).status_code == 429
    opened.advance(seconds=2)
    assert (await register(opened)).status_code == 201
    assert (await register(opened)).status_code == 429


async def test_a_client_reads_and_replaces_its_registration(opened: LoginSite) -> None:
    """RFC 7592 §2: with its token a client reads what stands, replaces it as a whole, and keeps id and secret."""
    made = (await register(opened, client_name="Old", contacts=["help@app.example"])).json()
    read = (await manage(opened, made, "GET")).json()
    assert read == {name: value for name, value in made.items() if name != "registration_access_token"}
    new = {"client_id": made["client_id"], "client_name": "New", "redirect_uris": ["https://app.example/other"]}
    answer = await manage(opened, made, "PUT", json=new)
    assert answer.status_code == 200
    changed = (await manage(opened, made, "GET")).json()
    assert answer.json() == changed
    assert (changed["client_name"], changed["redirect_uris"]) == ("New", ["https://app.example/other"])
    assert "contacts" not in changed and changed["client_secret"] == made["client_secret"]


async def test_a_replacement_names_its_client(opened: LoginSite) -> None:
    """RFC 7592 §2.2: another id, another secret, wrong members: refused, and what stood stands."""
    made = (await register(opened)).json()
    good = {"client_id": made["client_id"], "redirect_uris": [BACK]}
    for new in (
        {"redirect_uris": [BACK]},
        {**good, "client_id": "7"},
        {**good, "client_secret": "mine"},
        {**good, "client_secret": 7},
        {**good, "redirect_uris": ["javascript:1"]},
        [],
    ):
        assert (await manage(opened, made, "PUT", json=new)).status_code == 400, new
    assert (await manage(opened, made, "PUT", json={**good, "client_secret": made["client_secret"]})).status_code == 200


async def test_only_its_own_token_manages_a_client(opened: LoginSite) -> None:
    """RFC 7592 §2.1: another client's token, none, the client's secret, an unknown client: the same 401 each time."""
    made, other = (await register(opened)).json(), (await register(opened)).json()
    bodies = set()
    for token in (other["registration_access_token"], made["client_secret"], "", "x", "WBM" + "0" * 64):
        for method in ("GET", "PUT", "DELETE"):
            answer = await manage(
                opened, made, method, token, json={"client_id": made["client_id"], "redirect_uris": [BACK]}
            )
            assert answer.status_code == 401 and answer.headers["www-authenticate"].startswith("Bearer")
            bodies.add(answer.content)
    for name in ("140000000000000000", "x", "", str(opened.world.apps["both"])):
        unknown = {**made, "registration_client_uri": f"{PATH}/{name}"}
        bodies.add((await manage(opened, unknown, "GET")).content)
    assert len(bodies) == 1


async def test_an_ended_registration_is_gone(opened: LoginSite) -> None:
    """RFC 7592 §2.3: DELETE switches the client off: its address, its token and its secret are dead."""
    made = (await register(opened)).json()
    assert (await manage(opened, made, "DELETE")).status_code == 204
    for method in ("GET", "DELETE"):
        assert (await manage(opened, made, method)).status_code == 401
    headers = basic(made["client_id"], made["client_secret"])
    answer = await opened.token("POST", "/oauth/par", data={"client_id": made["client_id"]}, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


KEYS = json.loads(jwks(new_key()))
