"""Users of a directory: each is a managed account (A1, A5, O5)."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from tests.commands._world import PASSWORD, T0, World
from workbadge.commands import portfolio
from workbadge.store import records, rights, schema
from workbadge.terms.kinds import AccountKind, EndCause, Role

from ._directory import CORE, ENTERPRISE, Directory, refusal

pytestmark = pytest.mark.anyio


async def test_a_user_is_a_managed_account(directory: Directory) -> None:
    """A1: a user that is provisioned is a managed account of the organization with its work address, written once to the audit."""
    made = await directory.add("ann", externalId="E1", name={"givenName": "Ann", "familyName": "Other"})
    account = await directory.account(made["id"])
    assert (account.kind, account.organization_id) == ("managed", directory.world.organization)
    assert (account.email, account.name, account.password_hash) == ("ann@work.example", "Ann", None)
    assert await directory.acts(made["id"]) == ["account.provision"]
    assert made["meta"]["location"] == f"{directory.base}/Users/{made['id']}"
    assert await directory.get(f"/Users/{made['id']}") == made


async def test_only_verified_domains_are_provisioned(directory: Directory) -> None:
    """SC-40: an address in an unverified, public or another organization's domain is refused with 400; there is no account."""
    services = directory.world.services
    async with services.store.write() as tx:
        await portfolio.add_organization(tx, services, "Other", "other.example", T0)
    for domain in ("nowhere.example", "gmail.com", "other.example", "sub.work.example"):
        address = f"ann@{domain}"
        body = directory.person("ann", userName=address, emails=[{"value": address, "type": "work"}])
        assert domain in refusal(await directory.call("POST", "/Users", body), 400, "invalidValue")
    async with services.store.read() as tx:
        assert await tx.rows(select(schema.account).where(schema.account.c.kind == "managed")) == []


async def test_a_personal_account_with_the_same_address_is_another(directory: Directory) -> None:
    """SC-41: a user whose address has a personal account is a separate managed account; the personal one is untouched, and
    the answer is the same as for anybody."""
    services = directory.world.services
    async with services.store.write() as tx:
        mine = await portfolio.add_person(
            tx, services, AccountKind.PERSONAL, "Ann At Home", "ann@work.example", PASSWORD, T0
        )
    before = await directory.account(str(mine))
    made, other = await directory.add("ann"), await directory.add("bea")
    assert made["id"] != str(mine) and set(made) == set(other)
    assert await directory.account(str(mine)) == before


async def test_a_name_is_taken_while_its_holder_exists(directory: Directory) -> None:
    """SC-19, SC-29: a userName in any case is refused with 409 while its holder is active or disabled; after the holder's end it
    is given to a new account that inherits nothing."""
    made = await directory.add("ann", externalId="E1")
    again = directory.person("ANN")
    assert "userName" in refusal(await directory.call("POST", "/Users", again), 409, "uniqueness")
    await directory.patch(f"/Users/{made['id']}", {"op": "replace", "path": "active", "value": False})
    refusal(await directory.call("POST", "/Users", again), 409, "uniqueness")
    assert (await directory.call("DELETE", f"/Users/{made['id']}")).status_code == 204
    new = await directory.add("ANN")
    assert new["id"] != made["id"] and "externalId" not in new and new["active"] is True


async def test_deleted_is_gone(directory: Directory) -> None:
    """SC-18: DELETE answers 204 once, then 404; reading and changing answer 404, a filter finds nobody."""
    made = await directory.add("ann")
    path = f"/Users/{made['id']}"
    assert (await directory.call("DELETE", path)).status_code == 204
    for method, body in (("DELETE", None), ("GET", None), ("PUT", directory.person("ann"))):
        refusal(await directory.call(method, path, body), 404)
    await directory.patch(path, {"op": "replace", "path": "active", "value": True}, status=404)
    assert await directory.find('userName eq "ann@work.example"') == []
    assert (await directory.get("/Users"))["totalResults"] == 0
    assert (await directory.account(made["id"])).deleted_at is not None


@pytest.mark.parametrize("value", [False, "False", "false", "FALSE"])
async def test_words_for_false_are_false(directory: Directory, value: Any) -> None:
    """SC-06: false is false, as a boolean and as a word in any case, by PATCH with and without a path and by PUT."""
    made = await directory.add("ann")
    path = f"/Users/{made['id']}"
    for operation in ({"path": "active", "value": value}, {"value": {"active": value}}):
        await directory.patch(path, {"op": "Replace", **operation})
        assert (await directory.get(path))["active"] is False
        await directory.patch(path, {"op": "replace", "path": "active", "value": "True"})
        assert (await directory.get(path))["active"] is True
    answer = await directory.call("PUT", path, directory.person("ann", active=value))
    assert answer.status_code == 200 and answer.json()["active"] is False


