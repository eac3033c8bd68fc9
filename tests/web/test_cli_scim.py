"""``workbadge scim-token``: credentials of an organization's directory."""

from pathlib import Path
from typing import Any

from workbadge.commands.portfolio import add_organization
from workbadge.store.engine import Tx

from .test_cli_apps import Operator


def test_credentials_are_made_listed_and_ended(tmp_path: Path) -> None:
    """O5: ``scim-token make`` prints the base address and the token once, ``list`` each credential with its end and last use,
    ``end`` ends one; what is no id is refused with a sentence."""
    operator = Operator(tmp_path)
    ids: list[int] = []

    async def add(tx: Tx, services: Any, now: Any) -> None:
        ids.append(await add_organization(tx, services, "Group", "work.example", now))

    operator.work(add)
    organization = str(ids[0])
    made = operator("scim-token", "make", organization, "Entra", "--days", "90")
    assert made.exit_code == 0, made.output
    said = dict(line.split(": ", 1) for line in made.output.splitlines())
    assert said["base_url"].endswith(f"/scim/{organization}/v2") and said["token"].startswith("WBS")
    listed = operator("scim-token", "list", organization).output
    assert listed.startswith(f"{said['id']}  Entra  live until ") and "never used" in listed
    assert said["token"] not in listed
    assert operator("scim-token", "end", organization, said["id"]).output == "Ended.\n"
    assert "  Entra  ended " in operator("scim-token", "list", organization).output
    assert operator("scim-token", "end", organization, said["id"]).exit_code == 1
    assert operator("scim-token", "make", "x", "Entra").exit_code == 2
    assert operator("scim-token", "make", organization, "Entra", "--days", "9999").exit_code == 2
