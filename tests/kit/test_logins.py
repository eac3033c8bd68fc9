"""Logins are bound to tenant, user, app and callback address, and are good once (MT-39), with a real dialog."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from regrant import App, AsyncLogins, GraphError, LoginError, LoginReason, Logins, NotInVaultError
from tests.kit._forms import Form
from tests.kit.conftest import CALLBACK, SCOPES, Place, World

OTHER_CALLBACK = "https://provider.example/other"


@pytest.fixture
def logins(place: Place, world: World, form: Form) -> Callable[..., Any]:
    """Logins of a tenant into an app, with the world's clock."""

    def opened(tenant: str = "acme", app: App | None = None, **settings: Any) -> Any:
        place.now = world.clock()
        vault, client = place.vault(tenant), world.client(form, app, **settings)
        return form.of(form.pick(Logins, AsyncLogins)(vault.it, client.it))

    return opened


def query_of(address: str) -> dict[str, str]:
    """The query of an address."""
    return dict(parse_qsl(urlsplit(address).query))


def refused(login: Any, reason: LoginReason, query: dict[str, str], user: str = "u1", address: str = CALLBACK) -> None:
    """The callback is refused for that reason."""
    with pytest.raises(LoginError) as caught:
        login.finish(user, address, query)
    assert caught.value.reason is reason


def test_a_login_comes_back_as_a_connection(world: World, place: Place, logins: Callable[..., Any]) -> None:
    """MT-39, wire 3.1: a person logs in; a long-lived token of this app is sealed in the tenant's vault, with what was chosen."""
    begun = logins().start("u1", CALLBACK, SCOPES)
    back = query_of(world.person().go(begun.url, world.pages[:1]))
    done = logins().finish("u1", CALLBACK, back)
    vault = place.vault()
    assert vault.connections() == [done.connection] and done.connection.app == world.app.id
    assert done.granted.targets["pages_show_list"] == {world.pages[0]} and not done.person.managed
    assert (done.token.expires_at - world.clock()).days >= 59
    assert world.client(place.form).person(vault.secret_of(done.token)).id == done.token.holder


def test_a_login_is_bound_and_used_once(world: World, logins: Callable[..., Any]) -> None:
    """MT-39: a callback with the state of another tenant, user, app or address is refused, as is a second use; the rightful one is not."""
    other_app = world.other_app(redirect_uris=[CALLBACK, OTHER_CALLBACK])
    begun = logins().start("u1", CALLBACK, ["public_profile"])
    back = query_of(world.person().go(begun.url))
    refused(logins("globex"), LoginReason.UNKNOWN, back)
    refused(logins(), LoginReason.OTHER_USER, back, user="u2")
    refused(logins(app=other_app), LoginReason.OTHER_APP, back)
    refused(logins(), LoginReason.OTHER_ADDRESS, back, address=OTHER_CALLBACK)
    changed = back["state"][:-3] + ("AAA" if back["state"][-3:] != "AAA" else "BBB")
    for state in (
        "",
        "x",
        "~",
        changed,
        back["state"].replace("~", "~v1.", 1),
        "log_other~" + back["state"].partition("~")[2],
    ):
        refused(logins(), LoginReason.UNKNOWN, {**back, "state": state})
    assert logins().finish("u1", CALLBACK, back).connection.tenant == "acme"
    refused(logins(), LoginReason.USED, back)


def test_the_state_shows_nothing(logins: Callable[..., Any]) -> None:
    """MT-39: neither tenant nor user can be read off the address that the browser is sent to."""
    begun = logins("acme").start("user-of-acme", CALLBACK)
    assert "acme" not in begun.url


def test_two_callbacks_at_once_make_one_connection(world: World, place: Place, logins: Callable[..., Any]) -> None:
    """MT-39: of two callbacks with the same state at the same time one is taken."""
    if place.form.name == "async":
        pytest.skip("threads are the blocking form's")
    back = query_of(world.person().go(logins().start("u1", CALLBACK, ["public_profile"]).url))

    def attempt(login: Any) -> str:
        try:
            login.finish("u1", CALLBACK, back)
        except LoginError as error:
            return error.reason
        return "taken"

    with ThreadPoolExecutor(4) as threads:
        results = sorted(threads.map(attempt, [logins() for _ in range(4)]))
    assert results == ["taken", "used", "used", "used"] and len(place.vault().connections()) == 1


