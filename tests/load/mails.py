"""How fast mails are in their threads: `./dev bench --mails`.

A relay brings ten a second by LMTP, then leaves as many in a Maildir; each is timed until it is shown to a browser that is
open. Then a mail of 25 MB is refused; then a thousand wait, in a relay that brings them over 20 connections, and in a Maildir
before the service starts. A run in which a mail is missing, or is there twice, gives no figures.
"""

import asyncio
import smtplib
import sqlite3
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import msgspec

from chat.ailo import open_ailo
from storage.inbound import reply_addresses
from storage.settings import StorageSettings
from tests.delivery.inbound.conftest import DOMAIN, RELAY, mail
from tests.flows.service import free_port
from tests.load.figures import Figures, Results, of_times
from tests.load.live import HOST, signed_in
from tests.load.population import Pair, furnished, serving

PAIRS = 20
PER_SECOND = 10
WAITING = 1_000
CONNECTIONS = 20
MEGABYTE = 2**20
HUGE = 25 * MEGABYTE
PATIENCE = 120


class Shown(msgspec.Struct):
    """What the bench reads of a `message` frame."""

    text: str


_shown = msgspec.json.Decoder(Shown)


@dataclass
class Mails:
    """What is brought: to the member of each pair in turn. ``shown`` is when each text was shown to the other side."""

    settings: StorageSettings
    inbox: Path
    addresses: Sequence[str]
    shown: dict[str, float] = field(default_factory=dict)
    numbers: "count[int]" = field(default_factory=count)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def next(self) -> tuple[str, str, str, bytes]:
        """A text, who writes it, to which address, and the mail."""
        number = next(self.numbers)
        at = number % len(self.addresses)
        text, sender = f"Merci pour le message {number}.", f"m{at}@example.test"
        return text, sender, self.addresses[at], mail(text, sender=sender, message_id=f"<{number}@client.test>")

    def took(self, payload: bytes) -> None:
        """Note a frame that a browser received."""
        if payload.startswith(b'{"type":"message"'):
            self.shown[_shown.decode(payload).text] = time.perf_counter()
            self.arrived.set()

    def leave(self) -> str:
        """Leave a mail in the Maildir, as a delivery agent does; return its text."""
        text, sender, to, raw = self.next()
        name = f"{time.time():.6f}.{len(text)}_{text.split()[-1]}host"
        written = self.inbox / "tmp" / name
        written.write_bytes(f"Return-Path: <{sender}>\r\nDelivered-To: {to}\r\n".encode() + raw)
        written.rename(self.inbox / "new" / name)
        return text

    def kept(self) -> int:
        """How many mails are messages by now."""
        with closing(sqlite3.connect(self.settings.database)) as plain:
            (found,) = plain.execute("select count(*) from messages where kind = 'email'").fetchone()
        return int(found)


async def measure(folder: Path, core: int | None, seconds: float) -> Results:
    """Each way of a mail in, in a house of its own. ``core`` is the server's."""
    async with furnished(folder / "mails", PAIRS) as (settings, pairs):
        mails = await _prepared(settings, folder / "inbox", pairs)
        lmtp, results = free_port(), {}
        more = {
            "AILO_REPLY_DOMAIN": DOMAIN,
            "AILO_AUTHSERV_ID": RELAY,
            "AILO_INBOX": str(mails.inbox),
            "AILO_LMTP": f"{HOST}:{lmtp}",
        }
        log = mails.inbox.with_name("log").open("wb")
        with log, serving(settings, core, more=more, log=log.fileno()) as (port, pid):
            async with _Browsers(mails, port, pairs):
                results[f"by LMTP, {PER_SECOND}/s"] = await _paced(mails, seconds, lmtp)
                results[f"from a Maildir, {PER_SECOND}/s"] = await _paced(mails, seconds, None)
            results["25 MB refused"] = await asyncio.to_thread(_refused, lmtp, pid, mails)
            results[f"{WAITING} brought by LMTP"] = await _brought(mails, lmtp)
        results[f"{WAITING} in a Maildir at the start"] = await _found_at_start(mails, core, more)
        _judge(mails)
    return results


async def _prepared(settings: StorageSettings, inbox: Path, pairs: Sequence[Pair]) -> Mails:
    for name in ("tmp", "new", "cur"):
        await asyncio.to_thread((inbox / name).mkdir, parents=True)
    async with open_ailo(settings) as ailo:
        store = ailo.store
        made = [
            await store.database.write(
                lambda tx, pair=pair: reply_addresses.make(tx, store.guard, pair.member.id, pair.thread, store.clock())  # type: ignore[misc]
            )
            for pair in pairs
        ]
    return Mails(settings, inbox, [f"{one}@{DOMAIN}" for one in made])


