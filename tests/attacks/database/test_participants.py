"""The proven roster decides who takes part: a planted row hears nothing, a removed one is reported, changes are limited."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from chat.accounts.commands import AccountAdd
from chat.auth.limits import THREAD_CHANGES_AT_ONCE, AccountLimits, ThreadChanges
from chat.client.remote import Client, ClientRefused, Json
from chat.operations import control
from chat.operations.commands import Check
from tests.attacks.database.planting import spoil
from tests.flows.service import Visit, running, settled
from tests.people import PASSWORD

IN_2031_MS = 1_924_992_000_000


@pytest.fixture
async def visit(tmp_path: Path) -> AsyncIterator[Visit]:
    """A service with its default limits, which sends e-mails at once."""
    async with running(tmp_path, RATE="5", NOTIFY_AFTER="0") as service:
        visit = Visit(service)
        yield visit
        await visit.close()


def raw(id_: str) -> bytes:
    return UUID(id_).bytes


async def checked(visit: Visit) -> str:
    done = await control.ask(visit.service.data, Check())
    assert done
    return done.line


async def seated_in(client: Client, thread: str) -> set[str]:
    listed: list[Json] = (await client.get("/api/threads"))["threads"]
    return {one["id"] for entry in listed if entry["id"] == thread for one in entry["participants"]}


async def test_a_planted_row_hears_no_presence(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    await visit.arrive("karim")
    spoil(visit, "insert into participants values (?, ?, 0, 0)", raw(thread), raw(visit.ids["karim"]))
    karim = await visit.wire("karim")
    await settled(karim)
    lea, claire = await visit.client("lea"), await visit.wire("claire")
    wire = await visit.wire(lea)
    await claire.wait_for("presence", account=visit.ids["lea"], online=True)
    await wire.put({"type": "typing", "thread": thread})
    await claire.wait_for("typing")
    away = {"reply_within_hours": 24, "away_until": None, "away_words": None}
    await (await visit.client("claire")).ask("PUT", "/api/account/practice", away)
    await wire.wait_for("about")
    assert await settled(karim) == []
    assert await seated_in(lea, thread) == {visit.ids["lea"], visit.ids["claire"]}
    assert "alert: the participant list" in visit.log
    assert "1 participants are not in the roster" in await checked(visit)


async def test_a_removed_row_is_told_of_by_either_side(visit: Visit) -> None:
    thread, other = await visit.thread("lea", "claire"), await visit.thread("karim", "thomas")
    for one in (thread, other):
        account = visit.ids["lea" if one == thread else "karim"]
        spoil(visit, "delete from participants where thread = ? and account = ?", raw(one), raw(account))
    claire = await visit.client("claire")
    assert await seated_in(claire, thread) == {visit.ids["lea"], visit.ids["claire"]}
    assert f"alert: the participant list failed verification (thread {thread})" in visit.log
    await settled(await visit.wire("karim"))
    assert f"(thread {other}): account {visit.ids['karim']} has a seat but is not listed" in visit.log
    assert "1 accounts of the roster are not participants" in await checked(visit)


async def test_what_was_planted_meanwhile_is_told_at_the_start(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    await visit.service.stop()
    spoil(visit, "delete from participants where thread = ? and account = ?", raw(thread), raw(visit.ids["lea"]))
    spoil(visit, "update accounts set time_zone = x'00' where id = ?", raw(visit.ids["claire"]))
    spoil(visit, "update threads set last_at = ? where id = ?", IN_2031_MS, raw(thread))
    visit.service.start()
    await (await visit.client("claire")).get("/api/threads")
    told = (
        "1 accounts of the roster are not participants",
        "accounts.time_zone: 1 of a type or size",
        "it was opened, written to or closed in",
    )
    while not all(line in visit.log for line in told):
        await (await visit.client("claire")).get("/api/account")


# Coming and going


async def come_and_go(visit: Visit, thread: str, times: int) -> int:
    """Claire brings Sam in and Sam leaves, until one of them is asked to slow down; return how many changes there were."""
    claire, sam = await visit.client("claire"), await visit.client("sam")
    for change in range(times):
        try:
            if change % 2:
                await sam.ask("DELETE", f"/api/threads/{thread}/participants/me")
            else:
                body = {"account": visit.ids["sam"], "history": "from_now"}
                await claire.ask("POST", f"/api/threads/{thread}/participants", body)
        except ClientRefused as refused:
            if (refused.status, refused.code) != (429, "slow_down"):
                raise
            return change
    return times


async def test_nobody_comes_and_goes_without_end(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    await visit.arrive("sam")
    assert await come_and_go(visit, thread, 200) == THREAD_CHANGES_AT_ONCE
    lea = await visit.wire("lea")
    assert (await lea.send(thread, "Bonjour"))["seq"] == 1


async def test_all_that_somebody_has_can_be_handed_over_in_a_morning(visit: Visit) -> None:
    await visit.arrive("claire", "thomas")
    members = [f"member{number}" for number in range(30)]
    claire = await visit.client("claire")
    for name in members:
        await _arrive(visit, name)
        thread = await visit.thread(name, "claire")
        await claire.ask("POST", f"/api/threads/{thread}/hand-over", {"account": visit.ids["thomas"], "history": "whole"})
    thomas = await visit.client("thomas")
    assert len((await thomas.get("/api/threads"))["threads"]) == len(members)
    assert (await claire.get("/api/threads"))["threads"] == []


async def _arrive(visit: Visit, name: str) -> None:
    add = AccountAdd("member", visit.address(name), "Léa", "Rossi", "fr", PASSWORD)
    visit.ids[name] = await visit.service.command(add)


def test_what_came_to_nothing_does_not_count() -> None:
    now = [0.0]
    bucket = ThreadChanges(5, lambda: now[0]).of(b"thread")
    for _ in range(100):
        assert bucket.take()
        bucket.give_back()
    assert [bucket.take() for _ in range(THREAD_CHANGES_AT_ONCE + 1)] == [True] * THREAD_CHANGES_AT_ONCE + [False]
    now[0] += bucket.wait
    assert bucket.take()


def test_threads_that_rest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.auth.limits.MOST_THREADS", 10)
    changes = ThreadChanges(5, lambda: 0.0)
    busy = changes.of(b"busy")
    assert busy.take()
    for number in range(100):
        changes.of(bytes([number]))
    assert changes.of(b"busy") is busy
    assert len(changes._buckets) <= 12


def test_without_limits_there_are_none() -> None:
    limits, changes = AccountLimits(0), ThreadChanges(0)
    assert all(limits.changes.take() and changes.of(b"thread").take() for _ in range(1_000))
    assert changes.of(b"thread").wait == 0
