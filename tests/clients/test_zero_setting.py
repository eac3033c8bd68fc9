"""Zero-setting mode (``wire.md`` §7.7): clients as released, their own addresses, TLS that is verified.

Run in a network and mount namespace of their own, with a hosts file of its own (``unshare``); where that is not permitted,
the names are led astray in the clients' processes alone, by a hook on the resolver. The machine's hosts file is never touched.
"""

import json
import os
import shutil
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography import x509

from workbadge.cli import main

pytestmark = [pytest.mark.clients, pytest.mark.xdist_group("clients")]
HERE, ROOT = Path(__file__).parent, Path(__file__).parent.parent.parent
ASIDE = "127.83.70.66"


def _made(folder: Path, *arguments: str) -> Path:
    outcome = CliRunner().invoke(main, ["zero-setting", str(folder), *arguments])
    assert outcome.exit_code == 0, outcome.output
    return folder


def _namespaces() -> bool:
    """Whether this machine lets us have a network of our own."""
    asked = ["unshare", "-rnm", "sh", "-c", "ip link set lo up && mount --bind /etc/hosts /etc/hosts"]
    return shutil.which("unshare") is not None and subprocess.run(asked, capture_output=True).returncode == 0


def _may_listen() -> bool:
    with socket.socket() as tried:
        try:
            tried.bind((ASIDE, 443))
        except OSError:
            return False
        return True


def _command(folder: Path) -> tuple[list[str], dict[str, str]]:
    """How the clients are run here, and with which further variables."""
    inside = [sys.executable, "-m", "tests.clients.zero_setting", str(folder)]
    if _namespaces():
        hosts = folder / "all_hosts"
        hosts.write_text("127.0.0.1 localhost\n" + (folder / "hosts").read_text())
        steps = f'ip link set lo up && mount --bind "{hosts}" /etc/hosts && . "{folder}/environment.sh" && exec "$@"'
        return ["unshare", "-rnm", "sh", "-c", steps, "sh", *inside, "127.0.0.1"], {}
    if not _may_listen():
        pytest.skip("needs unshare for a namespace of its own, or the right to listen on port 443")
    paths = os.pathsep.join([str(HERE / "resolver"), os.environ.get("PYTHONPATH", "")])
    more = {"RESOLVE_TO": ASIDE, "PYTHONPATH": paths, "NODE_OPTIONS": f"--require {HERE / 'js' / 'resolver.js'}"}
    return ["sh", "-c", f'. "{folder}/environment.sh" && exec "$@"', "sh", *inside, ASIDE], more


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the clients saw."""
    command, more = _command(_made(tmp_path_factory.mktemp("zero")))
    proxies = {"http_proxy", "https_proxy", "all_proxy"}
    environment = {key: value for key, value in os.environ.items() if key.lower() not in proxies} | more
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_python_clients_run_as_released(seen: dict[str, Any]) -> None:
    """9.31: facebook-sdk, requests-oauthlib and httpx-oauth log in, read, page and see errors at the original hosts."""
    sdk = seen["facebook_sdk"]
    assert sdk["login"] == "https://www.facebook.com/v3.1/dialog/oauth"
    assert (sdk["name"], sdk["refused"]) == ("Emil Employee", 190)
    assert (sdk["by_cursor"], sdk["by_link"]) == (True, True)
    assert seen["requests_oauthlib"] == "Ada Admin"
    assert seen["httpx_oauth"].startswith("selma")


def test_node_clients_run_as_released(seen: dict[str, Any]) -> None:
    """9.31: passport-facebook with no address set logs in at its own version and sees errors; plain Node follows next."""
    passport = seen["passport_facebook"]
    assert passport["login"] == "https://www.facebook.com/v3.2/dialog/oauth"
    assert passport["name"] == "Emil Employee"
    assert passport["error"] == ["FacebookTokenError", 100]
    assert passport["pages"]["links"] == ["https://graph.facebook.com/v3.2/me/accounts"]
    assert passport["pages"]["ids"] >= 2


def test_links_to_pages_stay_on_the_host_that_was_asked(seen: dict[str, Any]) -> None:
    """9.16, 9.31: next is on the request's host when it is one of the mode's, else on the configured address."""
    assert seen["about"] == {"hosts": ["graph.facebook.com", "www.facebook.com"], "port": 443}
    assert seen["facebook_sdk"]["next"] == "https://graph.facebook.com/v3.1/me/accounts"
    assert seen["foreign_host"].startswith(seen["base"] + "/")


def test_trust_is_asked_for(seen: dict[str, Any]) -> None:
    """9.31: TLS is verified: a client that was not told of the authority refuses."""
    assert seen["without_trust"] == "refused"


def test_the_authority_can_do_nothing_else(tmp_path: Path) -> None:
    """S5, §7.7: the authority's key is kept nowhere, it is limited to the hosts, and the server's key is for its owner only."""
    folder = _made(tmp_path / "zero", "--host", "graph.facebook.com", "--days", "2")
    assert sorted(one.name for one in folder.iterdir()) == [
        "bundle.pem",
        "ca.pem",
        "environment.sh",
        "hosts",
        "server.key",
        "server.pem",
    ]
    assert stat.S_IMODE((folder / "server.key").stat().st_mode) == 0o600
    assert "PRIVATE" not in (folder / "ca.pem").read_text() + (folder / "bundle.pem").read_text()
    authority = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    limits = authority.extensions.get_extension_for_class(x509.NameConstraints)
    assert limits.critical
    assert [one.value for one in limits.value.permitted_subtrees or []] == ["graph.facebook.com"]
    served = x509.load_pem_x509_certificate((folder / "server.pem").read_bytes())
    served.verify_directly_issued_by(authority)
    assert (served.not_valid_after_utc - served.not_valid_before_utc).total_seconds() < 3 * 86_400
    before = (folder / "server.pem").read_text()
    assert (_made(folder) / "server.pem").read_text() != before


def test_a_folder_that_will_not_do_is_refused(tmp_path: Path) -> None:
    """S5: a sandbox with a folder that the command did not make says what to run, and does not start."""
    outcome = CliRunner().invoke(main, ["sandbox", "--zero-setting", str(tmp_path)])
    assert outcome.exit_code == 2
    assert "workbadge zero-setting" in outcome.output
