"""The request sequences of Entra, Okta and Microsoft's collection, recorded, played and held against a model (attacks.md §4.0, §4.1)."""

from typing import Any

import pytest

from ._directory import GROUP, Directory
from ._player import found, load, play

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("database", ["sqlite"], indirect=True)]


async def _prefill(directory: Directory) -> tuple[dict[str, Any], dict[str, Any]]:
    people = [(await directory.add(f"old{number}", externalId=f"O{number}"))["id"] for number in range(3)]
    body = {"schemas": [GROUP], "displayName": "Old hands", "members": [{"value": one} for one in people]}
    assert (await directory.call("POST", "/Groups", body)).status_code == 201
    return await found(directory)


async def _play(directory: Directory, name: str, filled: bool) -> None:
    there = await _prefill(directory) if filled else ({}, {})
    model = await play(directory, load(name))
    expected = tuple(before | made for before, made in zip(there, model.shown(), strict=True))
    assert await found(directory) == expected


@pytest.mark.parametrize("filled", [False, True])
@pytest.mark.parametrize("name", ["entra", "entra_flag"])
async def test_entra(directory: Directory, name: str, filled: bool) -> None:
    """SC-02: Entra's recorded cycle, with the tenant's flag and without, against an empty and a filled organization, is answered as
    Entra expects, and the end state is the model's; whoever was there before is untouched."""
    await _play(directory, name, filled)


@pytest.mark.parametrize("name", ["okta_catalogue", "okta_wizard"])
async def test_okta(directory: Directory, name: str) -> None:
    """SC-03: Okta's recorded sequences, of a catalogue app (PATCH) and of one made with the wizard (PUT), end in the model's state."""
    await _play(directory, name, filled=True)


async def test_okta_s_suites(directory: Directory) -> None:
    """SC-03: Okta's SPEC and CRUD suites pass; a call without a credential is 401 with an Error."""
    await _play(directory, "okta_spec", filled=False)
    answer = await directory.anybody().get(f"{directory.base}/Users")
    assert answer.status_code == 401 and answer.json()["status"] == "401"


async def test_microsoft_s_collection(directory: Directory) -> None:
    """SC-04: what Microsoft's collection sends, garbage included, is accepted or refused as listed, with exact counts, and leaves
    the model's state."""
    await _play(directory, "microsoft_reference", filled=False)
