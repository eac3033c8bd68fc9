"""A real sandbox process for black-box tests: started once, spoken to over HTTP only."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

VERSION = "v26.0"


@dataclass
class Sandbox:
    """A running ``workbadge sandbox``. ``about`` is the line of JSON that it printed."""

    about: dict[str, Any]
    client: httpx.Client

    @property
    def base(self) -> str:
        """Base address of the wire."""
        return str(self.about["base_url"])

    def control(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        """One call of the control API; its answer, whose status is checked."""
        answer = self.client.request(
            method,
            self.about["control_url"] + path,
            json=body,
            headers={"Authorization": f"Bearer {self.about['control_token']}"},
        )
        assert answer.status_code == status, (path, answer.status_code, answer.text)
        return answer.json()

    def graph(self, path: str, token: str | None = None, method: str = "GET", **params: Any) -> dict[str, Any]:
        """One call of the wire; the JSON, whatever its status."""
        if token is not None:
            params["access_token"] = token
        key = "params" if method in ("GET", "DELETE") else "data"
        answer = self.client.request(method, f"{self.base}/{VERSION}{path}", **{key: params})
        data: dict[str, Any] = answer.json()
        return data

    def account(self, role: str) -> dict[str, Any]:
        """The account with that role."""
        return next(one for one in self.about["accounts"] if one["role"] == role)

    def personal(self, role: str) -> str:
        """Id of the personal account with that role."""
        return str(self.account(role)["personal"]["id"])

    def asset(self, kind: str, number: int = 0) -> dict[str, Any]:
        """The asset of a kind, by its place among them."""
        return [one for one in self.about["assets"] if one["type"] == kind][number]

    def consent(self, account: str, app: dict[str, Any], scopes: list[str], assets: list[str]) -> str:
        """A token as from the dialog."""
        body = {"account": account, "app": app["id"], "scopes": scopes, "assets": assets, "result": "token"}
        return str(self.control("POST", "/consents", body)["access_token"])


@contextmanager
def running_sandbox(*arguments: str) -> Iterator[Sandbox]:
    """Start a sandbox process, wait for its line, stop it at the end."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "workbadge.cli",
            "sandbox",
            "--port",
            "0",
            "--json",
            *arguments,
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"the sandbox ended with code {process.wait(10)} before it was ready"
        with httpx.Client(timeout=30, trust_env=False) as client:
            yield Sandbox(json.loads(line), client)
    finally:
        process.terminate()
        process.wait(20)