@pytest.mark.parametrize("value", [0, 1, "0", "no", "", None, [], {}])
async def test_other_words_are_no_truth_values(directory: Directory, value: Any) -> None:
    """SC-06: anything else is refused with invalidValue and changes nothing."""
    made = await directory.add("ann")
    path = f"/Users/{made['id']}"
    for operation in ({"path": "active", "value": value}, {"value": {"active": value}}):
        refusal(await directory.patch(path, {"op": "replace", **operation}, status=400), 400, "invalidValue")
    refusal(await directory.call("PUT", path, directory.person("ann", active=value)), 400, "invalidValue")
    refusal(await directory.call("POST", "/Users", directory.person("bea", active=value)), 400, "invalidValue")
    assert await directory.get(path) == made


async def _put_into_business(world: World, account_id: int, role: Role = Role.EMPLOYEE) -> int:
    async with world.services.store.write() as tx:
        return await portfolio.add_member(tx, world.services, account_id, world.business, role, world.tasks(), None, T0)


async def test_a_leaver_loses_everything_at_once(directory: Directory) -> None:
    """A5: active=false suspends the account, with one audit entry; sessions are gone; the account stays readable (SC-16)."""
    made = await directory.add("ann")
    await _put_into_business(directory.world, int(made["id"]))
    directory.clock.set(T0 + timedelta(hours=1))
    await directory.patch(f"/Users/{made['id']}", {"op": "Replace", "path": "active", "value": "False"})
    assert (await directory.account(made["id"])).suspended_at == T0 + timedelta(hours=1)
    assert (await directory.acts(made["id"])).count("account.suspend") == 1
    for found in (await directory.find('userName eq "ann@work.example"'), (await directory.get("/Users"))["Resources"]):
        assert [(one["id"], one["active"]) for one in found] == [(made["id"], False)]
    await directory.patch(f"/Users/{made['id']}", {"op": "Replace", "path": "active", "value": "False"})
    assert (await directory.acts(made["id"])).count("account.suspend") == 1


async def test_whoever_comes_back_is_who_they_were(directory: Directory) -> None:
    """SC-17: disabled and enabled again, an account has the same id, attributes, groups and places."""
    made = await directory.add("ann", title="Captain")
    place = await _put_into_business(directory.world, int(made["id"]))
    group = await directory.call("POST", "/Groups", {"displayName": "Crew", "members": [{"value": made["id"]}]})
    assert group.status_code == 201, group.text
    before = await directory.get(f"/Users/{made['id']}")
    for active in ("False", "True"):
        await directory.patch(f"/Users/{made['id']}", {"op": "replace", "path": "active", "value": active})
    after = await directory.get(f"/Users/{made['id']}")
    assert {**after, "meta": 0} == {**before, "meta": 0} and after["groups"][0]["display"] == "Crew"
    assert (await directory.acts(made["id"])).count("account.restore") == 1
    async with directory.world.services.store.read() as tx:
        state = await rights.find_membership(tx, place)
    assert state is not None and state.ends is None


async def test_a_departure_ends_every_place(directory: Directory) -> None:
    """A5: DELETE ends the account's places in the same transaction, as a leaver's."""
    made = await directory.add("ann")
    place = await _put_into_business(directory.world, int(made["id"]))
    assert (await directory.call("DELETE", f"/Users/{made['id']}")).status_code == 204
    async with directory.world.services.store.read() as tx:
        state = await rights.find_membership(tx, place)
    assert state is not None and (state.ends, state.cause) == (directory.clock.now(), EndCause.LEAVER)


@pytest.mark.parametrize("way", ["patch", "put", "delete"])
async def test_the_last_admin_stays(directory: Directory, way: str) -> None:
    """I9: the only admin of a business is neither disabled nor deleted by a directory; the refusal says what to do first."""
    world, made = directory.world, await directory.add("ann")
    async with world.services.store.write() as tx:
        business = await portfolio.add_business(tx, world.services, "Alone", world.organization, T0)
        await portfolio.add_member(tx, world.services, int(made["id"]), business, Role.ADMIN, {}, None, T0)
    path = f"/Users/{made['id']}"
    if way == "patch":
        answer = await directory.patch(path, {"op": "replace", "value": {"active": False}}, status=403)
    elif way == "put":
        answer = await directory.call("PUT", path, directory.person("ann", title="Boss", active=False))
    else:
        answer = await directory.call("DELETE", path)
    assert "another admin first" in refusal(answer, 403)
    assert await directory.get(path) == made


