"""Who sees which thread: only its participants, and nobody at all once it has been tampered with."""

import logging
from dataclasses import replace

import pytest
from msgspec import structs

from chat.ailo import Ailo
from chat.protocol.refusals import NotFound
from storage.conversations import rosters, threads
from storage.conversations.group_commit import Post
from storage.conversations.threads import Order
from storage.conversations.unlocked import Unlocked
from storage.crypto.epochs import THE_SERVICE, EpochSecret, Roster, Seat, ephemeral, grants_of
from storage.crypto.sealing import Place, seal
from storage.engine.database import Transaction
from storage.ids import MessageId, ThreadId, new_id
from tests.chat.talk import Cast


@pytest.fixture
async def thread(cast: Cast) -> ThreadId:
    return await cast.open_thread("lea", "claire", "sam")


@pytest.fixture
async def lea(cast: Cast, thread: ThreadId) -> Unlocked:
    lea = await cast.unlock("lea")
    await cast.say(lea, thread, "un")
    return lea


async def test_the_first_to_come_begins_an_epoch_of_their_own(ailo: Ailo, cast: Cast, lea: Unlocked, thread: ThreadId) -> None:
    epoch = await ailo.conversations.conversation._access.latest(lea, thread)
    assert (epoch.roster.number, epoch.roster.giver) == (2, lea.account.id)


async def test_who_comes_next_begins_none(ailo: Ailo, cast: Cast, lea: Unlocked, thread: ThreadId) -> None:
    epoch = await ailo.conversations.conversation._access.latest(await cast.unlock("claire"), thread)
    assert epoch.roster.number == 2


@pytest.mark.parametrize("name", ["karim", "thomas", "ada"])
async def test_an_outsider_finds_nothing(ailo: Ailo, cast: Cast, lea: Unlocked, thread: ThreadId, name: str) -> None:
    with pytest.raises(NotFound):
        await ailo.conversations.conversation._access.latest(await cast.unlock(name), thread)


async def test_a_former_participant_finds_nothing(ailo: Ailo, cast: Cast, lea: Unlocked, thread: ThreadId) -> None:
    sam = await cast.unlock("sam")
    await ailo.conversations.conversation._access.latest(sam, thread)
    await cast.leave(thread, "sam")
    with pytest.raises(NotFound):
        await ailo.conversations.conversation._access.latest(sam, thread)


async def test_no_thread_is_found_as_one_of_others(ailo: Ailo, lea: Unlocked) -> None:
    with pytest.raises(NotFound):
        await ailo.conversations.conversation._access.latest(lea, new_id(ThreadId))


async def test_a_newcomer_reads_from_their_first_message_on(ailo: Ailo, cast: Cast, lea: Unlocked, thread: ThreadId) -> None:
    claire, thomas = await cast.unlock("claire"), await cast.unlock("thomas")
    await ailo.conversations.participants.bring_in(claire, thread, thomas.account.id, whole=False)
    await cast.say(lea, thread, "deux", "trois")
    assert [message.text for message in await ailo.conversations.conversation.before(thomas, thread, None, 50)] == [
        "deux",
        "trois",
    ]
    found, last = await ailo.conversations.conversation.after(thomas, thread, 0, 50)
    assert ([message.seq for message in found], last) == ([2, 3], 3)


# Tampered with by somebody who has the root key


async def plant(ailo: Ailo, thread: ThreadId, *, seat: Seat | None, by_service: bool = False) -> EpochSecret:
    """Append an epoch whose grants come from a foreign key, in Claire's name or the service's; return its secret."""
    store, secret, key = ailo.store, EpochSecret.fresh(), ephemeral()

    async def write(tx: Transaction) -> None:
        stands = await threads.find(tx, store.guard, thread)
        assert stands is not None
        last = await rosters.find(tx, store.guard, thread, stands.epoch)
        giver = THE_SERVICE if by_service else last.seats[1].account
        roster: Roster = replace(
            last, number=last.number + 1, previous=last.hash(), public_key=secret.public_key, giver=giver,
            giver_key=key.public_key, seats=(*last.seats, seat) if seat else last.seats,
        )  # fmt: skip
        await threads.save(tx, store.guard, structs.replace(stands, epoch=roster.number))
        await rosters.add(tx, store.guard, roster, grants_of(secret, roster, key.private_key))

    await store.database.write(write)
    return secret


