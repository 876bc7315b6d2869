"""The loop: that it runs, survives every failure, and ends when asked to."""

import asyncio
import logging
from dataclasses import replace
from email.headerregistry import Address
from pathlib import Path

import pytest

from delivery import jobs, worker
from delivery.jobs.unread import announce_one
from delivery.settings import DeliverySettings, Relay
from delivery.transports.mailbox import letters_in
from delivery.transports.maildir import MaildirTransport
from delivery.transports.smtp import SmtpTransport
from delivery.transports.transport import Sent
from delivery.worker import deliver, open_post
from storage.errors import Stalled
from storage.ids import ThreadId
from storage.mail import letters
from storage.store import Store
from tests.delivery.transports.recording import RecordingTransport
from tests.delivery.transports.relay import SLOW, running
from tests.people import GRACE, House, StoppedClock


class Signalling(RecordingTransport):
    """Signals when the first letter is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.first = asyncio.Event()

    async def send(self, *letter: object) -> Sent:
        self.first.set()
        return Sent()


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "PAUSE_SECONDS", 0.001)


@pytest.fixture
def signalling(monkeypatch: pytest.MonkeyPatch) -> Signalling:
    post = Signalling()
    monkeypatch.setattr(worker, "open_post", lambda _: post)
    return post


@pytest.fixture
async def due(house: House, thread: ThreadId, stopped_clock: StoppedClock) -> None:
    """A message has been unread for the grace time."""
    await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)


async def until(event: asyncio.Event, store: Store, settings: DeliverySettings) -> None:
    """Run delivery until an event is set, then stop it."""
    stop = asyncio.Event()
    task = asyncio.create_task(deliver(store, settings, stop))
    await asyncio.wait_for(event.wait(), 10)
    stop.set()
    await task


async def test_what_is_due_is_delivered_and_then_it_stops(
    store: Store, settings: DeliverySettings, signalling: Signalling, due: None
) -> None:
    await until(signalling.first, store, settings)
    assert await store.database.read(letters.count_by_state) == {"sent": 1}
    assert signalling.closed


async def test_a_letter_goes_out_through_a_real_relay(store: Store, settings: DeliverySettings, due: None) -> None:
    async with running() as relay:
        by_smtp = replace(settings, relay=Relay("127.0.0.1", relay.port), mail_from=Address("", "bonjour", "ailo.test"))
        await until(relay.took_one, store, by_smtp)
    assert relay.recipients == ["lea@ailo.test"]
    assert await store.database.read(letters.count_by_state) == {"sent": 1}


async def test_each_worker_has_a_connection_of_its_own(
    store: Store, settings: DeliverySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    posts: list[RecordingTransport] = []

    def opened(_: DeliverySettings) -> RecordingTransport:
        posts.append(RecordingTransport())
        return posts[-1]

    monkeypatch.setattr(worker, "open_post", opened)
    stop = asyncio.Event()
    stop.set()
    await deliver(store, replace(settings, workers=5), stop)
    assert [post.closed for post in posts] == [1] * 5


async def test_what_was_claimed_ahead_is_given_back_at_the_stop(
    house: House, store: Store, settings: DeliverySettings, stopped_clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One letter hangs; those that nobody has begun count no attempt."""
    for reader in (house.lea, house.karim):
        await house.post(house.claire, await house.open_thread(reader, house.claire))
    stopped_clock.advance(GRACE)
    while await announce_one(store, settings):
        pass
    hanging = Signalling()

    async def hang(*_: object) -> Sent:
        hanging.first.set()
        await asyncio.Event().wait()
        return Sent()

    monkeypatch.setattr(hanging, "send", hang)
    monkeypatch.setattr(worker, "open_post", lambda _: hanging)
    monkeypatch.setattr(worker, "STOP_SECONDS", 0.5)
    await until(hanging.first, store, replace(settings, workers=1))
    assert sorted((row["attempts"], row["leased_until"] is None) for row in await house.letters()) == [(0, True), (1, False)]


async def test_a_letter_that_a_crash_left_leased_is_freed(
    store: Store, settings: DeliverySettings, signalling: Signalling, due: None, stopped_clock: StoppedClock
) -> None:
    assert await announce_one(store, settings)
    assert await store.database.write(lambda tx: letters.claim(tx, stopped_clock(), stopped_clock() + GRACE))
    await until(signalling.first, store, settings)
    assert await store.database.read(letters.count_by_state) == {"sent": 1}


