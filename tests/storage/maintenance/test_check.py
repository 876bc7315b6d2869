"""`ailo check` finds whatever is not as the service wrote it, and reports its place in one line."""

from pathlib import Path
from uuid import uuid4

import pytest

from storage.crypto.keyring import create, load
from storage.engine.database import Value
from storage.errors import Stalled
from storage.ids import ThreadId
from storage.mail import letters
from storage.mail.letters import Letter
from storage.maintenance import check
from storage.staff import practices
from storage.staff.practices import Practice
from tests.people import House


@pytest.fixture
async def thread(house: House) -> ThreadId:
    thread = await house.open_thread(house.lea, house.claire, house.sam)
    for number in range(5):
        await house.post(house.lea, thread, str(number))
    await house.leave(thread, house.sam)
    return thread


async def found(house: House, thread: ThreadId, sql: str = "") -> list[str]:
    """What the check reports after a forgery, without the prefix that names the thread."""
    values: dict[str, Value] = {"id": thread.bytes} if ":id" in sql else {}
    if sql:
        assert await house.spoil(sql, **values)
    return [line.removeprefix(f"thread {thread}: ") for line in await check.check_all(house.store)]


async def test_a_sound_store_has_nothing_to_say(house: House, thread: ThreadId) -> None:
    await house.open_thread(house.karim, house.claire)
    assert await found(house, thread) == []


async def test_pages_make_no_difference(house: House, thread: ThreadId, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "PAGE", 2)
    assert await found(house, thread) == []


