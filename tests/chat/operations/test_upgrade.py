"""A database left by an earlier version, with rows in every table, is converted completely: nothing lost, everything readable.

`went_by_numbers.tar.xz` was written by the last version whose schema steps were numbered, by `furnish` in its own
`tests/attacks/test_rows.py`: Léa and Claire, Karim and Thomas, with a row in every table.
"""

import re
import sqlite3
import tarfile
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from chat.ailo import Ailo, open_ailo
from chat.staff.canned_replies import RepliesAtHand
from storage.conversations.threads import Order
from storage.maintenance.check import check_all
from storage.store import wall_clock
from tests.chat.talk import Cast
from tests.people import settings_in

BEFORE = Path(__file__).parent / "went_by_numbers.tar.xz"
RENAMED = {"pending_notices": "unread_owed"}
OF_THE_SCHEMA = {"schema_version", "schema_steps"}


def counts(folder: Path) -> dict[str, int]:
    """The number of rows in each table."""
    with closing(sqlite3.connect(folder / "data" / "ailo.sqlite")) as plain:
        tables = [name for (name,) in plain.execute("select name from sqlite_schema where type = 'table'")]
        found = {name: plain.execute(f"select count(*) from {name}").fetchone()[0] for name in tables}
    return {RENAMED.get(name, name): count for name, count in found.items() if name not in OF_THE_SCHEMA}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with tarfile.open(BEFORE) as archive:
        archive.extractall(tmp_path, filter="data")
    for path in (tmp_path / "data", tmp_path / "keys"):
        path.chmod(0o700)
    return tmp_path


@pytest.fixture
async def ailo(folder: Path) -> AsyncIterator[Ailo]:
    async with open_ailo(settings_in(folder), wall_clock) as opened:
        yield opened


async def test_no_row_is_lost(folder: Path) -> None:
    before = counts(folder)
    assert min(before.values()) > 0
    async with open_ailo(settings_in(folder)) as ailo:
        assert await ailo.store.database.check() == []
    after = counts(folder)
    # The service has a key for push from now on.
    assert {table: after[table] for table in before} == {**before, "house": before["house"] + 1}
    # Each member is looked at from now on.
    assert {table: count for table, count in after.items() if count and table not in before} == {"encouragement_looks": 2}


@pytest.mark.parametrize(("member", "professional"), [("lea", "claire"), ("karim", "thomas")])
async def test_all_of_it_opens(ailo: Ailo, member: str, professional: str) -> None:
    """For its owners, with their existing passwords. Claire's key was due for renewal at her next sign-in."""
    cast = Cast(ailo)
    one, other = await cast.unlock(member), await cast.unlock(professional)
    (entry,) = await ailo.conversations.conversation.entries(one, Order.NEWEST, None)
    for reader in (one, other):
        page = await ailo.conversations.conversation.before(reader, entry.id, None, 50)
        assert [message.text for message in page] == ["Bonjour", "Quand ?", "Demain."]
    assert await ailo.staff.notes.read(other, entry.id) == "À rappeler."
    assert [reply.text for reply in (await RepliesAtHand(ailo.store).read(other)).replies] == ["Merci !"]
    assert (await ailo.staff.practices.read(other)).reply_within_hours == 48
    assert await cast.say(one, entry.id, "Toujours là.") == [4]


async def test_check_finds_only_what_was_put_there_by_hand(ailo: Ailo) -> None:
    """A relink, a broken chain and a recovery that nobody requested: the old version's check reported the same."""
    found = await check_all(ailo.store)
    assert found
    assert [line for line in found if not re.search(r"relinking|broken|recover", line)] == []