def test_a_login_ends_after_an_hour(world: World, logins: Callable[..., Any]) -> None:
    """MT-39: a callback an hour after the login began is refused; what was forgotten since is refused too."""
    back = query_of(world.person().go(logins().start("u1", CALLBACK, ["public_profile"]).url))
    world.advance("PT1H")
    refused(logins(), LoginReason.EXPIRED, back)
    late = logins().start("u1", CALLBACK)
    world.advance("PT3H")
    logins().start("u1", CALLBACK)
    refused(logins(), LoginReason.USED, {"state": query_of(late.url)["state"], "code": "x"})


def test_cancelling_and_failures_are_told(logins: Callable[..., Any]) -> None:
    """wire 3.1: a person who cancels, and an error of the dialog, are told apart; neither stores anything."""
    state = query_of(logins().start("u1", CALLBACK).url)["state"]
    refused(logins(), LoginReason.DECLINED, {"state": state, "error": "access_denied", "error_reason": "user_denied"})
    state = query_of(logins().start("u1", CALLBACK).url)["state"]
    refused(logins(), LoginReason.FAILED, {"state": state, "error_code": "1", "error_message": "no"})


def test_a_code_of_another_app_gives_nothing(world: World, place: Place, logins: Callable[..., Any]) -> None:
    """MT-39: a code that an attacker's app got, put into the callback of ours with a rightful state, stores nothing."""
    other_app = world.other_app()
    theirs = query_of(
        world.person("second_employee").go(logins("mallory", other_app).start("m", CALLBACK, ["public_profile"]).url)
    )
    ours = query_of(logins().start("u1", CALLBACK, ["public_profile"]).url)["state"]
    with pytest.raises(GraphError):
        logins().finish("u1", CALLBACK, {"code": theirs["code"], "state": ours})
    assert place.vault().connections() == []


def test_a_token_of_another_app_is_not_kept(world: World, place: Place, logins: Callable[..., Any]) -> None:
    """MT-39: when the token endpoint answers with a token of another app, it is looked at and refused."""
    foreign = world.token(world.pages, app=world.other_app()).reveal()
    real = httpx.Client(trust_env=False)

    def swapped(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/oauth/access_token"):
            return httpx.Response(200, json={"access_token": foreign, "token_type": "bearer"})
        headers = {name: value for name, value in request.headers.items() if name not in ("host", "content-length")}
        answer = real.request(request.method, request.url, headers=headers, content=request.content)
        return httpx.Response(answer.status_code, json=answer.json())

    state = query_of(logins().start("u1", CALLBACK).url)["state"]
    refused(logins(transport=httpx.MockTransport(swapped)), LoginReason.FOREIGN_TOKEN, {"state": state, "code": "x"})
    assert place.vault().connections() == []


def test_a_login_renews_a_connection_of_its_tenant_only(
    world: World, place: Place, logins: Callable[..., Any], form: Form
) -> None:
    """MT-39: a login may renew a connection that its tenant has in this app; a guessed, a foreign or another app's is refused."""
    mine = place.vault().add_connection(world.app.id)
    theirs = place.vault("globex").add_connection(world.app.id)
    elsewhere = place.vault().add_connection("another app")
    for guess in (theirs.id, "con_guessed"):
        with pytest.raises(NotInVaultError):
            logins().start("u1", CALLBACK, connection=guess)
    with pytest.raises(ValueError, match="another app"):
        logins().start("u1", CALLBACK, connection=elsewhere.id)
    begun = logins().start("u1", CALLBACK, ["public_profile"], connection=mine.id, rerequest=True)
    assert query_of(begun.url)["auth_type"] == "rerequest"
    done = logins().finish("u1", CALLBACK, query_of(world.person().go(begun.url)))
    assert done.connection == mine and done.token.connection == mine.id
