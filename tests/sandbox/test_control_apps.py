"""What an app's maker sets up, through the control API of a real sandbox, with a real receiver (wire.md 6.2-6.5)."""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests._sandbox import Sandbox, running_sandbox

VERIFY = "open sesame"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """One world for all tests here."""
    with running_sandbox("--start", "2026-03-02T09:00:00Z") as found:
        yield found


class Receiver(ThreadingHTTPServer):
    """Keeps what it gets: (headers, body)."""

    got: list[tuple[dict[str, str], bytes]]

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_address[1]}/hook"

    def wait(self, count: int) -> list[tuple[dict[str, str], bytes]]:
        """What came, once it is ``count`` requests; at most ten seconds are waited for it."""
        until = time.monotonic() + 10
        while len(self.got) < count and time.monotonic() < until:
            time.sleep(0.02)
        return self.got


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_GET(self) -> None:
        """A handshake."""
        query = {key: one[0] for key, one in parse_qs(urlsplit(self.path).query).items()}
        right = query.get("hub.mode") == "subscribe" and query.get("hub.verify_token") == VERIFY
        self._answer(200 if right else 403, query.get("hub.challenge", "").encode())

    def do_POST(self) -> None:
        """A delivery."""
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append(({key.lower(): value for key, value in self.headers.items()}, body))
        self._answer(200, b"")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed."""


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A receiver that listens during the block."""
    server = Receiver(("127.0.0.1", 0), _Handler)
    server.got = []
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def test_a_subscription_by_the_control_api_is_told(sandbox: Sandbox) -> None:
    """Issue 3, line 12; wire 1.6, 6.2, 6.3: the call shakes hands and gives an id; a claim and an extension then arrive signed,
    in order, with Z in their times."""
    app = sandbox.about["app"]
    with receiver() as hook:
        wanted = {"object": "managed_meta_account", "callback_url": hook.url, "verify_token": VERIFY}
        made = sandbox.control("POST", f"/apps/{app['id']}/webhooks", {**wanted, "fields": ["migration_expire_time"]})
        again = sandbox.control("POST", f"/apps/{app['id']}/webhooks", {**wanted, "fields": "migration_expire_time"})
        assert made["id"] == again["id"]
        assert made["fields"] == ["migration_expire_time"]
        person, page = sandbox.personal("employee"), sandbox.asset("page")["id"]
        sandbox.consent(person, app, ["pages_show_list"], [page])
        business = sandbox.about["business"]["id"]
        started = sandbox.control("POST", "/migrations", {"business": business, "accounts": [person]})
        cut_off = sandbox.control("POST", f"/migrations/{started['id']}/claims", {"account": person})["cut_off"]
        hook.wait(1)
        later = {"account": person, "to": "2026-04-20T09:00:00Z"}
        sandbox.control("POST", f"/migrations/{started['id']}/extensions", later)
        got = hook.wait(2)
    told = [json.loads(body) for _, body in got]
    times = [one["entry"][0]["changes"][0]["value"]["migration_expire_time"] for one in told]
    assert times == [cut_off, "2026-04-20T09:00:00Z"]
    for headers, body in got:
        signature = hmac.new(app["secret"].encode(), body, hashlib.sha256).hexdigest()
        assert headers["x-hub-signature-256"] == f"sha256={signature}"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"object": "nonsense"}, "object"),
        ({"fields": ["shoe_size"]}, "fields"),
        ({"verify_token": "another"}, "callback_url"),
        ({"verify_token": ""}, "verify_token"),
        ({"callback_url": "not an address"}, "callback_url"),
    ],
)
def test_bad_subscriptions_are_refused(sandbox: Sandbox, change: dict[str, object], field: str) -> None:
    """wire 6.2: an unknown object or field, a failed handshake, an unusable address: 400 that names the field."""
    with receiver() as hook:
        body = {"object": "user", "callback_url": hook.url, "verify_token": VERIFY, **change}
        path = f"/apps/{sandbox.about['app']['id']}/webhooks"
        answer = sandbox.control("POST", path, body, status=400)
    assert answer["error"]["field"] == field
    assert answer["error"]["expected"]


def test_an_unknown_app_is_not_found(sandbox: Sandbox) -> None:
    """A subscription for an app that does not exist is 404."""
    body = {"object": "user", "callback_url": "https://hook.example/", "verify_token": VERIFY}
    sandbox.control("POST", "/apps/169999999999999999/webhooks", body, status=404)


