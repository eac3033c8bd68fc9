"""The command ``regrant``, as a process of its own, against a real sandbox."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from regrant import LocalKeys, Vault
from regrant.sql import SqlStorage
from tests.kit.conftest import SCOPES, World


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command with these variables, and no others of its own."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("REGRANT_")}
    command = [sys.executable, "-c", "from regrant.cli import main; main()", *arguments]
    return subprocess.run(command, env={**inherited, **environment}, capture_output=True, text=True, timeout=60)


def test_check_tells_what_a_migration_changed(world: World, tmp_path: Path) -> None:
    """P2: ``regrant check`` looks once at what is due, prints what changed, as text or JSON, and changes nothing the second time."""
    database, key = f"sqlite:///{tmp_path / 'regrant.db'}", LocalKeys.new_key()
    storage = SqlStorage(create_engine(database))
    storage.create()
    vault = Vault("acme", storage, LocalKeys({"m1": key}, "m1"), world.clock)
    connection = vault.add_connection(world.app.id)
    stored = vault.add_token(connection.id, world.token(world.pages), holder="1", scopes=SCOPES)
    for page in world.pages:
        vault.put(connection.id, page, stored, kind="page")
    world.migrate()
    environment = {
        "REGRANT_APP_ID": world.app.id,
        "REGRANT_APP_SECRET": world.app.secret.reveal(),
        "REGRANT_DATABASE": database,
        "REGRANT_KEYS": f"m1:{key}",
        "REGRANT_BASE": world.app.base,
    }
    first = run("check", "--json", **environment)
    assert first.returncode == 0, first.stderr
    told = [json.loads(line) for line in first.stdout.splitlines()]
    assert {one["asset"] for one in told} == set(world.pages)
    assert {(one["was"], one["is"], one["reason"], one["until"]) for one in told} == {
        ("ok", "expiring", "migration", "2026-04-01T09:00:00+00:00")
    }
    again = run("check", **environment)
    assert again.returncode == 0 and again.stdout == "" and "0 tokens looked at" in again.stderr


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"REGRANT_APP_ID": ""}, "set REGRANT_APP_ID"),
        ({"REGRANT_KEYS": "nonsense"}, "id:base64"),
        ({"REGRANT_KEYS": "m1:abcd"}, "32 bytes"),
    ],
)
def test_settings_that_cannot_be_used_are_named(change: dict[str, str], says: str) -> None:
    """P2: a missing or unreadable variable is named, with what was expected, and no value is shown."""
    right = {
        "REGRANT_APP_ID": "1",
        "REGRANT_APP_SECRET": "hush",
        "REGRANT_DATABASE": "sqlite://",
        "REGRANT_KEYS": "a:b",
    }
    done = run("check", **{**right, **change})
    assert done.returncode == 1 and says in done.stderr and "hush" not in done.stderr and "Traceback" not in done.stderr


def test_without_sqlalchemy_the_command_says_what_to_install() -> None:
    """P5: the command works without SQLAlchemy as far as it does not need it, and says what to install where it does."""
    hide = "import sys; sys.modules['sqlalchemy'] = None\nfrom regrant.cli import main; main()"
    for arguments, expected in ((["--version"], 0), (["check"], 1)):
        done = subprocess.run([sys.executable, "-c", hide, *arguments], capture_output=True, text=True, timeout=60)
        assert done.returncode == expected, done.stderr
    assert 'pip install "regrant[sql]"' in done.stderr
