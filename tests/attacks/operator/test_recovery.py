"""A recovery under way, attacked by writing to the database or exchanging a file on its way; or overtaken by events."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from msgspec import structs

from storage import installation
from storage.accounts import accounts
from storage.conversations import participants
from storage.crypto.epochs import THE_OFFICER, Roster
from storage.crypto.keyholes import AccountKey
from storage.crypto.primitives import shared_key
from storage.errors import Refused
from storage.ids import ThreadId, new_id
from storage.maintenance.check import check_all
from storage.rekeying import officer, recovery
from storage.rekeying.officer import Answer, proven, request_hash
from storage.rekeying.recovery import NewKey
from storage.rekeying.rotation import Rotation
from tests.people import House, Person
from tests.storage.deeds import begin_own, bring_in, keyhole_of, latest, make_code, renew, rosters_of, with_new_key


@pytest.fixture
async def thread(house: House) -> ThreadId:
    thread = await house.open_thread(house.lea, house.claire)
    await begin_own(house, house.lea, thread)
    await house.post(house.lea, thread, "un")
    return thread


async def ask(house: House, new: Person | None) -> bytes:
    """Make a request for this person's new key, or, with None, for another officer."""
    account = await house.account(new) if new else None
    key = NewKey(new.key, keyhole_of(house, new)) if new else None
    return await house.store.database.write(lambda tx: recovery.ask(tx, house.store, account, "lea@ailo.test", key))


async def apply(house: House, answer: Answer) -> None:
    read = officer.read_answer(msgspec.json.encode(answer))
    await house.store.database.write(lambda tx: recovery.apply(tx, house.store, read))


def answered(house: House, raw: bytes, successor: bytes | None = None) -> Answer:
    return officer.answer(raw, house.officer.private_key, successor)


async def assert_refused(house: House, answer: Answer, why: str) -> None:
    """Assert that the answer is refused, and that nothing changes."""
    before = [dict(row) for table in ("accounts", "threads", "house") for row in await house.select(f"select * from {table}")]
    with pytest.raises(Refused, match=why):
        await apply(house, answer)
    after = [dict(row) for table in ("accounts", "threads", "house") for row in await house.select(f"select * from {table}")]
    assert after == before


# What was asked, altered in the database and on its way


def exchanged(raw: bytes, **changes: Any) -> bytes:
    """A request file with some of its values replaced."""
    return msgspec.json.encode(structs.replace(officer.read_request(raw), **changes))


async def test_a_request_exchanged_on_its_way_and_in_the_database_is_refused(house: House, thread: ThreadId) -> None:
    raw, stranger = await ask(house, with_new_key(house.lea)), AccountKey.fresh(house.lea.id, 2)
    false = exchanged(raw, public_key=stranger.public_key)
    await house.spoil(
        "update recoveries set request = :request, public_key = :key", request=request_hash(false), key=stranger.public_key
    )
    await assert_refused(house, answered(house, false), "request failed verification")
    assert any("recoveries.proof: 1" in line for line in await check_all(house.store))


async def test_a_request_exchanged_with_an_asker_of_their_own_is_refused(house: House, thread: ThreadId) -> None:
    """With an asker of their own they can make any answer, but they cannot guard its key: only the service can."""
    raw, asker = await ask(house, None), AccountKey.fresh(THE_OFFICER)
    false = exchanged(raw, asker=asker.public_key)
    await house.spoil(
        "update recoveries set request = :request, asker = :key", request=request_hash(false), key=asker.private_key
    )
    await assert_refused(house, answered(house, false, AccountKey.fresh(THE_OFFICER).public_key), "request failed verification")


async def test_a_request_exchanged_on_its_way_alone_is_refused(house: House, thread: ThreadId) -> None:
    raw, stranger = await ask(house, with_new_key(house.lea)), AccountKey.fresh(house.lea.id, 2)
    false = exchanged(raw, public_key=stranger.public_key)
    await assert_refused(house, answered(house, false), "No open request")
    renamed = structs.replace(answered(house, false), request=request_hash(raw))
    await assert_refused(house, renamed, "replaced on its way")


