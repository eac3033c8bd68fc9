"""The command ``regrant``."""

import json
import os
from importlib import import_module

import click

from regrant import Change, Monitor, VaultKeyError, __version__
from regrant.settings import SettingsError


@click.group(no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="regrant")
def main() -> None:
    """Keep an app's connections alive while its customers' people move to managed accounts."""


@main.command()
@click.option("--limit", default=1000, show_default=True, help="Tokens to look at, at most.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each change.")
def check(limit: int, as_json: bool) -> None:
    """Look at every asset that is due, once, and print what changed.

    The environment says whose: REGRANT_APP_ID, REGRANT_APP_SECRET, REGRANT_DATABASE (an address as SQLAlchemy takes it), REGRANT_KEYS
    (id:base64, several separated by commas, the current one first), and REGRANT_BASE for another server than the original.
    """
    try:
        done = _monitor().check(limit)
    except (SettingsError, VaultKeyError) as error:
        raise click.ClickException(str(error)) from None
    for change in done.changes:
        click.echo(json.dumps(_told(change)) if as_json else _line(change))
    wait = f"; wait until {done.wait_until.isoformat()}" if done.wait_until else ""
    click.echo(f"{done.tokens} tokens looked at, {len(done.changes)} changes{wait}", err=True)


def _monitor() -> Monitor:
    try:
        opening = import_module("regrant.opening")
    except ModuleNotFoundError as missing:
        if missing.name != "sqlalchemy":
            raise
        raise click.ClickException('this needs SQLAlchemy: pip install "regrant[sql]"') from None
    found: Monitor = opening.open_monitor(os.environ)
    return found


def _told(change: Change) -> dict[str, str | None]:
    after = change.after
    return {
        "tenant": after.tenant,
        "connection": after.connection,
        "asset": after.asset,
        "was": change.before.state.value,
        "is": after.state.value,
        "reason": after.reason,
        "until": after.until.isoformat() if after.until else None,
    }


def _line(change: Change) -> str:
    told = _told(change)
    until = f" until {told['until']}" if told["until"] else ""
    reason = f" ({told['reason']})" if told["reason"] else ""
    return f"{told['tenant']} {told['connection']} {told['asset']}: {told['was']} → {told['is']}{reason}{until}"
