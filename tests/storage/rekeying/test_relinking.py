"""Messages relinked in chunks: they are sound at every step, whatever comes between; and no forgery is ever laundered."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.conversations import messages
from storage.crypto import keyring
from storage.crypto.keyring import Keyring
from storage.files import write_private
from storage.ids import ThreadId
from storage.maintenance.check import check_all
from storage.rekeying import relinking
from storage.rekeying.relinking import Outcome, relink_some
from storage.rekeying.rotation import Rotation
from tests.people import House, StoppedClock, open_house
from tests.storage.rekeying.turning import add_by_service

CHANGES = {
    "re-dated": "update messages set at = at + 1 where seq = 3",
    "of another author": "update messages set author = zeroblob(16) where seq = 3",
    "of another kind": "update messages set kind = 'lesson' where seq = 3",
    "with another body": "update messages set body = (select body from messages where seq = 2) where seq = 3",
    "with another link": "update messages set link = (select link from messages where seq = 2) where seq = 3",
    "taken out": "delete from messages where seq = 3",
    "first taken out": "delete from messages where seq = 1",
    "cut off": "delete from messages where seq > 4",
    "all taken out but one": "delete from messages where seq < 6",
    "put back before": "update threads set last_seq = 4, last_link = (select link from messages where seq = 4)",
    "a link of no key": "update messages set link = zeroblob(41) where seq = 1",
}


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relinking, "CHUNK", 2)


async def said(house: House, how_many: int = 6) -> ThreadId:
    thread = await house.open_thread(house.lea, house.claire)
    for number in range(1, how_many + 1):
        await house.post(house.lea, thread, f"{number}")
    return thread


async def step(house: House, thread: ThreadId) -> Outcome:
    return await house.store.database.write(lambda tx: relink_some(tx, house.store, thread))


async def rows_of(house: House) -> list[dict[str, object]]:
    return [dict(row) for row in await house.select("select * from messages order by thread, seq")]


async def test_at_every_chunk_all_is_readable(house: House) -> None:
    thread = await said(house)
    await Rotation(house.store).turn()
    for expected in (Outcome.MORE, Outcome.MORE, Outcome.DONE):
        assert await step(house, thread) is expected
        assert await house.texts(house.claire, thread) == ["1", "2", "3", "4", "5", "6"]
        assert await check_all(house.store) == []


async def test_every_page_of_a_thread_with_a_seam_is_sound(house: House) -> None:
    thread = await said(house)
    await Rotation(house.store).turn()
    await step(house, thread)
    store = house.store
    for below in range(2, 8):
        for limit in range(1, 7):
            page = await store.database.read(
                lambda reader, below=below, limit=limit: messages.before(reader, store.guard, thread, below, limit)  # type: ignore[misc]
            )
            assert [row.seq for row in page] == list(range(max(1, below - limit), below))
            assert all(row.is_linked for row in page)


@given(st.integers(0, 7), st.integers(1, 3), st.lists(st.integers(0, 2), max_size=8), st.integers(0, 9))
@settings(max_examples=25, deadline=None)
def test_messages_may_come_at_any_boundary(before: int, chunk: int, between: list[int], turn_again_at: int) -> None:
    asyncio.run(play(before, chunk, between, turn_again_at))


async def play(before: int, chunk: int, between: list[int], turn_again_at: int) -> None:
    """Post messages between the transactions of a rotation, which may be interrupted and finished later."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.setattr(relinking, "CHUNK", chunk)
        async with open_house(Path(folder), StoppedClock()) as house:
            thread = await said(house, before)
            rotation = Rotation(house.store)
            await rotation.turn()
            coming, sent = iter(between), before
            taken = 0
            async for _ in rotation.steps():
                for _ in range(next(coming, 0)):
                    sent += 1
                    await house.post(house.claire, thread, f"{sent}")
                assert await house.texts(house.lea, thread) == [f"{number}" for number in range(1, sent + 1)]
                assert await check_all(house.store) == []
                taken += 1
                if taken == turn_again_at:
                    break
            await rotation.finish()
            assert [key.may_be_dropped for key in (await rotation.status()).keys[:-1]] == [True]
            assert await check_all(house.store) == []


async def test_a_seam_of_an_earlier_key_is_begun_again(house: House) -> None:
    """Two turns without a finish between them: nothing may remain under the middle key."""
    thread = await said(house)
    rotation = Rotation(house.store)
    await rotation.turn()
    await step(house, thread)
    house.store.guard.turn_to(await third_keyring(house))
    await rotation.finish()
    assert [key.may_be_dropped for key in (await rotation.status()).keys] == [True, True, False]
    assert await check_all(house.store) == []


async def third_keyring(house: House) -> Keyring:
    path = house.store.settings.keys
    raw = keyring.with_fresh_key(keyring.read(path))
    write_private(path, raw, replace=True)
    return keyring.parse(raw, path)


# Nothing is laundered


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
async def test_a_tampered_thread_is_seen_after_a_rotation_as_before(
    house: House, caplog: pytest.LogCaptureFixture, change: str
) -> None:
    await said(house)
    await house.spoil(change)
    found = await check_all(house.store)
    assert found
    rotation = Rotation(house.store)
    await rotation.turn()
    await rotation.finish()
    assert await check_all(house.store) == found
    status = await rotation.status()
    assert (status.broken_threads, status.is_rotating) == (1, False)
    assert "alert: thread" in caplog.text


