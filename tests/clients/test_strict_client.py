"""openid-client (npm) as a strict client: by key, pushed requests, bound tokens; registered as the sandbox hands it over."""

import json
import os
import subprocess
from typing import Any

import httpx
import pytest

from tests._dialog import Person
from tests._sandbox import Sandbox
from tests.clients.conftest import CALLBACK
from tests.clients.test_sites import JS, node

pytestmark = [pytest.mark.clients, pytest.mark.xdist_group("clients")]


def test_openid_client_as_a_strict_client(sandbox: Sandbox, emil: Person) -> None:
    """Issue 3.7, RFC 7523, RFC 9126, RFC 9449: openid-client registers its key by RFC 7592, pushes its request, logs a person
    in, is given bound tokens, reads userinfo and the graph with proofs, refreshes, introspects and revokes."""
    app = sandbox.control("POST", "/apps", {"name": "Strict", "redirect_uris": [CALLBACK]})
    issuer = sandbox.about["oidc_issuer"]
    graph = f"{issuer}/v26.0/{sandbox.asset('page')['id']}?fields=name"
    values = {"ISSUER": issuer, "APP_ID": app["id"], "CALLBACK": CALLBACK, "GRAPH": graph}
    process = subprocess.Popen(
        [*node(), str(JS / "strict.mjs")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **values},
    )
    with process:
        assert process.stdin is not None and process.stdout is not None

        def heard() -> dict[str, Any]:
            assert process.stdout is not None
            found: dict[str, Any] = json.loads(process.stdout.readline())
            return found

        def tell(line: str) -> None:
            assert process.stdin is not None
            process.stdin.write(line + "\n")
            process.stdin.flush()

        _register(sandbox, app["id"], heard())
        tell("go")
        asked = heard()
        assert set(httpx.URL(asked["address"]).params) == {"client_id", "request_uri"}, asked
        tell(emil.go(asked["address"], [sandbox.asset("page")["id"]]))
        said = heard()
    assert said.get("kind") == "dpop", said
    assert said["userinfo"]["sub"] == said["sub"] and said["sid"]
    assert said["read"]["name"] == sandbox.asset("page")["name"]
    assert said["active"]["token_type"] == "DPoP" and said["active"]["cnf"]["jkt"]
    assert said["dead"] == {"active": False} and said["bearer"] == 400
    assert said["out"].startswith(f"{issuer}/oauth/end_session?")


def _register(sandbox: Sandbox, app_id: str, key: dict[str, Any]) -> None:
    """The app turns itself into a client by key."""
    made = sandbox.control("POST", f"/apps/{app_id}/client", {})
    headers = {"authorization": f"Bearer {made['registration_access_token']}"}
    with httpx.Client(trust_env=False, headers=headers) as client:
        stands = client.get(made["registration_client_uri"]).json()
        wanted = {
            **stands,
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks": {"keys": [key]},
            "require_pushed_authorization_requests": True,
            "id_token_signed_response_alg": "ES256",
            "dpop_bound_access_tokens": True,
        }
        answer = client.put(made["registration_client_uri"], json=wanted)
    assert answer.status_code == 200, answer.text
