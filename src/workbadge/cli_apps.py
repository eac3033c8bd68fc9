"""The commands ``workbadge apps``: what an operator does for app makers. Each works on the live database of the settings."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

import click

from workbadge.commands.app_roles import give_role
from workbadge.commands.app_status import lift, list_open, restrict, set_access
from workbadge.commands.client_registration import hand_over, registration_address
from workbadge.commands.client_terms import rotate_secret
from workbadge.commands.errors import CommandError
from workbadge.commands.outbox import list_deliveries, replay
from workbadge.commands.registration import NewApp, add_app
from workbadge.commands.services import Services
from workbadge.config import ConfigError, load_config
from workbadge.main import make_site
from workbadge.serving import run
from workbadge.store import records
from workbadge.store.engine import StoreError, Tx
from workbadge.terms.apps import AppRole, Level, Restriction, Review
from workbadge.terms.ids import kind_of, parse_id
from workbadge.terms.instants import to_wire
from workbadge.terms.kinds import AccountKind, NodeKind

Work = Callable[[Tx, Services, datetime], Awaitable[None]]
MOST = 1_000

config_option = click.option(
    "--config", "config_path", type=click.Path(path_type=Path, dir_okay=False), help="A TOML file of settings."
)


@click.group("apps")
def apps_group() -> None:
    """Register third-party apps, name their makers, restrict them, send webhooks again."""


def on_database(config_path: Path | None, work: Work) -> None:
    """Run ``work`` in one transaction on the database of the settings; refusals become messages."""

    async def main() -> None:
        site = make_site(load_config(config_path))
        try:
            async with site.services.store.write() as tx:
                await work(tx, site.services, site.clock.now())
        finally:
            await site.services.store.close()

    try:
        run(main())
    except CommandError as error:
        expected = f" Expected: {error.expected}." if error.expected else ""
        raise click.ClickException(f"{error.message}{expected}") from error
    except (StoreError, ConfigError) as error:
        raise click.ClickException(str(error)) from error


def read_id(text: str, kind: NodeKind, what: str) -> int:
    """The id that an argument names. Raises click.BadParameter."""
    found = parse_id(text)
    if found is None or kind_of(found) is not kind:
        raise click.BadParameter(f"expected the id of {what}, 18 digits, got {text[:40]!r}")
    return found


async def _person(tx: Tx, email: str) -> int:
    for kind in (AccountKind.MANAGED, AccountKind.PERSONAL):
        found = await records.find_account_by_address(tx, kind, email)
        if found is not None:
            return int(found.id)
    raise click.ClickException(f"There is no account with the address {email[:80]}.")


@apps_group.command("add")
@config_option
@click.argument("name")
@click.option("--redirect-uri", "redirect_uris", multiple=True, help="A redirect address; may be repeated.")
@click.option("--administrator", default=None, help="E-mail of the account that administers the app.")
def add_command(config_path: Path | None, name: str, redirect_uris: tuple[str, ...], administrator: str | None) -> None:
    """Register an app; its secret is printed once."""

    async def work(tx: Tx, services: Services, now: datetime) -> None:
        made = await add_app(tx, services, NewApp(name, redirect_uris), now)
        if administrator is not None:
            person = await _person(tx, administrator)
            await give_role(tx, services, made.id, person, AppRole.ADMINISTRATOR, None, now)
        click.echo(f"id: {made.id}\nsecret: {made.secret}")

    on_database(config_path, work)


@apps_group.command("secret")
@config_option
@click.argument("app")
@click.option(
    "--overlap-hours", default=24, show_default=True, type=click.IntRange(0, 720), help="Life of the old one."
)
def secret_command(config_path: Path | None, app: str, overlap_hours: int) -> None:
    """Give an app a new secret, printed once; the old one still authenticates it for a while."""
    app_id = read_id(app, NodeKind.APP, "an app")

    async def work(tx: Tx, services: Services, now: datetime) -> None:
        click.echo(await rotate_secret(tx, services, app_id, None, now, timedelta(hours=overlap_hours)))

    on_database(config_path, work)


@apps_group.command("client")
@config_option
@click.argument("app")
def client_command(config_path: Path | None, app: str) -> None:
    """Let an app's maker manage its registration as a client (RFC 7592): prints the address, and a token once."""
    app_id = read_id(app, NodeKind.APP, "an app")

    async def work(tx: Tx, services: Services, now: datetime) -> None:
        token = await hand_over(tx, services, app_id, None, now)
        click.echo(f"address: {registration_address(services, app_id)}\ntoken: {token}")

    on_database(config_path, work)


