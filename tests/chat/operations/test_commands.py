"""What the operator's commands do, on an open Ailo."""

from pathlib import Path
from uuid import UUID

import pytest
from msgspec import Struct
from msgspec.structs import replace

from chat.accounts.commands import AccountAdd
from chat.ailo import Ailo
from chat.conversations.commands import ThreadLeave, ThreadOpen
from chat.core import Done
from chat.operations.commands import Backup, Check, carry_out
from storage.accounts import preferences
from storage.ids import AccountId, ThreadId, new_id
from tests.chat.talk import Cast
from tests.people import PASSWORD, address

NOBODY = "nobody@ailo.test"
ADD = AccountAdd("member", "zoe@ailo.test", "Zoé", "Canary", "fr", PASSWORD)
OPEN = ThreadOpen(address("lea"), [address("claire")], [])


async def line(ailo: Ailo, command: Struct) -> str:
    done = await carry_out(ailo, command)
    assert done.code == 0
    return done.line


async def test_an_added_account_is_told_by_its_id_alone(ailo: Ailo) -> None:
    assert UUID(await line(ailo, ADD)).version == 7


@pytest.mark.parametrize(("manages", "kept"), [(True, True), (False, None)])
async def test_an_account_may_be_added_as_that_of_somebody_who_manages_people(
    ailo: Ailo, manages: bool, kept: bool | None
) -> None:
    account = AccountId(UUID(await line(ailo, replace(ADD, manages=manages))))
    found = await ailo.store.database.read(lambda reader: preferences.find(reader, ailo.store.guard, account))
    assert found.manages is kept


async def test_a_thread_is_told_by_its_id_and_opened_once(ailo: Ailo, cast: Cast) -> None:
    id_ = await line(ailo, OPEN)
    assert UUID(id_)
    assert await line(ailo, OPEN) == id_


async def test_somebody_leaves_a_thread_once(ailo: Ailo, cast: Cast) -> None:
    leave = ThreadLeave(await line(ailo, OPEN), address("claire"))
    assert await carry_out(ailo, leave) == Done(0)
    assert (await carry_out(ailo, leave)).code == 1


async def test_after_somebody_left_the_same_people_get_a_new_thread(ailo: Ailo, cast: Cast) -> None:
    id_ = await line(ailo, OPEN)
    await carry_out(ailo, ThreadLeave(id_, address("claire")))
    assert await line(ailo, OPEN) != id_


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (AccountAdd("member", "zoe", "Zoé", "Canary", "fr", PASSWORD), 2),
        (AccountAdd("member", "zoe@ailo.test", "", "Canary", "fr", PASSWORD), 2),
        (AccountAdd("member", "zoe@ailo.test", "Zoé", "Canary", "fr", "court"), 2),
        (AccountAdd("companion", "zoe@ailo.test", "Zoé", "Canary", "fr", PASSWORD, manages=True), 2),
        (AccountAdd("member", address("lea"), "Zoé", "Canary", "fr", PASSWORD), 1),
        (ThreadOpen(NOBODY, [address("claire")], []), 1),
        (ThreadOpen(address("lea"), [NOBODY], []), 1),
        (ThreadOpen(address("claire"), [address("lea")], []), 1),
        (ThreadOpen(address("lea"), [address("claire")] * 2, []), 2),
        (ThreadLeave("x", address("lea")), 1),
        (ThreadLeave(str(new_id(ThreadId)), address("lea")), 1),
        (ThreadLeave(str(new_id(ThreadId)), NOBODY), 1),
    ],
)
async def test_a_refusal_is_one_line_that_repeats_nothing(ailo: Ailo, cast: Cast, command: Struct, code: int) -> None:
    done = await carry_out(ailo, command)
    assert done.code == code
    assert done.line
    for word in ("zoe", "Zoé", "Canary", "lea@", "nobody", "\n"):
        assert word not in done.line


async def test_a_backup_names_its_file(ailo: Ailo, cast: Cast, tmp_path: Path) -> None:
    assert Path(await line(ailo, Backup(str(tmp_path / "backup")))).is_relative_to(tmp_path / "backup")


async def test_a_backup_that_cannot_be_written_says_why(ailo: Ailo, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = await carry_out(ailo, Backup(str(tmp_path / "file" / "backup")))
    assert (done.code, done.line.startswith("The backup was not written")) == (1, True)


async def test_a_sound_house_checks_well(ailo: Ailo, cast: Cast) -> None:
    thread = await cast.open_thread("lea", "claire")
    await cast.say(await cast.unlock("lea"), thread, "un", "deux")
    assert await carry_out(ailo, Check()) == Done(0, "All is well.")


async def test_a_check_finds_what_is_missing(ailo: Ailo, cast: Cast) -> None:
    thread = await cast.open_thread("lea", "claire")
    await cast.say(await cast.unlock("lea"), thread, "un", "deux", "trois")
    await ailo.store.database.write(lambda tx: tx.run("delete from messages where seq = 2"))
    done = await carry_out(ailo, Check())
    assert (done.code, str(thread) in done.line) == (1, True)