async def test_a_rename_moves_the_managed_account_alone(directory: Directory) -> None:
    """SC-20: another userName, address or name is the managed account's alone; a taken one is 409, one outside the verified
    domains 400; a personal account with the old address keeps it."""
    services = directory.world.services
    async with services.store.write() as tx:
        mine = await portfolio.add_person(tx, services, AccountKind.PERSONAL, "Ann", "ann@work.example", None, T0)
    made, other = await directory.add("ann"), await directory.add("bea")
    path = f"/Users/{made['id']}"
    await directory.patch(
        path, {"op": "replace", "path": 'emails[type eq "work"].value', "value": "ann.b@work.example"}
    )
    await directory.patch(path, {"op": "replace", "value": {"displayName": "Ann B", "userName": "ann.b@work.example"}})
    account = await directory.account(made["id"])
    assert (account.email, account.name) == ("ann.b@work.example", "Ann B")
    assert (await directory.account(str(mine))).email == "ann@work.example"
    before = await directory.get(path)
    taken = {"op": "replace", "path": "userName", "value": other["userName"].upper()}
    refusal(await directory.patch(path, taken, status=409), 409, "uniqueness")
    for address, status, kind in (("bea@work.example", 409, "uniqueness"), ("ann@else.example", 400, "invalidValue")):
        moved = {"op": "replace", "path": 'emails[type eq "work"].value', "value": address}
        refusal(await directory.patch(path, moved, status=status), status, kind)
    assert await directory.get(path) == before
    async with services.store.read() as tx:
        found = await records.find_account_by_address(tx, AccountKind.MANAGED, "ann@work.example")
    assert found is None


async def test_the_directory_s_own_identifier(directory: Directory) -> None:
    """SC-21: an externalId is any text of its own namespace, unique in the organization, and never an id of ours."""
    first = await directory.add("ann", externalId="1")
    for number, text in enumerate(("-1", first["id"], "x" * 10_240, "E", "e")):
        made = await directory.add(f"p{number}", externalId=text)
        assert made["externalId"] == text and made["id"] != text
        assert [one["id"] for one in await directory.find(f'externalId eq "{text}"')] == [made["id"]]
    refusal(await directory.call("POST", "/Users", directory.person("bea", externalId="1")), 409, "uniqueness")
    await directory.patch(f"/Users/{first['id']}", {"op": "replace", "path": "externalId", "value": "2"})
    await directory.add("bea", externalId="1")


async def test_what_a_directory_may_not_set(directory: Directory) -> None:
    """SC-25: id, meta, groups, roles, passwords, unknown attributes and unknown schemas give nobody anything; a password is
    neither stored nor used."""
    extra = {
        "schemas": [CORE, "urn:ietf:params:scim:schemas:extension:enterprise2.0:User", "urn:x:y"],
        "id": "100000000000000000",
        "meta": {"resourceType": "Organization"},
        "groups": [{"value": "440000000000000000"}],
        "roles": [{"value": "admin"}],
        "isAdmin": True,
        "organization": str(directory.world.partner),
        "password": "s3cret-canary",
        "nickName": None,
    }
    made = await directory.add("ann", **extra)
    assert made["schemas"] == [CORE] and made["id"] != extra["id"] and made["meta"]["resourceType"] == "User"
    assert "groups" not in made and "isAdmin" not in made and "password" not in made
    await directory.patch(f"/Users/{made['id']}", {"op": "add", "path": "password", "value": "s3cret-canary"})
    await directory.patch(f"/Users/{made['id']}", {"op": "add", "value": {"isAdmin": True, "id": "1", "title": "T"}})
    account = await directory.account(made["id"])
    assert account.password_hash is None and account.organization_id == directory.world.organization
    async with directory.world.services.store.read() as tx:
        everything = [await tx.rows(select(one)) for one in schema.metadata.tables.values()]
        assert await rights.list_memberships(tx, int(made["id"])) == []
    assert "s3cret-canary" not in repr(everything)


