"""Token exchange for the Business Extension: RFC 8693, MT-21, L4."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, cast
from urllib.parse import urlencode

import httpx
import pytest

from tests.commands._world import BASE
from tests.graph._api import Api
from tests.graph._installs import SHOP_SCOPES, install
from tests.oauth._site import LoginSite
from workbadge.commands import grant, token
from workbadge.commands.client_terms import DEFAULT, save_terms
from workbadge.commands.grant import Consent
from workbadge.commands.install import uninstall_app
from workbadge.commands.token import Bound, Issued
from workbadge.keys import hash_secret
from workbadge.oauth.rfc8693.exchange import ACCESS_TOKEN, GRANT_TYPE
from workbadge.store import business_login, grants
from workbadge.terms.kinds import TokenKind

from ._app import App

pytestmark = pytest.mark.anyio

SHOP = "shop-4711"


async def set_up(site: LoginSite, shop: str = SHOP, **more: Any) -> int:
    """The app's extension in the business, installed by bob; the install's id."""
    install_id, _ = await install(cast(Api, site), shop=shop, **more)
    return install_id


async def person(site: LoginSite, who: str = "bob", app: str = "both", **more: Any) -> str:
    """A token of somebody who let an app run its extension in the business."""
    world = site.world
    scopes = more.pop("scopes", SHOP_SCOPES)
    consent = Consent(world.people[who], world.apps[app], scopes, (), {world.business: world.business})
    async with world.services.store.write() as tx:
        granted = await grant.record_consent(tx, world.services, consent, site.now)
        issued: Issued = await token.issue_user_token(tx, world.services, granted, site.now, **more)
    return issued.text


async def exchange(app: App, subject: str, **changed: str | None) -> httpx.Response:
    """An exchange, with changes; None leaves a parameter out."""
    form: dict[str, str | None] = {
        "grant_type": GRANT_TYPE,
        "subject_token": subject,
        "subject_token_type": ACCESS_TOKEN,
        "audience": str(app.site.world.business),
        **changed,
    }
    return await app.post("/oauth/token", {name: value for name, value in form.items() if value is not None})


def outcome(answer: httpx.Response) -> tuple[int, str]:
    """Status and error."""
    return answer.status_code, answer.json().get("error", "")


async def minted(site: LoginSite) -> int:
    """How many live tokens the system users of installs have."""
    total = 0
    async with site.world.services.store.read() as tx:
        for row in await business_login.list_installs(tx, site.world.business):
            found = await grants.find_grant(tx, row.account_id, row.app_id)
            if found is not None:
                total += len(await grants.list_live_tokens(tx, found.id, TokenKind.SYSTEM_USER, site.now))
    return total


async def test_a_person_is_exchanged_for_the_system_user(app: App) -> None:
    """RFC 8693 §2.2.1, L4: an admin's token becomes that of the install's system user, and the install counts as swapped."""
    site = app.site
    await set_up(site)
    subject = await person(site)
    answer = await exchange(app, subject)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["issued_token_type"], found["token_type"]) == (ACCESS_TOKEN, "Bearer")
    assert "expires_in" not in found and "refresh_token" not in found
    me = await site.graph("/me", found["access_token"])
    assert me["name"] == "App both System User (FBE)"
    async with site.world.services.store.read() as tx:
        assert await business_login.list_unswapped_installs(tx, site.world.business) == []
        row = await grants.find_token(tx, hash_secret(found["access_token"]))
    assert row is not None and row.kind == TokenKind.SYSTEM_USER


async def test_a_second_exchange_gives_the_same_token(app: App) -> None:
    """MT-20: repeated, by address instead of id, with the shop named: the token that is there; fewer scopes: one of their own."""
    site = app.site
    await set_up(site)
    subject = await person(site)
    first = (await exchange(app, subject)).json()["access_token"]
    by_address = await exchange(app, subject, audience=None, resource=f"{BASE}/{site.world.business}")
    named = await exchange(app, subject, fbe_external_business_id=SHOP, scope=" ".join(SHOP_SCOPES))
    assert by_address.json()["access_token"] == named.json()["access_token"] == first
    fewer = await exchange(app, subject, scope="ads_management")
    assert fewer.json()["access_token"] != first


async def test_it_outlives_the_old_login(app: App) -> None:
    """L4, I4: exchanged in grace with the old login's token, the connection goes on after the cut-off."""
    site = app.site
    await set_up(site, who="ada")
    subject = await person(site, "ada", lifetime=timedelta(days=90))
    await site.migrate("ada")
    site.advance(days=10)
    text = (await exchange(app, subject)).json()["access_token"]
    site.advance(days=21)
    page = f"/{site.world.assets['page']}"
    assert (await site.graph(page, text))["name"] == "page"
    assert (await site.graph(f"/{site.world.business}", subject))["error"]["code"] == 100
    assert outcome(await exchange(app, subject)) == (400, "invalid_target")


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"subject_token": None}, "invalid_request"),
        ({"subject_token": "x"}, "invalid_request"),
        ({"subject_token_type": None}, "invalid_request"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:id_token"}, "invalid_request"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}, "invalid_request"),
        ({"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}, "invalid_request"),
        ({"actor_token": "x", "actor_token_type": ACCESS_TOKEN}, "invalid_request"),
        ({"audience": None}, "invalid_target"),
        ({"audience": "other"}, "invalid_target"),
        ({"audience": "130000000000000001"}, "invalid_target"),
        ({"resource": "https://other.example/"}, "invalid_target"),
        ({"fbe_external_business_id": "another-shop"}, "invalid_target"),
        ({"fbe_external_business_id": "x" * 1_000}, "invalid_request"),
        ({"scope": "pages_messaging"}, "invalid_scope"),
        ({"scope": "openid"}, "invalid_scope"),
        ({"scope": 'quo"te'}, "invalid_scope"),
    ],
    ids=str,
)
async def test_a_wrong_exchange_mints_nothing(app: App, changed: dict[str, str | None], error: str) -> None:
    """MT-21: a missing or wrong subject, type, actor, audience, scope or shop: its own error, and no token."""
    await set_up(app.site)
    before = await minted(app.site)
    assert outcome(await exchange(app, await person(app.site), **changed)) == (400, error)
    assert await minted(app.site) == before


async def test_subjects_that_are_not_a_persons_token_of_this_app(app: App) -> None:
    """MT-21, MT-15: another app's token, an expired, revoked or bound one, an ID token, a refresh token, a code, a system user's and
    the app's own: invalid_request, and nothing is minted."""
    site = app.site
    await set_up(site)
    expired = await person(site, lifetime=timedelta(seconds=1))
    foreign = await person(site, app="tokens")
    bound = await person(site, bound=Bound("x" * 43))
    revoked = await person(site)
    assert (await app.post("/oauth/revoke_token", {"token": revoked})).status_code == 200
    system = (await exchange(app, await person(site))).json()["access_token"]
    own = (await app.post("/oauth/token", {"grant_type": "client_credentials"})).json()["access_token"]
    site.advance(seconds=1)
    login = await app.tokens()
    code = (await app.log_in()).query["code"]
    before = await minted(site)
    subjects = (expired, foreign, bound, revoked, system, own, login["id_token"], login["refresh_token"], code)
    for subject in subjects:
        assert outcome(await exchange(app, subject)) == (400, "invalid_request"), subject[:20]
    assert await minted(site) == before


async def test_people_who_do_not_administer_the_business(app: App) -> None:
    """MT-21: an employee, an admin of another business, an admin without the scope: invalid_target."""
    site = app.site
    await set_up(site)
    subjects = [await person(site, "emil"), await person(site, "bob", scopes=("pages_show_list",))]
    for subject in subjects:
        assert outcome(await exchange(app, subject)) == (400, "invalid_target")
    elsewhere = await exchange(app, await person(site), audience=str(site.world.elsewhere))
    assert outcome(elsewhere) == (400, "invalid_target")


async def test_several_shops_must_be_told_apart(app: App) -> None:
    """MT-20: with two installs in a business the shop must be named; after an uninstall there is nothing to exchange for."""
    site = app.site
    first = await set_up(site)
    await set_up(site, "shop-4712")
    subject = await person(site)
    assert outcome(await exchange(app, subject)) == (400, "invalid_target")
    assert (await exchange(app, subject, fbe_external_business_id=SHOP)).status_code == 200
    async with site.world.services.store.write() as tx:
        await uninstall_app(tx, site.world.services, first, site.world.people["bob"], site.now)
    assert outcome(await exchange(app, subject, fbe_external_business_id=SHOP)) == (400, "invalid_target")
    assert (await exchange(app, subject)).status_code == 200


async def test_who_may_exchange(app: App) -> None:
    """MT-21: a public client, one that did not register the exchange, one whose tokens must be bound: unauthorized_client;
    another client's exchange is for its own installs; two audiences are one too many."""
    site = app.site
    await set_up(site)
    subject = await person(site)
    other = App(site, "tokens")
    assert outcome(await exchange(other, subject)) == (400, "invalid_request")
    assert outcome(await exchange(other, await person(site, app="tokens"))) == (400, "invalid_target")
    pairs = [("grant_type", GRANT_TYPE), ("subject_token", subject), ("subject_token_type", ACCESS_TOKEN)]
    pairs += [("audience", str(site.world.business)), ("audience", str(site.world.elsewhere))]
    headers = {**await app.credentials(), "content-type": "application/x-www-form-urlencoded"}
    two = await site.token("POST", "/oauth/token", content=urlencode(pairs), headers=headers)
    assert outcome(two) == (400, "invalid_target")
    for terms in (replace(DEFAULT, grant_types=("authorization_code",)), replace(DEFAULT, dpop_bound=True)):
        async with site.world.services.store.write() as tx:
            await save_terms(tx, int(app.id), terms, site.now)
        assert outcome(await exchange(app, subject)) == (400, "unauthorized_client")
    await app.register("none")
    form = {"grant_type": GRANT_TYPE, "subject_token": subject, "client_id": app.id}
    public = await site.token("POST", "/oauth/token", data=form)
    assert outcome(public) == (400, "unauthorized_client")
