"""``workbadge domain``: what an operator sees and settles about organizations' domains."""

from pathlib import Path
from typing import Any

from workbadge.commands import domains, portfolio
from workbadge.store import domains as rows
from workbadge.store.engine import Tx
from workbadge.terms.domains import Found, Method, Outcome

from .test_cli_apps import Operator

NAME = "harbour-goods.com"


def test_a_dispute_is_listed_and_decided(tmp_path: Path) -> None:
    """AC-07, AC-12: ``domain list`` shows both claims with their states, ``disputes`` the dispute, ``decide`` ends it for the holder, and
    ``release`` takes the domain away; what is no id or no dispute is refused with a sentence."""
    operator = Operator(tmp_path)
    claims: list[int] = []

    async def prove(tx: Tx, services: Any, now: Any) -> None:
        for name in ("First", "Second"):
            made = await portfolio.add_organization(tx, services, name, None, now)
            claims.append(await domains.claim_domain(tx, services, made, NAME, None, now))
            claim = await rows.find_claim(tx, claims[-1])
            assert claim is not None
            await domains.note_found(tx, services, claim.id, claim.token, Method.DNS, Found(Outcome.FOUND), now)

    operator.work(prove)
    shown = operator("domain", "list")
    assert shown.exit_code == 0, shown.output
    assert [line.split()[:3] for line in sorted(shown.stdout.splitlines(), key=lambda line: line.split()[2])] == [
        [str(claims[1]), NAME, "contested"],
        [str(claims[0]), NAME, "disputed"],
    ]
    assert "Public suffixes as of 20" in shown.output
    assert "to be answered by" in operator("domain", "disputes").stdout
    assert "stays with its holder" in operator("domain", "decide", NAME.upper(), "holder").output
    assert operator("domain", "disputes").stdout == ""
    assert operator("domain", "list").stdout.split()[2] == "verified"
    again = operator("domain", "decide", NAME, "claimant")
    assert again.exit_code == 1 and "open dispute" in again.output
    assert "no longer" in operator("domain", "release", str(claims[0])).output
    assert operator("domain", "list").stdout == ""
    assert operator("domain", "release", str(claims[0])).exit_code == 1
    assert operator("domain", "check", "x").exit_code == 2
    gone = operator("domain", "check", str(claims[0]))
    assert gone.exit_code == 1 and "No such claim" in gone.output