@apps_group.command("role")
@config_option
@click.argument("app")
@click.argument("email")
@click.argument("role", type=click.Choice([role.value for role in AppRole]))
def role_command(config_path: Path | None, app: str, email: str, role: str) -> None:
    """Give somebody a role on an app."""
    app_id = read_id(app, NodeKind.APP, "an app")

    async def work(tx: Tx, services: Services, now: datetime) -> None:
        await give_role(tx, services, app_id, await _person(tx, email), AppRole(role), None, now)
        click.echo("Done.")

    on_database(config_path, work)


@apps_group.command("access")
@config_option
@click.argument("app")
@click.argument("permission")
@click.argument("level", type=click.Choice([level.value for level in Level]))
@click.option("--review", type=click.Choice([one.value for one in Review]), default=Review.NOT_REQUESTED.value)
def access_command(config_path: Path | None, app: str, permission: str, level: str, review: str) -> None:
    """Decide about an app's access to a permission: standard (people with a role) or advanced (everybody)."""
    app_id = read_id(app, NodeKind.APP, "an app")

    async def work(tx: Tx, services: Services, now: datetime) -> None:
        await set_access(tx, services, app_id, permission, Level(level), Review(review), None, now)
        click.echo("Done.")

    on_database(config_path, work)


@apps_group.command("restrict")
@config_option
@click.argument("app")
@click.argument("kind", type=click.Choice([kind.value for kind in Restriction]))
@click.argument("reason")
@click.option("--permission", "permissions", multiple=True, help="With the kind permission; may be repeated.")
def restrict_command(config_path: Path | None, app: str, kind: str, reason: str, permissions: tuple[str, ...]) -> None:
    """Stop something for an app from now on; prints the id by which it is lifted."""
    app_id = read_id(app, NodeKind.APP, "an app")

    async def work(tx: Tx, services: Services, now: datetime) -> None:
        click.echo(str(await restrict(tx, services, app_id, Restriction(kind), reason, permissions, None, now)))

    on_database(config_path, work)


@apps_group.command("lift")
@config_option
@click.argument("app")
@click.argument("enforcement", required=False)
def lift_command(config_path: Path | None, app: str, enforcement: str | None) -> None:
    """Lift a restriction; without its id, list those that hold."""
    app_id = read_id(app, NodeKind.APP, "an app")
    wanted = None if enforcement is None else read_id(enforcement, NodeKind.RECORD, "a restriction")

    async def work(tx: Tx, services: Services, now: datetime) -> None:
        if wanted is None:
            for one in await list_open(tx, app_id, *Restriction):
                click.echo(f"{one.id}  {one.kind}  since {to_wire(one.starts)}  {one.reason}")
            return
        await lift(tx, services, app_id, wanted, None, now)
        click.echo("Done.")

    on_database(config_path, work)


@apps_group.command("replay")
@config_option
@click.argument("app")
@click.argument("delivery", required=False)
def replay_command(config_path: Path | None, app: str, delivery: str | None) -> None:
    """Send a webhook or callback of an app again; without its id every dead letter, oldest first."""
    app_id = read_id(app, NodeKind.APP, "an app")
    wanted = None if delivery is None else read_id(delivery, NodeKind.RECORD, "a delivery")

    async def work(tx: Tx, services: Services, now: datetime) -> None:
        if wanted is not None:
            await replay(tx, services, app_id, wanted, now)
            click.echo("1 to be sent again.")
            return
        sent = 0
        for one in reversed(await list_deliveries(tx, services, app_id, MOST, parked=True)):
            try:
                await replay(tx, services, app_id, one.id, now)
                sent += 1
            except CommandError as error:
                click.echo(f"{one.id}: {error.message}", err=True)
        click.echo(f"{sent} to be sent again.")

    on_database(config_path, work)