@pytest.mark.parametrize("change", [change for name, change in CHANGES.items() if name != "put back before"])
async def test_a_thread_tampered_with_at_a_seam_stays_broken(house: House, change: str) -> None:
    thread = await said(house)
    rotation = Rotation(house.store)
    await rotation.turn()
    await step(house, thread)
    await house.spoil(change)
    found = await check_all(house.store)
    assert found
    await rotation.finish()
    assert await check_all(house.store) == found


async def test_a_tampered_thread_keeps_no_other_back(house: House) -> None:
    await said(house)
    other = await house.open_thread(house.karim, house.claire)
    await house.spoil(CHANGES["re-dated"])
    await house.post(house.karim, other, "sain et sauf")
    rotation = Rotation(house.store)
    await rotation.turn()
    await rotation.finish()
    newest = house.store.guard.keyring.newest.id
    assert [row.link[1:9] for row in await house.rows(other)] == [newest]
    assert await house.texts(house.claire, other) == ["sain et sauf"]


async def test_a_thread_in_one_chunk_is_left_untouched_when_broken(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relinking, "CHUNK", 500)
    await said(house)
    await house.spoil(CHANGES["re-dated"])
    before = await rows_of(house)
    rotation = Rotation(house.store)
    await rotation.turn()
    await rotation.finish()
    assert await rows_of(house) == before


async def test_a_thread_that_was_mended_goes_along_with_the_next_rotation(house: House) -> None:
    await said(house)
    await house.spoil(CHANGES["re-dated"])
    rotation = Rotation(house.store)
    await rotation.turn()
    await rotation.finish()
    await house.spoil("update messages set at = at - 1 where seq = 3")
    await rotation.turn()
    await rotation.finish()
    status = await rotation.status()
    assert (status.broken_threads, [key.may_be_dropped for key in status.keys]) == (0, [True, True, False])


async def test_a_body_by_the_service_that_does_not_open_stays(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """Its link shows that it was written like this: the text is lost, but the thread goes on."""
    thread = await said(house, 1)
    kept = await add_by_service(house, thread, misplaced=True)
    rotation = Rotation(house.store)
    await rotation.turn()
    await rotation.finish()
    assert (await house.rows(thread))[-1].body == kept.body
    assert await check_all(house.store) == []
    assert "does not open" in caplog.text


# Seams


async def seam_of(house: House) -> dict[str, object]:
    (row,) = await house.select("select * from relinking")
    return dict(row)


@pytest.mark.parametrize(
    "change",
    [
        "seq = seq + 1",
        "seq = 'two'",
        "seq = -1",
        "old_link = new_link",
        "new_link = old_link",
        "proof = zeroblob(41)",
        "proof = x'01'",
        "thread = (select id from threads where last_seq = 0)",
    ],
)
async def test_a_changed_seam_joins_nothing(house: House, change: str) -> None:
    thread = await said(house)
    await house.open_thread(house.karim, house.claire)
    await Rotation(house.store).turn()
    await step(house, thread)
    await house.spoil(f"update relinking set {change}")
    found = f"thread {thread}: message 3 failed verification"
    assert await check_all(house.store) == [found, "relinking.proof: 1 failed verification"]
    assert [await step(house, thread) for _ in range(2)] == [Outcome.MORE, Outcome.BROKEN]
    assert found in await check_all(house.store)


async def test_a_seam_that_was_taken_out_is_seen(house: House) -> None:
    thread = await said(house)
    await Rotation(house.store).turn()
    await step(house, thread)
    await house.spoil("delete from relinking")
    found = [f"thread {thread}: message 3 failed verification"]
    assert await check_all(house.store) == found
    assert [await step(house, thread) for _ in range(2)] == [Outcome.MORE, Outcome.BROKEN]
    assert await check_all(house.store) == found


async def test_a_seam_put_back_later_hides_nothing(house: House) -> None:
    thread = await said(house)
    rotation = Rotation(house.store)
    await rotation.turn()
    await step(house, thread)
    seam = await seam_of(house)
    await rotation.finish()
    await house.spoil(
        "insert into relinking (thread, seq, old_link, new_link, proof) values (:thread, :seq, :old_link, :new_link, :proof)",
        **seam,  # type: ignore[arg-type]
    )
    assert await check_all(house.store) == [f"thread {thread}: message 3 failed verification"]


async def test_old_rows_before_the_seam_are_not_taken_for_new(house: House) -> None:
    """A row's link from before the rotation, put back ahead of the seam, is not accepted."""
    thread = await said(house)
    old = (await house.rows(thread))[1]
    await Rotation(house.store).turn()
    await step(house, thread)
    await house.spoil("update messages set link = :link where seq = 2", link=old.link)
    assert [row.is_linked for row in await house.rows(thread)][:2] == [True, False]


async def test_a_thread_without_messages_has_nothing_to_link(house: House) -> None:
    await house.open_thread(house.lea, house.claire)
    rotation = Rotation(house.store)
    await rotation.turn()
    await rotation.finish()
    assert await check_all(house.store) == []
    assert (await rotation.status()).keys[0].may_be_dropped
