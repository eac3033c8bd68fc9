"""Settings of the command line, from the environment."""

from collections.abc import Mapping

from regrant.answers import App
from regrant.keys import LocalKeys
from regrant.secret import Secret

NEEDED = ("REGRANT_APP_ID", "REGRANT_APP_SECRET", "REGRANT_DATABASE", "REGRANT_KEYS")


class SettingsError(Exception):
    """A variable is missing or cannot be read; the message says which, and what was expected, never its value."""


def read_app(environment: Mapping[str, str]) -> App:
    """The app that the variables name, once all that are needed are there."""
    missing = [name for name in NEEDED if not environment.get(name)]
    if missing:
        raise SettingsError(f"set {', '.join(missing)}; regrant check --help says to what")
    app = App(environment["REGRANT_APP_ID"], Secret(environment["REGRANT_APP_SECRET"]))
    base = environment.get("REGRANT_BASE", "").rstrip("/")
    return App(app.id, app.secret, base=base, dialog=base) if base else app


def read_keys(text: str) -> LocalKeys:
    """``id:base64``, several separated by commas, the current one first."""
    pairs = [one.strip().partition(":") for one in text.split(",")]
    if not all(name and key for name, _, key in pairs):
        raise SettingsError("REGRANT_KEYS must be id:base64, several separated by commas, the current one first")
    return LocalKeys({name: key for name, _, key in pairs}, current=pairs[0][0])
