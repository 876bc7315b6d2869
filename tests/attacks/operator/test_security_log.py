"""What somebody did, or was refused, is logged by ids alone; and no flood fills the disk with it or goes unrecorded."""

import asyncio
import re
from collections import Counter
from pathlib import Path

import aiohttp
import pytest

from chat.client.remote import Client, ClientRefused
from chat.logs import MOST_OF_A_KIND
from chat.operations.commands import KeysRenew, KeysRotate
from storage.ids import MessageId, new_id
from tests.flows.service import Visit, running
from tests.people import PASSWORD

OTHER = "cinq autres mots sans suite"


def events(log: str) -> list[str]:
    """The security events in a log, as text."""
    told = re.finditer(r'logger=ailo\.security .*?event=(?:"([^"]*)"|(\S+))', log)
    return [found[1] or found[2] for found in told]


async def test_what_people_do_with_their_own_keys_is_told_by_ids_alone(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    await visit.arrive("thomas")
    lea, other, claire = await visit.client("lea"), await visit.client("lea"), await visit.client("claire")
    id_, claires, thomas = visit.ids["lea"], visit.ids["claire"], visit.ids["thomas"]
    code = (await lea.ask("POST", "/api/account/recovery-code", {"password": PASSWORD}))["code"]
    await lea.ask("DELETE", "/api/account/sessions")
    await lea.ask("POST", "/api/account/password", {"old": PASSWORD, "new": OTHER, "may_be_known": True})
    await lea.sign_out()
    await claire.ask("POST", f"/api/threads/{thread}/participants", {"account": thomas, "history": "whole"})
    await claire.ask("DELETE", f"/api/threads/{thread}/participants/me")
    told = events(visit.log)
    for expected in (
        f"account_added account={id_} role=member",
        f"thread_opened thread={thread}",
        f"signed_in account={id_}",
        f"recovery_code_made account={id_}",
        f"other_sessions_ended account={id_}",
        f"password_changed account={id_}",
        f"key_renewed account={id_}",
        f"signed_out account={id_}",
        f"participant_joined account={thomas} thread={thread}",
        f"participant_left account={claires} thread={thread}",
    ):
        assert expected in told
    for secret in (visit.mark, "Rossi", PASSWORD, OTHER, code, lea.cookie.partition("=")[2], other.cookie.partition("=")[2]):
        assert secret not in visit.log


async def test_a_recovery_and_the_end_of_one_session_are_told(visit: Visit) -> None:
    lea, phone = await visit.client("lea"), await visit.client("lea")
    found = (await lea.get("/api/account/sessions"))["sessions"]
    await lea.ask("DELETE", f"/api/account/sessions/{next(one['id'] for one in found if not one['current'])}")
    code = (await lea.ask("POST", "/api/account/recovery-code", {"password": PASSWORD}))["code"]
    given = {"email": visit.address("lea"), "code": code, "password": OTHER}
    await phone.ask("POST", "/api/session/recovery", given)
    told, id_ = Counter(events(visit.log)), visit.ids["lea"]
    assert told[f"session_ended account={id_}"] == told[f"recovery_code_used account={id_}"] == 1


async def test_what_an_operator_does_is_told(visit: Visit) -> None:
    await visit.arrive("lea")
    await visit.service.command(KeysRotate())
    await visit.service.command(KeysRenew(visit.address("lea")))
    assert {"root_key_rotated", f"key_renewal_asked account={visit.ids['lea']}"} <= set(events(visit.log))


async def refused(client: aiohttp.ClientSession, url: str, origin: str) -> int:
    async with client.post(url, json={}, headers={"Origin": origin}) as response:
        return response.status


async def test_a_flood_of_refused_origins_is_some_lines_and_a_count(tmp_path: Path) -> None:
    async with running(tmp_path) as service:
        async with aiohttp.ClientSession() as http:
            for number in range(3 * MOST_OF_A_KIND):
                assert await refused(http, f"{service.origin}/api/session", f"https://evil{number}.example") == 403
        assert await service.stop() == 0
        lines = [line for line in service.log.splitlines() if "origin_refused" in line]
    left_out = [int(found[1]) for line in lines if (found := re.search(r"left_out=(\d+)", line))]
    written = len(lines) - len(left_out)
    assert written <= 2 * MOST_OF_A_KIND  # a minute may end in the middle of it
    assert written + sum(left_out) == 3 * MOST_OF_A_KIND


async def test_a_wrong_setting_is_told_once_with_its_name(tmp_path: Path) -> None:
    """The operator's own mistake, which keeps everybody from signing in."""
    async with running(tmp_path, ORIGIN="https://ailo.example") as service:
        async with aiohttp.ClientSession() as http:
            for _ in range(10):
                assert await refused(http, f"{service.origin}/api/session", service.origin) == 403
        lines = [line for line in service.log.splitlines() if "AILO_ORIGIN" in line]
    assert len(lines) == 1
    assert service.origin in lines[0]
    assert "https://ailo.example" in lines[0]


@pytest.mark.parametrize(
    "origin", ["https://evil.example/" + "x" * 3_000, 'https://x" level=error event="all is lost', "h\xe9\t\x7f"]
)
async def test_what_a_stranger_sends_stays_short_and_on_its_line(tmp_path: Path, origin: str) -> None:
    async with running(tmp_path) as service:
        head = f"POST /api/session HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\nOrigin: {origin}\r\n\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(head.encode("latin-1"))
        await reader.read()
        writer.close()
        await writer.wait_closed()
        lines = service.log.splitlines()
    assert all(line.isascii() and line.isprintable() and line.startswith("ts=") for line in lines)
    assert all(len(line) < 600 for line in lines)
    assert not any(re.search(r"(?<!\\)\" level=error", line) for line in lines)


async def posted(client: Client, thread: str) -> int:
    """Post a message; return the status of a refusal, or 0."""
    try:
        await client.ask("POST", f"/api/threads/{thread}/messages", {"id": str(new_id(MessageId)), "text": "…"})
    except ClientRefused as refusal:
        return refusal.status
    return 0


async def test_an_accounts_limit_is_told_with_its_route(tmp_path: Path) -> None:
    async with running(tmp_path, RATE="5") as service:
        visit = Visit(service)
        thread = await visit.thread("lea", "claire")
        lea: Client = await visit.client("lea")
        while await posted(lea, thread) != 429:
            pass
        wire = await visit.wire(lea)
        for _ in range(100):
            await wire.put({"type": "send", "id": str(new_id(MessageId)), "thread": thread, "text": "…"})
        await wire.wait_for("error", code="slow_down")
        told = set(events(service.log))
        await visit.close()
    assert f"rate_limited account={visit.ids['lea']} at=/api/threads/{{thread}}/messages" in told
    assert f"rate_limited account={visit.ids['lea']} at=/ws" in told


async def test_open_figures_are_warned_of(tmp_path: Path) -> None:
    async with running(tmp_path, METRICS="0.0.0.0:0") as service:
        assert "AILO_METRICS can be reached from other machines" in service.log