async def strangers_seat(cast: Cast) -> Seat:
    karim = await cast.account("karim")
    return Seat(karim.id, 1, karim.public_key, 1, 0, THE_SERVICE)


@pytest.mark.parametrize("lets_in", [True, False])
async def test_a_planted_epoch_hides_the_thread_and_raises_the_alarm(
    ailo: Ailo, cast: Cast, thread: ThreadId, lea: Unlocked, lets_in: bool, caplog: pytest.LogCaptureFixture
) -> None:
    await plant(ailo, thread, seat=await strangers_seat(cast) if lets_in else None)
    with caplog.at_level(logging.ERROR):
        for name in ("lea", "claire", "sam"):
            who = await cast.unlock(name)
            assert await ailo.conversations.conversation.entries(who, Order.NEWEST, None) == []
            with pytest.raises(NotFound):
                await ailo.conversations.conversation.before(who, thread, None, 50)
            with pytest.raises(NotFound):
                await cast.say(who, thread, "deux")
    assert f"alert: thread {thread} cannot be opened by {lea.account.id}" in caplog.text


async def test_who_was_there_before_it_was_planted_writes_nothing_either(
    ailo: Ailo, cast: Cast, thread: ThreadId, lea: Unlocked
) -> None:
    """A connection still remembers the previous epoch: the commit detects that there is another."""
    await plant(ailo, thread, seat=await strangers_seat(cast))
    with pytest.raises(NotFound):
        await cast.say(lea, thread, "deux")


async def test_the_stranger_reads_nothing_of_a_planted_epoch(ailo: Ailo, cast: Cast, thread: ThreadId, lea: Unlocked) -> None:
    await plant(ailo, thread, seat=await strangers_seat(cast))
    with pytest.raises(NotFound):
        await cast.say(lea, thread, "deux")
    rows = await ailo.store.database.read(lambda reader: reader.rows("select epoch from messages"))
    assert [row["epoch"] for row in rows] == [2]


async def test_other_threads_are_shown_beside_one_that_was_tampered_with(
    ailo: Ailo, cast: Cast, thread: ThreadId, lea: Unlocked
) -> None:
    other = await cast.open_thread("lea", "thomas")
    await plant(ailo, thread, seat=None)
    await cast.say(lea, other, "ailleurs")
    assert [entry.id for entry in await ailo.conversations.conversation.entries(lea, Order.NEWEST, None)] == [other]


async def test_a_text_planted_in_an_epoch_of_the_service_is_broken(
    ailo: Ailo, cast: Cast, thread: ThreadId, lea: Unlocked, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever has the root key can begin such an epoch, know its secret, and write in Claire's name."""
    secret = await plant(ailo, thread, seat=None, by_service=True)
    claire = await cast.account("claire")
    place = Place(thread, 3, new_id(MessageId), claire.id, "text")
    body = seal(secret.message_key(), "Je vous attends à 18 h.", place)
    await ailo.commits.commit(Post(thread, 3, place.id, claire.id, "text", body, (), waits=False))
    with caplog.at_level(logging.ERROR):
        found = await ailo.conversations.conversation.before(lea, thread, None, 50)
    assert [(message.kind, message.text) for message in found] == [("text", "un"), ("broken", "")]
    assert f"alert: message 2 of thread {thread}" in caplog.text


async def test_after_an_epoch_of_the_service_one_writes_in_ones_own(
    ailo: Ailo, cast: Cast, thread: ThreadId, lea: Unlocked
) -> None:
    await plant(ailo, thread, seat=None, by_service=True)
    await cast.say(lea, thread, "deux")
    found = await ailo.conversations.conversation.before(await cast.unlock("claire"), thread, None, 50)
    assert [message.text for message in found] == ["un", "deux"]
