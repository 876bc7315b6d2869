"""Browsers are told through a real push service, which may put them off, refuse, or know them no longer."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from aiohttp import web

from delivery.jobs.pushes import LEASE, TRIES, push_some
from delivery.outbox.outbox import Outbox
from delivery.settings import DeliverySettings
from storage.accounts import preferences
from storage.accounts.preferences import Letters, Preferences
from storage.engine.database import Row
from storage.ids import ThreadId
from storage.installation import push_key
from storage.push import subscriptions
from storage.store import Store
from tests.delivery.rounds import deliver_all
from tests.delivery.transports.push_service import FakeBrowser, FakePushService, Push, push_service
from tests.people import DAY, GRACE, HOUR, MINUTE, SECOND, House, Person, StoppedClock

WAIT = 450 * SECOND


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[FakePushService]:
    async with push_service(tmp_path) as found:
        yield found
        assert found.faults == []


@dataclass
class Scene:
    """Léa's browsers at a push service, and a conversation with Claire."""

    house: House
    outbox: Outbox
    settings: DeliverySettings
    clock: StoppedClock
    thread: ThreadId
    service: FakePushService

    @property
    def store(self) -> Store:
        return self.house.store

    async def subscribe(self, one: Person) -> FakeBrowser:
        browser, store = self.service.browser(), self.store
        session = browser.auth * 2
        await store.database.write(
            lambda tx: subscriptions.keep(tx, store.guard, one.id, session, browser.subscription, store.clock())
        )
        return browser

    async def reply(self) -> None:
        """Claire writes, and the letter that tells of it is sent."""
        await self.house.post(self.house.claire, self.thread)
        self.clock.advance(GRACE)
        await deliver_all(self.outbox)

    async def push(self) -> list[Push]:
        """Tell all browsers that are to be told now; return what the push service took."""
        while await push_some(self.store, self.settings):
            pass
        return [self.service.taken.get_nowait() for _ in range(self.service.taken.qsize())]

    async def rows(self) -> list[Row]:
        return list(await self.house.select("select * from push_subscriptions"))


@pytest.fixture
def scene(
    house: House,
    outbox: Outbox,
    settings: DeliverySettings,
    stopped_clock: StoppedClock,
    thread: ThreadId,
    service: FakePushService,
) -> Scene:
    store = house.store
    store.settings = replace(store.settings, push_hosts=frozenset({service.host}))
    return Scene(house, outbox, replace(settings, push_authority=service.authority), stopped_clock, thread, service)


async def test_every_browser_is_told_once(scene: Scene) -> None:
    browsers = [await scene.subscribe(scene.house.lea) for _ in range(3)]
    await scene.subscribe(scene.house.karim)
    await scene.reply()
    taken = await scene.push()
    key = await scene.store.database.read(lambda reader: push_key(reader, scene.store.guard))
    assert {push.browser.endpoint for push in taken} == {browser.endpoint for browser in browsers}
    assert {(push.content, push.key) for push in taken} == {(b'{"type": "unread"}', key.public_key if key else b"")}
    assert await scene.push() == []


async def test_it_is_of_use_for_a_day_at_most(scene: Scene) -> None:
    await scene.subscribe(scene.house.lea)
    await scene.reply()
    (push,) = await scene.push()
    assert push.headers["TTL"] == "86400"


@pytest.mark.parametrize("status", [404, 410])
async def test_an_ended_subscription_is_forgotten(scene: Scene, status: int) -> None:
    await scene.subscribe(scene.house.lea)
    scene.service.answers = [lambda: web.Response(status=status)]
    await scene.reply()
    assert (await scene.push(), await scene.rows()) == ([], [])


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_one_that_is_put_off_is_told_later(scene: Scene, status: int) -> None:
    await scene.subscribe(scene.house.lea)
    scene.service.answers = [lambda: web.Response(status=status)] * 2
    await scene.reply()
    waits = [0, WAIT, 2 * WAIT]
    for number, wait in enumerate(waits, 1):
        scene.clock.advance(wait - 1)
        assert await scene.push() == []
        scene.clock.advance(1)
        assert len(await scene.push()) == (number == len(waits))
        assert scene.service.asked == number


async def test_a_push_service_may_say_for_how_long(scene: Scene) -> None:
    await scene.subscribe(scene.house.lea)
    scene.service.answers = [lambda: web.Response(status=429, headers={"Retry-After": "3600"})]
    await scene.reply()
    assert await scene.push() == []
    scene.clock.advance(HOUR - 1)
    assert await scene.push() == []
    scene.clock.advance(1)
    assert len(await scene.push()) == 1


