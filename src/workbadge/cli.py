"""The command ``workbadge``."""

import json
import os
import socket
import sys
import tempfile
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import click
import uvicorn
from rich.console import Console
from rich.table import Table

from workbadge import __version__
from workbadge.cli_apps import apps_group
from workbadge.cli_audit import audit_group
from workbadge.cli_domain import domain_group
from workbadge.cli_due import due_group
from workbadge.cli_scim import scim_token_group
from workbadge.commands.signing import rotate_keys
from workbadge.config import Config, ConfigError, load_config
from workbadge.keys import Entropy, SeededEntropy
from workbadge.main import Server, make_application, make_site
from workbadge.sandbox.demo import DemoServer, build_demo
from workbadge.sandbox.server import CONTROL, SandboxServer
from workbadge.sandbox.story import build_story, describe
from workbadge.sandbox.world import World
from workbadge.sandbox.zero_setting import HOSTS, Folder, ZeroSettingError, read_names, write_folder
from workbadge.serving import Listener, Tls, bind, run, serve, settings_for
from workbadge.store.engine import StoreError
from workbadge.store.upgrade import upgrade
from workbadge.terms.instants import parse_instant, to_wire
from workbadge.web.clock import MovableClock, SettableClock, SystemClock
from workbadge.web.worker import Worker

REDIRECT_URIS = (
    "https://app.example/callback",
    "http://localhost/callback",
    "http://127.0.0.1/callback",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="workbadge")
def main() -> None:
    """Workbadge: managed work accounts, and a migration to them that breaks no app connection."""


main.add_command(apps_group)
main.add_command(audit_group)
main.add_command(domain_group)
main.add_command(due_group)
main.add_command(scim_token_group)


def _config(path: Path | None) -> Config:
    try:
        return load_config(path)
    except ConfigError as error:
        raise click.ClickException(str(error)) from error


_config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A TOML file of settings.",
)


@main.command("serve")
@_config_option
def serve_command(config_path: Path | None) -> None:
    """Serve the live platform (settings: docs/settings.md)."""
    config = _config(config_path)
    if config_path is not None:
        os.environ["WORKBADGE_CONFIG"] = str(config_path)
    click.echo(f"Workbadge {__version__} on {config.base_url}", err=True)
    if config.workers == 1:
        uvicorn_config = settings_for(Server(config), lifespan=True)
        uvicorn_config.host, uvicorn_config.port = config.host, config.port
        uvicorn.Server(uvicorn_config).run()
        return
    uvicorn.run(
        "workbadge.main:from_environment",
        factory=True,
        host=config.host,
        port=config.port,
        workers=config.workers,
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )


@main.command("upgrade")
@_config_option
def upgrade_command(config_path: Path | None) -> None:
    """Create the database or bring it to this version's schema."""
    config = _config(config_path)

    async def work() -> None:
        site = make_site(config)
        try:
            await upgrade(site.services.store)
        finally:
            await site.services.store.close()

    try:
        run(work())
    except StoreError as error:
        raise click.ClickException(str(error)) from error
    click.echo("The database is up to date.")


@main.command("rotate-keys")
@_config_option
@click.option("--at-once", is_flag=True, help="The present keys became known to others: withdraw them now.")
def rotate_keys_command(config_path: Path | None, at_once: bool) -> None:
    """Publish new keys for ID tokens; they sign two days later. This also happens by itself every 90 days."""
    config = _config(config_path)

    async def work() -> None:
        site = make_site(config)
        try:
            made = await rotate_keys(site.services, site.clock.now(), at_once)
        finally:
            await site.services.store.close()
        click.echo(f"{'Signing now' if at_once else 'Published'}: {', '.join(made)}")

    try:
        run(work())
    except StoreError as error:
        raise click.ClickException(str(error)) from error


@main.command("sandbox")
@click.option(
    "--port",
    default=0,
    show_default=True,
    help="Port on 127.0.0.1; 0 picks a free one.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON when ready.")
@click.option(
    "--seed",
    default=None,
    help="Make ids and secrets repeatable. Anybody who knows the seed knows them.",
)
@click.option(
    "--start",
    default=None,
    help="The clock's first instant (ISO 8601, with a zone); default: now.",
)
@click.option(
    "--redirect-uri",
    "redirect_uris",
    multiple=True,
    help="Redirect address of the ready app; may be repeated.",
)
@click.option(
    "--zero-setting",
    "zero_setting",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="A folder made by `workbadge zero-setting`: serve the world under its hosts too, with TLS.",
)
@click.option("--tls-port", default=443, show_default=True, help="Port of --zero-setting.")
@click.option("--tls-address", default="127.0.0.1", show_default=True, help="Address of --zero-setting.")
def sandbox_command(
    port: int,
    as_json: bool,
    seed: str | None,
    start: str | None,
    redirect_uris: tuple[str, ...],
    zero_setting: Path | None,
    tls_port: int,
    tls_address: str,
) -> None:
    """Start one fresh world on SQLite, with a clock that moves when told, and stay in the foreground."""
    try:
        first = parse_instant(start) if start is not None else SystemClock().now().replace(microsecond=0)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--start") from error
    entropy = Entropy() if seed is None else SeededEntropy(seed)
    under = None if zero_setting is None else _under_hosts(Folder(zero_setting), tls_address, tls_port)
    with tempfile.TemporaryDirectory(prefix="workbadge-world-") as folder:
        run(
            _sandbox(
                Path(folder),
                port,
                as_json,
                entropy,
                first,
                redirect_uris or REDIRECT_URIS,
                under,
            )
        )


