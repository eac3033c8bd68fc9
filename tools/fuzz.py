"""Fuzz everything that openapi.json describes, against a sandbox of its own: ``python -m tools.fuzz [seconds]``.

First each operation is called rightly once (``fuzz_right``), and it is said which ones were refused all the same. Then what is
sent follows the document and breaks it in every way; ``fuzz_hooks`` bends right calls and puts real ids and tokens among the rest, so
that more than refusals is reached. A run fails on any 5xx, on an answer that is not of the type it says, on one that its schema
does not allow, and on an operation that not even its right call reached.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx

from .fuzz_right import as_known, complete, walk
from .fuzz_world import Seeds, make_seeds

ROOT = Path(__file__).parent.parent
CHECKS = "not_a_server_error,content_type_conformance,response_schema_conformance"


def known_values(seeds: Seeds) -> dict[str, Any]:
    """Ids, tokens and other values to fuzz with (see ``fuzz_hooks.KNOWN``)."""
    app, assets = seeds.app, [one["id"] for one in seeds.world["assets"]]
    parameters = {
        "client_id": [app["id"]],
        "client_secret": [app["secret"]],
        "redirect_uri": app["redirect_uris"],
        "grant_type": ["client_credentials", "fb_exchange_token", "authorization_code"],
        "fb_exchange_token": [seeds.tokens["employee"], seeds.tokens["page"]],
        "input_token": list(seeds.tokens.values()),
        "token": list(seeds.tokens.values()),
        "ids": [",".join(assets[:2]), seeds.business, f"{assets[0]},{seeds.partner}"],
        "fields": [
            "id,name",
            "id,name,user_access_expire_time,business{id,name}",
            "accounts.limit(1){id,access_token}",
        ],
        "scope": ["email", "pages_show_list,ads_read", ""],
        "response_type": ["code", "token", "code token"],
        "business": [seeds.business, seeds.partner],
        "batch": [
            '[{"method":"GET","relative_url":"me?fields=id"}]',
            '[{"method":"GET","relative_url":"me/accounts"}]',
        ],
        "permission": ["email", "instagram_basic"],
        "subscribed_fields": ["feed", "feed,mention", "nonsense"],
        "object": ["user", "page", "permissions", "nonsense"],
        "summary": ["true", "0"],
        "user": seeds.ids["BusinessUser"],
        "name": ["A name", "Ä" * 200, " "],
        "permitted_tasks": ["ANALYZE", '["ADVERTISE","ANALYZE"]'],
        "page_id": seeds.ids["Page"],
        "adaccount_id": seeds.ids["AdAccount"],
        "asset_id": assets,
        "email": ["new@example.com", "nonsense"],
        "role": ["ADMIN", "EMPLOYEE", "NONSENSE"],
        "tasks": ["MANAGE", "ANALYZE", '["ADVERTISE"]', "NONSENSE"],
        "reconnect": seeds.links,
    }
    return {"ids": seeds.ids, "tokens": seeds.tokens, "parameters": parameters}


def prepare(world: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """What the fuzzer is given, and the operations whose right call was refused, with the answer."""
    seeds = make_seeds(world)
    with httpx.Client(base_url=world["base_url"], trust_env=False, timeout=20) as client:
        calls = complete(seeds, client.get("/openapi.json").json())
        answers = walk(client, calls)
    refused = [
        f"{key}: {answer.status_code} {answer.text[:300]}"
        for key, answer in answers.items()
        if answer.status_code >= 400
    ]
    return {**known_values(seeds), "right": as_known(calls)}, refused


def main(seconds: int) -> int:
    """Run; the exit code of the fuzzer."""
    command = [sys.executable, "-m", "workbadge.cli", "sandbox", "--json"]
    sandbox = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert sandbox.stdout is not None
        world = json.loads(sandbox.stdout.readline())
        with tempfile.TemporaryDirectory(prefix="workbadge-fuzz-") as folder:
            known = Path(folder) / "known.json"
            values, refused = prepare(world)
            print("Refused though right:", "\n".join(refused) or "none", flush=True)
            known.write_text(json.dumps(values))
            environment = {**os.environ, "SCHEMATHESIS_HOOKS": "tools.fuzz_hooks", "FUZZ_KNOWN": str(known)}
            environment["FUZZ_BASE"] = world["base_url"]
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
            return subprocess.run(fuzzer, env=environment, cwd=folder, check=False).returncode or len(refused)
    finally:
        sandbox.terminate()
        sandbox.wait(20)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 600))
