"""Webhooks to real receivers: what is told, in which order, signed how, given up when, sent again (L5, wire.md 6.3-6.5)."""

import asyncio
from datetime import timedelta

import pytest

from tests.commands._world import SCOPES, T0, World
from workbadge.commands import grant, outbox, post, webhooks
from workbadge.commands.errors import CommandError, Problem
from workbadge.commands.overview import cut_app
from workbadge.commands.registration import SECRET_PLACE
from workbadge.commands.webhooks import Entry, NewSubscription
from workbadge.store import grants, records
from workbadge.store import webhooks as stored
from workbadge.terms.instants import DAY, to_micros
from workbadge.web.clock import SettableClock
from workbadge.web.state import Site
from workbadge.web.worker import Worker

from ._receiver import Hook, listening

pytestmark = pytest.mark.anyio

PAGE_SCOPES = (*SCOPES, "pages_manage_metadata")


class Post:
    """A worker at a clock that tests set."""

    def __init__(self, world: World) -> None:
        self.clock = SettableClock(T0)
        site = Site(world.services, self.clock)
        self.worker = Worker(lambda: site, allow_private=True)

    async def deliver(self) -> None:
        """Everything that can be sent now."""
        while await self.worker.step():
            pass


async def subscribe(world: World, hook: Hook, name: str, *fields: str, app: str = "both", values: bool = True) -> int:
    """A subscription of an app at a receiver."""
    async with world.services.store.write() as tx:
        wanted = NewSubscription(name, hook.url, fields or None, values)
        return await webhooks.subscribe(tx, world.services, world.apps[app], wanted, True, T0)


async def tell(world: World, name: str, field: str, *numbers: int) -> None:
    """Events whose value is a number, each in a transaction of its own."""
    for number in numbers:
        async with world.services.store.write() as tx:
            await webhooks.notify(tx, world.services, world.apps["both"], name, Entry("1", ((field, number),)), T0)


def numbers(hook: Hook) -> list[int]:
    """The values that arrived, in order."""
    return [entry["changes"][0]["value"] for one in hook.posts for entry in one.entries]


async def secret_of(world: World, app: str) -> str:
    """An app's secret."""
    async with world.services.store.read() as tx:
        row = await records.find_app(tx, world.apps[app])
    assert row is not None
    return world.services.sealer.open(row.secret, SECRET_PLACE)


async def test_a_webhook_is_signed_twice(world: World) -> None:
    """wire 6.3: the raw body, ASCII only, is signed with SHA-256 and, for older receivers, with SHA-1."""
    async with listening() as hook:
        await subscribe(world, hook, "application")
        async with world.services.store.write() as tx:
            entry = Entry("1", (("business_integration_install", {"name": "Zoë"}),))
            await webhooks.notify(tx, world.services, world.apps["both"], "application", entry, T0)
        await Post(world).deliver()
    (got,) = hook.posts
    assert got.body.isascii() and b"\\u00eb" in got.body
    assert got.signed_by(await secret_of(world, "both"))
    assert not got.signed_by(await secret_of(world, "tokens"))
    assert got.entry == {
        "id": "1",
        "time": to_micros(T0) // 1_000_000,
        "changes": [{"field": "business_integration_install", "value": {"name": "Zoë"}}],
    }


async def test_only_subscribed_fields_are_told(world: World) -> None:
    """wire 6.4: an app that subscribes to one field is told no other, and nothing of objects it does not subscribe to."""
    async with listening() as hook:
        await subscribe(world, hook, "application", "business_integration_uninstall")
        await tell(world, "application", "business_integration_install", 1)
        await tell(world, "application", "business_integration_uninstall", 2)
        await tell(world, "user", "fbe_install", 3)
        await Post(world).deliver()
    assert numbers(hook) == [2]
    assert [one.kind for one in await world.outbox()] == ["business_integration_uninstall"]


@pytest.mark.parametrize("values", [True, False])
async def test_values_are_told_on_request(world: World, values: bool) -> None:
    """wire 6.3, 6.4: without include_values an entry names the fields that changed, with it the values stand beside them."""
    async with listening() as hook:
        await subscribe(world, hook, "permissions", values=values)
        await tell(world, "permissions", "connected", 1)
        await Post(world).deliver()
    (got,) = hook.posts
    assert got.entry.get("changed_fields") == (None if values else ["connected"])
    assert ("changes" in got.entry) == values


