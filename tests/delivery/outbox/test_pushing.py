"""What an attempt does about push: browsers are told once, beside the e-mail or alone, of what may leave at all."""

from dataclasses import dataclass
from uuid import UUID

import pytest

from delivery.jobs.unread import announce_one
from delivery.outbox.domains import DomainLimits
from delivery.outbox.outbox import Outbox, send_one_letter
from delivery.transports.transport import Later, Rejected
from storage.accounts import preferences
from storage.accounts.preferences import Letters, Preferences
from storage.engine.database import Row
from storage.ids import ThreadId
from storage.mail import letters, refused_mailboxes
from storage.push import subscriptions
from storage.push.subscriptions import Subscription
from tests.delivery.rounds import deliver_all, send_all
from tests.delivery.transports.recording import RecordingTransport
from tests.people import DAY, GRACE, HOUR, SECOND, House, Person, StoppedClock

NIGHT = Letters(quiet_from=0, quiet_to=24 * 60 - 1)


@dataclass
class Scene:
    """Léa's browsers, a conversation with Claire, and the outbox."""

    house: House
    outbox: Outbox
    clock: StoppedClock
    thread: ThreadId

    async def subscribe(self, one: Person, name: str = "one") -> None:
        store, given = self.house.store, Subscription(f"https://fcm.googleapis.com/{name}", b"\4" * 65, bytes(16))
        await store.database.write(
            lambda tx: subscriptions.keep(tx, store.guard, one.id, name.encode().ljust(32), given, store.clock())
        )

    async def choose(self, wanted: Letters) -> None:
        store = self.house.store
        chosen = Preferences(letters=wanted)
        await store.database.write(lambda tx: preferences.keep(tx, store.guard, self.house.lea.id, chosen))

    async def reply(self) -> None:
        """Claire writes, and the grace of her message ends."""
        await self.house.post(self.house.claire, self.thread)
        self.clock.advance(GRACE)
        await announce_one(self.house.store, self.outbox.settings)

    async def due(self) -> list[bytes]:
        """The subscriptions that are to be told now."""
        sql = "select session from push_subscriptions where due_at <= :now order by session"
        return [row["session"].strip() for row in await self.house.select(sql, now=self.clock())]

    async def settle(self) -> None:
        await self.house.store.database.write(
            lambda tx: tx.run("update push_subscriptions set letter = null, due_at = null, attempts = 0")
        )

    async def letter(self) -> Row:
        return (await self.house.letters())[-1]


@pytest.fixture
def scene(house: House, outbox: Outbox, stopped_clock: StoppedClock, thread: ThreadId) -> Scene:
    return Scene(house, outbox, stopped_clock, thread)


async def test_all_ones_browsers_are_told_beside_the_e_mail(scene: Scene, post: RecordingTransport) -> None:
    await scene.subscribe(scene.house.lea)
    await scene.subscribe(scene.house.lea, "two")
    await scene.subscribe(scene.house.karim, "karim")
    await scene.reply()
    assert await scene.due() == []  # at the attempt, not before
    assert await send_one_letter(scene.outbox)
    assert (post.recipients, await scene.due()) == (["lea@ailo.test"], [b"one", b"two"])
    assert (await scene.letter())["state"] == "sent"


async def test_an_e_mail_that_is_tried_again_tells_no_browser_again(scene: Scene, post: RecordingTransport) -> None:
    await scene.subscribe(scene.house.lea)
    post.outcomes = [Later("smtp 451"), Later("connecting", for_all=True)]
    await scene.reply()
    for _ in range(3):
        await send_all(scene.outbox)
        assert await scene.due() == ([b"one"] if len(post.seen) == 1 else [])
        await scene.settle()
        scene.clock.advance(HOUR)
    assert ((await scene.letter())["state"], len(post.seen)) == ("sent", 3)


@pytest.mark.parametrize("has_left", [False, True], ids=["", "and the browser has left since"])
async def test_a_crash_before_the_outcome_is_recorded_tells_nobody_again(
    scene: Scene, post: RecordingTransport, *, has_left: bool
) -> None:
    await scene.subscribe(scene.house.lea)
    await scene.choose(Letters(replies=False))
    await scene.reply()
    (row,) = await scene.house.letters()
    store, now = scene.house.store, scene.clock()
    await store.database.write(lambda tx: subscriptions.tell_all(tx, scene.house.lea.id, _id(row), now))
    await scene.settle()
    if has_left:
        await store.database.write(lambda tx: subscriptions.end_all(tx, scene.house.lea.id))
    await send_all(scene.outbox)
    assert (await scene.due(), (await scene.letter())["state"]) == ([], "sent")


def _id(row: Row) -> UUID:
    return UUID(bytes=row["id"])


async def test_who_wants_no_e_mails_is_told_by_push_alone(scene: Scene, post: RecordingTransport) -> None:
    await scene.choose(Letters(replies=False))
    await scene.subscribe(scene.house.lea)
    await scene.reply()
    await send_all(scene.outbox)
    row = await scene.letter()
    assert (post.seen, await scene.due(), row["state"], row["reason"]) == ([], [b"one"], "sent", "by push alone")


