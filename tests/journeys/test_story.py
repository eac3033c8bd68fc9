"""The story that the project exists for, driven only through HTTP."""

import json
from typing import Any

import pytest

from tests._sandbox import Sandbox, running_sandbox

from .transcript import Transcript

START = "2026-03-02T09:00:00Z"
SCOPES = [
    "business_management",
    "pages_show_list",
    "pages_read_engagement",
    "pages_manage_posts",
    "ads_read",
    "catalog_management",
]
FIELD = "name,user_access_expire_time"


class Story:
    """The sandbox, with every call written into the transcript."""

    def __init__(self, sandbox: Sandbox, transcript: Transcript) -> None:
        self.sandbox = sandbox
        self.transcript = transcript

    def read(self, who: str, token: str, asset: dict[str, Any], fields: str = FIELD) -> dict[str, Any]:
        """Read an asset with somebody's token."""
        answer = self.sandbox.graph(f"/{asset['id']}", token, fields=fields)
        self.transcript.step(f"{who} reads {asset['name']}", answer)
        return answer

    def control(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        """A call of the control API."""
        answer = self.sandbox.control(method, path, body, status)
        shown = "" if body is None else " " + json.dumps(body, sort_keys=True)
        self.transcript.step(f"control {method} {path}{shown}", answer)
        return answer


@pytest.fixture(scope="module")
def sandbox():
    """A fresh world whose clock starts at a fixed instant."""
    with running_sandbox("--start", START) as running:
        yield running


def test_a_business_migrates_and_its_apps_survive(sandbox: Sandbox) -> None:
    """M3-M14, I1-I5, A6: the month of a migration, as an app maker and an admin would see it from outside."""
    transcript = Transcript("story")
    story = Story(sandbox, transcript)
    about = sandbox.about
    business = transcript.name(about["business"]["id"], "business")
    assets = about["assets"]
    everything = [one["id"] for one in assets]
    page, shared = sandbox.asset("page", 1), sandbox.asset("page", 0)
    elsewhere = about["elsewhere"]["assets"][0]
    catalog = sandbox.asset("product_catalog")
    emil, selma, paul = (sandbox.personal(role) for role in ("employee", "second_employee", "partner_employee"))
    for value, name in ((emil, "emil"), (selma, "selma"), (paul, "paul")):
        transcript.name(value, name)
    for one in [*assets, elsewhere]:
        transcript.name(one["id"], one["name"])

    transcript.title("Before: three apps, personal logins")
    apps = []
    for name in ("Poster", "Reporter", "Syncer"):
        made = sandbox.control("POST", "/apps", {"name": name, "redirect_uris": ["https://app.example/callback"]})
        transcript.name(made["id"], name)
        transcript.name(made["secret"], f"{name} secret")
        apps.append(made)
    poster, reporter, syncer = apps
    emil_poster = sandbox.consent(emil, poster, SCOPES, [*everything, elsewhere["id"]])
    emil_reporter = sandbox.consent(emil, reporter, SCOPES, everything)
    selma_poster = sandbox.consent(selma, poster, SCOPES, everything)
    paul_poster = sandbox.consent(paul, poster, SCOPES, [shared["id"]])
    system = {
        "app": reporter["id"],
        "business": business,
        "scopes": ["ads_read"],
        "assets": [sandbox.asset("ad_account")["id"]],
    }
    reporter_system = sandbox.control("POST", "/system_users", system)["access_token"]
    system = {"app": syncer["id"], "business": business, "scopes": ["catalog_management"], "assets": [catalog["id"]]}
    syncer_system = sandbox.control("POST", "/system_users", system)["access_token"]
    accounts = sandbox.graph("/me/accounts", emil_poster, fields="id,name,access_token")
    page_token = next(one["access_token"] for one in accounts["data"] if one["id"] == page["id"])
    for asset in assets:
        assert story.read("Emil's Poster", emil_poster, asset) == {"id": asset["id"], "name": asset["name"]}
    before = {asset["id"]: sandbox.graph(f"/{asset['id']}", selma_poster, fields=FIELD) for asset in assets}

    transcript.title("The business migrates; Emil and Selma claim")
    migration = story.control("POST", "/migrations", {"business": business, "accounts": [emil, selma]})
    transcript.name(migration["id"], "migration")
    claimed = {}
    for who, person in (("emil", emil), ("selma", selma)):
        claimed[who] = sandbox.control("POST", f"/migrations/{migration['id']}/claims", {"account": person})
        transcript.name(claimed[who]["managed"]["id"], f"{who} managed")
        transcript.step(
            f"{who} claims", {"cut_off": claimed[who]["cut_off"], "email": claimed[who]["managed"]["email"]}
        )
    assert claimed["emil"]["cut_off"] == "2026-04-01T09:00:00Z"

    transcript.title("Grace: old tokens go on, and say until when")
    for asset in assets:
        answer = story.read("Emil's Poster", emil_poster, asset)
        if asset["type"] in ("page", "ad_account", "product_catalog", "pixel"):
            assert answer["user_access_expire_time"] == "2026-04-01T09:00:00+00:00", asset
    assert story.read("a page token of it", page_token, page)["user_access_expire_time"]
    assert "user_access_expire_time" not in story.read("Emil's Poster", emil_poster, elsewhere)
    assert "user_access_expire_time" not in story.read("the partner's Poster", paul_poster, shared)
    assert "user_access_expire_time" not in story.read("Syncer's system user", syncer_system, catalog)
    posted = sandbox.graph(f"/{page['id']}/feed", page_token, "POST", message="Fresh rolls from seven.")
    assert posted["id"]
    refused = {"account": emil, "app": poster["id"], "scopes": SCOPES, "assets": [page["id"]]}
    story.control("POST", "/consents", refused, status=403)

    transcript.title("Emil reconnects Poster with the managed account; Reporter is forgotten")
    new_poster = sandbox.consent(claimed["emil"]["managed"]["id"], poster, SCOPES, everything)
    for asset in assets:
        assert story.read("Emil's new Poster", new_poster, asset) == {"id": asset["id"], "name": asset["name"]}
    me = sandbox.graph("/me", new_poster, fields="name,is_work_account")
    assert me["is_work_account"] is True
    assert sandbox.graph(f"/{page['id']}", emil_poster, fields="name")["name"] == page["name"]  # M13

    transcript.title("Selma is rolled back, within grace")
    story.control("POST", "/clock", {"advance": "P10D"})
    story.control("POST", f"/migrations/{migration['id']}/rollbacks", {"account": selma})
    after = {asset["id"]: sandbox.graph(f"/{asset['id']}", selma_poster, fields=FIELD) for asset in assets}
    assert after == before
    transcript.step("Selma's Poster reads everything", {one["name"]: after[one["id"]] for one in assets})

    transcript.title("One second before the cut-off")
    story.control("POST", "/clock", {"to": "2026-04-01T08:59:59Z"})
    assert "name" in story.read("Emil's forgotten Reporter", emil_reporter, page)

    transcript.title("The cut-off")
    story.control("POST", "/clock", {"advance": "PT1S"})
    for asset in assets:
        answer = story.read("Emil's forgotten Reporter", emil_reporter, asset)
        assert answer["error"]["code"] == 100, asset
        assert answer["error"]["type"] == "OAuthException"
        assert answer["error"]["message"].startswith(
            "(#100) Object does not exist, cannot be loaded due to missing permission"
        )
        assert "name" in story.read("Emil's new Poster", new_poster, asset)
        assert "name" in story.read("Selma's Poster", selma_poster, asset)
    assert story.read("a page token of the old login", page_token, page)["error"]["code"] == 100
    denied = sandbox.graph(f"/{page['id']}/feed", emil_poster, "POST", message="Too late.")
    assert denied["error"]["code"] == 100
    transcript.step("a post with the old login", denied)
    assert "name" in story.read("the old token elsewhere", emil_poster, elsewhere)
    assert "name" in story.read("Syncer's system user", syncer_system, catalog)
    assert "name" in story.read("Reporter's system user", reporter_system, sandbox.asset("ad_account"))
    assert "name" in story.read("the partner's Poster", paul_poster, shared)
    assert sandbox.graph("/me", emil_reporter)["name"]
    app_token = f"{poster['id']}|{poster['secret']}"
    debug = sandbox.graph("/debug_token", app_token, input_token=emil_poster)["data"]
    assert debug["is_valid"] is True
    left = {target for one in debug["granular_scopes"] for target in one.get("target_ids", [])}
    assert elsewhere["id"] in left
    assert not left & {one["id"].removeprefix("act_") for one in assets}
    accounts = sandbox.graph("/me/accounts", emil_poster, fields="name")
    transcript.step("what the old token lists", accounts["data"])
    assert [one["name"] for one in accounts["data"]] == [elsewhere["name"]]
    story.control("POST", f"/migrations/{migration['id']}/rollbacks", {"account": emil}, status=409)
    transcript.step("GET migration", sandbox.control("GET", f"/migrations/{migration['id']}"))
    transcript.check()