async def test_a_whole_object_replaces(directory: Directory) -> None:
    """SC-32: PUT clears what it leaves out, but neither active nor groups; another id in the body is 400."""
    made = await directory.add("ann", title="Captain", externalId="E1", active=False)
    path = f"/Users/{made['id']}"
    answer = await directory.call("PUT", path, {**directory.person("ann"), "groups": [], "meta": {}, "id": made["id"]})
    assert answer.status_code == 200, answer.text
    now = answer.json()
    assert "title" not in now and "externalId" not in now and now["active"] is False
    wrong = {**directory.person("ann"), "id": "100000000000000000"}
    refusal(await directory.call("PUT", path, wrong), 400, "invalidValue")


async def test_removing_active_enables_nobody(directory: Directory) -> None:
    """SC-06: to remove active unassigns it for whoever is active, and leaves whoever is disabled so."""
    for active, shown in ((True, None), (False, False)):
        made = await directory.add(f"a{active}", active=active)
        await directory.patch(f"/Users/{made['id']}", {"op": "remove", "path": "active"})
        assert (await directory.get(f"/Users/{made['id']}")).get("active") is shown
        assert ((await directory.account(made["id"])).suspended_at is None) is active


async def test_a_patch_is_whole_or_nothing(directory: Directory) -> None:
    """SC-33: of three operations with a wrong third nothing is applied."""
    made = await directory.add("ann")
    path = f"/Users/{made['id']}"
    right = {"op": "replace", "path": "title", "value": "T"}
    for wrong in (
        {"op": "replace", "path": "userName", "value": ""},
        {"op": "replace", "path": "emails[", "value": ""},
        {"op": "jump"},
    ):
        answer = await directory.patch(path, right, {**right, "path": "nickName"}, wrong, status=400)
        assert answer.json()["scimType"]
    assert await directory.get(path) == made


@pytest.mark.parametrize("op", ["Add", "ADD", "add", "Replace", "rePlace"])
async def test_operations_in_any_case(directory: Directory, op: str) -> None:
    """SC-05: the case of an operation's name does not matter."""
    made = await directory.add("ann")
    await directory.patch(f"/Users/{made['id']}", {"op": op, "path": "title", "value": "T"})
    assert (await directory.get(f"/Users/{made['id']}"))["title"] == "T"


@pytest.mark.parametrize("op", [None, "", " add", "set", 1, ["add"]])
async def test_no_operation_is_guessed(directory: Directory, op: Any) -> None:
    """SC-05: a missing, unknown or blank-padded operation is invalidSyntax."""
    made = await directory.add("ann")
    body = {"op": op, "path": "title", "value": "T"}
    refusal(await directory.patch(f"/Users/{made['id']}", body, status=400), 400, "invalidSyntax")
    del body["op"]
    refusal(await directory.patch(f"/Users/{made['id']}", body, status=400), 400, "invalidSyntax")


async def test_an_entry_that_is_not_there_is_made(directory: Directory) -> None:
    """SC-07: Add and Replace on emails[type eq "…"].value change the entry of that type, or make it, with what follows on it."""
    body = directory.person("ann", userName="ann@work.example")
    del body["emails"]
    made = (await directory.call("POST", "/Users", body)).json()
    path = f"/Users/{made['id']}"
    for number, op in enumerate(("Add", "Replace")):
        for kind in ("work", "home"):
            address = f"a{number}@work.example"
            await directory.patch(
                path,
                {"op": op, "path": f'emails[type eq "{kind}"].value', "value": address},
                {"op": op, "path": f'emails[type eq "{kind}"].display', "value": "D"},
            )
            found = [one for one in (await directory.get(path))["emails"] if one["type"] == kind]
            assert found == [{"value": address, "type": kind, "display": "D"}]


async def test_keys_that_are_paths(directory: Directory) -> None:
    """SC-08: a replace without a path writes plain, dotted and URN keys to the right places."""
    made = await directory.add("ann")
    value = {"displayName": "D", "name.givenName": "G", f"{ENTERPRISE}:employeeNumber": "7", "id": made["id"]}
    await directory.patch(f"/Users/{made['id']}", {"op": "Replace", "value": value})
    now = await directory.get(f"/Users/{made['id']}")
    assert (now["displayName"], now["name"]["givenName"], now[ENTERPRISE]["employeeNumber"]) == ("D", "G", "7")


