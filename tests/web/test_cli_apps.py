"""``workbadge apps``: what an operator does for app makers, on the database of the settings."""

import asyncio
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from workbadge.cli import main
from workbadge.commands import outbox
from workbadge.commands.client_terms import SECOND_PLACE
from workbadge.commands.webhooks import Entry, NewSubscription, notify, subscribe
from workbadge.config import load_config
from workbadge.main import make_site
from workbadge.store import apps, client_terms, records
from workbadge.store.engine import Tx
from workbadge.store.schema import app as app_table
from workbadge.terms.kinds import AccountKind


class Operator:
    """The command line on a database of its own."""

    def __init__(self, folder: Path) -> None:
        self.env = {
            "WORKBADGE_DATABASE": f"sqlite:///{folder / 'live.db'}",
            "WORKBADGE_KEY_FILE": str(folder / "key"),
        }
        assert self("upgrade").exit_code == 0

    def __call__(self, *arguments: str) -> Result:
        """Run a command."""
        return CliRunner().invoke(main, list(arguments), env=self.env)

    def work(self, job: Any) -> Any:
        """Run a job in one transaction on the same database: ``job(tx, services, now)``."""

        async def run() -> Any:
            site = make_site(load_config(None, self.env))
            try:
                async with site.services.store.write() as tx:
                    return await job(tx, site.services, site.clock.now())
            finally:
                await site.services.store.close()

        return asyncio.run(run())


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    """An operator of a fresh platform on which Mia has an account."""
    made = Operator(tmp_path)

    async def add(tx: Tx, services: Any, now: Any) -> None:
        mia = services.entropy.new_id("account")
        await records.add_account(tx, mia, AccountKind.PERSONAL, "Mia", now, email="mia@maker.example")

    made.work(add)
    return made


def add_app(operator: Operator) -> str:
    """An app that Mia administers; its id."""
    done = operator(
        "apps", "add", "Postbox", "--redirect-uri", "https://p.example/", "--administrator", "mia@maker.example"
    )
    found = re.fullmatch(r"id: (\d{18})\nsecret: [0-9a-f]{32}\n", done.output)
    assert found, done.output
    return found[1]


def test_an_app_is_registered_with_its_administrator(operator: Operator) -> None:
    """The id and the secret are printed once; an unknown address registers nothing."""
    app = add_app(operator)

    async def look(tx: Tx, services: Any, now: Any) -> list[tuple[str, str]]:
        return [(row.name, row.role) for row in await apps.list_roles(tx, int(app))]

    assert operator.work(look) == [("Mia", "administrators")]
    refused = operator("apps", "add", "Other", "--administrator", "nobody@maker.example")
    assert refused.exit_code == 1 and "no account" in refused.output

    async def count(tx: Tx, services: Any, now: Any) -> int:
        return len(await tx.rows(select(app_table.c.id)))

    assert operator.work(count) == 1
    last = operator("apps", "role", app, "mia@maker.example", "developers")
    assert last.exit_code == 1 and "At least one administrator" in last.output


def test_an_app_is_restricted_and_let_go(operator: Operator) -> None:
    """wire 3.12, 6.8: a restriction is listed with its reason and lifted by the id that was printed; access is decided by name."""
    app = add_app(operator)
    made = operator("apps", "restrict", app, "write", "Sent spam.").output.strip()
    assert re.fullmatch(rf"{made}  write  since \S+  Sent spam\.\n", operator("apps", "lift", app).output)
    assert operator("apps", "lift", app, made).output == "Done.\n"
    assert operator("apps", "lift", app).output == ""
    again = operator("apps", "lift", app, made)
    assert again.exit_code == 1 and "ended already" in again.output
    assert operator("apps", "access", app, "ads_management", "standard", "--review", "in_review").output == "Done.\n"
    assert operator("apps", "access", app, "email", "standard").exit_code == 1
    assert operator("apps", "restrict", "12", "write", "x").exit_code == 2


def test_dead_letters_are_sent_again_by_command(operator: Operator) -> None:
    """wire 6.3, FT-23: without an id every dead letter of the app waits again, oldest first; one that waits is refused."""
    app = add_app(operator)

    async def fail(tx: Tx, services: Any, now: Any) -> None:
        await subscribe(
            tx, services, int(app), NewSubscription("application", "https://p.example/hook", None), True, now
        )
        for number in range(3):
            entry = Entry(str(number), (("business_integration_update", {}),))
            await notify(tx, services, int(app), "application", entry, now)
        for sent in await outbox.list_deliveries(tx, services, int(app), 10):
            await outbox.rows.mark_failed(tx, (sent.id,), "down", None, now)

    operator.work(fail)
    assert operator("apps", "replay", app).output == "3 to be sent again.\n"
    assert operator("apps", "replay", app).output == "0 to be sent again.\n"

    async def states(tx: Tx, services: Any, now: Any) -> list[tuple[int, str]]:
        return [(one.id, one.state) for one in await outbox.list_deliveries(tx, services, int(app), 10)]

    found = operator.work(states)
    assert [state for _, state in found] == ["waiting"] * 3
    refused = operator("apps", "replay", app, str(found[0][0]))
    assert refused.exit_code == 1 and "waiting to be sent already" in refused.output


def test_secrets_and_registrations(operator: Operator) -> None:
    """OA-31, RFC 7592: the operator replaces a secret, with its old one good for a while, and hands a registration over."""
    made = operator("apps", "add", "Shop", "--redirect-uri", "https://shop.example/back").output
    app_id, old = re.findall(r": (\S+)", made)
    new = operator("apps", "secret", app_id, "--overlap-hours", "2").output.strip()
    assert new != old and len(new) == 32

    async def good(tx: Tx, services: Any, now: Any) -> list[bool]:
        sealed = await client_terms.find_second_secret(tx, int(app_id), now + timedelta(hours=1))
        gone = await client_terms.find_second_secret(tx, int(app_id), now + timedelta(hours=3))
        return [sealed is not None and services.sealer.open(sealed, SECOND_PLACE) == old, gone is None]

    assert operator.work(good) == [True, True]
    shown = operator("apps", "client", app_id).output
    assert f"/oauth/register/{app_id}\n" in shown and re.search(r"^token: WBM\w{64}$", shown, re.MULTILINE)
    for command in ("secret", "client"):
        assert operator("apps", command, str(int(app_id) + 1)).exit_code == 1
        assert operator("apps", command, "7").exit_code == 2