@pytest.mark.parametrize("size", [1, 2, 1000])
async def test_a_missing_message_is_named(house: House, thread: ThreadId, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(check, "PAGE", size)
    lines = await found(house, thread, "delete from messages where thread = :id and seq = 3")
    assert lines == ["messages 3 to 3 are missing", "message 4 failed verification"]


async def test_an_altered_message_is_named(house: House, thread: ThreadId) -> None:
    lines = await found(house, thread, "update messages set at = at + 1 where thread = :id and seq = 3")
    assert lines == ["message 3 failed verification"]


@pytest.mark.parametrize(("gone", "left"), [("seq = 5", 4), ("seq > 0", 0)])
async def test_a_cut_off_end_is_named(house: House, thread: ThreadId, gone: str, left: int) -> None:
    lines = await found(house, thread, f"delete from messages where thread = :id and {gone}")
    assert lines == [f"ends at message {left}, but 5 were acknowledged"]


@pytest.mark.parametrize("change", ["epoch = 9000000000", "head = zeroblob(41)"])
async def test_an_altered_thread_is_named(house: House, thread: ThreadId, change: str) -> None:
    assert await found(house, thread, f"update threads set {change} where id = :id") == ["its row failed verification"]


async def test_a_missing_roster_is_named(house: House, thread: ThreadId) -> None:
    await house.spoil("delete from grants where thread = :id and epoch = 1", id=thread.bytes)
    lines = await found(house, thread, "delete from epochs where thread = :id and number = 1")
    assert lines == ["epoch 1: an epoch has no roster", "epoch 2 does not follow from the one before"]


async def test_an_altered_roster_is_named(house: House, thread: ThreadId) -> None:
    lines = await found(house, thread, "update epochs set proof = zeroblob(41) where thread = :id and number = 2")
    assert len(lines) == 1
    assert lines[0].startswith("epoch 2: ")


async def test_what_the_database_finds_is_told(house: House, thread: ThreadId, monkeypatch: pytest.MonkeyPatch) -> None:
    async def damaged() -> list[str]:
        return ["page 7 is never used"]

    monkeypatch.setattr(house.store.database, "check", damaged)
    assert await found(house, thread) == ["database: page 7 is never used"]


async def test_a_database_that_cannot_be_read_is_told(house: House, thread: ThreadId, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_: object) -> None:
        raise Stalled("the database failed: SQLITE_CORRUPT")

    monkeypatch.setattr(house.store.database, "read", fail)
    assert await found(house, thread) == ["the database failed: SQLITE_CORRUPT"]


async def test_no_line_names_anybody(house: House, thread: ThreadId) -> None:
    lines = await found(house, thread, "update messages set body = zeroblob(300) where thread = :id")
    assert not any(one.first_name in line for one in house.people for line in lines)


# Rows that belong to nothing

ORPHANS = [
    ("insert into grants select thread, epoch, zeroblob(16), giver_key, body from grants where epoch = 2 limit 1",
     "1 grants are to accounts that must not have them"),
    ("insert into grants select thread, 9, account, giver_key, body from grants where epoch = 2 limit 1",
     "1 grants whose epoch does not exist"),
    ("delete from grants where thread = :id and epoch = 2", "3 readers have no grant of epoch 2"),
    ("delete from participants where thread = :id", "2 accounts of the roster are not participants"),
    ("insert into participants select :id, id, 0, 0 from accounts where role = 'administrator'",
     "1 participants are not in the roster"),
    ("update participants set read_seq = 6 where thread = :id", "2 read marks beyond the last message"),
    ("update participants set read_seq = 5 where thread = :id", "1 announcements owed without an unread message"),
    ("update unread_owed set told_seq = 6 where thread = :id", "1 announcements owed without an unread message"),
    ("insert into unread_owed select id, :other, 0, null from accounts where role = 'administrator'",
     "1 unread_owed whose thread does not exist"),
    ("insert into epochs select thread, 3, roster, proof from epochs where thread = :id and number = 2",
     "1 epochs beyond the latest of their thread"),
    ("insert into sessions values (zeroblob(16), :other, 1, zeroblob(8), zeroblob(8), 0, 0, null)",
     "1 sessions whose account does not exist"),
    ("insert into keyholes values (:other, 'password', 0, 1, zeroblob(8), 0)", "1 keyholes whose account does not exist"),
    ("insert into preferences values (:other, zeroblob(8))", "1 preferences whose account does not exist"),
    ("insert into practices values (:other, zeroblob(8))", "1 practices whose account does not exist"),
    ("insert into messages select :other, seq, id, epoch, author, kind, at, body, link from messages where seq = 1",
     "1 messages whose thread does not exist"),
    ("insert into notes values (:id, :other, 1, zeroblob(8), 0)", "1 notes whose account does not exist"),
    ("insert into notes select :other, id, 1, zeroblob(8), 0 from accounts where role = 'professional' limit 1",
     "1 notes whose thread does not exist"),
    ("insert into canned_replies values (:other, 1, 1, zeroblob(8), 0)", "1 canned_replies whose account does not exist"),
    ("insert into renewals_due values (:other, 0)", "1 renewals_due whose account does not exist"),
    (("insert into recoveries (request, account, generation, public_key, profile, keyhole, asked_at)"
     " values (zeroblob(32), :other, 2, zeroblob(32), 0, null, 1)"), "1 recoveries whose account does not exist"),
    ("insert into broken_chains values (:other, 1, 1)", "1 broken_chains whose thread does not exist"),
    ("insert into relinking values (:other, 1, zeroblob(41), zeroblob(41), zeroblob(41))",
     "1 relinking whose thread does not exist"),
    (("insert into letters (id, account, kind, cause, facts, message_id, state, due_at, attempts, written_at)"
     " values (zeroblob(16), :other, 'reply', '', zeroblob(8), 'x', 'waiting', 0, 0, 0)"),
     "1 letters whose account does not exist"),
    ("insert into participants values (:other, :other, 0, 0)", "1 participants whose thread does not exist"),
    ("insert into participants values (:id, :other, 0, 0)", "1 participants whose account does not exist"),
]  # fmt: skip


async def plant(house: House, sql: str, **values: Value) -> None:
    """Write to the database with foreign keys switched off."""
    named = {name: value for name, value in values.items() if f":{name}" in sql}
    writer = house.store.database._writer  # type: ignore[attr-defined]
    await writer.execute_fetchall("pragma foreign_keys = 0")
    assert await house.spoil(sql, **named)
    await writer.execute_fetchall("pragma foreign_keys = 1")


@pytest.mark.parametrize(("sql", "line"), ORPHANS)
async def test_what_belongs_to_nothing_is_counted(house: House, thread: ThreadId, sql: str, line: str) -> None:
    await plant(house, sql, id=thread.bytes, other=b"\x09" * 16)
    assert line in await found(house, thread)


# What does not open

CLOSED = [
    ("accounts", "email"), ("accounts", "first_name"), ("accounts", "last_name"), ("accounts", "proof"),
    ("keyholes", "body"), ("house", "body"), ("letters", "facts"), ("practices", "body"),
]  # fmt: skip


@pytest.fixture
async def letter(house: House) -> None:
    letter = Letter(uuid4(), house.lea.id, "reply", "one", {"name": "Léa"}, "<one@ailo.test>", 0)
    await house.store.database.write(lambda tx: letters.write(tx, house.store.guard, letter, 0))


@pytest.fixture
async def practice(house: House) -> None:
    said = Practice(48, None, "En congé.")
    await house.store.database.write(lambda tx: practices.keep(tx, house.store.guard, house.claire.id, said))


@pytest.mark.usefixtures("letter", "practice")
@pytest.mark.parametrize("value", ["zeroblob(60)", "'no bytes'"])
@pytest.mark.parametrize(("table", "column"), CLOSED)
async def test_a_value_that_does_not_open_is_counted(house: House, thread: ThreadId, table: str, column: str, value: str) -> None:
    (before,) = await house.select(f"select count(*) as count from {table}")
    assert await found(house, thread, f"update {table} set {column} = {value}") == [
        f"{table}.{column}: {before['count']} failed verification"
    ]


async def test_values_that_were_exchanged_do_not_open(house: House, thread: ThreadId) -> None:
    sql = "update accounts set first_name = (select first_name from accounts where role = 'companion') where role != 'companion'"
    assert await found(house, thread, sql) == ["accounts.first_name: 5 failed verification"]


async def test_with_another_keyring_nothing_opens(house: House, thread: ThreadId, tmp_path: Path) -> None:
    create(tmp_path / "foreign.json")
    house.store.guard.turn_to(load(tmp_path / "foreign.json"))
    lines = await found(house, thread)
    assert "its row failed verification" in lines
    assert "accounts.email: 6 failed verification" in lines
