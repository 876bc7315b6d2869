"""Announcements owed: one at most per participant and thread, and what a letter told of."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.mail import unread
from storage.mail.unread import Due
from storage.store import Store
from tests.delivery.cast import DAY, GRACE, Cast, Clock, opened_store, owed_rows


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(tmp_path: Path, clock: Clock) -> AsyncIterator[Store]:
    async with opened_store(tmp_path, clock) as store:
        yield store


@pytest.fixture
async def cast(store: Store) -> Cast:
    return await Cast(store).arrive()


async def first_due(store: Store) -> Due | None:
    return await store.database.read(lambda reader: unread.first_due(reader, store.clock()))


async def tell(store: Store) -> Due:
    """As when a letter is written."""
    due = await first_due(store)
    assert due is not None
    await store.database.write(lambda tx: unread.tell(tx, due, store.clock() + DAY))
    return due


async def still_tells(store: Store, cast: Cast, seq: int) -> bool:
    return await store.database.read(lambda reader: unread.still_tells(reader, cast.lea, cast.thread, seq))


async def test_many_messages_make_one_announcement_due_after_the_first(store: Store, cast: Cast, clock: Clock) -> None:
    begun = clock()
    for _ in range(3):
        await cast.post(cast.claire)
        clock.advance(1000)
    assert [(row["account"], row["due_at"]) for row in await owed_rows(store)] == [(cast.lea.bytes, begun + GRACE)]


async def test_what_is_due_says_where_its_reader_stands(store: Store, cast: Cast, clock: Clock) -> None:
    await cast.post(cast.claire)
    assert await first_due(store) is None
    clock.advance(GRACE)
    due = await first_due(store)
    assert due == Due(cast.lea, cast.thread, clock(), told_seq=None, read_seq=0, last_seq=1)
    assert due.is_owed


async def test_who_has_left_is_owed_nothing(store: Store, cast: Cast, clock: Clock) -> None:
    await cast.post(cast.claire)
    await cast.leave(cast.lea)
    clock.advance(GRACE)
    due = await first_due(store)
    assert due is not None
    assert not due.is_owed


async def test_what_was_told_is_not_owed_again(store: Store, cast: Cast, clock: Clock) -> None:
    await cast.post(cast.claire)
    clock.advance(GRACE)
    await tell(store)
    assert await first_due(store) is None
    clock.advance(DAY)
    due = await first_due(store)
    assert due is not None
    assert not due.is_owed


async def test_reading_all_ends_the_announcement(store: Store, cast: Cast) -> None:
    await cast.read(cast.lea, await cast.post(cast.claire))
    assert await owed_rows(store) == []


async def test_reading_a_part_begins_a_told_announcement_anew(store: Store, cast: Cast, clock: Clock) -> None:
    await cast.post(cast.claire)
    last = await cast.post(cast.claire)
    clock.advance(GRACE)
    await tell(store)
    await cast.read(cast.lea, 1, last_seq=last)
    (row,) = await owed_rows(store)
    assert (row["told_seq"], row["due_at"]) == (None, clock() + GRACE)


async def test_reading_a_part_leaves_the_grace_of_an_announcement_not_yet_told(store: Store, cast: Cast, clock: Clock) -> None:
    begun = clock()
    await cast.post(cast.claire)
    last = await cast.post(cast.claire)
    clock.advance(1000)
    await cast.read(cast.lea, 1, last_seq=last)
    assert [row["due_at"] for row in await owed_rows(store)] == [begun + GRACE]


async def test_a_postponed_announcement_lets_the_next_one_go_first(store: Store, cast: Cast, clock: Clock) -> None:
    await cast.post(cast.claire)
    clock.advance(1)
    await cast.post(cast.lea)
    clock.advance(GRACE)
    due = await first_due(store)
    assert due is not None
    await store.database.write(lambda tx: unread.postpone(tx, due, clock() + 1))
    following = await first_due(store)
    assert following is not None
    assert (due.account, following.account) == (cast.lea, cast.claire)


async def test_a_letter_still_tells_while_all_is_unread(store: Store, cast: Cast, clock: Clock) -> None:
    seq = await cast.post(cast.claire)
    clock.advance(GRACE)
    await tell(store)
    await cast.post(cast.claire)
    assert await still_tells(store, cast, seq)


async def test_a_letter_tells_nothing_to_who_has_read(store: Store, cast: Cast, clock: Clock) -> None:
    seq = await cast.post(cast.claire)
    clock.advance(GRACE)
    await tell(store)
    await cast.read(cast.lea, seq)
    assert not await still_tells(store, cast, seq)


async def test_a_letter_gives_way_to_the_announcement_that_began_anew(store: Store, cast: Cast, clock: Clock) -> None:
    await cast.post(cast.claire)
    seq = await cast.post(cast.claire)
    clock.advance(GRACE)
    await tell(store)
    await cast.read(cast.lea, 1, last_seq=seq)
    assert not await still_tells(store, cast, seq)


async def test_a_letter_still_tells_after_its_day_of_quiet(store: Store, cast: Cast, clock: Clock) -> None:
    seq = await cast.post(cast.claire)
    clock.advance(GRACE)
    due = await tell(store)
    await store.database.write(lambda tx: unread.drop(tx, due.account, due.thread))
    assert await still_tells(store, cast, seq)


async def test_a_letter_tells_nothing_to_who_has_left(store: Store, cast: Cast) -> None:
    seq = await cast.post(cast.claire)
    await cast.leave(cast.lea)
    assert not await still_tells(store, cast, seq)


async def test_a_told_announcement_stays_quiet_when_more_comes(store: Store, cast: Cast, clock: Clock) -> None:
    await cast.post(cast.claire)
    clock.advance(GRACE)
    await tell(store)
    await cast.post(cast.claire)
    assert [row["told_seq"] for row in await owed_rows(store)] == [1]


async def test_a_told_announcement_begins_anew_for_who_has_read_by_answering(store: Store, cast: Cast, clock: Clock) -> None:
    await cast.post(cast.claire)
    clock.advance(GRACE)
    await tell(store)
    await cast.post(cast.lea)
    await cast.post(cast.claire)
    (row,) = [row for row in await owed_rows(store) if row["account"] == cast.lea.bytes]
    assert (row["told_seq"], row["due_at"]) == (None, clock() + GRACE)
