"""What an operator can monitor, as Prometheus reads it: correct sums, and nobody is named."""

import asyncio
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from chat.client.remote import ClientRefused, sign_in
from chat.settings import ChatSettings
from storage.ids import MessageId, new_id
from storage.settings import Environment
from tests.flows.service import ROOT, Service, Visit, free_port, settled

CANARY = "kanarienvogel"


class Watched:
    """A service with a port for its metrics."""

    def __init__(self, service: Service, port: int) -> None:
        self.service, self.address = service, f"http://127.0.0.1:{port}/metrics"

    async def text(self) -> str:
        async with aiohttp.ClientSession() as http, http.get(self.address) as response:
            assert response.status == 200
            return await response.text()

    async def samples(self) -> dict[str, float]:
        families = text_string_to_metric_families(await self.text())
        return {
            sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value
            for family in families
            for sample in family.samples
        }


def watched_service(folder: Path) -> Iterator[Watched]:
    """Yield a running service, and end it afterwards."""
    port = free_port()
    service = Service(folder, METRICS=f"127.0.0.1:{port}", NOTIFY_AFTER="0")
    asyncio.run(service.build())
    try:
        service.start()
        yield Watched(service, port)
    finally:
        service.close()


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    yield from watched_service(tmp_path_factory.mktemp("watched"))


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Watched]:
    yield from watched_service(tmp_path)


async def test_it_counts_what_happened(watched: Watched) -> None:
    visit = Visit(watched.service)
    thread = await visit.thread("lea", "claire")
    before = await watched.samples()
    lea = await visit.wire("lea")
    for number in range(7):
        await lea.send(thread, str(number))
    await lea.put({"type": "typing", "thread": thread})
    await settled(lea)
    with pytest.raises(ClientRefused):
        async with sign_in(watched.service.origin, visit.address("lea"), "faux"):
            pass
    found = await watched.samples()
    await visit.close()
    expected = {
        "ailo_connections": 1,
        "ailo_messages_committed_total": 7,
        "ailo_items_refused_total": 0,
        "ailo_frames_total send": 7,
        "ailo_frames_total typing": 1,
        "ailo_frames_total resume": 2,
        "ailo_commit_queue": 0,
        "ailo_outgoing_frames": 0,
        "ailo_sign_ins_total granted": 1,
        "ailo_sign_ins_total wrong_credentials": 1,
        "ailo_http_answers_total 4xx": 1,
        "ailo_group_size_count": 7,
        "ailo_commit_seconds_count": 7,
    }
    assert {name: found[name] - before.get(name, 0) for name in expected} == expected
    assert found["ailo_commit_seconds_sum"] > before["ailo_commit_seconds_sum"]


async def test_letters_are_counted_by_their_state(own: Watched) -> None:
    visit = Visit(own.service)
    thread = await visit.thread("lea", "claire")
    before = await own.samples()
    await (await visit.wire("lea")).send(thread, "…")
    found = before
    while found.get("ailo_letters sent", 0) == before.get("ailo_letters sent", 0):
        found = await own.samples()
    await visit.close()
    assert found["ailo_letters sent"] == before.get("ailo_letters sent", 0) + 1


async def test_the_loop_was_never_blocked(watched: Watched) -> None:
    """Signing in and reading long histories happen in threads, or in short pieces."""
    visit = Visit(watched.service)
    thread = await visit.thread("lea", "claire")
    lea = await visit.wire("lea")
    for _ in range(300):
        await lea.put({"type": "send", "id": str(new_id(MessageId)), "thread": thread, "text": "x" * 8_000})
    for _ in range(300):
        await lea.wait_for("sent")
    claire = await visit.wire("claire")
    await claire.put({"type": "resume", "threads": {thread: 0}})
    await claire.wait_for("resumed")
    found = await watched.samples()
    await visit.close()
    assert found["ailo_loop_lag_seconds_count"] > 0
    assert found["ailo_loop_lag_worst_seconds"] < 0.5  # the bench measures how far below 0.05 it stays: this machine may be busy


async def test_nobody_is_named(watched: Watched) -> None:
    visit = Visit(watched.service)
    thread = await visit.thread("lea", "claire")
    lea = await visit.wire("lea")
    await lea.send(thread, CANARY)
    await lea.put({"type": CANARY, "thread": thread})
    await settled(lea)
    async with aiohttp.ClientSession() as http, http.get(f"{watched.service.origin}/{CANARY}?{CANARY}"):
        pass
    text = await watched.text()
    await visit.close()
    for private in (CANARY, "Lea", "Rossi", "ailo.test", thread, *visit.ids.values()):
        assert private not in text
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-", text)


async def test_it_is_not_shown_on_the_services_own_port(watched: Watched) -> None:
    async with aiohttp.ClientSession() as http, http.get(f"{watched.service.origin}/metrics") as response:
        assert response.status == 404


async def test_it_ends_with_the_service(own: Watched) -> None:
    own.service.signal(signal.SIGTERM)
    assert await own.service.ended() == 0
    with pytest.raises(aiohttp.ClientConnectorError):
        await own.text()


@pytest.mark.parametrize("value", ["9464", "nowhere", ":9464", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000", "::1:9464"])
def test_a_malformed_address_is_a_fault_of_the_settings(value: str) -> None:
    environment = Environment({"AILO_METRICS": value})
    ChatSettings.from_environment(environment)
    assert environment.faults == ["AILO_METRICS must be HOST:PORT, such as 127.0.0.1:9464."]


@pytest.mark.parametrize(("value", "read"), [("127.0.0.1:9464", ("127.0.0.1", 9464)), ("[::1]:1", ("[::1]", 1)), ("", None)])
def test_a_sound_address_is_read(value: str, read: tuple[str, int] | None) -> None:
    assert ChatSettings.from_environment(Environment({"AILO_METRICS": value})).metrics == read


async def test_a_port_that_is_taken_is_said_so(tmp_path: Path, watched: Watched) -> None:
    address = watched.address.removeprefix("http://").removesuffix("/metrics")
    folder = tmp_path / "other"
    folder.mkdir()
    service = Service(folder, METRICS=address)
    await service.build()
    command = [sys.executable, "-m", "chat", "serve"]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=service.environment, stderr=asyncio.subprocess.PIPE)
    _, told = await process.communicate()
    host, port = address.split(":")
    assert (process.returncode, told.decode()) == (1, f"ailo: cannot listen on {host} port {port}: Address already in use.\n")
