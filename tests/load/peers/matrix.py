"""Synapse with the same traffic: its configuration, its users, and a client that sends by PUT and listens by long polling."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp

from tests.load.population import running
from tests.load.traffic import TEXT, Side, Two, drained

HOST = "127.0.0.1"
MANY = "{per_second: 100000, burst_count: 100000}"
CONFIGURATION = """
server_name: localhost
pid_file: {folder}/synapse.pid
listeners:
  - {{port: {port}, bind_addresses: ['127.0.0.1'], type: http, tls: false, resources: [{{names: [client]}}]}}
database: {{name: sqlite3, args: {{database: {folder}/synapse.db}}}}
log_config: {folder}/log.yaml
media_store_path: {folder}/media
signing_key_path: {folder}/signing.key
macaroon_secret_key: bench
form_secret: bench
report_stats: false
trusted_key_servers: []
enable_registration: true
enable_registration_without_verification: true
presence: {{enabled: false}}
bcrypt_rounds: 4
rc_message: {many}
rc_registration: {many}
rc_login: {{address: {many}, account: {many}, failed_attempts: {many}}}
rc_joins: {{local: {many}, remote: {many}}}
rc_invites: {{per_room: {many}, per_user: {many}, per_issuer: {many}}}
rc_room_creation: {many}
"""
LOG = "{version: 1, root: {level: ERROR, handlers: [console]}, handlers: {console: {class: logging.StreamHandler}}}"


class Matrix:
    """One signed-in user."""

    def __init__(self, http: aiohttp.ClientSession, port: int, token: str, name: str) -> None:
        self._http, self._at, self.name = http, f"http://{HOST}:{port}/_matrix/client/v3", name
        self._headers = {"Authorization": f"Bearer {token}"}
        self.side = Side()
        self.under_way: set[asyncio.Task[None]] = set()
        self._queue: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    async def call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        async with self._http.request(method, self._at + path, headers=self._headers, **options) as response:
            answer = await response.json()
            if response.status != 200:
                raise SystemExit(f"no figures: Synapse answered {response.status} {answer}")
            return dict(answer)

    def send(self, room: str, id_: str) -> None:
        """Queue a message: a Matrix client sends one after the other, since otherwise they may be reordered."""
        self._queue.put_nowait((room, id_))

    async def sending(self) -> None:
        while True:
            room, id_ = await self._queue.get()
            body = {"msgtype": "m.text", "body": TEXT}
            await self.call("PUT", f"/ailo/{quote(room)}/send/m.room.message/{id_}", json={**body, "bench": id_})

    async def listening(self, since: str) -> None:
        while True:
            answer = await self.call("GET", "/sync", params={"since": since, "timeout": "30000"})
            since = answer["next_batch"]
            for room in answer.get("ailo", {}).get("join", {}).values():
                for event in room["timeline"]["events"]:
                    if event["type"] == "m.room.message" and event["sender"] != self.name:
                        self.side.took(event["content"]["bench"])


def prepare(python: Path, folder: Path, port: int) -> Path:
    """Write the configuration and the signing key."""
    configuration = folder / "homeserver.yaml"
    configuration.write_text(CONFIGURATION.format(folder=folder, port=port, many=MANY))
    (folder / "log.yaml").write_text(LOG)
    command = [str(python), "-m", "synapse.app.homeserver", "-c", str(configuration), "--generate-keys"]
    subprocess.run(command, check=True, stdout=sys.stderr, cwd=folder)
    return configuration


@asynccontextmanager
async def synapse(python: Path, folder: Path, port: int, core: int | None, pairs: int) -> AsyncIterator[tuple[int, list[Two]]]:
    """Run Synapse with new users, each pair in its own room, both of them listening."""
    configuration = prepare(python, folder, port)
    command = [str(python), "-m", "synapse.app.homeserver", "-c", str(configuration)]
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as http:
        with running(command, core, cwd=folder) as process:
            await _is_up(http, port)
            tasks: list[asyncio.Task[None]] = []
            twos = [await _pair(http, port, number, tasks) for number in range(pairs)]
            await drained(twos)
            try:
                yield process.pid, twos
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)


async def _pair(http: aiohttp.ClientSession, port: int, number: int, tasks: list[asyncio.Task[None]]) -> Two:
    one, two = [await _registered(http, port, f"{side}{number}") for side in "ab"]
    room = (await one.call("POST", "/createRoom", json={"preset": "private_chat", "invite": [two.name]}))["room_id"]
    await two.call("POST", f"/ailo/{quote(room)}/join", json={})
    for person in (one, two):
        since = (await person.call("GET", "/sync", params={"timeout": "0"}))["next_batch"]
        person.side.transmit = lambda id_, person=person: person.send(room, id_)  # type: ignore[misc]
        tasks += [asyncio.create_task(person.listening(since)), asyncio.create_task(person.sending())]
    return Two(one.side, two.side, acknowledges=False)


async def _registered(http: aiohttp.ClientSession, port: int, name: str) -> Matrix:
    body = {"username": name, "password": "secret secret", "auth": {"type": "m.login.dummy"}}
    async with http.post(f"http://{HOST}:{port}/_matrix/client/v3/register", json=body) as response:
        answer = await response.json()
    return Matrix(http, port, answer["access_token"], answer["user_id"])


async def _is_up(http: aiohttp.ClientSession, port: int) -> None:
    for _ in range(300):
        with suppress(aiohttp.ClientError):
            async with http.get(f"http://{HOST}:{port}/_matrix/client/versions") as response:
                if response.status == 200:
                    return
        await asyncio.sleep(0.2)
    raise SystemExit("no figures: Synapse does not answer")
