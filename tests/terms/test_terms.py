"""The vocabulary: ids, instants, durations, addresses, tasks, scopes. Every form has one reading."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbadge.terms.addresses import address_key, canonical_domain, domain_of, parse_address
from workbadge.terms.ids import RANDOM_SPAN, kind_of, make_id, parse_id
from workbadge.terms.instants import (
    DAY,
    GRACE_DEFAULT,
    Interval,
    earliest,
    from_micros,
    parse_duration,
    parse_instant,
    to_micros,
    to_wire,
)
from workbadge.terms.kinds import ASSET_KINDS, AccountKind, Act, NodeKind
from workbadge.terms.scopes import SCOPES, Audience, grantable, parse_scopes, scopes_for, target_kinds
from workbadge.terms.tasks import ADMIN_TASKS, TASKS_OF, Task, parse_tasks, task_names, task_words, tasks_for

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)


# --- ids ---


@given(st.sampled_from(NodeKind), st.integers(0, RANDOM_SPAN - 1))
def test_an_id_names_its_kind_and_fits_the_database(kind: NodeKind, random: int) -> None:
    """An id has eighteen digits, is below 2**63, and says what it names; its text reads back to it (wire §3.4)."""
    made = make_id(kind, random)
    assert 10**17 <= made < 2**63
    assert kind_of(made) is kind
    assert parse_id(str(made)) == made


@pytest.mark.parametrize("random", [-1, RANDOM_SPAN])
def test_an_id_is_not_made_of_a_number_outside_the_span(random: int) -> None:
    """A random part outside its span is refused, so that it cannot reach into the kind (wire §3.4)."""
    with pytest.raises(ValueError, match="random part"):
        make_id(NodeKind.PAGE, random)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "200000000000000001 ",
        " 20000000000000001",
        "+20000000000000001",
        "0200000000000000001",
        "２" * 18,
        "99" + "0" * 16,
        "00" + "0" * 16,
        "2" * 17,
        "2" * 19,
        "20000000000000000x",
        "²" * 18,
        "1_0000000000000000",
    ],
)
def test_ids_in_other_spellings_name_nothing(text: str) -> None:
    """Only eighteen ASCII digits of a known kind are an id (MT-01)."""
    assert parse_id(text) is None


def test_a_number_of_no_kind_is_nothing() -> None:
    """A number whose first digits name no kind has none (MT-01)."""
    assert kind_of(5) is None
    assert kind_of(-1) is None
    assert kind_of(99 * RANDOM_SPAN) is None


# --- instants ---


@given(st.datetimes(timezones=st.just(UTC)))
def test_an_instant_survives_the_database(at: datetime) -> None:
    """Microseconds since 1970 are exact both ways, also before 1970 (MT-31)."""
    assert from_micros(to_micros(at)) == at
    assert parse_instant(to_wire(at)) == at


def test_a_naive_instant_is_refused() -> None:
    """An instant without a zone has no place in the database (house §2)."""
    with pytest.raises(ValueError, match="zone"):
        to_micros(datetime(2026, 1, 1))  # noqa: DTZ001
    assert to_micros(datetime(1970, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))) == 0


@given(st.integers(-5, 5), st.one_of(st.none(), st.integers(-5, 5)), st.integers(-6, 6))
def test_an_interval_is_half_open(starts: int, ends: int | None, now: int) -> None:
    """An interval holds at its start and not at its end; without an end it stays (M7)."""
    interval = Interval(NOON + starts * TICK, None if ends is None else NOON + ends * TICK)
    assert interval.covers(NOON + now * TICK) is (starts <= now and (ends is None or now < ends))


def test_the_earliest_end_wins() -> None:
    """No end never wins over an instant; without any there is none (M15)."""
    assert earliest() is None
    assert earliest(None, None) is None
    assert earliest(None, NOON, NOON - TICK) == NOON - TICK


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("P29DT23H", timedelta(days=29, hours=23)),
        ("PT15M", timedelta(minutes=15)),
        ("P2W", timedelta(weeks=2)),
        ("P1W1DT1H1M1.000001S", timedelta(days=8, hours=1, minutes=1, seconds=1, microseconds=1)),
        ("PT0.5S", timedelta(milliseconds=500)),
        ("P0D", timedelta(0)),
    ],
)
def test_durations_are_read(text: str, meant: timedelta) -> None:
    """Weeks, days, hours, minutes, seconds with a fraction of up to six digits are read exactly."""
    assert parse_duration(text) == meant


@pytest.mark.parametrize(
    "text",
    ["", "P", "PT", "P1DT", "P1M", "P1Y", "-P1D", "P1.5D", "1D", "P1D ", "PT1S1M", "PT1.1234567S", "P１D", "P9999999D"],
)
def test_other_durations_are_refused(text: str) -> None:
    """Months, years, signs, foreign digits and empty parts are refused with what was expected."""
    with pytest.raises(ValueError, match="ISO 8601 duration"):
        parse_duration(text)


def test_the_default_grace_is_in_seconds() -> None:
    """Thirty days are 30 × 86 400 seconds (M7, MT-32)."""
    assert GRACE_DEFAULT.total_seconds() == 2_592_000
    assert DAY.total_seconds() == 86_400


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-01-31T12:00:00Z", NOON),
        ("2026-01-31t12:00z", NOON),
        ("2026-01-31 14:00:00+02:00", NOON),
        ("2026-01-31T14:00:00.000001+0200", NOON + TICK),
        ("2026-01-31T12:00:00.1234567Z", NOON + timedelta(microseconds=123_456)),
    ],
)
def test_instants_are_read(text: str, meant: datetime) -> None:
    """An RFC 3339 instant in any zone is one in UTC (house §2)."""
    assert parse_instant(text) == meant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-01-31",
        "2026-01-31T12:00:00",
        "2026-02-30T12:00:00Z",
        "2026-12-31T23:59:60Z",
        "20260131T120000Z",
        "2026-W05-6T12:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-10:00",
        "２026-01-31T12:00:00Z",
        "2026-01-31T25:00:00Z",
        " 2026-01-31T12:00:00Z",
        "1769860800",
    ],
)
def test_other_instants_are_refused(text: str) -> None:
    """Without a zone, on no day, in a leap second or beyond the calendar there is no instant (MT-32)."""
    with pytest.raises(ValueError, match="expected an instant"):
        parse_instant(text)


def test_instants_are_written_short() -> None:
    """Microseconds are written only where there are any."""
    assert to_wire(NOON) == "2026-01-31T12:00:00Z"
    assert to_wire(NOON + TICK) == "2026-01-31T12:00:00.000001Z"


# --- addresses ---


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("Ada.L+x@Work.Example", "Ada.L+x@work.example"),
        ("ada@work.example.", "ada@work.example"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("o'neil@a.b", "o'neil@a.b"),
    ],
)
def test_addresses_have_one_form(text: str, stored: str) -> None:
    """The local part stays as typed, the domain becomes its A-label in lower case (AC-13)."""
    assert parse_address(text) == stored
    assert parse_address(stored) == stored
    assert address_key(stored) == stored.lower()
    assert domain_of(stored) == stored.rpartition("@")[2]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "@work.example",
        "ada@",
        "a da@work.example",
        "ada@work .example",
        '"ada"@work.example',
        "a..b@x.de",
        ".a@x.de",
        "a.@x.de",
        "ada@localhost",
        "ada@127.0.0.1",
        "ada@[127.0.0.1]",
        "ada@-x.de",
        "ada@x-.de",
        "ada@x..de",
        "=?utf-8?q?ada?=@x.de",
        "ada@x.de\n",
        "ada@ x.de",
        "a@b@x.de",
        "ada,eve@x.de",
        "<ada@x.de>",
        "ada(x)@x.de",
        "ädä@x.de",
        "a" * 65 + "@x.de",
        "ada@" + "x" * 64 + ".de",
        "ada@" + "x." * 130 + "de",
        "a\r\nb@x.de",
        "ada@x.de..",
        "ada@straße.de",
        "ada@x\u200dy.de",
        "ada@" + "ü" * 70 + ".de",
        "ada@。.de",
    ],
)
def test_addresses_with_two_readings_are_refused(text: str) -> None:
    """What mail software reads in two ways is no address; the message echoes little of it (AC-14)."""
    with pytest.raises(ValueError, match="expected") as caught:
        parse_address(text)
    assert len(str(caught.value)) < 500


def test_a_domain_is_trimmed() -> None:
    """Blanks around a domain and one trailing dot are dropped where a domain is typed by itself (AC-10)."""
    assert canonical_domain(" Work.Example. ") == "work.example"


def test_lengths_end_where_mail_software_ends_them() -> None:
    """64 letters before the @, 253 in a domain and 254 in all are taken, one more of each is refused (AC-14)."""
    domain = ("x" * 61 + ".") * 4 + "xx.de"
    assert len(domain) == 253
    assert canonical_domain(domain) == domain
    with pytest.raises(ValueError, match="expected a domain"):
        canonical_domain("x" + domain)
    assert parse_address("a" * 64 + "@x.de") == "a" * 64 + "@x.de"
    whole = "a" * 64 + "@" + domain[-189:]
    assert len(whole) == 254
    assert parse_address(whole) == whole
    with pytest.raises(ValueError, match="expected one e-mail address"):
        parse_address(whole.replace("@", "@y"))


# --- tasks ---

WIRE_TASKS = {
    NodeKind.PAGE: "ADVERTISE ANALYZE CREATE_CONTENT MANAGE MESSAGING MODERATE MANAGE_JOBS MANAGE_LEADS",
    NodeKind.AD_ACCOUNT: "AA_ANALYZE ADVERTISE ANALYZE DRAFT MANAGE",
    NodeKind.PRODUCT_CATALOG: "AA_ANALYZE ADVERTISE MANAGE MANAGE_AR",
    NodeKind.PIXEL: "AA_ANALYZE ADVERTISE ANALYZE EDIT UPLOAD",
    NodeKind.INSTAGRAM_ACCOUNT: "ADVERTISE ANALYZE CREATE_CONTENT MANAGE MESSAGING MODERATE",
    NodeKind.WHATSAPP_ACCOUNT: "ANALYZE MANAGE MESSAGING",
}


def test_the_tasks_of_each_kind_are_the_wires() -> None:
    """Each kind of asset has the tasks that the wire names, no more and no fewer (wire §3.6)."""
    assert {kind: set(task_names(tasks)) for kind, tasks in TASKS_OF.items()} == {
        kind: set(names.split()) for kind, names in WIRE_TASKS.items()
    }


def test_every_kind_of_asset_has_tasks_and_writers() -> None:
    """What writes on an asset also reads it; an admin holds everything; a business is changed by an admin only."""
    for kind in ASSET_KINDS:
        assert tasks_for(kind, Act.WRITE)
        assert tasks_for(kind, Act.WRITE) in tasks_for(kind, Act.READ) == TASKS_OF[kind] == ADMIN_TASKS[kind]
        assert tasks_for(kind, Act.LIST) == tasks_for(kind, Act.CONSENT) == tasks_for(kind, Act.READ)
        assert tasks_for(kind, Act.MANAGE) in (Task.MANAGE, Task.EDIT)
        assert tasks_for(kind, Act.MANAGE) in TASKS_OF[kind]
    assert tasks_for(NodeKind.BUSINESS, Act.MANAGE) == Task.MANAGE
    assert tasks_for(NodeKind.BUSINESS, Act.READ) == Task(0)
    assert tasks_for(NodeKind.BUSINESS, Act.WRITE) in ADMIN_TASKS[NodeKind.BUSINESS]
    assert tasks_for(NodeKind.POST, Act.WRITE) == Task(0)


@given(
    st.sampled_from(ASSET_KINDS).flatmap(lambda kind: st.tuples(st.just(kind), st.sets(st.sampled_from(list(Task)))))
)
def test_tasks_read_back(case: tuple[NodeKind, set[Task]]) -> None:
    """Names of tasks read back to the same set; a task of another kind is refused by name."""
    kind, wanted = case
    names = [task.name or "" for task in wanted]
    foreign = [task for task in wanted if task not in TASKS_OF[kind]]
    if foreign:
        with pytest.raises(ValueError, match="expected tasks of"):
            parse_tasks(names, kind)
    else:
        assert sorted(task_names(parse_tasks(names, kind))) == sorted(names)


def test_unknown_tasks_are_refused() -> None:
    """A name that is no task, and any task on what is no asset, is refused."""
    for names, kind in ((["manage"], NodeKind.PAGE), (["MANAGE"], NodeKind.BUSINESS), (["x" * 100], NodeKind.PAGE)):
        with pytest.raises(ValueError, match="expected tasks of"):
            parse_tasks(names, kind)


# --- scopes ---


def test_reading_takes_no_more_than_writing() -> None:
    """Whatever lets an app write a kind of node lets it read it; listing takes what reading takes (I10)."""
    for kind in (*ASSET_KINDS, NodeKind.BUSINESS):
        assert scopes_for(kind, Act.WRITE)
        assert scopes_for(kind, Act.WRITE) <= scopes_for(kind, Act.READ) == scopes_for(kind, Act.LIST)
        for name in scopes_for(kind, Act.READ):
            assert SCOPES[name].audience is Audience.BUSINESS
            assert kind in SCOPES[name].targets
    assert scopes_for(NodeKind.POST, Act.READ) == frozenset()


NEEDED = {
    NodeKind.BUSINESS: ("business_management", ""),
    NodeKind.PAGE: (
        "pages_manage_posts",
        "pages_show_list pages_read_engagement pages_manage_metadata manage_business_extension",
    ),
    NodeKind.AD_ACCOUNT: ("ads_management", "ads_read manage_business_extension"),
    NodeKind.PIXEL: ("ads_management", "ads_read manage_business_extension"),
    NodeKind.PRODUCT_CATALOG: ("catalog_management", "manage_business_extension"),
    NodeKind.INSTAGRAM_ACCOUNT: ("instagram_content_publish", "instagram_basic"),
    NodeKind.WHATSAPP_ACCOUNT: ("whatsapp_business_management", ""),
}
"""What lets an app write a kind of node, and what lets it read only."""


def test_what_lets_an_app_read_and_write_is_said_once_more() -> None:
    """A scope that is about reading never lets an app write, on any kind of node (MT-12)."""
    for kind, (writing, reading) in NEEDED.items():
        assert scopes_for(kind, Act.WRITE) == {writing}
        assert scopes_for(kind, Act.READ) == {writing, *reading.split()}


def test_every_scope_that_exists_is_named_here() -> None:
    """The scopes are these, in the order of the dialog; what is about a person or an identity has no targets (A3)."""
    identity = ["public_profile", "email", "openid", "offline_access"]
    private = "friends birthday photos posts likes link gender location hometown age_range videos"
    person = [f"user_{name}" for name in private.split()]
    pages = (
        "pages_show_list pages_read_engagement pages_read_user_content pages_manage_posts pages_manage_metadata"
        " pages_manage_engagement pages_manage_ads pages_messaging read_insights leads_retrieval"
    )
    others = (
        "ads_read ads_management catalog_management instagram_basic instagram_content_publish"
        " whatsapp_business_management manage_business_extension"
    )
    assert list(SCOPES) == [*identity, *person, "business_management", *pages.split(), *others.split()]
    assert not any(SCOPES[name].targets for name in [*identity, *person])
    assert all(SCOPES[name].targets == (NodeKind.PAGE,) for name in pages.split())
    assert target_kinds(("manage_business_extension",)) == {
        NodeKind.BUSINESS,
        NodeKind.PAGE,
        NodeKind.AD_ACCOUNT,
        NodeKind.PIXEL,
        NodeKind.PRODUCT_CATALOG,
    }


def test_scopes_are_read_in_order_and_once() -> None:
    """Commas and blanks separate, doubles fall away, nothing is checked (wire §3.1)."""
    assert parse_scopes("email, ads_read ads_read,,x") == ("email", "ads_read", "x")
    assert parse_scopes("") == ()


def test_a_managed_account_grants_nothing_about_a_person() -> None:
    """``user_*`` is left out silently; system users grant business scopes only; unknown names are left out (A3)."""
    asked = ("email", "user_photos", "ads_read", "nothing_known")
    assert grantable(asked, AccountKind.PERSONAL) == ("email", "user_photos", "ads_read")
    assert grantable(asked, AccountKind.MANAGED) == ("email", "ads_read")
    assert grantable(asked, AccountKind.SYSTEM) == ("ads_read",)
    assert all(SCOPES[name].audience is Audience.PERSON for name in SCOPES if name.startswith("user_"))


def test_targets_follow_from_scopes() -> None:
    """What can be selected is what the scopes are about; unknown names add nothing (MT-16)."""
    assert target_kinds(("ads_read", "email", "nothing_known")) == {NodeKind.AD_ACCOUNT, NodeKind.PIXEL}
    assert target_kinds(frozenset()) == frozenset()


def test_tasks_in_words() -> None:
    """Every task of an asset's kind is said in one word, some of them by their names (house 24)."""
    assert task_words(TASKS_OF[NodeKind.PAGE], NodeKind.PAGE) == "Everything"
    some = task_words(Task.MANAGE | Task.ADVERTISE, NodeKind.PAGE)
    assert some.count(" · ") == 1 and "Everything" not in some
