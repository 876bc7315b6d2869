"""Renewing an account's key: all in one transaction; the old key opens nothing that is written afterwards."""

import logging
from uuid import UUID

import pytest

from storage.accounts import accounts, sessions
from storage.accounts.accounts import Account, Keyhole
from storage.accounts.sessions import Session
from storage.conversations import rosters
from storage.crypto.epochs import THE_OFFICER, open_grant
from storage.crypto.keyholes import AccountKey, Cookie
from storage.engine.database import Transaction
from storage.errors import CannotOpen, Superseded
from storage.ids import AccountId, ThreadId
from storage.rekeying import renewal
from storage.staff import canned_replies, notes
from tests.people import DAY, House, Person
from tests.storage.deeds import (
    Killed,
    all_rows,
    begin_own,
    bring_in,
    key_by_code,
    keyhole_of,
    killed_after,
    make_code,
    renew,
    rosters_of,
    with_new_key,
)

TABLES = (
    "accounts", "keyholes", "sessions", "epochs", "grants", "threads", "participants", "notes", "canned_replies", "renewals_due",
    "messages",
)  # fmt: skip


@pytest.fixture
async def thread(house: House) -> ThreadId:
    """A thread that Léa took over from the service, with a message by each of Léa and Claire."""
    thread = await house.open_thread(house.lea, house.claire)
    await begin_own(house, house.lea, thread)
    await house.post(house.lea, thread, "un")
    await house.post(house.claire, thread, "deux")
    return thread


async def test_the_new_key_reads_all_that_the_old_one_could(house: House, thread: ThreadId) -> None:
    new = await renew(house, house.lea)
    await house.post(house.claire, thread, "trois")
    assert await house.texts(new, thread) == ["un", "deux", "trois"]


async def test_the_others_go_on(house: House, thread: ThreadId) -> None:
    new = await renew(house, house.lea)
    await house.post(new, thread, "trois")
    assert await house.texts(house.claire, thread) == ["un", "deux", "trois"]


async def test_a_history_that_began_later_stays_as_long_as_it_was(house: House, thread: ThreadId) -> None:
    await bring_in(house, house.claire, thread, house.sam)
    await house.post(house.lea, thread, "trois")
    new = await renew(house, house.sam)
    await house.post(house.lea, thread, "quatre")
    assert await house.texts(new, thread) == [None, None, "trois", "quatre"]


async def opened_with(house: House, thread: ThreadId, key: AccountKey) -> set[int]:
    """The epochs whose secret this private key can open from any grant, as its giver or its receiver."""
    found = set()
    for roster in await rosters_of(house, thread):
        ends = {THE_OFFICER: roster.officer} | {seat.account: seat.public_key for seat in roster.seats}
        for row in await house.select(
            "select * from grants where thread = :thread and epoch = :epoch", thread=thread.bytes, epoch=roster.number
        ):
            receiver = AccountId(UUID(bytes=row["account"]))
            for other_end in (row["giver_key"], ends[receiver]):
                try:
                    open_grant(row["body"], key.private_key, other_end, receiver, roster)
                    found.add(roster.number)
                except CannotOpen:
                    continue
    return found


async def test_no_epoch_that_is_written_in_opens_with_the_old_key(house: House, thread: ThreadId) -> None:
    """The old key is at neither end of its grants, since both ends can open them. Nobody ever writes in epoch 3."""
    old = house.lea
    new = await renew(house, old)
    await house.post(new, thread, "trois")
    written_in = {row.epoch for row in await house.rows(thread)}
    assert written_in == {2, 4}
    assert await opened_with(house, thread, old.key) & written_in == {2}  # the epoch that Léa once gave to Claire
    assert await opened_with(house, thread, new.key) == {1, 2, 3, 4}


async def test_no_grant_to_the_old_key_is_left(house: House, thread: ThreadId) -> None:
    old = house.claire
    await renew(house, old)
    for roster in await rosters_of(house, thread):
        with pytest.raises(CannotOpen):
            await house.store.database.read(lambda reader, r=roster: rosters.secret_of(reader, old.key, r))  # type: ignore[misc]


async def test_the_account_has_another_key_of_the_next_generation(house: House) -> None:
    new = await renew(house, house.lea)
    account = await house.account(new)
    assert (account.generation, account.public_key) == (2, new.key.public_key)


async def test_every_thread_begins_anew(house: House, thread: ThreadId) -> None:
    other, foreign = await house.open_thread(house.lea, house.sam), await house.open_thread(house.karim, house.claire)
    await renew(house, house.lea)
    assert [(await house.thread(id_)).epoch for id_ in (thread, other, foreign)] == [4, 3, 1]


async def begin_session(house: House, one: Person) -> bytes:
    session, now = Cookie.fresh().session, house.store.clock()
    row = Session(session, one.id, one.key.generation, b"", b"", now, now + DAY)
    await house.store.database.write(lambda tx: sessions.begin(tx, row))
    return session


