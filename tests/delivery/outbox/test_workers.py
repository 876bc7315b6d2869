"""Several workers: every letter once, those of an account one after the other, whatever happens at whichever step."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest

from delivery.outbox.outbox import Outbox, send_one_letter
from delivery.outbox.queue import BATCH, LEASE, Queue
from delivery.settings import DeliverySettings
from delivery.transports.transport import Later, Message, Outcome, Sent, Transport, Unanswered
from storage.accounts.accounts import Role
from storage.engine.database import Reader, Row
from storage.ids import AccountId
from storage.mail import letters
from storage.mail.letters import Letter
from storage.store import Store
from tests.delivery.outbox.dying import Dying
from tests.delivery.rounds import announce_all
from tests.delivery.transports.recording import RecordingTransport
from tests.people import DAY, GRACE, HOUR, MINUTE, SECOND, House, StoppedClock, person

WORKERS = 4
WAIT = 450 * SECOND
WORTH = 3 * DAY


class Slow(RecordingTransport):
    """Takes some turns of the loop for a letter; knows whom it is writing to."""

    def __init__(self, chance: random.Random, under_way: Counter[str]) -> None:
        super().__init__()
        self.chance, self.under_way = chance, under_way

    async def send(self, message: Message, recipient: str, /, sender: str | None = None) -> Outcome:
        self.under_way[recipient] += 1
        assert self.under_way[recipient] == 1, "two letters to one account at the same time"
        for _ in range(self.chance.randrange(40)):
            await asyncio.sleep(0)
        self.under_way[recipient] -= 1
        return await super().send(message, recipient, sender)


def desk(
    store: Store, posts: Sequence[Transport], settings: DeliverySettings, chance: float = 0.0, most: int = BATCH
) -> list[Outbox]:
    """A worker for each transport, with the queue that they share."""
    queue = Queue(store, most=most)
    return [Outbox(store, post, settings, lambda: chance, shared=queue) for post in posts]


async def send_all(outboxes: Sequence[Outbox]) -> None:
    """Let all workers work until none finds anything to do."""

    async def work(outbox: Outbox) -> None:
        while await send_one_letter(outbox):
            pass

    store, queue = outboxes[0].store, outboxes[0].queue

    async def look(reader: Reader) -> bool:
        return await letters.is_due(reader, store.clock())

    while bool(queue.ahead) or await store.database.read(look):
        await asyncio.gather(*(work(outbox) for outbox in outboxes))
        if queue.rests(store.clock()):
            break


@pytest.fixture
async def people(house: House, stopped_clock: StoppedClock, settings: DeliverySettings) -> list[str]:
    """Members who are each owed a letter by Claire and one by Sam."""
    members = [person(Role.MEMBER, "Anaïs", "", f"member{number:02}@ailo.test") for number in range(6)]
    await house.add(*members)
    for author in (house.claire, house.sam):
        for member in members:
            await house.post(author, await house.open_thread(member, author))
            stopped_clock.advance(SECOND)
    stopped_clock.advance(GRACE)
    await announce_apart(house)
    return [member.email for member in members]


async def announce_apart(house: House) -> None:
    """Write a letter for each announcement: those of one account are not joined."""
    store, now = house.store, house.store.clock()
    for owed in await house.owed():
        thread, id_ = UUID(bytes=owed["thread"]), uuid4()
        facts = {"thread": str(thread), "seq": "1", "group": "00"}
        letter = Letter(
            id_, AccountId(UUID(bytes=owed["account"])), "reply", f"{thread}/1-1", facts,
            f"{id_.hex}@ailo.example", owed["due_at"], now + WORTH,
        )  # fmt: skip
        await store.database.write(lambda tx, it=letter: letters.write(tx, store.guard, it, now))  # type: ignore[misc]
    await store.database.write(lambda tx: tx.run("update unread_owed set told_seq = 1, due_at = due_at + 86400000"))


async def message_ids(house: House) -> list[str]:
    """The letters in the order in which they are due."""
    return [f"<{row['message_id']}>" for row in await house.select("select message_id from letters order by due_at, id")]


@pytest.mark.parametrize("seed", range(5))
async def test_each_letter_goes_once_and_an_accounts_one_after_the_other(
    house: House, settings: DeliverySettings, people: list[str], seed: int
) -> None:
    chance, under_way = random.Random(seed), Counter[str]()
    posts = [Slow(chance, under_way) for _ in range(WORKERS)]
    await send_all(desk(house.store, posts, settings, most=chance.choice([1, 3, BATCH])))
    seen = [(recipient, message["Message-ID"]) for post in posts for recipient, message in post.seen]
    due = await message_ids(house)
    assert sorted(id_ for _, id_ in seen) == sorted(due)
    assert await house.store.database.read(letters.count_by_state) == {"sent": len(due)}


async def test_as_many_go_at_the_same_time_as_there_are_workers(
    house: House, settings: DeliverySettings, people: list[str]
) -> None:
    together = asyncio.Barrier(WORKERS)

    class Waiting(RecordingTransport):
        async def send(self, message: Message, recipient: str, /, sender: str | None = None) -> Outcome:
            await together.wait()
            return await super().send(message, recipient, sender)

    posts = [Waiting() for _ in range(WORKERS)]
    async with asyncio.timeout(10):
        await asyncio.gather(*(send_one_letter(outbox) for outbox in desk(house.store, posts, settings)))
    assert [len(post.seen) for post in posts] == [1] * WORKERS


async def test_letters_of_an_account_keep_their_order(house: House, settings: DeliverySettings, people: list[str]) -> None:
    order: list[tuple[str, str]] = []

    class Ordered(RecordingTransport):
        async def send(self, message: Message, recipient: str, /, sender: str | None = None) -> Outcome:
            order.append((recipient, message["Message-ID"]))
            return await super().send(message, recipient, sender)

    await send_all(desk(house.store, [Ordered() for _ in range(WORKERS)], settings))
    due = await message_ids(house)
    for recipient in people:
        mine = [id_ for to, id_ in order if to == recipient]
        assert mine == sorted(mine, key=due.index)


@pytest.mark.parametrize("when_done", [False, True])
async def test_a_crash_between_any_two_steps_loses_nothing(
    house: House, settings: DeliverySettings, people: list[str], stopped_clock: StoppedClock, *, when_done: bool
) -> None:
    """Sent twice, under the same Message-ID, is only what was handed over and not recorded: one letter of a worker at most."""
    at, twice = 0, 0
    while True:
        at += 1
        await house.store.database.write(_as_if_new)
        process, post = Dying(at, when_done=when_done), RecordingTransport()
        if await _dies(house.store, process, post, settings):
            await house.store.database.write(letters.free_leases)  # after what was being written
            handed_over = {message["Message-ID"] for _, message in post.seen}
            recorded = {f"<{row['message_id']}>" for row in await house.letters() if row["state"] == "sent"}
            await send_all(desk(house.store, [post] * WORKERS, settings))
        else:
            break
        counted = Counter(message["Message-ID"] for _, message in post.seen)
        assert set(counted) == set(await message_ids(house))
        assert {id_ for id_, count in counted.items() if count > 1} == handed_over - recorded
        assert max(counted.values()) <= 2
        assert len(handed_over - recorded) <= WORKERS
        twice += len(handed_over - recorded)
    assert at > 10
    assert twice


async def _as_if_new(tx: object) -> None:
    sql = "update letters set state = 'waiting', attempts = 0, leased_until = null, ended_at = null"
    await tx.run(sql)  # type: ignore[attr-defined]


async def _dies(store: Store, process: Dying, post: RecordingTransport, settings: DeliverySettings) -> bool:
    """Run workers until they die at their step; False if they have finished before."""
    before = asyncio.all_tasks()
    working = asyncio.create_task(send_all(desk(process.store(store), [process.post(post)] * WORKERS, settings)))
    dying = asyncio.create_task(process.died.wait())
    await asyncio.wait([working, dying], return_when=asyncio.FIRST_COMPLETED)
    left = asyncio.all_tasks() - before
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    return process.died.is_set()


async def test_a_letter_under_way_is_not_claimed_again_when_the_clock_is_put_forward(
    house: House, settings: DeliverySettings, people: list[str], stopped_clock: StoppedClock
) -> None:
    begun, freed = asyncio.Event(), asyncio.Event()

    class Hanging(RecordingTransport):
        async def send(self, message: Message, recipient: str, /, sender: str | None = None) -> Outcome:
            begun.set()
            await freed.wait()
            return await super().send(message, recipient, sender)

    hanging, post = Hanging(), RecordingTransport()
    one, other = desk(house.store, [hanging, post], settings, most=1)
    sending = asyncio.create_task(send_one_letter(one))
    await begun.wait()
    stopped_clock.advance(2 * LEASE)
    while await send_one_letter(other):
        pass
    freed.set()
    assert await sending
    await send_all([one, other])
    counted = Counter(message["Message-ID"] for _, message in [*hanging.seen, *post.seen])
    assert set(counted.values()) == {1}
    assert len(counted) == 2 * len(people)


async def test_what_was_claimed_ahead_too_long_ago_is_given_back_first(
    house: House, settings: DeliverySettings, people: list[str], stopped_clock: StoppedClock
) -> None:
    """Else its lease could end while it is attempted."""
    (outbox,) = desk(house.store, [RecordingTransport()], settings)
    assert await send_one_letter(outbox)
    stopped_clock.advance(LEASE // 2)
    assert await send_one_letter(outbox)
    leases = {row["leased_until"] for row in await house.letters() if row["leased_until"]}
    assert leases == {stopped_clock() + LEASE}


async def test_what_was_claimed_and_not_attempted_is_given_back_at_the_end(
    house: House, settings: DeliverySettings, people: list[str]
) -> None:
    (outbox,) = desk(house.store, [RecordingTransport()], settings)
    assert await send_one_letter(outbox)
    await outbox.queue.close()
    waiting = [row for row in await house.letters() if row["state"] == "waiting"]
    assert {(row["leased_until"], row["attempts"]) for row in waiting} == {(None, 0)}


class TestARelayThatIsAway:
    """The workers share one view of it: it is tried as rarely as by one of them."""

    async def test_after_a_week_there_is_no_flood_and_what_is_stale_is_dropped(
        self, house: House, settings: DeliverySettings, people: list[str], stopped_clock: StoppedClock
    ) -> None:
        posts = [RecordingTransport(*[Later("connecting", for_all=True)] * 10_000) for _ in range(WORKERS)]
        outboxes, back_at = desk(house.store, posts, settings), stopped_clock() + 7 * DAY
        fresh = await house.open_thread(house.lea, house.claire)
        while stopped_clock() < back_at:
            await send_all(outboxes)
            stopped_clock.advance(HOUR)
            if stopped_clock() == back_at - DAY:
                await house.post(house.claire, fresh)
            await announce_all(house.store, settings)
        tried = sum(len(post.seen) for post in posts)
        assert 20 < tried <= 7 * 24 + WORKERS
        for post in posts:
            post.outcomes.clear()
            post.seen.clear()
        stopped_clock.advance(2 * HOUR)
        await send_all(outboxes)
        assert [to for post in posts for to, _ in post.seen] == ["lea@ailo.test"]
        assert await house.store.database.read(letters.count_by_state) == {"sent": 1, "dropped": 2 * len(people)}

    async def test_those_who_wait_longest_come_first_when_it_is_back(
        self, house: House, settings: DeliverySettings, people: list[str], stopped_clock: StoppedClock
    ) -> None:
        order: list[str] = []

        class Ordered(RecordingTransport):
            async def send(self, message: Message, recipient: str, /, sender: str | None = None) -> Outcome:
                outcome = await super().send(message, recipient, sender)
                if isinstance(outcome, Sent):
                    order.append(message["Message-ID"])
                return outcome

        posts = [Ordered(*[Later("connecting", for_all=True)] * 3) for _ in range(WORKERS)]
        outboxes = desk(house.store, posts, settings)
        for _ in range(24):
            await send_all(outboxes)
            stopped_clock.advance(HOUR)
        due = await message_ids(house)
        assert sorted(order) == sorted(due)
        # Several go at a time: nobody is overtaken by more than those are.
        assert all(abs(due.index(id_) - place) < WORKERS for place, id_ in enumerate(order))

    async def test_one_letter_tries_whether_it_is_back(
        self, house: House, settings: DeliverySettings, people: list[str], stopped_clock: StoppedClock
    ) -> None:
        posts = [RecordingTransport(*[Later("connecting", for_all=True)] * 100) for _ in range(WORKERS)]
        outboxes = desk(house.store, posts, settings)
        await send_all(outboxes)
        for post in posts:
            post.seen.clear()
        for _ in range(5):
            stopped_clock.now = outboxes[0].resting_until
            await send_all(outboxes)
        assert sum(len(post.seen) for post in posts) == 5

    async def test_failures_of_all_workers_at_once_count_as_one(
        self, house: House, settings: DeliverySettings, people: list[str], stopped_clock: StoppedClock
    ) -> None:
        outboxes = desk(house.store, [RecordingTransport(Later("connecting", for_all=True)) for _ in range(WORKERS)], settings)
        await asyncio.gather(*(send_one_letter(outbox) for outbox in outboxes))
        assert outboxes[0].resting_until == stopped_clock() + WAIT

    async def test_a_worker_that_gets_no_connection_rests_alone_while_others_have_one(
        self, house: House, settings: DeliverySettings, people: list[str], stopped_clock: StoppedClock
    ) -> None:
        """As with a relay that allows fewer connections than there are workers."""
        shut_out, well = RecordingTransport(*[Later("connecting", for_all=True)] * 100), RecordingTransport()
        outboxes = desk(house.store, [shut_out, well], settings)
        assert await send_one_letter(outboxes[0])
        stopped_clock.now = outboxes[0].resting_until
        assert await send_one_letter(outboxes[1])
        assert await send_one_letter(outboxes[0])
        assert await send_one_letter(outboxes[1]) is False  # all rest: the first has told so
        stopped_clock.now = outboxes[1].resting_until
        await send_all(outboxes)
        assert len(well.seen) == 2 * len(people)
        assert len(shut_out.seen) <= 3

    async def test_a_relay_that_does_not_answer_is_given_no_other_letter(
        self, house: House, settings: DeliverySettings, people: list[str], stopped_clock: StoppedClock
    ) -> None:
        outboxes = desk(house.store, [RecordingTransport(Unanswered("no answer")), RecordingTransport()], settings)
        assert await send_one_letter(outboxes[0])
        assert not await send_one_letter(outboxes[1])


class TestAClockThatIsSetBackADay:
    """What is due waits until the clock is there again, at most for as long as it was set back; nothing goes twice."""

    async def test_each_letter_goes_once_in_its_order(
        self, house: House, settings: DeliverySettings, people: list[str], stopped_clock: StoppedClock
    ) -> None:
        post = RecordingTransport()
        outboxes = desk(house.store, [post], settings, most=2)
        assert await send_one_letter(outboxes[0])
        stopped_clock.advance(-DAY)
        for _ in range(26):
            await send_all(outboxes)
            stopped_clock.advance(HOUR)
        assert [message["Message-ID"] for _, message in post.seen] == await message_ids(house)

    async def test_it_ends_a_rest(
        self, house: House, settings: DeliverySettings, people: list[str], stopped_clock: StoppedClock
    ) -> None:
        post = RecordingTransport(Later("connecting", for_all=True))
        (outbox,) = desk(house.store, [post], settings)
        assert await send_one_letter(outbox)
        await house.store.database.write(lambda tx: tx.run("update letters set due_at = due_at - :day", day=DAY))
        stopped_clock.advance(-MINUTE)
        assert await send_one_letter(outbox)


async def test_a_letter_put_off_by_the_relay_keeps_nobody_waiting(
    house: House, settings: DeliverySettings, people: list[str], stopped_clock: StoppedClock
) -> None:
    """Not even another letter to the same account, about something else."""
    posts = [RecordingTransport(Later("smtp 451")) for _ in range(WORKERS)]
    outboxes = desk(house.store, posts, settings)
    await send_all(outboxes)
    rows: list[Row] = [row for row in await house.letters() if row["state"] == "waiting"]
    assert len(rows) == WORKERS
    stopped_clock.advance(WAIT)
    await send_all(outboxes)
    counted = Counter(UUID(bytes=row["id"]) for row in await house.letters() if row["state"] == "sent")
    assert len(counted) == 2 * len(people)
