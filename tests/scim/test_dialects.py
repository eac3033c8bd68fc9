"""The request sequences of Entra and Okta, step by step (attacks.md §4.0, §4.1)."""

from typing import Any

import pytest

from ._directory import CORE, ENTERPRISE, GROUP, PATCH, Directory, refusal

pytestmark = pytest.mark.anyio

ENTRA_GROUP = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"


async def _patch(directory: Directory, path: str, *operations: dict[str, Any]) -> None:
    answer = await directory.call("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)})
    assert answer.status_code in (200, 204), answer.text


@pytest.mark.parametrize("flag", [False, True])
async def test_entra(directory: Directory, flag: bool) -> None:
    """SC-02: Entra's cycle, with the tenant's flag and without: connection test, users, manager, groups and members, disabling,
    enabling, deletion; each answers as Entra expects, and the end is what was asked for."""
    unknown = await directory.call(
        "GET", "/Users", params={"filter": 'userName eq "7d7d3a2c-0000-4000-8000-000000000000"'}
    )
    assert unknown.status_code == 200 and unknown.json()["totalResults"] == 0
    ids = []
    for name in ("ann", "bea"):
        body = {
            "schemas": [CORE, "urn:ietf:params:scim:schemas:extension:enterprise2.0:User"],
            "externalId": f"0a21f0f2-{name}",
            "userName": f"{name}@work.example",
            "active": True,
            "emails": [{"primary": True, "type": "work", "value": f"{name}@work.example"}],
            "meta": {"resourceType": "User"},
            "name": {"formatted": "given family", "familyName": "family", "givenName": "given"},
            "title": None,
            "roles": [],
        }
        made = await directory.call("POST", "/Users", body)
        assert made.status_code == 201, made.text
        ids.append(made.json()["id"])
    ann, bea = ids
    path = f"/Users/{ann}"
    manager = {"path": "manager", "value": [{"$ref": f"{directory.base}/Users/{bea}", "value": bea}]}
    both = f'id eq "{ann}" and {ENTERPRISE}:manager eq "{bea}"'
    assert (
        await directory.call("GET", "/Users", params={"filter": both.replace("manager eq", "manager.value eq")})
    ).status_code == 200
    await _patch(directory, path, {"op": "Add", **manager})
    if flag:
        value = {"displayName": "A", "name.familyName": "F", f"{ENTERPRISE}:department": "D", "active": False}
        await _patch(directory, path, {"op": "replace", "value": value})
    else:
        await _patch(
            directory,
            path,
            {"op": "Replace", "path": "displayName", "value": "A"},
            {"op": "Add", "path": "name.familyName", "value": "F"},
        )
        await _patch(directory, path, {"op": "Add", "path": f"{ENTERPRISE}:department", "value": "D"})
        await _patch(directory, path, {"op": "Replace", "path": "active", "value": "False"})
    shown = await directory.get(path)
    assert (shown["displayName"], shown["name"]["familyName"], shown["active"]) == ("A", "F", False)
    assert shown[ENTERPRISE]["department"] == "D" and shown[ENTERPRISE]["manager"]["value"] == bea
    await _patch(directory, path, {"op": "Replace", "path": "active", "value": True if flag else "True"})
    query = {"excludedAttributes": "members", "filter": 'displayName eq "Crew"'}
    assert (await directory.get("/Groups", **query))["totalResults"] == 0
    body = {
        "schemas": [GROUP, ENTRA_GROUP],
        "externalId": "8aa1a0c0",
        "displayName": "Crew",
        "meta": {"resourceType": "Group"},
    }
    group = (await directory.call("POST", "/Groups", body)).json()["id"]
    await _patch(
        directory,
        f"/Groups/{group}",
        {"op": "Add", "path": "members", "value": [{"$ref": None, "value": one} for one in ids]},
    )
    await _patch(directory, f"/Groups/{group}", {"op": "Replace", "path": "displayName", "value": "Team"})
    gone = (
        {"path": f'members[value eq "{bea}"]'} if flag else {"path": "members", "value": [{"$ref": None, "value": bea}]}
    )
    await _patch(directory, f"/Groups/{group}", {"op": "Remove", **gone})
    shown = await directory.get(f"/Groups/{group}")
    assert shown["displayName"] == "Team" and [one["value"] for one in shown["members"]] == [ann]
    assert (await directory.call("DELETE", f"/Users/{bea}")).status_code == 204
    assert [one["id"] for one in (await directory.get("/Users"))["Resources"]] == [ann]


@pytest.mark.parametrize("wizard", [False, True])
async def test_okta(directory: Directory, wizard: bool) -> None:
    """SC-03: Okta's sequence, of a catalogue app (PATCH) and of one made with the wizard (PUT): look-up, creation with a placeholder
    password, conflict, update, deactivation and reactivation with the same id, groups pushed, renamed, emptied and deleted."""
    query = {"filter": 'userName eq "ann@work.example"', "startIndex": 1, "count": 100}
    assert (await directory.get("/Users", **query))["totalResults"] == 0
    body = directory.person("ann", externalId="00u1", groups=[], active=True, password="Pl4ceholder", locale="en-US")
    made = await directory.call("POST", "/Users", body)
    assert made.status_code == 201 and "password" not in made.json()
    user = made.json()
    refusal(await directory.call("POST", "/Users", body), 409, "uniqueness")
    path = f"/Users/{user['id']}"
    for active in (False, True):
        if wizard:
            whole = {**await directory.get(path), "active": active, "groups": []}
            assert (await directory.call("PUT", path, whole)).json()["active"] is active
        else:
            await _patch(directory, path, {"op": "replace", "value": {"active": active}})
        assert (await directory.get(path))["active"] is active
    made = await directory.call("POST", "/Groups", {"schemas": [GROUP], "displayName": "Crew", "members": []})
    group = f"/Groups/{made.json()['id']}"
    member = [{"value": user["id"], "display": "ann@work.example"}]
    if wizard:
        whole = {**await directory.get(group), "displayName": "Team", "members": member}
        assert (await directory.call("PUT", group, whole)).status_code == 200
    else:
        await _patch(directory, group, {"op": "add", "path": "members", "value": member})
        await _patch(directory, group, {"op": "replace", "value": {"id": made.json()["id"], "displayName": "Team"}})
    shown = await directory.get(group)
    assert shown["displayName"] == "Team" and [one["value"] for one in shown["members"]] == [user["id"]]
    await _patch(directory, group, {"op": "replace", "path": "members", "value": []})
    assert "members" not in await directory.get(group)
    assert (await directory.call("DELETE", group)).status_code == 204
    assert (await directory.get("/Users", **query))["totalResults"] == 1
