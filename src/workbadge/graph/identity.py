"""Reading who is who: the caller, the seats of a business, the calling app (``wire.md`` §3.4, §3.6)."""

from base64 import urlsafe_b64encode
from dataclasses import replace
from datetime import datetime
from typing import Any

from workbadge.keys import hash_secret
from workbadge.store import app_links, apps, business_login, records, rights, seats
from workbadge.store.engine import Tx
from workbadge.store.facts import Loaded
from workbadge.terms.kinds import AccountKind
from workbadge.web.caller import check_given_proof, find_app_caller
from workbadge.web.wire import WireError

from .context import Call, find_shown_id
from .enforcement import check_limits
from .errors import NO_TOKEN_ME, missing, nothing_named
from .fields import Field, parse_fields
from .nodes import OMIT, Expand, show
from .people import APPLICATION, SYSTEM_SEAT, AppShown, Person, Seat, seat_of


async def find_person(call: Call, loaded: Loaded) -> Person:
    """The account behind the call, under the id by which the app knows it."""
    account = loaded.facts.account
    assert account is not None
    async with call.services.store.read() as tx:
        row = await records.find_account(tx, account.id)
        shown = await find_shown_id(tx, loaded)
    assert row is not None and shown is not None
    return Person(
        shown,
        account.kind,
        row.name,
        row.email,
        row.locale,
        row.created_at,
        row.business_id,
        call.scopes(loaded),
    )


async def reach_seat(call: Call, text: str, found: int, system: bool) -> Seat:
    """A BusinessUser by its membership or a SystemUser by its account, if the call may read its business; the same ones as
    in the lists (I10). Raises WireError."""
    await call.alive()
    async with call.services.store.read() as tx:
        row = await (find_robot if system else find_person_seat)(tx, call.now, found)
    if row is None:
        raise missing(text)
    try:
        business = await call.reach(text, node_id=row.business_id)
    except WireError as error:
        raise missing(text) from error
    call.used(business.loaded)
    return seat_of(row)


async def find_person_seat(tx: Tx, now: datetime, found: int) -> Any:
    """The place of a person (BusinessUser) that an id names."""
    row = await seats.find_seat(tx, now, membership_id=found)
    return row if row is not None and row.kind != AccountKind.SYSTEM.value else None


async def find_robot(tx: Tx, now: datetime, found: int) -> Any:
    """The place of a system user that an id names."""
    row = await seats.find_seat(tx, now, account_id=found)
    return row if row is not None and row.kind == AccountKind.SYSTEM.value else None


async def show_somebody(call: Call, account_id: int | None, business_id: int) -> Any:
    """Id and name of whoever did something in a business, while that somebody has a place there; else it is left out."""
    if account_id is None:
        return OMIT
    async with call.services.store.read() as tx:
        account = await records.find_account(tx, account_id)
        place = await rights.find_member(tx, account_id, business_id, call.now)
    if account is None or place is None:
        return OMIT
    system = account.kind == AccountKind.SYSTEM.value
    return {"id": str(account_id if system else place.id), "name": account.name}


async def created_by(call: Call, seat: Seat, one: Field) -> Any:
    """Field ``created_by`` of a system user."""
    return await show_somebody(call, seat.created_by, seat.business_id)


def of_own_place(name: str) -> Expand:
    """A field that the system user behind the token has by its place in the business."""

    async def expand(call: Call, person: Person, one: Field) -> Any:
        async with call.services.store.read() as tx:
            row = await find_robot(tx, call.now, person.shown_id)
        if row is None:
            return OMIT
        seat = seat_of(row)
        return await created_by(call, seat, one) if name == "created_by" else SYSTEM_SEAT.fields[name](call, seat)

    return expand


OWN_PLACE = {name: of_own_place(name) for name in ("created_by", "role", "finance_permission", "ip_permission")}
"""Fields of the system user behind a token beyond those of an account."""


def _pseudonym(purpose: str, number: int) -> str:
    """A name that says nothing but that two are the same: the hash of a random id."""
    return urlsafe_b64encode(hash_secret(f"{purpose}:{number}")[:24]).decode()


async def third_party_id(call: Call, person: Person, one: Field) -> Any:
    """A name of the person for one app, which may be passed on without naming the person's id (``wire.md`` §3.4)."""
    return _pseudonym("third party", person.shown_id)


async def token_for_business(call: Call, person: Person, one: Field) -> Any:
    """A name of the person that all apps of one business have in common (``wire.md`` §3.4); left out for an app of no business."""
    loaded = await call.load(None)
    async with call.services.store.read() as tx:
        owner = await app_links.find_owner(tx, loaded.app_id)
    if owner is None or loaded.facts.account is None:
        return OMIT
    return _pseudonym(f"business {owner.business_id}", loaded.facts.account.id)


PSEUDONYMS: dict[str, Expand] = {"third_party_id": third_party_id, "token_for_business": token_for_business}
"""Fields of a user by which others than the app may recognise a person."""


async def _config_ids(call: Call, shown: AppShown, one: Field) -> Any:
    """Field ``config_ids``: login configurations of the app (``wire.md`` §4)."""
    if not shown.inside:
        return OMIT
    async with call.services.store.read() as tx:
        rows = await business_login.list_configurations(tx, shown.row.id)
    return [str(row.id) for row in rows]


_APPLICATION = replace(APPLICATION, expansions={"config_ids": _config_ids})


async def read_app(call: Call, app_id: int) -> Any:
    """An app, shown to itself and to people whom it serves; to those with a role on it with everything."""
    async with call.services.store.read() as tx:
        row = await records.find_app(tx, app_id)
        inside = call.by_app
        if not inside:
            account = (await call.alive()).facts.account
            inside = account is not None and await apps.find_role(tx, app_id, account.id) is not None
    assert row is not None
    return await show(call, _APPLICATION, AppShown(row, inside), parse_fields(call.params.values.get("fields", "")))


async def answer_app(call: Call, text: str, found: int | None) -> int:
    """The id of the app that calls with an app token and names itself by ``text``. Such a token stands for nobody,
    so nothing else can be reached by it. Raises WireError."""
    caller = await find_app_caller(call.services, call.token, call.now)
    check_given_proof(caller.secret, call.params, call.token, call.now)
    call.count_app(caller.app_id)
    await check_limits(call.services, caller.app_id, caller.limits, call.method != "GET")
    if text == "me":
        raise WireError(2500, NO_TOKEN_ME, www="invalid_request")
    if found != caller.app_id:
        raise nothing_named(text)
    return caller.app_id
