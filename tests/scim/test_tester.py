"""scim2-tester against a running sandbox, over HTTP."""

import uuid
from typing import Any

import httpx2
import pytest
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server, filling

from tests._sandbox import running_sandbox


def test_scim2_tester_finds_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """SC-01: scim2-tester, over HTTP with users and groups discovered, finds no error; its e-mail addresses and user names lie in
    the organization's domain, since no others are provisioned (A1), and its people are
    active, since nobody's suspension ends by removing an attribute."""
    drawn = filling.get_random_example_value

    def in_domain(path: Any) -> Any:
        bound = path.resolve()
        owner, name = (
            (bound.target_model.__name__, bound.target_field_name) if bound and bound.target_model else ("", "")
        )
        if name == "user_name" or (name == "value" and "email" in owner.lower()):
            return f"{uuid.uuid4()}@{domain}"
        return True if name == "active" else drawn(path)

    monkeypatch.setattr(filling, "get_random_example_value", in_domain)
    with running_sandbox() as sandbox:
        domain = sandbox.about["organization"]["domain"]
        scim = sandbox.about["scim"]
        headers = {"Authorization": f"Bearer {scim['token']}"}
        with httpx2.Client(base_url=scim["base_url"], headers=headers, trust_env=False, timeout=60) as client:
            results = check_server(SyncSCIMClient(client))
        assert sandbox.client.get(f"{scim['base_url']}/Users").status_code == 401
    wrong = [one for one in results if one.status in (Status.ERROR, Status.CRITICAL, Status.DEVIATION)]
    assert not wrong, "\n".join(f"{one.status} {one.title}: {one.reason}" for one in wrong)
    passed = {one.title for one in results if one.status is Status.SUCCESS}
    assert {"object_creation", "object_replacement", "object_deletion", "check_add_attribute"} <= passed, passed