async def test_a_subscription_is_told_in_order(world: World) -> None:
    """FT-21: while the first events are not delivered the next wait; another subscription at another address does not."""
    mail = Post(world)
    async with listening(Hook(status=500)) as down, listening() as up:
        await subscribe(world, down, "application")
        await subscribe(world, up, "permissions")
        await tell(world, "application", "business_integration_install", 1, 2, 3)
        await tell(world, "permissions", "connected", 4)
        await mail.deliver()
        assert (numbers(down), numbers(up)) == ([1, 2, 3], [4])
        down.status = 200
        mail.clock.set(T0 + timedelta(minutes=2))
        await mail.deliver()
    assert numbers(down) == [1, 2, 3, 1, 2, 3]
    assert [one.state for one in await world.outbox()] == ["sent"] * 4


async def test_two_workers_keep_the_order(world: World, second: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """FT-04, FT-21: with two workers at once twenty events of one subscription arrive once each and in order."""
    monkeypatch.setattr(outbox, "MOST_CHANGES", 3)
    async with listening() as hook:
        await subscribe(world, hook, "application")
        await tell(world, "application", "business_integration_install", *range(20))
        one, other = Post(world), Post(second)
        await asyncio.gather(one.deliver(), other.deliver())
        await one.deliver()
    assert numbers(hook) == list(range(20))


async def test_what_waits_goes_together(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """wire 6.3: what waits for one subscription goes in one delivery of so many changes at most, its entries in order, signed
    as a whole; the rest follows. A change more than fits waits for the next."""
    monkeypatch.setattr(outbox, "MOST_CHANGES", 4)
    async with listening() as hook, listening() as other:
        await subscribe(world, hook, "application")
        await subscribe(world, other, "permissions")
        await tell(world, "application", "business_integration_install", 1, 2, 3)
        await tell(world, "permissions", "connected", 9)
        async with world.services.store.write() as tx:
            two = tuple((f"business_integration_{name}", number) for name, number in (("update", 4), ("uninstall", 5)))
            await webhooks.notify(tx, world.services, world.apps["both"], "application", Entry("2", two), T0)
        await tell(world, "application", "business_integration_install", 6)
        await Post(world).deliver()
    told = [[[one["value"] for one in entry["changes"]] for entry in got.entries] for got in hook.posts]
    assert told == [[[1], [2], [3]], [[4, 5], [6]]]
    assert [entry["id"] for entry in hook.posts[1].entries] == ["2", "1"]
    secret = await secret_of(world, "both")
    assert all(got.signed_by(secret) for got in hook.posts)
    assert numbers(other) == [9]
    sent = [one for one in await world.outbox() if one.state == "sent"]
    assert len(sent) == 6 and [str(sent[0].id)] == [hook.posts[0].headers["x-workbadge-delivery"]]


async def test_what_was_sent_together_is_tried_together(world: World) -> None:
    """wire 6.3, FT-21: a delivery that failed comes again with the same events and none besides, under the same id; what was
    written meanwhile comes after it."""
    mail = Post(world)
    async with listening(Hook(status=500)) as hook:
        await subscribe(world, hook, "application")
        await tell(world, "application", "business_integration_install", 1, 2)
        await mail.deliver()
        await tell(world, "application", "business_integration_install", 3)
        hook.status = 200
        mail.clock.set(T0 + timedelta(minutes=2))
        await mail.deliver()
    values = [[entry["changes"][0]["value"] for entry in one.entries] for one in hook.posts]
    assert values == [[1, 2], [1, 2], [3]]
    first, again, _ = (one.headers["x-workbadge-delivery"] for one in hook.posts)
    assert first == again
    assert hook.posts[0].body == hook.posts[1].body


async def test_of_a_delivery_only_what_is_lost_is_dropped(world: World) -> None:
    """MT-37, MT-22: an event about a page that the app no longer reaches is left out, those of another page go on, in order."""
    emil, services, both = world.people["emil"], world.services, world.apps["both"]
    hashed = await world.consent(emil, "both", ("page", "page2"), scopes=PAGE_SCOPES)
    async with listening() as hook:
        await subscribe(world, hook, "page")
        for name in ("page", "page2"):
            await follow(world, hashed, name)
        async with services.store.write() as tx:
            for number in range(4):
                page = world.assets["page2" if number % 2 else "page"]
                await webhooks.notify_page(tx, services, page, "feed", number, T0)
        async with services.store.write() as tx:
            await webhooks.unfollow_page(tx, services, both, world.assets["page"], T0)
        await Post(world).deliver()
    (got,) = hook.posts
    assert [entry["changes"][0]["value"] for entry in got.entries] == [1, 3]
    assert [one.state for one in await world.outbox() if one.kind == "feed"] == ["failed", "sent", "failed", "sent"]


async def test_a_dead_receiver_is_given_up_after_about_36_hours(world: World) -> None:
    """wire 6.3, FT-23: the first event is parked after fifteen tries in about 36 hours, what waited so long behind it with
    it; what came later goes on. A parked one can be sent again under the same id."""
    mail = Post(world)
    async with listening(Hook(status=500)) as hook:
        await subscribe(world, hook, "application")
        await tell(world, "application", "business_integration_install", 1, 2)
        for _ in range(14):
            await mail.deliver()
            (waits,) = {one.next_try_at for one in await world.outbox()}
            assert waits is not None
            mail.clock.set(waits)
        late = mail.clock.now() - timedelta(minutes=1)
        assert timedelta(hours=32) < late - T0 < timedelta(hours=40)
        mail.clock.set(max(mail.clock.now(), T0 + outbox.GIVE_UP_AFTER))
        async with world.services.store.write() as tx:
            entry = Entry("1", (("business_integration_install", 3),))
            await webhooks.notify(tx, world.services, world.apps["both"], "application", entry, late)
        hook.status = 500
        await mail.worker.step()
        assert len(hook.posts) == 15
        first, behind, fresh = await world.outbox()
        assert (first.state, behind.state, fresh.state) == ("failed", "failed", "waiting")
        assert first.parked_at == mail.clock.now()
        assert behind.last_error == "not tried: the receiver was down for 36 hours"
        hook.status = 200
        async with world.services.store.write() as tx:
            await outbox.replay(tx, world.services, world.apps["both"], first.id, mail.clock.now())
        mail.clock.set(mail.clock.now() + DAY)
        await mail.deliver()
    assert [[entry["changes"][0]["value"] for entry in one.entries] for one in hook.posts[15:]] == [[1, 3]]
    assert [len(one.entries) for one in hook.posts[:15]] == [2] * 5 + [1] * 10
    assert {hook.posts[0].headers["x-workbadge-delivery"], str(first.id)} == {str(first.id)}
    assert hook.posts[15].headers["x-workbadge-delivery"] == str(first.id)


async def test_a_receiver_that_is_gone_stops_its_subscription(world: World) -> None:
    """FT-23: 410 parks the event and all that wait behind it, and nothing more is written until the app subscribes again."""
    mail = Post(world)
    async with listening(Hook(status=410)) as hook:
        subscription = await subscribe(world, hook, "application")
        await tell(world, "application", "business_integration_install", 1, 2)
        await mail.deliver()
        assert [one.state for one in await world.outbox()] == ["failed", "failed"]
        await tell(world, "application", "business_integration_install", 3)
        sent, _ = await world.outbox()
        async with world.services.store.write() as tx:
            row = await stored.find_subscription_by_id(tx, subscription)
            assert row is not None and row.stopped_at == T0
            with pytest.raises(CommandError, match="does not subscribe"):
                await outbox.replay(tx, world.services, world.apps["both"], sent.id, T0)
        hook.status = 200
        assert await subscribe(world, hook, "application") == subscription
        await tell(world, "application", "business_integration_install", 4)
        await mail.deliver()
    assert numbers(hook) == [1, 2, 4]


async def test_what_waits_goes_to_the_new_address(world: World) -> None:
    """wire 6.4: an app that subscribes anew from another address is told there what its old one did not take, at once."""
    mail = Post(world)
    async with listening(Hook(status=500)) as old, listening() as new:
        await subscribe(world, old, "application")
        await tell(world, "application", "business_integration_install", 1, 2)
        await mail.deliver()
        await subscribe(world, new, "application")
        await mail.deliver()
    assert (numbers(old), numbers(new)) == ([1, 2], [1, 2])


async def test_unsubscribing_parks_what_waits(world: World) -> None:
    """wire 6.4: after DELETE nothing is sent; one field can go alone; an object that is not subscribed is an error."""
    services, app = world.services, world.apps["both"]
    async with listening(Hook(status=500)) as hook:
        await subscribe(world, hook, "application")
        await tell(world, "application", "business_integration_install", 1)
        async with services.store.write() as tx:
            gone = ("business_integration_install",)
            await webhooks.unsubscribe(tx, services, app, "application", gone, T0)
            row = await stored.find_subscription(tx, app, "application")
            assert row is not None
            assert row.fields == "business_integration_update,business_integration_uninstall"
            await webhooks.unsubscribe(tx, services, app, None, (), T0)
            assert await stored.list_subscriptions(tx, app) == []
            with pytest.raises(CommandError) as refused:
                await webhooks.unsubscribe(tx, services, app, "application", (), T0)
        assert refused.value.problem is Problem.NOT_FOUND
        await Post(world).deliver()
    assert hook.got == []
    assert [(one.state, one.last_error) for one in await world.outbox()] == [("failed", "the app unsubscribed")]


async def test_permissions_are_told_with_their_assets(world: World) -> None:
    """wire 6.5: a first consent tells connected and each permission with the ids it is about, under the app-scoped id; a later
    one tells what changed alone; taking one back and taking the app off tell revoked."""
    services, emil, app = world.services, world.people["emil"], world.apps["both"]
    mail = Post(world)
    async with listening() as hook:
        await subscribe(world, hook, "permissions")
        await world.consent(emil, "both", ("page",), scopes=("email", "pages_show_list", "ads_read"))
        await world.consent(emil, "both", ("page",), scopes=("email", "pages_show_list", "ads_read"))
        await world.consent(emil, "both", ("page", "ads"), scopes=("email", "pages_show_list", "ads_read"))
        async with services.store.write() as tx:
            await grant.remove_permission(tx, services, emil, app, "email", T0)
        async with services.store.write() as tx:
            row = await grants.find_grant(tx, emil, app)
            assert row is not None
            await cut_app(tx, services, world.business, row.id, world.people["ada"], T0)
        async with services.store.write() as tx:
            await grant.remove_app(tx, services, emil, app, T0)
        await mail.deliver()
        async with services.store.read() as tx:
            scoped = await records.find_scoped_id(tx, app, emil)
    page, ads = str(world.assets["page"]), str(world.assets["ads"])
    (got,) = hook.posts
    told = [[(one["field"], one["value"]) for one in entry["changes"]] for entry in got.entries]
    assert told == [
        [
            ("connected", {"verb": "granted"}),
            ("email", {"verb": "granted", "target_ids": []}),
            ("pages_show_list", {"verb": "granted", "target_ids": [page]}),
            ("ads_read", {"verb": "granted", "target_ids": []}),
        ],
        [("ads_read", {"verb": "granted", "target_ids": [ads]})],
        [("email", {"verb": "revoked", "target_ids": []})],
        [
            ("pages_show_list", {"verb": "revoked", "target_ids": [page]}),
            ("ads_read", {"verb": "revoked", "target_ids": [ads]}),
        ],
        [
            ("pages_show_list", {"verb": "revoked", "target_ids": []}),
            ("ads_read", {"verb": "revoked", "target_ids": []}),
            ("connected", {"verb": "revoked"}),
        ],
    ]
    assert {entry["id"] for entry in got.entries} == {str(scoped)} != {str(emil)}


async def test_a_migration_is_told_to_each_subscription(world: World) -> None:
    """wire 1.6, 9.23, 9.27: the claim and an extension tell every app that the person had connected, each at its own address,
    with Z in the time; an app that unsubscribed has nothing sent, and its notice is kept to be read."""
    async with listening() as both, listening() as tokens:
        await subscribe(world, both, "managed_meta_account", app="both")
        await subscribe(world, tokens, "managed_meta_account", app="tokens")
        async with world.services.store.write() as tx:
            await webhooks.unsubscribe(tx, world.services, world.apps["system"], None, (), T0)
        for app in ("both", "tokens", "system"):
            await world.consent(world.people["emil"], app, ("page",))
        started = await world.start("emil")
        await world.claim(started, "emil", T0)
        await Post(world).deliver()
    ends = (T0 + 30 * DAY).strftime("%Y-%m-%dT%H:%M:%SZ")
    for hook in (both, tokens):
        (got,) = hook.posts
        (change,) = got.entry["changes"]
        assert change["field"] == "migration_expire_time"
        assert change["value"] == {"user_id": got.entry["id"], "migration_expire_time": ends}
    assert both.posts[0].entry["id"] != tokens.posts[0].entry["id"]
    kept = [one for one in await world.outbox() if one.kind == "migration_expire_time" and one.state == "kept"]
    assert [one.app_id for one in kept] == [world.apps["system"]]


async def follow(world: World, token_hash: bytes, name: str = "page") -> None:
    """An app follows a page under a token."""
    async with world.services.store.write() as tx:
        page = world.assets[name]
        await webhooks.follow_page(tx, world.services, world.apps["both"], page, ("feed",), token_hash, T0)


async def write(world: World, message: str) -> int:
    """A post on the page."""
    page, emil = world.assets["page"], world.people["emil"]
    async with world.services.store.write() as tx:
        return await post.add_post(tx, world.services, page, emil, world.apps["tokens"], message, None, T0)


async def test_a_followed_page_tells_its_posts(world: World) -> None:
    """wire 6.5: an app that subscribes to page and follows the page is told of a post by whatever app; other pages, other
    apps and the app once it unfollows are told nothing."""
    hashed = await world.consent(
        world.people["emil"], "both", ("page",), scopes=PAGE_SCOPES, lifetime=timedelta(hours=1)
    )
    mail = Post(world)
    async with listening() as hook:
        await subscribe(world, hook, "page")
        await write(world, "before")
        await follow(world, hashed)
        made = await write(world, "Hello")
        async with world.services.store.write() as tx:
            await webhooks.unfollow_page(tx, world.services, world.apps["both"], world.assets["page"], T0)
        await follow(world, hashed, "page2")
        await write(world, "after")
        await mail.deliver()
        assert hook.posts == []  # what was written for a page that is no longer followed is dropped
        await follow(world, hashed)
        again = await write(world, "Again")
        mail.clock.set(T0 + 2 * DAY)  # the token is over, the consent is not
        await mail.deliver()
    (got,) = hook.posts
    page = world.assets["page"]
    assert got.entry["id"] == str(page)
    (change,) = got.entry["changes"]
    assert change["field"] == "feed"
    assert change["value"] == {
        "from": {"id": str(page), "name": "page"},
        "item": "status",
        "verb": "add",
        "post_id": f"{page}_{again}",
        "message": "Again",
        "created_time": to_micros(T0) // 1_000_000,
    }
    assert made != again


@pytest.mark.parametrize("ends", ["grant", "cut_off", "membership"])
async def test_queued_events_of_a_lost_page_are_dropped(world: World, ends: str) -> None:
    """MT-37: an event that was written while the app reached the page is dropped at its turn when the consent was taken back,
    or the grace has ended, meanwhile; new ones are not even written."""
    emil = world.people["emil"]
    hashed = await world.consent(emil, "both", ("page",), scopes=PAGE_SCOPES)
    started = await world.start("emil")
    mail = Post(world)
    async with listening() as hook:
        await subscribe(world, hook, "page")
        await follow(world, hashed)
        if ends == "cut_off":
            await world.claim(started, "emil", T0)
        await write(world, "queued")
        if ends == "grant":
            async with world.services.store.write() as tx:
                await grant.remove_app(tx, world.services, emil, world.apps["both"], T0)
        elif ends == "membership":
            async with world.services.store.write() as tx:
                row = await grants.find_grant(tx, emil, world.apps["both"])
                assert row is not None
                await cut_app(tx, world.services, world.business, row.id, world.people["ada"], T0)
        else:
            mail.clock.set(T0 + 30 * DAY - timedelta(microseconds=1))
        before = len(await world.outbox())
        if ends != "cut_off":
            await write(world, "not written")
            assert len(await world.outbox()) == before
        else:
            mail.clock.set(T0 + 30 * DAY)
        await mail.deliver()
    assert hook.got == []
    (queued,) = [one for one in await world.outbox() if one.kind == "feed"]
    assert queued.state == "failed"
    assert queued.last_error == "OutgoingError: dropped: the app no longer reaches what it is about"
