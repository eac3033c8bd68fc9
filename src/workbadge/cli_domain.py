"""The commands ``workbadge domain``: what an operator sees and settles about organizations' domains (O1, AC-07, AC-12)."""

from datetime import datetime
from pathlib import Path

import click

from workbadge.cli_apps import MOST, config_option, on_database, read_id
from workbadge.commands.domain_disputes import decide
from workbadge.commands.domain_mails import SAYS
from workbadge.commands.domain_name import read_domain, suffixes_as_of
from workbadge.commands.domains import load_state, release_domain
from workbadge.commands.errors import CommandError
from workbadge.commands.services import Services
from workbadge.config import ConfigError, load_config
from workbadge.lifecycle.domain import status_of
from workbadge.main import make_site
from workbadge.serving import run
from workbadge.store import domains
from workbadge.store.engine import StoreError, Tx
from workbadge.terms.domains import Method, Outcome
from workbadge.terms.instants import to_wire
from workbadge.terms.kinds import NodeKind
from workbadge.terms.public_mail import AS_OF
from workbadge.web.domain_proofs import check_now


@click.group("domain")
def domain_group() -> None:
    """Show organizations' domains, look at a proof, decide disputes, take a domain away."""


@domain_group.command("list")
@config_option
def list_command(config_path: Path | None) -> None:
    """List claims by name: id, domain, state, organization, last look and what it found; and how old the lists of names are."""

    async def work(tx: Tx, services: Services, now: datetime) -> None:
        found = await domains.list_all_claims(tx, MOST)
        for one in found:
            status = status_of(await load_state(tx, one), now)
            said = "not looked at" if one.outcome is None else SAYS[Outcome(one.outcome)]
            at = "" if one.checked_at is None else f" at {to_wire(one.checked_at)}"
            click.echo(f"{one.id}  {one.name}  {status.value}  {one.organization} ({one.organization_id})  {said}{at}")
        click.echo(
            f"{len(found)} claims. Public suffixes as of {suffixes_as_of()}, mail providers as of {AS_OF}.", err=True
        )

    on_database(config_path, work)


@domain_group.command("check")
@config_option
@click.argument("claim")
@click.option("--file", "by_file", is_flag=True, help="Look for the file, not for the DNS record.")
def check_command(config_path: Path | None, claim: str, by_file: bool) -> None:
    """Look at the proof of CLAIM now; what is found counts as if the platform had looked by itself."""
    claim_id = read_id(claim, NodeKind.RECORD, "a claim")

    async def main() -> None:
        site = make_site(load_config(config_path))
        try:
            method = Method.FILE if by_file else Method.DNS
            found = await check_now(site.services, site.proofs, claim_id, method, site.clock.now())
            click.echo(SAYS[found.outcome] + (f": {found.received}" if found.received else ""))
        finally:
            await site.outgoing.close()
            await site.services.store.close()

    try:
        run(main())
    except CommandError as error:
        raise click.ClickException(f"{error.message} Expected: {error.expected}.") from error
    except (StoreError, ConfigError) as error:
        raise click.ClickException(str(error)) from error


@domain_group.command("disputes")
@config_option
def disputes_command(config_path: Path | None) -> None:
    """List open disputes: domain, holder, claimant, until when the holder may answer."""

    async def work(tx: Tx, services: Services, now: datetime) -> None:
        found = await domains.list_disputes(tx)
        for one in found:
            said = "to be answered by" if now < one.answer_by else "unanswered since"
            click.echo(
                f"{one.name}  held by {one.holder_id}  claimed by {one.claimant_id}  {said} {to_wire(one.answer_by)}"
            )
        click.echo(f"{len(found)} open.", err=True)

    on_database(config_path, work)


@domain_group.command("decide")
@config_option
@click.argument("name")
@click.argument("side", type=click.Choice(["holder", "claimant"]))
def decide_command(config_path: Path | None, name: str, side: str) -> None:
    """Decide the dispute about NAME. For the claimant: its proof is looked at once more before it has the domain."""

    async def work(tx: Tx, services: Services, now: datetime) -> None:
        domain = read_domain(name)
        await decide(tx, services, domain, side == "claimant", now)
        kept = f"{domain} stays with its holder."
        click.echo(
            kept if side == "holder" else f"{domain} is free; the claimant has it when its proof is found again."
        )

    on_database(config_path, work)


@domain_group.command("release")
@config_option
@click.argument("claim")
def release_command(config_path: Path | None, claim: str) -> None:
    """Take a domain, or a claim to one, away from its organization. Accounts stay."""
    claim_id = read_id(claim, NodeKind.RECORD, "a claim")

    async def work(tx: Tx, services: Services, now: datetime) -> None:
        found = await domains.find_claim(tx, claim_id)
        if found is None:
            raise click.ClickException("There is no such claim. Expected: an id of `workbadge domain list`.")
        await release_domain(tx, services, found.organization_id, claim_id, None, now)
        click.echo(f"{found.name} is no longer {found.organization_id}'s.")

    on_database(config_path, work)
