"""Groups of a directory, and PATCHes of their members that lose nobody (O5)."""

import asyncio
import time
from typing import Any

import pytest
from sqlalchemy import insert, select

from tests.commands._world import T0, World
from workbadge.store import schema
from workbadge.store.schema.directory import directory_member
from workbadge.terms.kinds import NodeKind

from ._directory import GROUP, Directory, refusal

pytestmark = pytest.mark.anyio


async def _group(directory: Directory, name: str, *members: str, **more: Any) -> str:
    body = {"schemas": [GROUP], "displayName": name, "members": [{"value": one} for one in members], **more}
    answer = await directory.call("POST", "/Groups", body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def _members(directory: Directory, group: str) -> set[str]:
    return {one["value"] for one in (await directory.get(f"/Groups/{group}")).get("members", [])}


async def _crowd(world: World, count: int) -> list[str]:
    """Managed accounts, made in the database at once."""
    ids = [world.services.entropy.new_id(NodeKind.ACCOUNT) for _ in range(count)]
    async with world.services.store.write() as tx:
        await tx.run(
            insert(schema.account),
            [
                {
                    "id": one,
                    "kind": "managed",
                    "organization_id": world.organization,
                    "name": f"P{one}",
                    "email": f"p{one}@work.example",
                    "email_key": f"p{one}@work.example",
                    "locale": "en_US",
                    "created_at": T0,
                }
                for one in ids
            ],
        )
    return [str(one) for one in ids]


async def test_a_group_and_its_members(directory: Directory) -> None:
    """O5: a group is made, read, found by name, renamed, replaced and deleted; people show their groups; its audit has one entry
    for each change."""
    ann, bea = [(await directory.add(name))["id"] for name in ("ann", "bea")]
    group = await _group(directory, "Crew", ann, externalId="G1")
    path = f"/Groups/{group}"
    shown = await directory.get(path)
    assert shown["members"] == [{"value": ann, "$ref": f"{directory.base}/Users/{ann}", "type": "User"}]
    assert (await directory.get(f"/Users/{ann}"))["groups"] == [
        {"value": group, "$ref": f"{directory.base}/Groups/{group}", "display": "Crew", "type": "direct"}
    ]
    found = await directory.get("/Groups", filter='displayName eq "crew"', excludedAttributes="members")
    assert [one["id"] for one in found["Resources"]] == [group] and "members" not in found["Resources"][0]
    body = {"displayName": "Team", "members": [{"value": bea}], "id": group}
    assert (await directory.call("PUT", path, body)).status_code == 200
    shown = await directory.get(path)
    assert shown["displayName"] == "Team" and "externalId" not in shown and await _members(directory, group) == {bea}
    assert (await directory.call("DELETE", path)).status_code == 204
    refusal(await directory.call("GET", path), 404)
    assert "groups" not in await directory.get(f"/Users/{bea}")
    assert sorted(await directory.acts(group)) == [
        "group.add",
        "group.members",
        "group.members",
        "group.remove",
        "group.rename",
    ]


async def test_names_of_groups_are_unique(directory: Directory) -> None:
    """O5: a displayName or externalId that a group has is refused with 409, in any case of the name."""
    await _group(directory, "Crew", externalId="G1")
    other = await _group(directory, "Team")
    refusal(await directory.call("POST", "/Groups", {"displayName": "CREW"}), 409, "uniqueness")
    refusal(await directory.call("POST", "/Groups", {"displayName": "X", "externalId": "G1"}), 409, "uniqueness")
    rename = {"op": "replace", "path": "displayName", "value": "crew"}
    refusal(await directory.patch(f"/Groups/{other}", rename, status=409), 409, "uniqueness")


async def test_every_way_to_remove(directory: Directory) -> None:
    """SC-11: by path filter, by a list of values, with an unknown id among them, of somebody who is no member, and without a value:
    exactly those are removed."""
    people = [(await directory.add(f"p{number}"))["id"] for number in range(6)]
    group = await _group(directory, "Crew", *people[:5])
    path, left = f"/Groups/{group}", set(people[:5])
    steps: list[tuple[dict[str, Any], set[str]]] = [
        ({"path": f'members[value eq "{people[0]}"]'}, {people[0]}),
        ({"path": f'members[value eq "{people[1]}" or value eq "nobody"]'}, {people[1]}),
        ({"path": "members", "value": [{"$ref": None, "value": people[2]}]}, {people[2]}),
        ({"path": "members", "value": [{"value": "100000000000000000"}, {"value": people[3]}]}, {people[3]}),
        ({"path": "members", "value": [{"value": people[5]}]}, set()),
        ({"path": 'members[value eq "nobody"]'}, set()),
    ]
    for operation, gone in steps:
        await directory.patch(path, {"op": "Remove", **operation})
        left -= gone
        assert await _members(directory, group) == left, operation
    await directory.patch(path, {"op": "add", "path": "members", "value": [{"value": people[0]}]})
    await directory.patch(path, {"op": "remove", "path": "members"})
    assert await _members(directory, group) == set()


async def test_every_way_to_replace(directory: Directory) -> None:
    """SC-12, SC-13: members are replaced by a list or by none, with a path and without; a rename that does not name members leaves
    them."""
    people = [(await directory.add(f"p{number}"))["id"] for number in range(4)]
    group = await _group(directory, "Crew", *people[:2])
    path = f"/Groups/{group}"
    for value, there in ((people[1:3], set(people[1:3])), ([], set()), (people, set(people))):
        listed = [{"value": one} for one in value]
        for operation in ({"path": "members", "value": listed}, {"value": {"members": listed, "id": group}}):
            await directory.patch(path, {"op": "replace", **operation})
            assert await _members(directory, group) == there
    await directory.patch(path, {"op": "replace", "value": {"id": group, "displayName": "Team"}})
    assert await _members(directory, group) == set(people)
    assert (await directory.get(path))["displayName"] == "Team"
    both = [
        {"op": "remove", "path": f'members[value eq "{people[0]}"]'},
        {"op": "add", "path": "members", "value": [{"value": people[1]}]},
    ]
    await directory.patch(path, *both)
    assert await _members(directory, group) == set(people[1:])


async def test_members_are_users_of_the_organization(directory: Directory) -> None:
    """SC-22: an id of nobody, of a personal account and of a group is refused alike as a member, and nobody joins."""
    ann = (await directory.add("ann"))["id"]
    group, other = await _group(directory, "Crew"), await _group(directory, "Team")
    said = set()
    for one in ("100000000000000000", str(directory.world.people["ada"]), "nobody", other):
        operation = {"op": "add", "path": "members", "value": [{"value": ann}, {"value": one}]}
        said.add(refusal(await directory.patch(f"/Groups/{group}", operation, status=400), 400, "invalidValue"))
        body = {"displayName": "New", "members": [{"value": one}]}
        refusal(await directory.call("POST", "/Groups", body), 400, "invalidValue")
    assert len(said) <= 2 and await _members(directory, group) == set()
    assert {one["displayName"] for one in (await directory.get("/Groups"))["Resources"]} == {"Crew", "Team"}


async def test_ten_thousand_members_in_one_request(directory: Directory) -> None:
    """SC-10: 1, 100, 1 000 and 10 000 members are added in one PATCH each, in less than a minute; the same again changes nothing;
    nobody else is touched."""
    people = await _crowd(directory.world, 10_000)
    group = await _group(directory, "Crew")
    for count in (1, 100, 1_000, 10_000):
        operation = {"op": "Add", "path": "members", "value": [{"$ref": None, "value": one} for one in people[:count]]}
        begun = time.monotonic()
        answer = await directory.patch(f"/Groups/{group}", operation)
        assert time.monotonic() - begun < 60
        again = await directory.patch(f"/Groups/{group}", operation)
        assert again.headers["etag"] == answer.headers["etag"]
        async with directory.world.services.store.read() as tx:
            rows = await tx.rows(select(directory_member.c.account_id))
        assert {str(row.account_id) for row in rows} == set(people[:count]) and len(rows) == count
    operation = {"op": "Remove", "path": "members", "value": [{"value": one} for one in people[1:]]}
    await directory.patch(f"/Groups/{group}", operation)
    assert await _members(directory, group) == set(people[:1])


async def test_patches_at_once_drop_nobody(directory: Directory, second: World) -> None:
    """O5: PATCHes that add and remove members at once, through two nodes, all take effect."""
    people = await _crowd(directory.world, 60)
    group = await _group(directory, "Crew", *people[:20])
    path = f"/Groups/{group}"
    async with Directory.open(second) as other:
        calls = []
        for number in range(20):
            node = (directory, other)[number % 2]
            new = {
                "op": "add",
                "path": "members",
                "value": [{"value": people[20 + number]}, {"value": people[40 + number]}],
            }
            old = {"op": "remove", "path": f'members[value eq "{people[number]}"]'}
            calls += [node.patch(path, new), node.patch(path, old)]
        await asyncio.gather(*calls)
    assert await _members(directory, group) == set(people[20:])


async def test_attributes_of_groups(directory: Directory) -> None:
    """SC-14: attributes and excludedAttributes hold on get, list and .search, in any case and with the whole URN; id and schemas are
    always there; unknown names are ignored."""
    ann = (await directory.add("ann"))["id"]
    group = await _group(directory, "Crew", ann)
    for query, there in (
        ({"excludedAttributes": "members"}, False),
        ({"excludedAttributes": f"{GROUP}:members"}, False),
        ({"excludedAttributes": "Members,id,nothing"}, False),
        ({"attributes": "displayName"}, False),
        ({"attributes": "members.value"}, True),
        ({"attributes": f"{GROUP}:Members"}, True),
        ({}, True),
    ):
        whole = await directory.call("POST", "/Groups/.search", {name: text.split(",") for name, text in query.items()})
        for shown in (
            await directory.get(f"/Groups/{group}", **query),
            (await directory.get("/Groups", **query))["Resources"][0],
            whole.json()["Resources"][0],
        ):
            assert shown["id"] == group and shown["schemas"] == [GROUP]
            assert ("members" in shown) is there, query
