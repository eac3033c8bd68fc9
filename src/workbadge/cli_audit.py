"""The commands ``workbadge audit``: what an operator does to trust the audit."""

from datetime import datetime
from pathlib import Path

import click

from workbadge.cli_apps import config_option, on_database
from workbadge.commands.services import Services
from workbadge.store.chain import verify
from workbadge.store.engine import Tx


@click.group("audit")
def audit_group() -> None:
    """Check that nobody changed, removed or slipped in an entry of the audit."""


@audit_group.command("verify")
@config_option
def verify_command(config_path: Path | None) -> None:
    """Follow the audit's chain to its head. Names the first broken link and ends with status 1 where there is one.

    Keep the head that is printed somewhere else: who can rewrite the whole database can rewrite its chain too.
    """

    async def work(tx: Tx, services: Services, now: datetime) -> None:
        found = await verify(tx)
        if found.broken is not None:
            raise click.ClickException(
                f"The audit is broken at entry {found.broken}: {found.why}. {found.entries} entries before it are in order."
            )
        click.echo(f"{found.entries} entries are in order. Head: {found.head.hex()}")

    on_database(config_path, work)
