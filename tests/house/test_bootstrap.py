"""The set-up: what a machine lacks is said, the user's settings count, and no file names the address of a registry."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tools.pip_settings import exports, pip_settings

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-runtime.lock", "tools/vendor/uv.lock")


def _bootstrap(folder: Path, python: str) -> subprocess.CompletedProcess[str]:
    """Run the bootstrap of a copy where ``python3`` is the given script and nothing else is on the path but dirname."""
    (folder / "tools").mkdir()
    shutil.copy(ROOT / "tools/bootstrap", folder / "tools")
    commands = folder / "commands"
    commands.mkdir()
    (commands / "dirname").symlink_to(str(shutil.which("dirname")))
    (commands / "python3").write_text(f"#!{shutil.which('bash')}\n{python}\n")
    (commands / "python3").chmod(0o755)
    return subprocess.run(
        [str(shutil.which("bash")), "tools/bootstrap", "requirements.lock"],
        cwd=folder,
        env={"PATH": str(commands)},
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_a_machine_with_an_old_python_is_told_what_to_install(tmp_path: Path) -> None:
    """Without Python 3.11 the set-up stops, names what it found and the command that installs more (house.md 34)."""
    done = _bootstrap(tmp_path, 'if [ "$1" = --version ]; then echo Python 3.9.2; else exit 1; fi')

    assert done.returncode == 1
    assert "needs Python 3.11 or newer (found: Python 3.9.2)" in done.stderr
    assert "apt-get install python3" in done.stderr


def test_a_machine_with_half_a_python_is_told_what_to_install(tmp_path: Path) -> None:
    """An interpreter without its standard library is refused by name, before anything is downloaded (house.md 34)."""
    done = _bootstrap(tmp_path, 'case "$2" in *version_info*) exit 0;; *) exit 1;; esac')

    assert done.returncode == 1
    assert "lacks parts of its standard library" in done.stderr and "apt-get install python3" in done.stderr


def test_pip_settings_are_handed_to_uv() -> None:
    """Mirror, proxy and certificates that the user gave pip are given to uv; the environment wins over files."""
    listing = (
        "global.index-url='https://file.example/simple'\n"
        ":env:.index-url='https://mirror.example/simple'\n"
        "global.extra-index-url='\\nhttps://one.example/s\\nhttps://two.example/s'\n"
        "global.cert='/etc/own.pem'\n"
        "global.timeout='60'\n"
        "download.index-url='https://other.example'\n"
    )

    lines = exports(pip_settings(listing), {})

    assert lines == [
        "export UV_DEFAULT_INDEX=https://mirror.example/simple",
        "export UV_INDEX='https://one.example/s https://two.example/s'",
        "export SSL_CERT_FILE=/etc/own.pem",
    ]


def test_settings_made_for_uv_win() -> None:
    """What the user set for uv itself is left alone, and folders that are not there are left out."""
    settings = {"cert": "/etc/own.pem", "find-links": "/not/there"}

    assert exports(settings, {"SSL_CERT_FILE": "/etc/theirs.pem"}) == []


def test_settings_are_quoted_for_the_shell() -> None:
    """A setting is data: it can not run a command in the set-up."""
    (line,) = exports({"index-url": "https://a.example/$(touch x)"}, {})

    assert line == "export UV_DEFAULT_INDEX='https://a.example/$(touch x)'"


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_hashes_and_no_address(name: str) -> None:
    """Every locked release has its hash, and no lock names an address or a folder (decision 2)."""
    entries = re.split(r"\n(?=\S)", (ROOT / name).read_text().strip())

    assert entries
    for entry in entries:
        assert re.match(r"[a-z0-9][a-z0-9._-]*==\S+", entry), entry
        assert "--hash=sha256:" in entry and "://" not in entry, entry


def test_npm_locks_hold_hashes_and_no_address() -> None:
    """Every npm package is locked by its hash and resolved wherever the user's registry is (decision 2)."""
    locks = [ROOT / "tests/clients/js/package-lock.json", ROOT / "bench/js/package-lock.json"]

    for lock in locks:
        packages = {name: one for name, one in json.loads(lock.read_text())["packages"].items() if name}
        assert packages
        assert all("integrity" in one and "resolved" not in one for one in packages.values()), lock


def test_the_runtime_lock_is_part_of_the_whole_one() -> None:
    """What ``make demo`` installs is what is tested: the same releases (decision 2)."""
    whole, runtime = (
        set(re.findall(r"^(\S+==[^\s;]+)", (ROOT / name).read_text(), re.MULTILINE)) for name in LOCKS[:2]
    )

    assert runtime < whole


def test_vendored_files_are_those_that_their_checksums_name() -> None:
    """The vendored pip is the released one: its checksum is checked before it runs."""
    folder = ROOT / "tools/vendor"
    named = dict(reversed(line.split()) for line in (folder / "SHA256SUMS").read_text().splitlines())

    wheels = {wheel.name: hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in folder.glob("*.whl")}
    assert wheels == named and len(wheels) == 1


def test_client_programs_are_pinned_exactly() -> None:
    """The third-party programs whose wire behaviour is tested are locked to one release each (wire.md §7)."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    js = json.loads((ROOT / "tests/clients/js/package.json").read_text())["dependencies"]

    assert all("==" in one or one.startswith("django>=5.2,<5.3") for one in groups["clients"])
    assert js == {"openid-client": "6.8.9", "passport-facebook": "3.0.0", "passport-oauth2": "1.8.0"}


def test_make_without_a_target_lists_what_there_is() -> None:
    """``make`` alone shows every target and changes nothing (house.md 34)."""
    shown = subprocess.run(["make", "-C", str(ROOT)], capture_output=True, text=True, check=True, env=dict(os.environ))

    for target in ("setup", "demo", "test", "test-long", "check", "format", "bench", "lock", "clean"):
        assert re.search(rf"^  make {target} +\w", shown.stdout, re.MULTILINE), target


@pytest.mark.parametrize("command", ["workbadge", "regrant"])
def test_the_commands_are_installed(command: str) -> None:
    """The environment that ``make setup`` makes has both commands, and they know their version."""
    shown = subprocess.run(
        [str(Path(sys.executable).with_name(command)), "--version"], capture_output=True, text=True, check=True
    )

    assert re.search(r"\d+\.\d+", shown.stdout)


def test_what_the_tests_need_is_named_where_it_cannot_be_installed(tmp_path: Path) -> None:
    """Without root, a missing browser, library or Node.js is named with the command that installs it (house.md 34)."""
    commands = tmp_path / "commands"
    (tmp_path / "tools").mkdir()
    (tmp_path / ".venv/bin").mkdir(parents=True)
    commands.mkdir()
    shutil.copy(ROOT / "tools/test_needs", tmp_path / "tools")
    (commands / "dirname").symlink_to(str(shutil.which("dirname")))
    for script, says in ((commands / "id", "1000"), (tmp_path / ".venv/bin/python", "/not/there")):
        script.write_text(f"#!{shutil.which('bash')}\necho {says}\n")
        script.chmod(0o755)

    done = subprocess.run(
        [str(shutil.which("bash")), "tools/test_needs"],
        cwd=tmp_path,
        env={"PATH": str(commands)},
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert done.returncode == 1
    assert done.stderr.splitlines()[0].startswith("Missing: chromium fonts-dejavu-core libatomic1 nodejs npm.")
    assert "apt-get install --no-install-recommends chromium" in done.stderr