async def test_a_stalled_store_is_told_once_and_outlived(
    store: Store,
    settings: DeliverySettings,
    signalling: Signalling,
    due: None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    troubles = iter([Stalled("canary")] * 5)

    async def stalling(store: Store, settings: DeliverySettings) -> bool:
        for trouble in troubles:
            raise trouble
        return await announce_one(store, settings)

    monkeypatch.setattr(worker, "jobs", lambda: [stalling])
    with caplog.at_level(logging.INFO, "ailo"):
        await until(signalling.first, store, settings)
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(told) == 1
    assert told[0].startswith("a delivery step failed and will be retried: Stalled at test_worker.py:")
    assert "canary" not in caplog.text


async def test_leases_that_cannot_be_freed_yet_are_freed_later(
    store: Store, settings: DeliverySettings, signalling: Signalling, due: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = iter([True, True, False])
    real = letters.free_leases

    async def stalling(tx: object) -> None:
        if next(tries):
            raise Stalled("no room")
        await real(tx)  # type: ignore[arg-type]

    monkeypatch.setattr(letters, "free_leases", stalling)
    await until(signalling.first, store, settings)
    assert next(tries, None) is None


async def test_a_letter_that_hangs_is_given_up_at_the_stop(
    store: Store, settings: DeliverySettings, signalling: Signalling, due: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(*_: object) -> Sent:
        signalling.first.set()
        await asyncio.Event().wait()
        return Sent()

    monkeypatch.setattr(signalling, "send", hang)
    monkeypatch.setattr(worker, "STOP_SECONDS", 0.01)
    await until(signalling.first, store, settings)
    assert await store.database.read(letters.count_by_state) == {"waiting": 1}


async def test_a_letter_that_the_relay_has_at_the_stop_is_not_sent_again(
    store: Store, settings: DeliverySettings, due: None, stopped_clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The relay has taken the letter, but only confirms it after the service has ended."""
    monkeypatch.setattr(worker, "STOP_SECONDS", 0.01)
    async with running() as relay:
        by_smtp = replace(settings, relay=Relay("127.0.0.1", relay.port), mail_from=Address("", "bonjour", "ailo.test"))
        relay.data.append(SLOW)
        await until(relay.waits, store, by_smtp)
        assert await store.database.read(letters.count_by_state) == {"sent": 1}
        assert not await store.database.read(lambda reader: letters.is_due(reader, stopped_clock()))
    assert relay.recipients == ["lea@ailo.test"]


async def test_it_stops_at_once_when_there_is_nothing_to_do(store: Store, settings: DeliverySettings) -> None:
    stop = asyncio.Event()
    stop.set()
    await asyncio.wait_for(deliver(store, settings, stop), 1)


async def test_a_cancelled_delivery_leaves_nothing_running(store: Store, settings: DeliverySettings) -> None:
    before = asyncio.all_tasks()
    task = asyncio.create_task(deliver(store, settings, asyncio.Event()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.all_tasks() == before


async def test_without_a_relay_the_letter_can_be_read_in_the_maildir(
    store: Store, settings: DeliverySettings, due: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = asyncio.Event()
    keep = MaildirTransport.send

    async def signalled(self: MaildirTransport, *letter: object) -> object:
        written.set()
        return await keep(self, *letter)  # type: ignore[arg-type]

    monkeypatch.setattr(MaildirTransport, "send", signalled)
    await until(written, store, settings)
    (letter,) = letters_in(settings.maildir)
    assert letter.recipient == "lea@ailo.test"
    assert settings.link in letter.text


async def test_the_settings_choose_the_post(settings: DeliverySettings) -> None:
    assert isinstance(open_post(settings), MaildirTransport)
    assert isinstance(open_post(replace(settings, relay=Relay("127.0.0.1", 25))), SmtpTransport)


def test_every_job_is_found() -> None:
    assert announce_one in worker.jobs()
    assert len(worker.jobs()) == len([*Path(jobs.__file__ or "").parent.glob("[a-z]*.py")])
