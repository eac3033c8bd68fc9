"""The commands ``workbadge scim-token``: credentials by which an organization's directory provisions it (O5)."""

from datetime import datetime, timedelta
from pathlib import Path

import click

from workbadge.cli_apps import config_option, on_database, read_id
from workbadge.commands.directory_tokens import (
    LIFE,
    LONGEST,
    directory_address,
    end_scim_token,
    list_scim_tokens,
    make_scim_token,
)
from workbadge.commands.services import Services
from workbadge.store.engine import Tx
from workbadge.terms.instants import to_wire
from workbadge.terms.kinds import NodeKind


@click.group("scim-token")
def scim_token_group() -> None:
    """Make, list and end the credentials of an organization's directory (SCIM 2.0)."""


@scim_token_group.command("make")
@config_option
@click.argument("organization")
@click.argument("name")
@click.option("--days", default=LIFE.days, show_default=True, type=click.IntRange(1, LONGEST.days), help="Its life.")
def make_command(config_path: Path | None, organization: str, name: str, days: int) -> None:
    """Make a further credential: prints the base address, and the token once."""
    organization_id = read_id(organization, NodeKind.ORGANIZATION, "an organization")

    async def work(tx: Tx, services: Services, now: datetime) -> None:
        life = timedelta(days=days)
        made, text = await make_scim_token(tx, services, organization_id, name, None, now, life)
        click.echo(f"id: {made}\nbase_url: {directory_address(services, organization_id)}\ntoken: {text}")

    on_database(config_path, work)


@scim_token_group.command("list")
@config_option
@click.argument("organization")
def list_command(config_path: Path | None, organization: str) -> None:
    """List the credentials of an organization: id, name, until when, last use."""
    organization_id = read_id(organization, NodeKind.ORGANIZATION, "an organization")

    async def work(tx: Tx, services: Services, now: datetime) -> None:
        for one in await list_scim_tokens(tx, organization_id):
            used = "never used" if one.last_used_at is None else f"last used {to_wire(one.last_used_at)}"
            state = "live until" if one.is_live(now) else "ended"
            end = one.expires_at if one.ended_at is None else one.ended_at
            click.echo(f"{one.id}  {one.name}  {state} {to_wire(end)}  {used}")

    on_database(config_path, work)


@scim_token_group.command("end")
@config_option
@click.argument("organization")
@click.argument("token")
def end_command(config_path: Path | None, organization: str, token: str) -> None:
    """End a credential at once."""
    organization_id = read_id(organization, NodeKind.ORGANIZATION, "an organization")
    token_id = read_id(token, NodeKind.RECORD, "a credential")

    async def work(tx: Tx, services: Services, now: datetime) -> None:
        await end_scim_token(tx, services, organization_id, token_id, None, now)
        click.echo("Ended.")

    on_database(config_path, work)
