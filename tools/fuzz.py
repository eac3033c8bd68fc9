"""Fuzz everything that openapi.json describes, against a sandbox of its own: ``python -m tools.fuzz [seconds]``.

A run fails on any 5xx, on an answer that is not of the type it says, and on one that its schema does not allow. What is sent
follows the document and breaks it in every way; ``fuzz_hooks`` puts real ids and tokens among it, so that more than refusals is
reached.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parent.parent
CHECKS = "not_a_server_error,content_type_conformance,response_schema_conformance"
TYPES = {"page": "Page", "ad_account": "AdAccount", "product_catalog": "ProductCatalog", "pixel": "AdsPixel"}
SCOPES = [
    "public_profile",
    "openid",
    "email",
    "pages_show_list",
    "pages_read_engagement",
    "pages_manage_posts",
    "pages_manage_metadata",
    "ads_read",
    "ads_management",
    "catalog_management",
    "business_management",
]


def _control(world: dict[str, Any], method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """One call of the sandbox's control API."""
    headers = {"Authorization": f"Bearer {world['control_token']}"}
    answer = httpx.request(method, world["control_url"] + path, json=body, headers=headers, trust_env=False)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def _graph(world: dict[str, Any], path: str, token: str, **values: str) -> dict[str, Any]:
    """One read of the graph."""
    values["access_token"] = token
    answer = httpx.get(world["base_url"] + path, params=values, trust_env=False)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def _populate(world: dict[str, Any]) -> dict[str, Any]:
    """People in every phase of a migration; ids, tokens and other values to fuzz with (see ``fuzz_hooks.KNOWN``)."""
    app, assets = world["app"], [one["id"] for one in world["assets"]]
    people = {one["role"]: one["personal"]["id"] for one in world["accounts"]}
    business, partner = world["business"]["id"], world["partner_business"]["id"]

    def token(role: str, chosen: list[str] = assets) -> str:
        body = {"account": people[role], "app": app["id"], "scopes": SCOPES, "assets": chosen, "result": "token"}
        return str(_control(world, "POST", "/consents", body)["access_token"])

    tokens = {role: token(role) for role in ("admin", "employee", "second_employee")}
    body = {"business": business, "app": app["id"], "scopes": SCOPES[3:], "assets": assets}
    tokens["system"] = str(_control(world, "POST", "/system_users", body)["access_token"])
    tokens["leaving"] = token("partner_employee", [])
    tokens["app"] = f"{app['id']}|{app['secret']}"
    ids: dict[str, list[str]] = {"Business": [business, partner], "Application": [app["id"]], "User": ["me"]}
    for asset in world["assets"]:
        ids.setdefault(TYPES.get(asset["type"], asset["type"]), []).append(asset["id"])
    ids["Account"] = list(people.values())
    tokens["page"] = str(_graph(world, f"/{ids['Page'][0]}", tokens["admin"], fields="access_token")["access_token"])
    seats = [str(one["id"]) for one in _graph(world, f"/{business}/business_users", tokens["admin"])["data"]]
    moving = [people["employee"], people["second_employee"]]
    migration = _control(world, "POST", "/migrations", {"business": business, "accounts": moving})["id"]
    _control(world, "POST", f"/migrations/{migration}/claims", {"account": people["second_employee"]})
    _control(world, "POST", "/clock", {"advance": "P30D"})
    _control(world, "POST", f"/migrations/{migration}/claims", {"account": people["employee"]})
    links = [one["login_url"] for one in _graph(world, f"/{app['id']}/reconnects", tokens["app"])["data"]]
    parameters = {
        "client_id": [app["id"]],
        "client_secret": [app["secret"]],
        "redirect_uri": app["redirect_uris"],
        "grant_type": ["client_credentials", "fb_exchange_token", "authorization_code"],
        "fb_exchange_token": [tokens["employee"], tokens["page"]],
        "input_token": list(tokens.values()),
        "token": list(tokens.values()),
        "ids": [",".join(assets[:2]), business, f"{assets[0]},{partner}"],
        "fields": [
            "id,name",
            "id,name,user_access_expire_time,business{id,name}",
            "accounts.limit(1){id,access_token}",
        ],
        "scope": ["email", "pages_show_list,ads_read", ""],
        "response_type": ["code", "token", "code token"],
        "business": [business, partner],
        "batch": [
            '[{"method":"GET","relative_url":"me?fields=id"}]',
            '[{"method":"GET","relative_url":"me/accounts"}]',
        ],
        "permission": ["email", "instagram_basic"],
        "subscribed_fields": ["feed", "feed,mention", "nonsense"],
        "object": ["user", "page", "permissions", "nonsense"],
        "summary": ["true", "0"],
        "user": seats,
        "name": ["A name", "Ä" * 200, " "],
        "permitted_tasks": ["ANALYZE", '["ADVERTISE","ANALYZE"]'],
        "page_id": ids["Page"],
        "adaccount_id": ids["AdAccount"],
        "email": ["new@example.com", "nonsense"],
        "role": ["ADMIN", "EMPLOYEE", "NONSENSE"],
        "tasks": ["MANAGE", "ANALYZE", '["ADVERTISE"]', "NONSENSE"],
        "reconnect": [httpx.URL(one).params["reconnect"] for one in links],
    }
    return {"ids": ids, "tokens": tokens, "parameters": parameters}


def main(seconds: int) -> int:
    """Run; the exit code of the fuzzer."""
    command = [sys.executable, "-m", "workbadge.cli", "sandbox", "--json"]
    sandbox = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert sandbox.stdout is not None
        world = json.loads(sandbox.stdout.readline())
        with tempfile.TemporaryDirectory(prefix="workbadge-fuzz-") as folder:
            known = Path(folder) / "known.json"
            known.write_text(json.dumps(_populate(world)))
            environment = {**os.environ, "SCHEMATHESIS_HOOKS": "tools.fuzz_hooks", "FUZZ_KNOWN": str(known)}
            environment |= {"NO_PROXY": "*", "no_proxy": "*", "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
            fuzzer = [
                str(Path(sys.executable).parent / "schemathesis"),
                "run",
                world["openapi_url"],
                "--checks",
                CHECKS,
            ]
            fuzzer += ["--max-time", str(seconds), "--phases", "examples,coverage,fuzzing", "--warnings", "off"]
            fuzzer += ["--generation-database", "none", "--suppress-health-check", "all", "--continue-on-failure"]
            return subprocess.run(fuzzer, env=environment, cwd=folder, check=False).returncode
    finally:
        sandbox.terminate()
        sandbox.wait(20)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 600))