@dataclass(frozen=True)
class UnderHosts:
    """Zero-setting mode: the hosts that the world has too, where it listens for them, and what it presents there."""

    hosts: frozenset[str]
    listening: socket.socket
    tls: Tls


def _under_hosts(folder: Folder, address: str, port: int) -> UnderHosts:
    try:
        hosts = read_names(folder, SystemClock().now())
    except ZeroSettingError as error:
        raise click.BadParameter(str(error), param_hint="--zero-setting") from error
    return UnderHosts(hosts, _bind(address, port), Tls(folder.chain, folder.key))


def _bind(host: str, port: int) -> socket.socket:
    try:
        return bind(host, port)
    except OSError as error:
        raise click.ClickException(f"port {port} cannot be used: {error.strerror}") from error


async def _sandbox(
    folder: Path,
    port: int,
    as_json: bool,
    entropy: Entropy,
    first: datetime,
    redirect_uris: tuple[str, ...],
    under: UnderHosts | None,
) -> None:
    listening = _bind("127.0.0.1", port)
    base_url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    world = World(
        folder,
        base_url,
        SettableClock(first),
        make_application,
        entropy,
        replace(Config().policy(), open_registration=True),
        hosts=frozenset() if under is None else under.hosts,
        rates=replace(_config(None).rates(), processes=1),
    )
    await world.create()
    story = await build_story(world.services, redirect_uris, first)
    token = entropy.bytes(24).hex()
    description = describe(story, base_url, base_url + CONTROL, token, to_wire(first))

    def ready() -> None:
        if as_json:
            sys.stdout.write(json.dumps(description) + "\n")
        else:
            _show_sandbox(description)
        sys.stdout.flush()

    listeners: list[Listener] = [(SandboxServer(world, token, __version__), listening)]
    if under is not None:
        description["zero_setting"] = {"hosts": sorted(under.hosts), "port": under.listening.getsockname()[1]}
        listeners.append((world, under.listening, under.tls))
    async with Worker(lambda: world.site, run_due=False, allow_private=True).running():
        await serve(listeners, ready)
    await world.close()


def _show_sandbox(description: dict[str, object]) -> None:
    """The sandbox in words, for a person."""
    console = Console()
    console.print("[bold]A fresh sandbox world is running.[/bold] Stop it with Ctrl-C; nothing of it is kept.")
    console.print_json(json.dumps(description))


@main.command("zero-setting")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--host", "hosts", multiple=True, default=HOSTS, show_default=True, help="A host to stand in for.")
@click.option(
    "--address", default="127.0.0.1", show_default=True, help="Where the sandbox listens, for the hosts lines."
)
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 90), help="Life of the certificate.")
def zero_setting_command(folder: Path, hosts: tuple[str, ...], address: str, days: int) -> None:
    """Make FOLDER: a throw-away certificate for the original hosts, lines for a hosts file, variables.

    Only for testing software you own (docs/guides/zero-setting.md).
    """
    made = write_folder(folder.resolve(), hosts, address, SystemClock().now(), timedelta(days=days))
    click.echo(f"{made.hosts}: for the hosts file of a container or network namespace, never of this machine")
    click.echo(f"{made.environment}: for the process of the product under test")
    click.echo(f"workbadge sandbox --zero-setting {made.path}")


@main.command("demo")
@click.option(
    "--port",
    default=8000,
    show_default=True,
    help="Port on 127.0.0.1; 0 picks a free one.",
)
@click.option(
    "--apps-port",
    default=0,
    help="Port of the three third-party apps; 0 picks a free one.",
)
def demo_command(port: int, apps_port: int) -> None:
    """Start the whole story on SQLite: a business, its people, three third-party apps, a clock to move."""
    with tempfile.TemporaryDirectory(prefix="workbadge-demo-") as folder:
        run(_demo(Path(folder), port, apps_port))


async def _demo(folder: Path, port: int, apps_port: int) -> None:
    try:
        listening = bind("127.0.0.1", port)
    except OSError:
        listening = bind("127.0.0.1", 0)
    apps = bind("127.0.0.1", apps_port)
    base_url = f"http://localhost:{listening.getsockname()[1]}"
    apps_url = f"http://127.0.0.1:{apps.getsockname()[1]}"
    entropy = Entropy()
    world = World(
        folder,
        base_url,
        MovableClock(),
        make_application,
        entropy,
        Config().policy(),
        title="Workbadge demo",
    )
    await world.create()
    demo = await build_demo(world, apps_url)
    server = DemoServer(world, demo, apps_url)
    async with Worker(lambda: world.site, allow_private=True).running():
        await serve(
            [(server, listening), (server.apps, apps)],
            lambda: _show_demo(base_url, demo.people),
        )
    await world.close()


def _show_demo(base_url: str, people: list[tuple[str, str, str]]) -> None:
    """What to open, who to sign in as, what to try."""
    console = Console(highlight=False)
    console.print("\n[bold green]Workbadge is running.[/bold green] Open this in a browser:\n")
    console.print(f"    [bold underline]{base_url}/demo[/bold underline]\n")
    table = Table(title="Who to sign in as", title_justify="left", box=None, pad_edge=False)
    for column in ("Who", "E-mail", "Password"):
        table.add_column(column)
    for row in people:
        table.add_row(*row)
    console.print(table)
    console.print(
        "\nWhat to try, on that page step by step: claim Emil's managed account, look at the banner, reconnect one app,\n"
        "move the clock past the cut-off, see the forgotten app fail and everything else go on, roll Selma back.\n"
        "Ctrl-C stops it; nothing is kept.\n"
    )


if __name__ == "__main__":
    main()
