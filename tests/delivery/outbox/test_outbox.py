"""The outbox: claim, check again, send, record; and whatever may go wrong in between."""

import asyncio
import logging

import pytest

from delivery.jobs.unread import announce_one
from delivery.outbox.backoff import TRIES
from delivery.outbox.outbox import IDLE, LEASE, Outbox, send_one_letter
from delivery.settings import DeliverySettings
from delivery.transports.transport import Later, Rejected, Sent, Unanswered
from storage.accounts.accounts import Role
from storage.engine.database import Row
from storage.errors import Stalled
from storage.ids import ThreadId
from storage.mail import letters, refused_mailboxes
from tests.delivery.rounds import announce_all, deliver_all, send_all
from tests.delivery.transports.recording import RecordingTransport
from tests.people import DAY, GRACE, HOUR, MINUTE, SECOND, House, StoppedClock, person

WAIT = 450 * SECOND


@pytest.fixture
async def seq(house: House, thread: ThreadId, stopped_clock: StoppedClock, settings: DeliverySettings) -> int:
    """Queue a letter to Léa; return the number of the message that it announces."""
    posted = await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    assert await announce_one(house.store, settings)
    return posted.seq


async def row_of(house: House) -> Row:
    (row,) = await house.letters()
    return row


async def tries_until_it_ends(outbox: Outbox, house: House, stopped_clock: StoppedClock) -> list[int]:
    """Send whenever something is due, until the letter ends; return the waits between the attempts, in seconds."""
    waits = []
    while (row := await row_of(house))["state"] == "waiting":
        waits.append((row["due_at"] - stopped_clock()) // SECOND)
        stopped_clock.now = max(row["due_at"], outbox.resting_until)
        assert await send_one_letter(outbox)
    return waits


async def test_a_letter_is_sent_once(outbox: Outbox, post: RecordingTransport, house: House, seq: int) -> None:
    assert await send_one_letter(outbox)
    assert not await send_one_letter(outbox)
    assert post.recipients == ["lea@ailo.test"]
    assert (await row_of(house))["state"] == "sent"


async def test_who_has_read_since_is_not_written_to(
    outbox: Outbox, post: RecordingTransport, house: House, thread: ThreadId, seq: int
) -> None:
    await house.mark(house.lea, thread, seq)
    assert await send_one_letter(outbox)
    assert post.seen == []
    assert (await row_of(house))["state"] == "dropped"


async def test_who_was_disabled_since_is_not_written_to(outbox: Outbox, post: RecordingTransport, house: House, seq: int) -> None:
    await house.disable(house.lea)
    assert await send_one_letter(outbox)
    assert post.seen == []


async def test_who_has_left_since_is_not_written_to(
    outbox: Outbox, post: RecordingTransport, house: House, thread: ThreadId, seq: int
) -> None:
    await house.leave(thread, house.lea)
    assert await send_one_letter(outbox)
    assert post.seen == []


async def test_a_letter_put_off_is_tried_after_doubling_waits(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock, seq: int
) -> None:
    post.outcomes = [Later("smtp 451")] * 20
    assert await tries_until_it_ends(outbox, house, stopped_clock) == [0, *(450 * 2**n for n in range(TRIES - 1))]
    assert len(post.seen) == TRIES
    assert (await row_of(house))["state"] == "dropped"


async def test_jitter_only_lengthens_the_wait(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock, seq: int
) -> None:
    post.outcomes = [Later("smtp 451")]
    outbox.chance = lambda: 1.0
    await send_one_letter(outbox)
    assert (await row_of(house))["due_at"] == stopped_clock() + WAIT * 1.2


async def test_a_repeat_has_the_same_bytes(
    outbox: Outbox, post: RecordingTransport, stopped_clock: StoppedClock, seq: int
) -> None:
    post.outcomes = [Later("smtp 451")]
    await send_one_letter(outbox)
    stopped_clock.advance(WAIT)
    await send_one_letter(outbox)
    first, second = (message.as_bytes() for _, message in post.seen)
    assert first == second


async def test_a_refused_letter_is_not_tried_again(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock, seq: int
) -> None:
    post.outcomes = [Rejected("smtp 550")]
    assert await send_one_letter(outbox)
    stopped_clock.advance(DAY)
    assert not await send_one_letter(outbox)
    row = await row_of(house)
    assert (row["state"], row["reason"]) == ("refused", "smtp 550")


@pytest.mark.parametrize(("status", "is_stopped"), [("5.1.1", True), ("5.2.2", False), ("5.7.1", False), (None, False)])
async def test_where_there_is_no_such_mailbox_no_more_letters_go_to_it(
    outbox: Outbox, post: RecordingTransport, house: House, seq: int, status: str | None, is_stopped: bool
) -> None:
    store = house.store
    post.outcomes = [Rejected("smtp 550", status)]
    assert await send_one_letter(outbox)
    found = await store.database.read(lambda reader: refused_mailboxes.refused_at(reader, store.guard, house.lea.id))
    assert (found is not None) is is_stopped


async def test_a_letter_to_a_refused_mailbox_is_dropped_until_that_is_lifted(
    outbox: Outbox, post: RecordingTransport, house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    store, lea = house.store, house.lea.id
    await store.database.write(lambda tx: refused_mailboxes.note(tx, store.guard, lea, "5.1.1", store.clock()))
    await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    await deliver_all(outbox)
    assert (post.seen, (await row_of(house))["reason"]) == ([], "the mailbox refuses letters")
    await store.database.write(lambda tx: refused_mailboxes.lift(tx, store.guard, lea, store.clock()))
    await deliver_all(outbox)
    assert post.recipients == ["lea@ailo.test"]


async def test_a_stale_letter_is_dropped(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock, seq: int
) -> None:
    stopped_clock.advance(3 * DAY + 1)
    assert await send_one_letter(outbox)
    assert post.seen == []
    assert (await row_of(house))["reason"] == "too late"


async def test_two_workers_send_it_once(outbox: Outbox, post: RecordingTransport, seq: int, settings: DeliverySettings) -> None:
    other = Outbox(outbox.store, post, settings)
    found = await asyncio.gather(send_one_letter(outbox), send_one_letter(other))
    assert sorted(found) == [False, True]
    assert len(post.seen) == 1


async def test_a_crash_before_the_record_repeats_the_same_message_id(
    outbox: Outbox, post: RecordingTransport, stopped_clock: StoppedClock, seq: int, settings: DeliverySettings
) -> None:
    post.outcomes = [asyncio.CancelledError()]
    with pytest.raises(asyncio.CancelledError):
        await send_one_letter(outbox)
    after = Outbox(outbox.store, post, settings)
    assert not await send_one_letter(after)
    stopped_clock.advance(LEASE)
    assert await send_one_letter(after)
    assert len({message["Message-ID"] for _, message in post.seen}) == 1
    assert len(post.seen) == 2


async def test_a_start_takes_up_what_a_crash_left(outbox: Outbox, post: RecordingTransport, house: House, seq: int) -> None:
    post.outcomes = [asyncio.CancelledError()]
    with pytest.raises(asyncio.CancelledError):
        await send_one_letter(outbox)
    await outbox.store.database.write(letters.free_leases)
    assert await send_one_letter(outbox)
    assert (await row_of(house))["state"] == "sent"


async def test_a_letter_that_ends_the_process_is_not_tried_for_ever(
    outbox: Outbox, post: RecordingTransport, house: House, seq: int
) -> None:
    for _ in range(TRIES):
        post.outcomes = [asyncio.CancelledError()]
        with pytest.raises(asyncio.CancelledError):
            await send_one_letter(outbox)
        await outbox.store.database.write(letters.free_leases)
    assert await send_one_letter(outbox)
    assert len(post.seen) == TRIES
    assert (await row_of(house))["reason"] == "too many attempts"


async def test_a_letter_that_fails_unforeseen_waits(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock, seq: int
) -> None:
    post.outcomes = [KeyError("canary@ailo.test")]
    assert await send_one_letter(outbox)
    row = await row_of(house)
    assert (row["state"], row["due_at"], row["reason"]) == ("waiting", stopped_clock() + WAIT, "failed: KeyError")


async def test_a_hanging_post_is_not_waited_for(outbox: Outbox, post: RecordingTransport, house: House, seq: int) -> None:
    class Hanging(RecordingTransport):
        async def send(self, *_: object) -> Sent:
            await asyncio.Event().wait()
            return Sent()

    outbox.post, outbox.send_seconds = Hanging(), 0.01
    assert await send_one_letter(outbox)
    assert (await row_of(house))["reason"] == "timed out"


async def test_a_letter_that_is_with_the_relay_is_not_sent_again(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock, seq: int
) -> None:
    """Nor is a relay that does not answer given the next letter: all letters rest."""
    post.outcomes = [Unanswered("no answer")]
    assert await send_one_letter(outbox)
    row = await row_of(house)
    assert (row["state"], row["reason"]) == ("sent", "no answer")
    assert outbox.resting_until > stopped_clock()
    stopped_clock.advance(DAY)
    assert not await send_one_letter(outbox)


async def test_a_damaged_letter_does_not_hold_up_the_others(
    outbox: Outbox, post: RecordingTransport, house: House, thread: ThreadId, stopped_clock: StoppedClock, seq: int
) -> None:
    await house.spoil("update letters set facts = :facts", facts=b"nonsense")
    await house.post(house.lea, thread)
    stopped_clock.advance(GRACE)
    await announce_one(outbox.store, outbox.settings)
    assert await send_one_letter(outbox)
    assert await send_one_letter(outbox)
    assert post.recipients == ["claire@ailo.test"]
    assert [row["state"] for row in await house.letters()] == ["refused", "sent"]


async def test_a_letter_of_unknown_kind_is_refused(outbox: Outbox, post: RecordingTransport, house: House, seq: int) -> None:
    await house.spoil("update letters set kind = 'sermon'")
    await send_one_letter(outbox)
    assert (await row_of(house))["reason"] == "unknown kind"


@pytest.mark.parametrize("address", ["léa@ailo.test", "lea\r\nBcc: x@y.test@ailo.test", "lea", "lea@localhost"])
async def test_an_address_that_cannot_be_mailed_is_refused(
    outbox: Outbox, post: RecordingTransport, house: House, seq: int, address: str
) -> None:
    guarded = outbox.store.guard.guard(address.encode(), "accounts", "email", house.lea.id)
    await house.spoil("update accounts set email = :email where id = :id", email=guarded, id=house.lea.id.bytes)
    await send_one_letter(outbox)
    assert post.seen == []
    assert (await row_of(house))["reason"] == "address"


async def test_what_could_not_be_recorded_is_recorded_before_anything_else(
    outbox: Outbox, post: RecordingTransport, house: House, seq: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> bool:
        raise Stalled("no room")

    with monkeypatch.context() as patch:
        patch.setattr(letters, "finish", full)
        for _ in range(3):
            with pytest.raises(Stalled):
                await send_one_letter(outbox)
    assert await send_one_letter(outbox)
    assert len(post.seen) == 1
    assert (await row_of(house))["state"] == "sent"


async def test_a_connection_is_let_go_when_idle(
    outbox: Outbox, post: RecordingTransport, stopped_clock: StoppedClock, seq: int
) -> None:
    await send_one_letter(outbox)
    stopped_clock.advance(IDLE - 1)
    await send_one_letter(outbox)
    assert post.closed == 0
    stopped_clock.advance(1)
    await send_one_letter(outbox)
    assert post.closed == 1


async def test_the_log_holds_no_address_and_no_name(
    outbox: Outbox,
    post: RecordingTransport,
    house: House,
    stopped_clock: StoppedClock,
    seq: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    post.outcomes = [Later("smtp 451"), Later("connecting", for_all=True), RuntimeError("lea@ailo.test"), Rejected("smtp 550")]
    with caplog.at_level(logging.DEBUG):
        await tries_until_it_ends(outbox, house, stopped_clock)
    told = " ".join(record.getMessage() for record in caplog.records if record.name.startswith("ailo"))
    assert told.count("letter ") == 4
    for canary in ("lea@", "Léa", "Martin", "Claire", "Dubois", "ailo.test"):
        assert canary not in told


async def test_a_sent_letter_names_no_professional(outbox: Outbox, post: RecordingTransport, seq: int) -> None:
    await send_one_letter(outbox)
    ((_, message),) = post.seen
    for part in (message, *message.iter_parts()):
        text = str(part) if part.is_multipart() else part.get_content()
        for secret in ("Dubois", "Claire", "claire", "professional"):
            assert secret not in text


class TestARelayThatIsAway:
    """Hours without a relay: chat is untouched, letters keep their order, everyone gets exactly one."""

    @pytest.fixture
    async def people(self, house: House, stopped_clock: StoppedClock, settings: DeliverySettings) -> list[str]:
        members = [person(Role.MEMBER, "Anaïs", "", f"member{number:02}@ailo.test") for number in range(12)]
        await house.add(*members)
        for member in members:
            await house.post(house.claire, await house.open_thread(member, house.claire))
            stopped_clock.advance(SECOND)
        stopped_clock.advance(GRACE)
        await announce_all(house.store, settings)
        return [member.email for member in members]

    async def test_everyone_gets_one_in_fair_order_when_it_is_back(
        self, outbox: Outbox, post: RecordingTransport, stopped_clock: StoppedClock, people: list[str]
    ) -> None:
        post.outcomes = [Later("connecting", for_all=True)] * 10
        came_back_at = stopped_clock() + 4 * HOUR
        post.before_send = lambda: post.outcomes.clear() if stopped_clock() > came_back_at else None
        while stopped_clock() < came_back_at + HOUR:
            await send_all(outbox)
            stopped_clock.advance(MINUTE)
        delivered = post.recipients[-len(people) :]
        assert delivered == people
        assert len(post.seen) < len(people) + 10
        assert await outbox.store.database.read(letters.count_by_state) == {"sent": len(people)}

    async def test_letters_rest_together(
        self, outbox: Outbox, post: RecordingTransport, stopped_clock: StoppedClock, people: list[str]
    ) -> None:
        post.outcomes = [Later("connecting", for_all=True)] * 2
        assert await send_one_letter(outbox)
        assert not await send_one_letter(outbox)
        stopped_clock.advance(WAIT)
        assert await send_one_letter(outbox)
        stopped_clock.advance(2 * WAIT - 1)
        assert not await send_one_letter(outbox)

    async def test_one_letter_put_off_does_not_hold_up_the_others(
        self, outbox: Outbox, post: RecordingTransport, people: list[str]
    ) -> None:
        post.outcomes = [Later("smtp 451")]
        await send_all(outbox)
        assert post.recipients == people

    async def test_stale_letters_are_dropped_when_it_is_back(
        self, outbox: Outbox, post: RecordingTransport, stopped_clock: StoppedClock, people: list[str]
    ) -> None:
        post.outcomes = [Later("connecting", for_all=True)]
        await send_one_letter(outbox)
        stopped_clock.advance(4 * DAY)
        await send_all(outbox)
        assert await outbox.store.database.read(letters.count_by_state) == {"dropped": len(people)}
