"""Like ``test_rows``, for a whole service: what it answers while one person's rows are malformed."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from chat.client.remote import ClientRefused
from chat.operations import control
from chat.operations.commands import Check
from tests.attacks.database.planting import spoil
from tests.flows.service import Visit, running


@pytest.fixture
async def visit(tmp_path: Path) -> AsyncIterator[Visit]:
    async with running(tmp_path, NOTIFY_AFTER="0") as service:
        visit = Visit(service)
        yield visit
        await visit.close()


async def a_letter_to(visit: Visit, name: str) -> None:
    """Wait until the Maildir has a letter to somebody."""
    client, box = await visit.client(name), visit.service.data / "mail" / "new"
    while not any(visit.address(name) in letter.read_text() for letter in box.glob("*")):
        await client.get("/api/account")


async def test_a_row_without_an_id_stops_no_list_and_no_letter(visit: Visit) -> None:
    thread, other = await visit.thread("lea", "claire"), await visit.thread("karim", "thomas")
    claire, thomas = await visit.client("claire"), await visit.client("thomas")
    for sql in (
        (
            "insert into letters (id, account, kind, cause, facts, message_id, state, due_at, attempts, written_at)"
            " values (x'00', x'00', 'reply', '', x'00', 'x', 'waiting', 0, 0, 0)"
        ),
        "insert into unread_owed values (x'00', (select id from threads limit 1), 0, null)",
        "insert into unread_owed values (1.5, (select id from threads limit 1), 0, 'x')",
        (
            "insert into accounts select x'00', x'00', email, first_name, last_name, role, status, locale, time_zone, generation,"
            " public_key, proof, created_at from accounts where role = 'professional' limit 1"
        ),
        "insert into participants select distinct thread, x'00', 'x', 'x' from participants",
    ):
        spoil(visit, sql)
    await (await visit.wire(thomas)).send(other, "Bonjour")
    await (await visit.wire(claire)).send(thread, "Bonjour")
    await a_letter_to(visit, "karim")
    await a_letter_to(visit, "lea")
    assert [one["id"] for one in (await claire.get("/api/colleagues"))["colleagues"]] == [visit.ids["thomas"]]
    assert [len(one["participants"]) for one in (await thomas.get("/api/threads"))["threads"]] == [2]
    assert visit.log.count("alert: a row of letters") == 1
    done = await control.ask(visit.service.data, Check())
    assert done
    for column in ("accounts.id", "letters.id", "participants.account", "unread_owed.account"):
        assert f"{column}: " in done.line
    assert " failed: " not in visit.log


@pytest.mark.parametrize("planted", ["9", "4611686018427387904", "1.5", "'x'", "x'00'", "cast(x'ff' as text)"])
async def test_a_damaged_thread_is_answered_clearly(visit: Visit, planted: str) -> None:
    thread = await visit.thread("lea", "claire")
    lea = await visit.client("lea")
    wire = await visit.wire(lea)
    await wire.send(thread, "Bonjour")
    for column in ("last_at", "waiting_since", "closed_at", "opened_at"):
        spoil(visit, f"update threads set {column} = {planted} where id = ?", UUID(thread).bytes)
    spoil(visit, f"update participants set read_seq = {planted}, joined_at = {planted} where thread = ?", UUID(thread).bytes)
    (entry,) = (await lea.get("/api/threads"))["threads"]
    assert (entry["unread"], entry["last"]["text"]) == (1, "Bonjour")
    assert (await wire.send(thread, "Encore"))["at"] < "2030"
    await (await visit.wire("claire")).put({"type": "read", "thread": thread, "seq": 2})
    await wire.wait_for("read", seq=2)
    (entry,) = (await lea.get("/api/threads"))["threads"]
    assert [one["read_seq"] for one in entry["participants"]] == [2, 2]
    for path in ("about", "access", "messages"):
        try:
            await lea.get(f"/api/threads/{thread}/{path}")
        except ClientRefused as refused:
            pytest.fail(f"{path}: {refused.status}")
    assert " failed: " not in visit.log