def test_an_enforcement_by_the_control_api(sandbox: Sandbox) -> None:
    """Issue 3, line 12; wire 3.12: the call restricts an app at once, says since when, and is lifted by its id."""
    app = sandbox.about["app"]
    token = sandbox.consent(
        sandbox.personal("second_employee"), app, ["pages_show_list"], [sandbox.asset("page")["id"]]
    )
    body = {"kind": "api", "reason": "Sent spam."}
    made = sandbox.control("POST", f"/apps/{app['id']}/enforcements", body)
    assert made["since"] == "2026-03-02T09:00:00Z"
    assert sandbox.graph("/me", token)["error"]["code"] == 368
    wanted = {
        "account": sandbox.personal("admin"),
        "app": app["id"],
        "scopes": ["email"],
        "assets": [],
        "result": "token",
    }
    refused = sandbox.control("POST", "/consents", wanted, status=403)
    assert "Sent spam." in refused["error"]["message"]
    assert sandbox.control("DELETE", f"/apps/{app['id']}/enforcements/{made['id']}") == {"success": True}
    assert sandbox.graph("/me", token)["id"]
    sandbox.control("DELETE", f"/apps/{app['id']}/enforcements/{made['id']}", status=409)
    for wrong in (
        {"kind": "nonsense", "reason": "x"},
        {"kind": "api", "reason": ""},
        {"kind": "permission", "reason": "x"},
    ):
        sandbox.control("POST", f"/apps/{app['id']}/enforcements", wrong, status=400)


def test_the_standing_of_an_app_by_the_control_api(sandbox: Sandbox) -> None:
    """wire 6.8, 6.9: roles, settings, mode and access of an app are set, seen over the wire, and hold; what is wrong changes
    nothing at all."""
    app = sandbox.control("POST", "/apps", {"name": "Standing", "redirect_uris": ["https://standing.example/back"]})
    path, own = f"/apps/{app['id']}", f"{app['id']}|{app['secret']}"
    employee, admin = sandbox.personal("employee"), sandbox.personal("admin")
    settings = {"deauth_callback_url": "https://standing.example/off", "app_domains": ["standing.example"]}
    body = {"settings": settings, "mode": "development", "access": {"ads_read": "standard"}}
    assert sandbox.control("POST", f"{path}/standing", body) == {"success": True}
    shown = sandbox.graph(f"/{app['id']}", own, fields="deauth_callback_url,app_domains")
    assert shown == {"id": app["id"], **settings}
    wanted = {"app": app["id"], "scopes": ["email", "ads_read"], "assets": [], "result": "token"}
    refused = sandbox.control("POST", "/consents", {**wanted, "account": employee}, status=403)
    assert "in development" in refused["error"]["message"]
    sandbox.control("POST", f"{path}/roles", {"account": employee, "role": "testers"})
    tester = sandbox.control("POST", "/consents", {**wanted, "account": employee})["access_token"]
    sandbox.control("POST", f"{path}/standing", {"mode": "live"})
    stranger = sandbox.control("POST", "/consents", {**wanted, "account": admin})["access_token"]
    granted = [
        {one["permission"] for one in sandbox.graph("/me/permissions", token)["data"]} for token in (tester, stranger)
    ]
    assert granted == [{"email", "ads_read"}, {"email"}]
    wrong = {"settings": {"privacy_policy_url": "https://standing.example/p"}, "access": {"email": "standard"}}
    sandbox.control("POST", f"{path}/standing", wrong, status=400)
    assert sandbox.graph(f"/{app['id']}", own, fields="privacy_policy_url") == {"id": app["id"]}
    for bad in (
        {"mode": "x"},
        {"settings": {"secret": "x"}},
        {"settings": {"native": "maybe"}},
        {"access": {"ads_read": "x"}},
    ):
        sandbox.control("POST", f"{path}/standing", bad, status=400)
    sandbox.control("POST", f"{path}/roles", {"account": employee, "role": "owner"}, status=400)


def test_an_app_becomes_a_client_by_the_control_api(sandbox: Sandbox) -> None:
    """RFC 7592 §2, S1: a world hands an app its registration; there the app asks for pushed requests and gets them."""
    app = sandbox.control("POST", "/apps", {"name": "Client", "redirect_uris": ["https://client.example/back"]})
    made = sandbox.control("POST", f"/apps/{app['id']}/client", {})
    headers = {"authorization": f"Bearer {made['registration_access_token']}"}
    stands = httpx.get(made["registration_client_uri"], headers=headers).json()
    assert (stands["client_id"], stands["client_name"]) == (app["id"], "Client")
    wanted = {**stands, "require_pushed_authorization_requests": True}
    changed = httpx.put(made["registration_client_uri"], headers=headers, json=wanted)
    assert changed.json()["require_pushed_authorization_requests"] is True
    sandbox.control("POST", "/apps/1/client", {}, status=400)