class _Browsers(AsyncExitStack):
    """An open connection of the Professional of each pair."""

    def __init__(self, mails: Mails, port: int, pairs: Sequence[Pair]) -> None:
        super().__init__()
        self._mails, self._port, self._pairs = mails, port, pairs

    async def __aenter__(self) -> "_Browsers":
        for pair in self._pairs:
            wire = await signed_in(self._port, pair.professional, self._mails.took)
            wire.send(b'{"type":"resume","threads":{}}')
            self.callback(wire.transport.close)
        return self


async def _paced(mails: Mails, seconds: float, lmtp: int | None) -> Figures:
    """From the first byte to the relay's end, or from the file's beginning, to the frame in a browser."""
    with ThreadPoolExecutor(CONNECTIONS) as relays:
        begun = time.perf_counter()
        going = [
            asyncio.create_task(_timed(mails, begun + number / PER_SECOND, lmtp, relays))
            for number in range(int(seconds * PER_SECOND))
        ]
        return of_times([await one for one in going])


async def _timed(mails: Mails, at: float, lmtp: int | None, relays: ThreadPoolExecutor) -> float:
    await asyncio.sleep(at - time.perf_counter())
    loop, begun = asyncio.get_running_loop(), time.perf_counter()
    if lmtp is None:
        text = await loop.run_in_executor(relays, mails.leave)
    else:
        text, sender, to, raw = mails.next()
        await loop.run_in_executor(relays, _bring, lmtp, [(sender, to, raw)])
    async with asyncio.timeout(PATIENCE):
        while text not in mails.shown:
            mails.arrived.clear()
            await mails.arrived.wait()
    return mails.shown[text] - begun


def _bring(lmtp: int, some: Sequence[tuple[str, str, bytes]]) -> None:
    """Bring mails over one connection. Raises smtplib.SMTPException where one is not taken."""
    with smtplib.LMTP(HOST, lmtp) as relay:
        for sender, to, raw in some:
            relay.sendmail(sender, to, raw)


def _refused(lmtp: int, pid: int, mails: Mails) -> Figures:
    peak, line = Peak(pid), b"X" * 74 + b"\r\n"
    _, sender, to, _ = mails.next()
    with smtplib.LMTP(HOST, lmtp) as relay:
        relay.ehlo_or_helo_if_needed()
        relay.mail(sender)
        relay.rcpt(to)
        relay.docmd("DATA")
        assert relay.sock
        begun = time.perf_counter()
        for _ in range(25):
            relay.sock.sendall(line * (MEGABYTE // len(line)))
        relay.sock.sendall(b".\r\n")
        code = relay.getreply()[0]
        took = time.perf_counter() - begun
    if code != 552:
        raise SystemExit(f"no figures: 25 MB were answered with {code}")
    return {"ms": round(took * 1000), "peak_grew_mb": round(peak.grown() / MEGABYTE, 1)}


async def _brought(mails: Mails, lmtp: int) -> Figures:
    """A relay that has many, and as many connections as Postfix has to one place."""
    some = [mails.next()[1:] for _ in range(WAITING)]
    begun = time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as relays:
        loop = asyncio.get_running_loop()
        await asyncio.gather(
            *(loop.run_in_executor(relays, _bring, lmtp, some[first::CONNECTIONS]) for first in range(CONNECTIONS))
        )
    return _rate(time.perf_counter() - begun)


async def _found_at_start(mails: Mails, core: int | None, more: dict[str, str]) -> Figures:
    for _ in range(WAITING):
        await asyncio.to_thread(mails.leave)
    begun = time.perf_counter()
    log = mails.inbox.with_name("log").open("ab")
    with log, serving(mails.settings, core, more=more, log=log.fileno()):
        while any((mails.inbox / "new").iterdir()):  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(0.05)
        return _rate(time.perf_counter() - begun)


def _rate(seconds: float) -> Figures:
    return {"seconds": round(seconds, 1), "per_second": round(WAITING / seconds)}


def _judge(mails: Mails) -> None:
    """Raises SystemExit unless each mail is there once: all were brought but the one of 25 MB."""
    brought = next(mails.numbers) - 1
    if mails.kept() != brought:
        raise SystemExit(f"no figures: of {brought} mails {mails.kept()} are messages")


class Peak:
    """The most memory that a process has had since now."""

    def __init__(self, pid: int) -> None:
        self._folder = Path(f"/proc/{pid}")
        (self._folder / "clear_refs").write_text("5")
        self._before = self._high()

    def grown(self) -> int:
        """By how many bytes it grew."""
        return self._high() - self._before

    def _high(self) -> int:
        (line,) = (line for line in (self._folder / "status").read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
