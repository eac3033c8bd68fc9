"""What the command line works with. Needs ``regrant[sql]``."""

from collections.abc import Mapping

from sqlalchemy import create_engine

from regrant._sync.client import Client
from regrant._sync.monitor import Monitor
from regrant.settings import read_app, read_keys
from regrant.sql import SqlStorage


def open_monitor(environment: Mapping[str, str]) -> Monitor:
    """The monitor of the app that the variables name. Raises SettingsError, VaultKeyError."""
    app = read_app(environment)
    keys = read_keys(environment["REGRANT_KEYS"])
    return Monitor(Client(app), SqlStorage(create_engine(environment["REGRANT_DATABASE"])), keys)