async def test_without_a_browser_and_without_e_mails_nothing_is_written(scene: Scene, post: RecordingTransport) -> None:
    await scene.choose(Letters(replies=False))
    await scene.reply()
    assert await scene.house.letters() == []


async def test_who_turned_both_off_since_is_not_told(scene: Scene, post: RecordingTransport) -> None:
    await scene.choose(Letters(replies=False))
    await scene.subscribe(scene.house.lea)
    await scene.reply()
    await scene.house.store.database.write(lambda tx: subscriptions.end_all(tx, scene.house.lea.id))
    await send_all(scene.outbox)
    assert ((await scene.letter())["reason"], post.seen) == ("no longer wanted", [])


async def test_where_the_mailbox_refuses_letters_browsers_are_told_all_the_same(scene: Scene, post: RecordingTransport) -> None:
    store, lea = scene.house.store, scene.house.lea.id
    await store.database.write(lambda tx: refused_mailboxes.note(tx, store.guard, lea, "5.1.1", store.clock()))
    await scene.subscribe(scene.house.lea)
    await scene.reply()
    await send_all(scene.outbox)
    assert (post.seen, await scene.due(), (await scene.letter())["reason"]) == ([], [b"one"], "by push alone")


async def test_a_push_does_not_say_that_the_mailbox_is_well(scene: Scene, post: RecordingTransport) -> None:
    post.outcomes = [Rejected("smtp 552")]
    await scene.reply()
    await send_all(scene.outbox)
    await scene.choose(Letters(replies=False))
    await scene.subscribe(scene.house.lea)
    scene.clock.advance(DAY)
    await scene.reply()
    await send_all(scene.outbox)
    assert [row["state"] for row in await scene.house.letters()] == ["refused", "sent"]
    assert await scene.house.store.database.read(lambda reader: letters.refused_at(reader, scene.house.lea.id)) is not None


async def test_an_e_mail_that_is_refused_takes_no_push_back(scene: Scene, post: RecordingTransport) -> None:
    await scene.subscribe(scene.house.lea)
    post.outcomes = [Rejected("smtp 550")]
    await scene.reply()
    await send_all(scene.outbox)
    assert (await scene.due(), (await scene.letter())["state"]) == ([b"one"], "refused")


async def test_an_e_mail_that_waits_for_room_at_its_domain_holds_up_no_push(scene: Scene, post: RecordingTransport) -> None:
    scene.outbox.queue.limits = DomainLimits(1)
    await scene.subscribe(scene.house.lea)
    other = await scene.house.open_thread(scene.house.karim, scene.house.claire)
    await scene.house.post(scene.house.claire, other)
    scene.clock.advance(SECOND)  # his is due first
    await scene.reply()
    await deliver_all(scene.outbox)
    assert (post.recipients, await scene.due()) == (["karim@ailo.test"], [b"one"])
    await scene.settle()
    scene.clock.advance(HOUR)
    await send_all(scene.outbox)
    assert (post.recipients[1:], await scene.due()) == (["lea@ailo.test"], [])


async def test_in_quiet_hours_no_browser_is_told(scene: Scene, post: RecordingTransport) -> None:
    await scene.subscribe(scene.house.lea)
    await scene.reply()
    await scene.choose(NIGHT)
    await send_all(scene.outbox)
    assert (await scene.due(), (await scene.letter())["reason"]) == ([], "quiet hours")


async def test_who_has_read_is_not_told(scene: Scene, post: RecordingTransport) -> None:
    await scene.subscribe(scene.house.lea)
    await scene.reply()
    await scene.house.mark(scene.house.lea, scene.thread, 1)
    await send_all(scene.outbox)
    assert (await scene.due(), (await scene.letter())["reason"]) == ([], "already read")


async def test_whose_account_is_closed_is_not_told(scene: Scene, post: RecordingTransport) -> None:
    await scene.subscribe(scene.house.lea)
    await scene.reply()
    await scene.house.disable(scene.house.lea)
    await send_all(scene.outbox)
    assert await scene.due() == []


@pytest.mark.parametrize("outcomes", [[], [Rejected("smtp 550")]])
async def test_both_channels_are_one_of_the_day(scene: Scene, post: RecordingTransport, outcomes: list[Rejected]) -> None:
    """So is a push whose e-mail was refused. The third announcement of a day waits, on both."""
    await scene.subscribe(scene.house.lea)
    post.outcomes = [*outcomes]
    for told in (1, 2, 2):
        other = await scene.house.open_thread(scene.house.lea, scene.house.claire)
        scene.thread = other
        await scene.reply()
        await deliver_all(scene.outbox)
        assert len(post.seen) == told
        assert bool(await scene.due()) == (len(await scene.house.letters()) == told)
        await scene.settle()


async def test_staff_are_told_of_what_members_write(scene: Scene, post: RecordingTransport) -> None:
    await scene.subscribe(scene.house.claire)
    await scene.house.post(scene.house.lea, scene.thread)
    scene.clock.advance(GRACE)
    await deliver_all(scene.outbox)
    assert (post.recipients, await scene.due()) == (["claire@ailo.test"], [b"one"])