async def test_one_that_always_fails_is_given_up_and_the_next_is_told(scene: Scene) -> None:
    await scene.subscribe(scene.house.lea)
    scene.service.answers = [lambda: web.Response(status=500)] * 20
    await scene.reply()
    while (due_at := (await scene.rows())[0]["due_at"]) is not None:
        scene.clock.now = due_at
        assert await scene.push() == []
    assert scene.service.asked == TRIES
    assert {row["state"] for row in await scene.house.letters()} == {"sent"}
    scene.service.answers = []
    await scene.reply()
    assert len(await scene.push()) == 1


async def test_one_that_is_refused_is_not_tried_again(scene: Scene) -> None:
    await scene.subscribe(scene.house.lea)
    scene.service.answers = [lambda: web.Response(status=403)]
    await scene.reply()
    assert await scene.push() == []
    scene.clock.advance(DAY)
    assert (await scene.push(), scene.service.asked) == ([], 1)


async def test_one_slow_service_holds_up_no_e_mail(scene: Scene) -> None:
    await scene.subscribe(scene.house.lea)
    scene.service.answers = [lambda: web.Response(status=503)]
    await scene.reply()
    assert [row["state"] for row in await scene.house.letters()] == ["sent"]


async def test_who_has_read_meanwhile_is_not_told(scene: Scene) -> None:
    await scene.subscribe(scene.house.lea)
    await scene.reply()
    await scene.house.mark(scene.house.lea, scene.thread, 1)
    assert (await scene.push(), scene.service.asked) == ([], 0)


async def test_whose_account_was_closed_meanwhile_is_not_told_and_forgotten(scene: Scene) -> None:
    await scene.subscribe(scene.house.lea)
    await scene.reply()
    await scene.house.disable(scene.house.lea)
    assert (await scene.push(), scene.service.asked, await scene.rows()) == ([], 0, [])


async def test_one_that_is_tried_again_waits_for_the_end_of_quiet_hours(scene: Scene) -> None:
    await scene.subscribe(scene.house.lea)
    scene.service.answers = [lambda: web.Response(status=500)]
    await scene.reply()
    assert await scene.push() == []
    store, quiet = scene.store, Preferences(letters=Letters(quiet_from=10 * 60, quiet_to=12 * 60))  # it is 10:03 there
    await store.database.write(lambda tx: preferences.keep(tx, store.guard, scene.house.lea.id, quiet))
    scene.clock.advance(HOUR)
    assert (await scene.push(), scene.service.asked) == ([], 1)
    scene.clock.advance(HOUR - 3 * MINUTE)
    assert len(await scene.push()) == 1


async def test_what_is_too_late_to_be_of_use_is_not_told(scene: Scene) -> None:
    await scene.subscribe(scene.house.lea)
    await scene.reply()
    scene.clock.advance(4 * DAY)
    assert (await scene.push(), scene.service.asked) == ([], 0)


async def test_a_crash_while_telling_tells_again_under_the_same_topic(scene: Scene) -> None:
    await scene.subscribe(scene.house.lea)
    await scene.reply()
    now = scene.clock()
    await scene.store.database.write(lambda tx: subscriptions.take(tx, now, now + LEASE, 10))
    assert await scene.push() == []
    scene.clock.advance(LEASE)
    (push,) = await scene.push()
    assert push.headers["Topic"] == "unread"


async def test_one_that_was_moved_to_another_account_is_told_to_nobody(scene: Scene) -> None:
    await scene.subscribe(scene.house.lea)
    await scene.reply()
    await scene.house.spoil("update push_subscriptions set account = :account", account=scene.house.karim.id.bytes)
    assert (await scene.push(), scene.service.asked) == ([], 0)


async def test_no_log_says_where_to(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    browser = await scene.subscribe(scene.house.lea)
    scene.service.answers = [lambda: web.Response(status=429), lambda: web.Response(status=403)]
    for _ in range(3):
        await scene.reply()
        await scene.push()
        scene.clock.advance(DAY)
    assert "push of letter" in caplog.text
    assert "localhost" not in caplog.text
    assert browser.endpoint.rpartition("/")[2] not in caplog.text


async def test_two_at_the_same_time_tell_once(scene: Scene) -> None:
    await scene.subscribe(scene.house.lea)
    await scene.reply()
    await asyncio.gather(scene.push(), scene.push())
    assert scene.service.asked == 1
