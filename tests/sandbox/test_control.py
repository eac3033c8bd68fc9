"""The control API of a world, driven only through HTTP."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import httpx
import pytest

from tests._sandbox import Sandbox, running_sandbox

SCOPES = ["pages_show_list", "pages_read_engagement", "business_management"]


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    """One world for all tests here."""
    with running_sandbox("--start", "2026-03-02T09:00:00Z", "--seed", "control tests") as found:
        yield found


@pytest.fixture
def sandbox(running: Sandbox) -> Iterator[Sandbox]:
    """The world as it was before the test: put back afterwards."""
    checkpoint = running.control("POST", "/checkpoints")["id"]
    yield running
    running.control("POST", f"/checkpoints/{checkpoint}/restore")


def _consent(sandbox: Sandbox, role: str = "employee", assets: list[str] | None = None) -> str:
    wanted = assets if assets is not None else [sandbox.asset("page")["id"]]
    return sandbox.consent(sandbox.personal(role), sandbox.about["app"], SCOPES, wanted)


def _start(sandbox: Sandbox, *roles: str, **more: object) -> str:
    people = [sandbox.personal(role) for role in roles]
    body = {"business": sandbox.about["business"]["id"], "accounts": people, **more}
    return str(sandbox.control("POST", "/migrations", body)["id"])


def test_the_line_of_json_has_everything(running: Sandbox) -> None:
    """Issue 2, line 15: the printed line names addresses, organization, businesses, assets, app, and people by role."""
    about = running.about
    assert {"base_url", "console_url", "control_url", "control_token", "now", "organization", "business"} <= set(about)
    assert about["now"] == "2026-03-02T09:00:00Z"
    assert {one["type"] for one in about["assets"]} == {"page", "ad_account", "product_catalog", "pixel"}
    assert sum(one["shared_with_partner"] for one in about["assets"]) == 1
    roles = {one["role"]: one for one in about["accounts"]}
    assert set(roles) == {"admin", "employee", "second_employee", "partner_employee"}
    assert all(set(one["personal"]) == {"id", "email", "password"} for one in roles.values())
    assert roles["employee"]["work_email"].endswith("@" + about["organization"]["domain"])
    assert httpx.get(about["console_url"], trust_env=False, follow_redirects=True).status_code == 200


def test_a_seed_makes_a_world_repeatable(running: Sandbox) -> None:
    """house §3: two worlds of one seed have the same ids and secrets."""
    with running_sandbox("--start", "2026-03-02T09:00:00Z", "--seed", "control tests") as other:
        assert other.about["app"] == running.about["app"]
        assert other.about["accounts"] == running.about["accounts"]


def test_only_the_control_token_opens_it(sandbox: Sandbox) -> None:
    """Issue 2, line 16: without the token, or with another one, every call answers 401 in the error form."""
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic x"}):
        answer = sandbox.client.get(sandbox.about["control_url"] + "/clock", headers=headers)
        assert answer.status_code == 401
        assert set(answer.json()["error"]) >= {"code", "message", "expected"}
    assert sandbox.graph("/me", sandbox.about["control_token"])["error"]["code"] == 190


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/clock", {}, 400),
        ("POST", "/clock", {"advance": "P1D", "to": "2026-04-01T00:00:00Z"}, 400),
        ("POST", "/clock", {"advance": "-P1D"}, 400),
        ("POST", "/clock", {"advance": "P1M"}, 400),
        ("POST", "/clock", {"to": "2026-04-01T00:00:00"}, 400),
        ("POST", "/clock", {"to": "9999-12-31T23:59:59Z"}, 400),
        ("POST", "/clock", {"to": "2026-03-02T08:59:59Z"}, 409),
        ("POST", "/clock", {"tomorrow": True}, 400),
        ("POST", "/consents", {"account": "1", "app": "2", "scopes": []}, 400),
        ("POST", "/apps", {"name": "x", "redirect_uris": ["javascript:alert(1)"]}, 400),
        ("POST", "/apps", {"name": "  "}, 400),
        ("POST", "/accounts", {"email": "a@b@c"}, 400),
        ("POST", "/assets", {"type": "castle", "name": "x"}, 400),
        ("POST", "/migrations", {"business": "129999999999999999", "accounts": ["109999999999999999"]}, 404),
        ("GET", "/migrations/449999999999999999", None, 404),
        ("POST", "/checkpoints/none/restore", None, 404),
        ("GET", "/nothing", None, 404),
        ("DELETE", "/clock", None, 405),
    ],
)
def test_wrong_calls_say_what_was_expected(sandbox: Sandbox, method: str, path: str, body: object, status: int) -> None:
    """Issue 2, line 16: errors are 4xx with code, message and what was expected; nothing changes."""
    before = sandbox.control("GET", "/clock")
    answer = sandbox.control(method, path, body, status)
    assert answer["error"]["message"] and answer["error"]["expected"]
    assert sandbox.control("GET", "/clock") == before


def test_bodies_that_are_no_json_are_refused(sandbox: Sandbox) -> None:
    """WB-12: broken, deep and huge bodies answer 400 and the world goes on."""
    headers = {"Authorization": f"Bearer {sandbox.about['control_token']}"}
    for body in (b"{", b"[" * 50_000, b'{"advance": ' + b'"' + b"P" * 2_000_000 + b'"}', b"\xff\xfe"):
        answer = sandbox.client.post(sandbox.about["control_url"] + "/clock", content=body, headers=headers)
        assert answer.status_code == 400, body[:20]
    assert sandbox.control("GET", "/clock")["now"]


def test_the_clock_stands_and_moves_forward_in_order(sandbox: Sandbox) -> None:
    """S2: the clock stands still; an advance carries out what is due in between, in order, each at its own instant."""
    assert sandbox.control("GET", "/clock") == sandbox.control("GET", "/clock")
    _consent(sandbox)
    migration = _start(sandbox, "employee")
    sandbox.control("POST", f"/migrations/{migration}/claims", {"account": sandbox.personal("employee")})
    answer = sandbox.control("POST", "/clock", {"advance": "P31D"})
    assert [one["kind"] for one in answer["ran"]] == ["remind_reconnect"] * 4 + ["cut_off"]
    instants = [datetime.fromisoformat(one["at"]) for one in answer["ran"]]
    cut_off = datetime.fromisoformat("2026-04-01T09:00:00+00:00")
    assert instants == [cut_off - timedelta(days=left) for left in (14, 7, 3, 1, 0)]
    assert sandbox.control("POST", "/clock", {"advance": "PT0S"})["ran"] == []


def test_two_advances_at_once_run_everything_once(sandbox: Sandbox) -> None:
    """S2: two advances at once end at the later instant, and each thing due happened once."""
    _consent(sandbox)
    migration = _start(sandbox, "employee")
    sandbox.control("POST", f"/migrations/{migration}/claims", {"account": sandbox.personal("employee")})
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: sandbox.control("POST", "/clock", {"to": "2026-04-02T09:00:00Z"}), range(2)))
    ran = [one["kind"] for answer in answers for one in answer["ran"]]
    assert ran.count("cut_off") == 1
    assert {answer["now"] for answer in answers} == {"2026-04-02T09:00:00Z"}


def test_a_checkpoint_restores_exactly(sandbox: Sandbox) -> None:
    """S2: restoring puts data and clock back: a token that came after is unknown, one from before lives."""
    before = _consent(sandbox)
    kept = sandbox.control("POST", "/checkpoints")
    after = _consent(sandbox, "second_employee")
    sandbox.control("POST", "/clock", {"advance": "P70D"})
    assert sandbox.graph("/me", before)["error"]["error_subcode"] == 463
    assert sandbox.control("POST", f"/checkpoints/{kept['id']}/restore")["now"] == kept["now"]
    assert sandbox.graph("/me", before)["name"] == "Emil Employee"
    assert sandbox.graph("/me", after)["error"]["code"] == 190


def test_a_code_is_exchanged_like_one_from_the_dialog(sandbox: Sandbox) -> None:
    """Issue 2, line 16: a consent can give a code, which is exchanged once at its redirect address."""
    app = sandbox.about["app"]
    body = {
        "account": sandbox.personal("employee"),
        "app": app["id"],
        "scopes": ["email"],
        "assets": [],
        "result": "code",
    }
    given = sandbox.control("POST", "/consents", body)
    assert given["redirect_uri"] in app["redirect_uris"]
    client = {"client_id": app["id"], "client_secret": app["secret"], **given}
    token = sandbox.graph("/oauth/access_token", **client)["access_token"]
    assert sandbox.graph("/me", token)["id"]
    assert sandbox.graph("/oauth/access_token", **client)["error"]["error_subcode"] == 36009
    assert sandbox.graph("/me", token)["error"]["code"] == 190  # OA-19: the first use's token is dead too


def test_consents_have_the_dialogs_refusals(sandbox: Sandbox) -> None:
    """M5, A3, MT-17: assets that the account cannot select are refused; a managed account leaves out user_* silently."""
    elsewhere = sandbox.about["elsewhere"]["assets"][0]["id"]
    body = {
        "account": sandbox.personal("admin"),
        "app": sandbox.about["app"]["id"],
        "scopes": SCOPES,
        "assets": [elsewhere],
    }
    assert sandbox.control("POST", "/consents", body, 403)["error"]["code"] == "forbidden"
    body["scopes"] = ["pages_fly"]
    assert "pages_fly" in sandbox.control("POST", "/consents", body, 400)["error"]["message"]
    migration = _start(sandbox, "employee")
    claimed = sandbox.control("POST", f"/migrations/{migration}/claims", {"account": sandbox.personal("employee")})
    page = sandbox.asset("page")["id"]
    body = {
        "account": sandbox.personal("employee"),
        "app": sandbox.about["app"]["id"],
        "scopes": SCOPES,
        "assets": [page],
    }
    sandbox.control("POST", "/consents", body, 403)
    managed = {**body, "account": claimed["managed"]["id"], "scopes": [*SCOPES, "user_photos"]}
    token = sandbox.control("POST", "/consents", managed)["access_token"]
    held = {one["permission"] for one in sandbox.graph("/me/permissions", token)["data"]}
    assert "pages_show_list" in held
    assert "user_photos" not in held


def test_extension_moves_field_and_cut_off_and_announces_again(sandbox: Sandbox) -> None:
    """M11, 9.27: an extension moves the published expiry at once, and the webhook goes out again."""
    token = _consent(sandbox)
    migration = _start(sandbox, "employee")
    emil, page = sandbox.personal("employee"), sandbox.asset("page")["id"]
    sandbox.control("POST", f"/migrations/{migration}/claims", {"account": emil})
    call = f"/migrations/{migration}/extensions"
    assert (
        sandbox.control("POST", call, {"account": emil, "to": "2026-03-20T00:00:00Z"}, 409)["error"]["code"]
        == "not_later"
    )
    assert (
        sandbox.control("POST", call, {"account": emil, "to": "2027-03-20T00:00:00Z"}, 409)["error"]["code"]
        == "beyond_limit"
    )
    sandbox.control("POST", call, {"account": emil, "to": "2026-04-11T09:00:00Z"})
    shown = sandbox.graph(f"/{page}", token, fields="user_access_expire_time")["user_access_expire_time"]
    assert shown == "2026-04-11T09:00:00+00:00"
    sent = [one for one in sandbox.control("GET", "/outbox")["data"] if one["channel"] == "webhook"]
    assert [("2026-04-01T09:00:00Z" in one["body"], "2026-04-11T09:00:00Z" in one["body"]) for one in sent] == [
        (True, False),
        (False, True),
    ]
    sandbox.control("POST", "/clock", {"to": "2026-04-11T08:59:59.999999Z"})
    assert sandbox.graph(f"/{page}", token, fields="name")["name"]
    sandbox.control("POST", "/clock", {"to": "2026-04-11T09:00:00Z"})
    assert sandbox.graph(f"/{page}", token, fields="name")["error"]["code"] == 100
    assert (
        sandbox.control("POST", call, {"account": emil, "to": "2026-05-01T00:00:00Z"}, 409)["error"]["code"]
        == "after_cut_off"
    )


def test_a_missed_deadline_loses_the_business_and_a_late_claim_gives_no_grace(sandbox: Sandbox) -> None:
    """M10: at the deadline console and apps lose the business; claiming later works and brings back nothing of the old."""
    token, page = _consent(sandbox), sandbox.asset("page")["id"]
    migration = _start(sandbox, "employee", deadline="2026-03-09T09:00:00Z")
    sandbox.control("POST", "/clock", {"to": "2026-03-09T08:59:59Z"})
    shown = sandbox.graph(f"/{page}", token, fields="name,user_access_expire_time")
    assert "user_access_expire_time" not in shown and shown["name"]
    sandbox.control("POST", "/clock", {"advance": "PT1S"})
    assert sandbox.graph(f"/{page}", token, fields="name")["error"]["code"] == 100
    assert sandbox.control("GET", f"/migrations/{migration}")["people"][0]["state"] == "missed"
    claimed = sandbox.control("POST", f"/migrations/{migration}/claims", {"account": sandbox.personal("employee")})
    assert sandbox.graph(f"/{page}", token, fields="name")["error"]["code"] == 100
    new = sandbox.consent(claimed["managed"]["id"], sandbox.about["app"], SCOPES, [page])
    assert sandbox.graph(f"/{page}", new, fields="name")["name"]


def test_other_worlds_can_be_built(sandbox: Sandbox) -> None:
    """Issue 2, line 16: businesses, people, assets, shares and roles outside any business are made by calls."""
    person = sandbox.control("POST", "/accounts", {"email": "Nora.New@mail.example", "name": "Nora New"})
    made = sandbox.control(
        "POST", "/businesses", {"name": "New", "members": [{"account": person["id"], "role": "ADMIN"}]}
    )
    shared = {
        "type": "page",
        "name": "New page",
        "business": made["id"],
        "shared_with": [sandbox.about["business"]["id"]],
    }
    page = sandbox.control("POST", "/assets", shared)
    own = sandbox.control("POST", "/assets", {"type": "page", "name": "Private", "owner": person["id"]})
    token = sandbox.consent(person["id"], sandbox.about["app"], SCOPES, [page["id"], own["id"]])
    listed = sandbox.graph("/me/accounts", token, fields="name")["data"]
    assert {one["name"] for one in listed} == {"New page", "Private"}
    admin = sandbox.consent(sandbox.personal("admin"), sandbox.about["app"], SCOPES, [page["id"]])
    clients = sandbox.graph(f"/{sandbox.about['business']['id']}/client_pages", admin, fields="name")
    assert [one["name"] for one in clients["data"]] == ["New page"]
    again = {"email": "nora.NEW@mail.example"}
    assert sandbox.control("POST", "/accounts", again, 409)["error"]["code"] == "conflict"


def test_a_system_user_notices_nothing(sandbox: Sandbox) -> None:
    """A6, I4: a system user's token reads its assets before, in and after the grace, without an expiry, and nothing else."""
    catalog, page = sandbox.asset("product_catalog")["id"], sandbox.asset("page")["id"]
    body = {
        "business": sandbox.about["business"]["id"],
        "app": sandbox.about["app"]["id"],
        "scopes": ["catalog_management", "pages_show_list"],
        "assets": [catalog],
    }
    token = sandbox.control("POST", "/system_users", body)["access_token"]
    migration = _start(sandbox, "admin", "employee", "second_employee")
    for role in ("admin", "employee", "second_employee"):
        sandbox.control("POST", f"/migrations/{migration}/claims", {"account": sandbox.personal(role)})
    for _ in range(3):
        answer = sandbox.graph(f"/{catalog}", token, fields="name,user_access_expire_time")
        assert answer["name"] and "user_access_expire_time" not in answer
        assert sandbox.graph(f"/{page}", token, fields="name")["error"]["error_subcode"] == 33
        sandbox.control("POST", "/clock", {"advance": "P20D"})


def test_a_configuration_is_used_by_its_config_id(sandbox: Sandbox) -> None:
    """Issue 3, line 12: a configuration made here is what the dialog's config_id names; a wrong one says what was expected."""
    app = sandbox.about["app"]["id"]
    body = {"name": "Sales", "token": "system_user", "scopes": ["pages_show_list"], "assets": ["page"]}
    made = sandbox.control("POST", f"/apps/{app}/configurations", {**body, "expires_in_60_days": True})
    assert made == {**body, "id": made["id"], "app": app, "expires_in_60_days": True}
    for wrong in ({"token": "page"}, {"scopes": ["email"]}, {"scopes": ["nothing"]}, {"assets": ["pixel"]}):
        told = sandbox.control("POST", f"/apps/{app}/configurations", {**body, **wrong}, 400)["error"]
        assert told["code"] == "invalid" and told["expected"]
    sandbox.control("POST", f"/apps/{'16' + '0' * 16}/configurations", body, 404)
    sandbox.control("POST", "/apps/nobody/configurations", body, 400)