async def test_every_session_but_the_own_one_ends(house: House) -> None:
    mine, other, karims = [await begin_session(house, one) for one in (house.lea, house.lea, house.karim)]
    account, new, store = await house.account(house.lea), with_new_key(house.lea), house.store
    row = keyhole_of(house, new)
    await store.database.write(
        lambda tx: renewal.renew(tx, store.guard, account, house.lea.key, new.key, row, store.clock(), except_for=mine)
    )
    left = {row["id"] for row in await house.select("select id from sessions")}
    assert left == {mine, karims}
    assert other not in left


async def test_the_recovery_code_is_spent(house: House) -> None:
    code = await make_code(house, house.lea)
    assert await key_by_code(house, house.lea, code) == house.lea.key
    new = await renew(house, house.lea)
    assert await key_by_code(house, new, code) is None


async def test_a_renewal_that_was_due_is_done(house: House) -> None:
    store = house.store
    await store.database.write(lambda tx: accounts.ask_renewal(tx, house.lea.id, store.clock()))
    assert await store.database.read(lambda reader: accounts.is_renewal_due(reader, house.lea.id))
    new = await renew(house, house.lea)
    assert not await store.database.read(lambda reader: accounts.is_renewal_due(reader, new.id))


async def test_of_two_renewals_the_second_is_told(house: House, thread: ThreadId) -> None:
    old = house.lea
    first = await renew(house, old)
    account, second = await house.account(first), with_new_key(old)
    row, store = keyhole_of(house, second), house.store
    with pytest.raises(Superseded):
        await store.database.write(lambda tx: renewal.renew(tx, store.guard, account, old.key, second.key, row, 0))
    assert await house.texts(first, thread) == ["un", "deux"]


async def test_a_message_sealed_before_it_is_sealed_again(house: House, thread: ThreadId) -> None:
    """Its epoch is over when it is to be committed: nothing is written under the old key."""
    post = await house.sealed(house.claire, thread, "trois")
    await renew(house, house.lea)
    assert (await house.commits.commit(post)) is not None
    assert [row.epoch for row in await house.rows(thread)] == [2, 2]


async def test_a_thread_that_was_tampered_with_stops_no_renewal(
    house: House, thread: ThreadId, caplog: pytest.LogCaptureFixture
) -> None:
    spoilt = await house.open_thread(house.lea, house.sam)
    await house.spoil("update epochs set proof = zeroblob(41) where thread = :id", id=spoilt.bytes)
    with caplog.at_level(logging.ERROR):
        new = await renew(house, house.lea)
    assert f"alert: thread {spoilt}" in caplog.text
    assert await house.texts(new, thread) == ["un", "deux"]
    assert (await house.thread(spoilt)).epoch == 1


async def test_a_note_that_was_tampered_with_stops_no_renewal(house: House, caplog: pytest.LogCaptureFixture) -> None:
    threads = [await house.open_thread(house.lea, house.claire) for _ in range(2)]
    for thread in threads:
        await house.store.database.write(lambda tx, t=thread: notes.write(tx, house.claire.key, t, "à revoir", 0))  # type: ignore[misc]
    await house.spoil("update notes set body = zeroblob(300) where thread = :id", id=threads[0].bytes)
    with caplog.at_level(logging.ERROR):
        new = await renew(house, house.claire)
    assert "alert: a note of" in caplog.text
    assert await house.store.database.read(lambda reader: notes.read(reader, new.key, threads[1])) == "à revoir"


# Killed at every write


async def renew_until(tx: Transaction, last: int, house: House, account: Account, new: Person, row: Keyhole) -> None:
    """Renew Léa's key, killed after ``last`` statements."""
    counted = killed_after(tx, last)
    await renewal.renew(counted, house.store.guard, account, house.lea.key, new.key, row, 0)


async def state(house: House) -> dict[str, list[dict[str, object]]]:
    return {table: await house.store.database.read(lambda reader, t=table: all_rows(reader, t)) for table in TABLES}  # type: ignore[misc]


async def test_killed_at_any_statement_all_is_as_before(house: House, thread: ThreadId) -> None:
    await house.open_thread(house.lea, house.sam)
    await make_code(house, house.lea)
    await house.store.database.write(lambda tx: notes.write(tx, house.lea.key, thread, "à moi", 0))
    await house.store.database.write(lambda tx: canned_replies.write(tx, house.lea.key, canned_replies.Kept(1, "[]"), 0))
    before, account, new = await state(house), await house.account(house.lea), with_new_key(house.lea)
    row, killed = keyhole_of(house, new), 0
    while True:
        try:
            await house.store.database.write(lambda tx, n=killed: renew_until(tx, n, house, account, new, row))  # type: ignore[misc]
            break
        except Killed:
            killed += 1
            assert await state(house) == before
    assert killed > 30
    assert await house.texts(new, thread) == ["un", "deux"]
