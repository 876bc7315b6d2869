"""Private notes of staff: for participants of the thread, and for nobody else."""

import pytest

from chat.ailo import Ailo
from chat.protocol.refusals import NotFound
from storage.conversations.unlocked import Unlocked
from storage.crypto.keyholes import AccountKey
from storage.errors import Superseded
from storage.ids import ThreadId, new_id
from tests.chat.talk import Cast


@pytest.fixture
async def thread(cast: Cast) -> ThreadId:
    return await cast.open_thread("lea", "claire", "sam")


async def test_a_note_is_its_authors_alone(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    claire, sam = await cast.unlock("claire"), await cast.unlock("sam")
    await ailo.staff.notes.write(claire, thread, "à revoir")
    assert [await ailo.staff.notes.read(who, thread) for who in (claire, sam)] == ["à revoir", ""]


async def test_a_note_is_there_at_the_next_sign_in(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    await ailo.staff.notes.write(await cast.unlock("claire"), thread, "à revoir")
    assert await ailo.staff.notes.read(await cast.unlock("claire"), thread) == "à revoir"


@pytest.mark.parametrize("name", ["karim", "thomas", "ada"])
async def test_an_outsider_has_none(ailo: Ailo, cast: Cast, thread: ThreadId, name: str) -> None:
    who = await cast.unlock(name)
    with pytest.raises(NotFound):
        await ailo.staff.notes.read(who, thread)
    with pytest.raises(NotFound):
        await ailo.staff.notes.write(who, thread, "…")


async def test_a_former_participant_has_none(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    claire = await cast.unlock("claire")
    await ailo.staff.notes.write(claire, thread, "à revoir")
    await cast.leave(thread, "claire")
    with pytest.raises(NotFound):
        await ailo.staff.notes.read(claire, thread)


async def test_who_comes_back_finds_their_note(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    claire, sam = await cast.unlock("claire"), await cast.unlock("sam")
    await ailo.staff.notes.write(claire, thread, "à revoir")
    await cast.leave(thread, "claire")
    await ailo.conversations.participants.bring_in(sam, thread, claire.account.id, whole=False)
    assert await ailo.staff.notes.read(claire, thread) == "à revoir"


async def test_there_is_none_about_no_thread(ailo: Ailo, cast: Cast) -> None:
    with pytest.raises(NotFound):
        await ailo.staff.notes.read(await cast.unlock("claire"), new_id(ThreadId))


async def test_nothing_is_sealed_to_a_key_that_was_renewed(
    ailo: Ailo, cast: Cast, thread: ThreadId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection still has the old key: the renewal came between the check and the write."""
    claire = await cast.unlock("claire")

    async def pass_by(*_: object) -> None:
        return None

    monkeypatch.setattr(ailo.access, "latest", pass_by)
    old = Unlocked(claire.account, AccountKey.fresh(claire.account.id))
    with pytest.raises(Superseded):
        await ailo.staff.notes.write(old, thread, "à revoir")