ALTERED = {
    "its key": "public_key = zeroblob(32)",
    "its account": "account = (select id from accounts where id <> account limit 1)",
    "no account: the officer's place": "account = null",
    "its generation": "generation = 3",
    "its profile": "profile = 1",
    "its time": "asked_at = asked_at + 1",
    "its proof": "proof = zeroblob(41)",
    "no proof": "proof = null",
    "a proof of another kind": "proof = 'a text'",
    "its asker": "asker = zeroblob(80)",
    "no asker": "asker = null",
    "its keyhole": "keyhole = zeroblob(120)",
    "no keyhole": "keyhole = null",
}


@pytest.mark.parametrize("change", ALTERED)
async def test_an_open_request_altered_in_the_database_is_refused_and_reported(
    house: House, thread: ThreadId, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = answered(house, await ask(house, with_new_key(house.lea)))
    await house.spoil(f"update recoveries set {ALTERED[change]}")
    await assert_refused(house, answer, "request failed verification.*make another request")
    assert "alert:" in caplog.text
    assert any("recoveries" in line for line in await check_all(house.store))


async def test_the_keyhole_of_another_request_opens_nothing(house: House, thread: ThreadId) -> None:
    """Whoever has seen one first password must not open another account with it, or a later key."""
    await ask(house, with_new_key(house.karim))
    other = (await house.select("select keyhole from recoveries"))[0]["keyhole"]
    answer = answered(house, await ask(house, with_new_key(house.lea)))
    await house.spoil("update recoveries set keyhole = :other", other=other)
    await assert_refused(house, answer, "request failed verification")


async def test_a_planted_request_is_refused_and_reported(house: House, thread: ThreadId) -> None:
    answer = answered(house, await ask(house, with_new_key(house.lea)))
    await house.spoil("update recoveries set request = zeroblob(32)")
    await house.spoil(
        "insert into recoveries (request, account, generation, public_key, profile, keyhole, asked_at)"
        " select :it, account, generation, public_key, profile, keyhole, asked_at from recoveries", it=answer.request
    )  # fmt: skip
    await assert_refused(house, answer, "request failed verification")
    assert any("open recoveries that lack a proof or a keyhole" in line for line in await check_all(house.store))


async def test_an_open_request_is_brought_to_another_root_key(house: House, thread: ThreadId) -> None:
    new = with_new_key(house.lea)
    answer = answered(house, await ask(house, new))
    rotation, old = Rotation(house.store), house.store.guard.keyring.newest.id
    await rotation.turn()
    await rotation.finish()
    await rotation.drop(old)
    assert await check_all(house.store) == []
    await apply(house, answer)
    assert await house.texts(new, thread) == ["un"]


# The answer, altered or exchanged on its way


async def test_an_answer_cannot_name_an_officer_of_their_own(house: House, thread: ThreadId) -> None:
    """Otherwise, the next conversations would be granted to that officer."""
    key = AccountKey.fresh(THE_OFFICER).public_key
    for_officer = structs.replace(answered(house, await ask(house, None), key), officer=AccountKey.fresh(THE_OFFICER).public_key)
    await assert_refused(house, for_officer, "replaced on its way")
    for_account = structs.replace(answered(house, await ask(house, with_new_key(house.lea))), officer=key)
    await assert_refused(house, for_account, "replaced on its way")


ANSWERS: dict[str, Callable[[Answer], Answer]] = {
    "no proof": lambda answer: structs.replace(answer, proof=b""),
    "a conversation less": lambda answer: structs.replace(answer, threads=answer.threads[:-1]),
    "no conversation": lambda answer: structs.replace(answer, threads=[]),
    "a conversation twice": lambda answer: structs.replace(answer, threads=[*answer.threads, answer.threads[0]]),
    "a grant less": lambda answer: structs.replace(
        answer, threads=[structs.replace(answer.threads[0], grants={}), *answer.threads[1:]]
    ),
    "no history": lambda answer: structs.replace(
        answer, threads=[structs.replace(answer.threads[0], history={}), *answer.threads[1:]]
    ),
    "a number that is none": lambda answer: structs.replace(
        answer, threads=[structs.replace(answer.threads[0], history={"x": b""}), *answer.threads[1:]]
    ),
    "a roster that is none": lambda answer: structs.replace(
        answer, threads=[structs.replace(answer.threads[0], roster=b"x"), *answer.threads[1:]]
    ),
}


@pytest.mark.parametrize("change", ANSWERS)
async def test_an_answer_altered_on_its_way_is_refused(house: House, thread: ThreadId, change: str) -> None:
    await house.open_thread(house.lea, house.thomas)
    answer = answered(house, await ask(house, with_new_key(house.lea)))
    await assert_refused(house, ANSWERS[change](answer), "replaced on its way")


async def test_an_answer_of_the_officer_themselves_covers_all_and_changes_nothing_else(house: House, thread: ThreadId) -> None:
    """Even what the right person has proven is checked."""
    raw = await ask(house, with_new_key(house.lea))
    answer, shared = answered(house, raw), shared_key(house.officer.private_key, officer.read_request(raw).asker)
    await assert_refused(house, proven(structs.replace(answer, threads=[]), shared), "make another")
    roster = Roster.decoded(answer.threads[0].roster)
    altered = structs.replace(answer.threads[0], roster=replace(roster, seats=roster.seats[:1]).encoded())
    await assert_refused(house, proven(structs.replace(answer, threads=[altered]), shared), "more than was requested")
    other = structs.replace(answer, officer=AccountKey.fresh(THE_OFFICER).public_key)
    await assert_refused(house, proven(other, shared), "names another officer")


async def test_the_officer_of_before_gives_nothing_back(house: House, thread: ThreadId) -> None:
    successor = AccountKey.fresh(THE_OFFICER)
    stale = answered(house, await ask(house, with_new_key(house.lea)))
    await apply(house, answered(house, await ask(house, None), successor.public_key))
    await assert_refused(house, stale, "Make another request")
    with pytest.raises(Refused):
        answered(house, await ask(house, with_new_key(house.lea)))


# What came between the request and its answer


async def opened(house: House, thread: ThreadId) -> None:
    await house.open_thread(house.lea, house.thomas)


async def brought_in(house: House, thread: ThreadId) -> None:
    other = await house.open_thread(house.karim, house.claire)
    await bring_in(house, house.claire, other, house.lea)


async def left(house: House, thread: ThreadId) -> None:
    await house.leave(thread, house.lea)


async def left_by_another(house: House, thread: ThreadId) -> None:
    await house.leave(thread, house.claire)


async def joined_by_another(house: House, thread: ThreadId) -> None:
    await bring_in(house, house.claire, thread, house.sam)


async def renewed(house: House, thread: ThreadId) -> None:
    await renew(house, house.lea)


async def other_renewed(house: House, thread: ThreadId) -> None:
    await renew(house, house.claire)


async def password_changed(house: House, thread: ThreadId) -> None:
    store, keyhole = house.store, keyhole_of(house, replace(house.lea, password="un autre mot"))
    await store.database.write(lambda tx: accounts.keep_keyhole(tx, house.lea.id, "password", keyhole, store.clock()))


async def code_made(house: House, thread: ThreadId) -> None:
    await make_code(house, house.lea)


async def asked_again(house: House, thread: ThreadId) -> None:
    await ask(house, with_new_key(house.lea))


BETWEEN: dict[str, Callable[[House, ThreadId], Awaitable[None]]] = {
    "a conversation was opened": opened,
    "they were brought into one": brought_in,
    "they left one": left,
    "another left": left_by_another,
    "another joined": joined_by_another,
    "they renewed their key": renewed,
    "another renewed theirs": other_renewed,
    "they changed their password": password_changed,
    "they made a recovery code": code_made,
    "another request was made": asked_again,
}


@pytest.mark.parametrize("between", BETWEEN)
async def test_an_answer_that_the_world_outgrew_is_refused(house: House, thread: ThreadId, between: str) -> None:
    answer = answered(house, await ask(house, with_new_key(house.lea)))
    await BETWEEN[between](house, thread)
    await assert_refused(house, answer, "[Mm]ake another")


async def test_after_that_another_request_covers_all(house: House, thread: ThreadId) -> None:
    new = with_new_key(house.lea)
    stale = answered(house, await ask(house, new))
    other = await house.open_thread(house.lea, house.thomas)
    await assert_refused(house, stale, "make another")
    await apply(house, answered(house, await ask(house, new)))
    assert await latest(house, new, thread)
    assert await latest(house, new, other)


async def test_messages_in_between_are_given_back_with_the_rest(house: House, thread: ThreadId) -> None:
    new = with_new_key(house.lea)
    answer = answered(house, await ask(house, new))
    await house.post(house.claire, thread, "deux")
    await apply(house, answer)
    assert await house.texts(new, thread) == ["un", "deux"]


async def test_a_conversation_opened_while_an_officer_is_replaced_is_not_passed_over(house: House, thread: ThreadId) -> None:
    key = AccountKey.fresh(THE_OFFICER).public_key
    answer = answered(house, await ask(house, None), key)
    other = await house.open_thread(house.karim, house.thomas)
    await assert_refused(house, answer, "make another")
    await apply(house, answered(house, await ask(house, None), key))
    assert {(await rosters_of(house, id_))[-1].officer for id_ in (thread, other)} == {key}


async def test_of_two_requests_for_another_officer_the_newer_counts(house: House, thread: ThreadId) -> None:
    keys = [AccountKey.fresh(THE_OFFICER).public_key for _ in range(2)]
    older = answered(house, await ask(house, None), keys[0])
    newer = answered(house, await ask(house, None), keys[1])
    await assert_refused(house, older, "Make another request")
    await apply(house, newer)
    assert await house.store.database.read(lambda reader: installation.officer_now(reader, house.store.guard)) == keys[1]


async def test_requests_for_different_accounts_are_open_at_once(house: House, thread: ThreadId) -> None:
    new = [with_new_key(house.lea), with_new_key(house.karim)]
    answers = [answered(house, await ask(house, one)) for one in new]
    for answer in answers:
        await apply(house, answer)
    assert [(await house.account(one)).generation for one in new] == [2, 2]


async def test_a_row_put_back_after_a_renewal_is_refused(house: House, thread: ThreadId) -> None:
    """Everything in it was true in its day, but the account has gone on."""
    answer = answered(house, await ask(house, with_new_key(house.lea)))
    (row,) = await house.select("select * from recoveries")
    await renew(house, house.lea)
    columns = ", ".join(row.keys())
    await house.spoil(f"insert into recoveries ({columns}) values (:{columns.replace(', ', ', :')})", **dict(row))
    await assert_refused(house, answer, "key has changed since")


async def test_a_request_made_while_the_key_was_renewed_is_refused(house: House, thread: ThreadId) -> None:
    """The first password takes a moment to stretch: if the key is renewed meanwhile, the request must be made again."""
    new, account = with_new_key(house.lea), await house.account(house.lea)
    key, store = NewKey(new.key, keyhole_of(house, new)), house.store
    await renew(house, house.lea)
    with pytest.raises(Refused, match="make another request"):
        await store.database.write(lambda tx: recovery.ask(tx, store, account, "lea@ailo.test", key))


# Rows in `participants`, which nothing proves


async def test_a_removed_row_hides_no_conversation_from_a_recovery(house: House, thread: ThreadId) -> None:
    await house.spoil("delete from participants where account = :lea", lea=house.lea.id.bytes)
    new = with_new_key(house.lea)
    await apply(house, answered(house, await ask(house, new)))
    assert await latest(house, new, thread)


async def test_a_planted_row_stops_no_recovery(house: House, thread: ThreadId) -> None:
    other = await house.open_thread(house.karim, house.thomas)
    await house.spoil("insert into participants values (:thread, :lea, 0, 0)", thread=other.bytes, lea=house.lea.id.bytes)
    new = with_new_key(house.lea)
    await apply(house, answered(house, await ask(house, new)))
    assert await latest(house, new, thread)


async def test_a_conversation_that_was_altered_is_named(house: House, thread: ThreadId) -> None:
    await house.spoil("update epochs set proof = zeroblob(41)")
    with pytest.raises(Refused, match=f"Conversation {thread} failed verification"):
        await ask(house, with_new_key(house.lea))


# What the check reports


async def test_the_check_names_a_conversation_of_another_officer(house: House, thread: ThreadId) -> None:
    store, account = house.store, await house.account(house.karim)
    assert await check_all(store) == []
    other, key = new_id(ThreadId), AccountKey.fresh(THE_OFFICER).public_key
    await store.database.write(lambda tx: participants.open_thread(tx, store.guard, key, other, [account], store.clock()))
    assert await check_all(store) == [f"thread {other}: its recovery officer is not this installation's"]


async def test_sound_open_requests_are_well(house: House, thread: ThreadId) -> None:
    await ask(house, with_new_key(house.lea))
    await ask(house, None)
    assert await check_all(house.store) == []