async def test_managers(directory: Directory) -> None:
    """SC-09: a manager in an array, as an object or as an id is accepted; an unknown one, oneself and a circle are 400; it can be
    removed."""
    ann, bea, cid = [await directory.add(name) for name in ("ann", "bea", "cid")]
    path = f"/Users/{ann['id']}"
    for value in ([{"$ref": None, "value": bea["id"]}], {"value": bea["id"]}, bea["id"]):
        await directory.patch(path, {"op": "Add", "path": "manager", "value": value})
        assert (await directory.get(path))[ENTERPRISE]["manager"]["value"] == bea["id"]
        await directory.patch(path, {"op": "Remove", "path": f"{ENTERPRISE}:manager"})
        assert "manager" not in (await directory.get(path)).get(ENTERPRISE, {})
    await directory.patch(path, {"op": "Add", "path": "manager", "value": bea["id"]})
    await directory.patch(f"/Users/{bea['id']}", {"op": "Add", "path": "manager", "value": cid["id"]})
    for above in ("100000000000000000", "nobody", cid["id"], ann["id"], str(directory.world.people["ada"])):
        answer = await directory.patch(
            f"/Users/{cid['id']}", {"op": "Add", "path": "manager", "value": above}, status=400
        )
        assert "manager" in refusal(answer, 400, "invalidValue")


async def test_one_primary_address(directory: Directory) -> None:
    """SC-34: an address that becomes primary takes that from the other."""
    made = await directory.add("ann")
    path = f"/Users/{made['id']}"
    more = {"value": "ann.two@work.example", "type": "home", "primary": True}
    await directory.patch(path, {"op": "add", "path": "emails", "value": [more]})
    shown = {one["value"]: one.get("primary", False) for one in (await directory.get(path))["emails"]}
    assert shown == {"ann@work.example": False, "ann.two@work.example": True}


async def test_an_etag_guards_a_change(directory: Directory) -> None:
    """RFC 7644 §3.14: a change under an older version is 412 and changes nothing; a read of the present one is 304."""
    made = await directory.add("ann")
    path, first = f"/Users/{made['id']}", made["meta"]["version"]
    await directory.patch(path, {"op": "add", "path": "title", "value": "T"})
    for method, body in (("PUT", directory.person("ann")), ("DELETE", None)):
        refusal(await directory.call(method, path, body, headers={"If-Match": first}), 412)
    now = await directory.call("GET", path)
    assert now.json()["title"] == "T" and now.headers["etag"] != first
    again = await directory.call("GET", path, headers={"If-None-Match": now.headers["etag"]})
    assert again.status_code == 304


async def test_two_at_once_make_one(directory: Directory, second: World) -> None:
    """SC-37: of two equal creations at once on two nodes one is 201, the other 409; there is one account."""
    async with Directory.open(second) as other:
        for number in range(5):
            body = directory.person(f"p{number}", externalId=f"E{number}")
            answers = await asyncio.gather(directory.call("POST", "/Users", body), other.call("POST", "/Users", body))
            assert sorted(one.status_code for one in answers) == [201, 409], [one.text for one in answers]
    assert (await directory.get("/Users"))["totalResults"] == 5


async def test_accounts_that_were_there_are_linked(directory: Directory) -> None:
    """A1, OIN C9335: an account that the directory has not made is found by its address, and taken over by PUT under its id."""
    services, world = directory.world.services, directory.world
    async with services.store.write() as tx:
        known = await portfolio.add_person(
            tx, services, AccountKind.MANAGED, "Ann", "ann@work.example", None, T0, world.organization
        )
    found = await directory.find('userName eq "Ann@Work.example"')
    assert [one["id"] for one in found] == [str(known)]
    assert [one["id"] for one in await directory.find('emails[type eq "work"].value eq "ann@work.example"')] == [
        str(known)
    ]
    answer = await directory.call("PUT", f"/Users/{known}", directory.person("ann", externalId="E1"))
    assert answer.status_code == 200 and answer.json()["externalId"] == "E1"
    refusal(await directory.call("POST", "/Users", directory.person("ann")), 409, "uniqueness")


async def test_values_come_back_as_they_were_sent(directory: Directory) -> None:
    """SC-43: phone formats, the case of names and addresses and blanks are kept; comparing goes by its own rules."""
    sent = {
        "userName": "Ann.Upper@work.example",
        "emails": [{"value": "Ann.Upper@work.example", "type": "work", "primary": True}],
        "phoneNumbers": [{"value": " +1 (555) 000-1 ", "type": "work"}],
        "title": "Captain  ",
    }
    made = await directory.add("x", **sent)
    assert {name: made[name] for name in sent} == sent
    assert len(await directory.find('userName eq "ann.upper@WORK.example"')) == 1
    assert len(await directory.find('title eq "captain"')) == 0
