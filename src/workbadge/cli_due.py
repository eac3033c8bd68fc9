"""The commands ``workbadge due``: what an operator does about due work that failed five times and was given up."""

from datetime import datetime
from pathlib import Path

import click

from workbadge.cli_apps import MOST, config_option, on_database, read_id
from workbadge.commands.parked import drop_parked, list_parked, retry_parked
from workbadge.commands.services import Services
from workbadge.store.engine import Tx
from workbadge.terms.instants import to_wire
from workbadge.terms.kinds import NodeKind


@click.group("due")
def due_group() -> None:
    """Show due work (invitations, reminders, notices) that was given up; try it again or drop it."""


@due_group.command("parked")
@config_option
def parked_command(config_path: Path | None) -> None:
    """List what was given up, earliest first: id, due instant, kind, person, business, tries and the last error."""

    async def work(tx: Tx, services: Services, now: datetime) -> None:
        found = await list_parked(tx, MOST)
        for one in found:
            click.echo(
                f"{one.id}  {to_wire(one.at)}  {one.kind}  {one.email}  {one.business}  {one.tries} tries: {one.error}"
            )
        click.echo(f"{len(found)} given up.", err=True)

    on_database(config_path, work)


@due_group.command("retry")
@config_option
@click.argument("row", required=False)
def retry_command(config_path: Path | None, row: str | None) -> None:
    """Let the worker carry out a row again; without its id all that were given up."""
    wanted = None if row is None else read_id(row, NodeKind.RECORD, "a row of due work")

    async def work(tx: Tx, services: Services, now: datetime) -> None:
        chosen = [one.id for one in await list_parked(tx, MOST)] if wanted is None else [wanted]
        for one in chosen:
            await retry_parked(tx, services, one, now)
        click.echo(f"{len(chosen)} to be carried out again.")

    on_database(config_path, work)


@due_group.command("drop")
@config_option
@click.argument("row")
def drop_command(config_path: Path | None, row: str) -> None:
    """Never carry out a row that was given up."""
    wanted = read_id(row, NodeKind.RECORD, "a row of due work")

    async def work(tx: Tx, services: Services, now: datetime) -> None:
        await drop_parked(tx, services, wanted, now)
        click.echo("Dropped.")

    on_database(config_path, work)
