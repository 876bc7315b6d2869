"""The receiver of mails, killed with -9 before each of its steps, while a relay brings mails by LMTP or leaves them in a Maildir.

A step is a read or a write of the database, an answer to the relay, or what is done to a file. A real process, a real database.
The relay, which is the test, brings a mail until it gets a final answer, as a mail server does: after each kill another process
goes on with the same data. At the end each mail must have had its one effect, and `ailo check` must find nothing.
"""

import asyncio
import os
import signal
import smtplib
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP

from chat.ailo import open_ailo
from chat.serve import receiving_mails
from delivery.inbound_settings import InboundSettings
from delivery.outbox.outbox import Outbox
from delivery.settings import DeliverySettings
from storage.ids import ThreadId
from storage.inbound import reply_addresses
from storage.maintenance.check import check_all
from storage.settings import StorageSettings
from storage.store import wall_clock
from tests import warm_start
from tests.delivery.inbound.conftest import DOMAIN, RELAY, mail
from tests.delivery.inbound.test_reports import POSTFIX, report
from tests.delivery.rounds import deliver_all
from tests.delivery.transports.recording import RecordingTransport
from tests.flows.service import free_port
from tests.people import GRACE, House, StoppedClock, open_house, opened_again

LEA, KARIM = "lea@ailo.test", "karim@ailo.test"
ATTACHED = (
    'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nVoici.\r\n'
    '--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename="cv.pdf"\r\n\r\n%PDF\r\n--b--\r\n'
)
TRIES = 100
SECONDS = 60


@dataclass(frozen=True)
class Brought:
    """One mail, as it is brought: from whom, to which address."""

    what: str
    sender: str
    to: str
    raw: bytes


@dataclass
class Outcome:
    """Of all kills: how many, by mail, and what must not be."""

    way: str
    kills: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def line(self) -> str:
        what = "; ".join(self.faults) or "none lost, none taken twice"
        return f"the receiver was killed at {self.kills.total()} steps of mails {self.way}: {what}"


@dataclass
class Mails:
    """A house that mails come to."""

    folder: Path
    house: House
    thread: ThreadId
    clock: StoppedClock
    brought: list[Brought]

    @property
    def settings(self) -> StorageSettings:
        return self.house.store.settings

    @property
    def inbox(self) -> Path:
        return self.folder / "inbox"


async def prepare(folder: Path) -> Mails:
    """A house with a mail of each kind that is to be brought; a letter to Karim has been sent, and will come back."""
    clock = StoppedClock()
    clock.now = wall_clock()
    for name in ("tmp", "new", "cur"):
        await asyncio.to_thread((folder / "inbox" / name).mkdir, parents=True)
    async with open_house(folder, clock) as house:
        thread = await house.open_thread(house.lea, house.claire)
        store, lea = house.store, house.lea.id
        to = await store.database.write(lambda tx: reply_addresses.make(tx, store.guard, lea, thread, clock()))
        brought = [
            Brought("that is posted", LEA, f"{to}@{DOMAIN}", mail("Merci, à demain.", message_id="<1@client.test>")),
            Brought("with an attachment", LEA, f"{to}@{DOMAIN}", mail(message_id="<2@client.test>", body=ATTACHED)),
            Brought("that nobody vouches for", LEA, f"{to}@{DOMAIN}", mail("Qui ?", proven=False, message_id="<3@client.test>")),
            Brought("without a word", LEA, f"{to}@{DOMAIN}", mail("", message_id="<4@client.test>")),
            Brought("that reports a failure", "", await _sent_to_karim(house, clock), report(POSTFIX.replace(LEA, KARIM))),
            Brought("for nobody", LEA, f"personne@{DOMAIN}", mail("Perdu.", message_id="<5@client.test>")),
        ]
    return Mails(folder, house, thread, clock, brought)


async def _sent_to_karim(house: House, clock: StoppedClock) -> str:
    """Send Karim a letter; return the address that its reports come to."""
    thread, post = await house.open_thread(house.karim, house.claire), RecordingTransport()
    await house.post(house.claire, thread)
    clock.advance(GRACE)
    await deliver_all(Outbox(house.store, post, _delivery(house.store.settings), chance=lambda: 0.0))
    (sender,) = post.senders
    assert sender
    return sender


async def kill_by_lmtp(mails: Mails, tell: Callable[[str], None] = lambda _: None, begin: int = 1) -> Outcome:
    """Bring every mail by LMTP, the receiver killed before each step of it from step ``begin`` on."""
    outcome = Outcome("by LMTP")
    for one in mails.brought:
        for at in range(begin, TRIES):
            async with _Receiving(mails, at, lmtp=free_port()) as process:
                code = await asyncio.to_thread(_bring, process.port, one)
            if code is not None and not 400 <= code < 500:
                break
            outcome.kills[one.what] += 1
            if code is not None or process.code != -signal.SIGKILL:
                outcome.faults.append(f"the answer to a mail {one.what} was {code}, the receiver ended with {process.code}")
        if (code == 550) is not (one.what == "for nobody"):
            outcome.faults.append(f"the last answer to a mail {one.what} was {code}")
        tell(f"by LMTP: killed at {outcome.kills[one.what]} steps of a mail {one.what}")
    outcome.faults += await _judged(mails)
    return outcome


async def kill_by_maildir(mails: Mails, tell: Callable[[str], None] = lambda _: None) -> Outcome:
    """Leave every mail in the Maildir, the receiver killed before each step of it."""
    outcome = Outcome("in a Maildir")
    for number, one in enumerate(mails.brought):
        head = f"Return-Path: <{one.sender}>\r\nDelivered-To: {one.to}\r\n".encode()
        await asyncio.to_thread((mails.inbox / "new" / f"{number}.a.host").write_bytes, head + one.raw)
        for at in range(1, TRIES):
            async with _Receiving(mails, at, lmtp=None) as process:
                await process.emptied()
            if process.code == 0:
                break
            outcome.kills[one.what] += 1
            if process.code != -signal.SIGKILL:
                outcome.faults.append(f"the receiver ended with {process.code} at a mail {one.what}")
        tell(f"in a Maildir: killed at {outcome.kills[one.what]} steps of a mail {one.what}")
    files = sorted(path.relative_to(mails.inbox).as_posix() for path in mails.inbox.rglob("*") if path.is_file())
    if files != ["cur/5.a.host:2,T"]:
        outcome.faults.append(f"in the Maildir are {files}, and not the one for nobody in cur")
    outcome.faults += await _judged(mails)
    return outcome


async def _judged(mails: Mails) -> list[str]:
    """What is not as each mail should have left it."""
    async with opened_again(mails.folder, mails.clock, mails.house) as house:
        found = {
            "in the thread": (await house.texts(house.lea, mails.thread), ["Merci, à demain.", "Voici."]),
            "in quarantine": (len(await house.select("select 1 from quarantined_mails")), 1),
            "letters": (
                sorted(f"{row['kind']} {str(row['cause']).partition('/')[0]}" for row in await house.letters())[1:],
                ["unposted attachments", "unposted empty"],
            ),
            "letter to Karim": (
                [(row["state"], row["reason"]) for row in await house.letters() if row["kind"] == "reply"],
                [("refused", "bounced 5.1.1")],
            ),
            "mailboxes that refuse": (len(await house.select("select 1 from refused_mailboxes")), 1),
            "found by the check": (await check_all(house.store), []),
        }
    return [f"{what}: {is_} instead of {should}" for what, (is_, should) in found.items() if is_ != should]


def _bring(port: int, one: Brought) -> int | None:
    """Bring a mail; return the answer to its recipient or to the whole of it, None if there was none."""
    try:
        with smtplib.LMTP("127.0.0.1", port, timeout=SECONDS) as relay:
            relay.ehlo_or_helo_if_needed()
            relay.mail(one.sender)
            code = relay.rcpt(one.to)[0]
            return code if code >= 300 else relay.data(one.raw)[0]
    except (OSError, smtplib.SMTPException):
        return None


class _Receiving:
    """A process that takes mails until it is killed at its step ``at``, or ended. ``code`` is how it ended."""

    def __init__(self, mails: Mails, at: int, lmtp: int | None) -> None:
        self.port, self.code = lmtp or 0, 0
        self._ours, theirs = warm_start.context().Pipe()
        inbound = InboundSettings(DOMAIN, ("127.0.0.1", lmtp) if lmtp else None, None if lmtp else mails.inbox, RELAY)
        delivery = replace(_delivery(mails.settings), inbound=inbound)
        arguments = (mails.settings, delivery, mails.clock.now, at, theirs)
        self._process = warm_start.context().Process(target=_take_all, args=arguments, daemon=True)
        self._process.start()
        theirs.close()

    async def __aenter__(self) -> "_Receiving":
        with suppress(EOFError):  # killed before that
            await asyncio.to_thread(self._ours.recv)
        return self

    async def emptied(self) -> None:
        """Wait until nothing is left in the Maildir, or the process was killed."""
        await asyncio.to_thread(self._process.join, SECONDS)

    async def __aexit__(self, *_: object) -> None:
        """Let it end as by a power cut, if it has not ended."""
        self._process.kill()
        await asyncio.to_thread(self._process.join, SECONDS)
        self.code = self._process.exitcode or 0
        self._ours.close()


def _delivery(settings: StorageSettings) -> DeliverySettings:
    return DeliverySettings("https://ailo.test", settings.data / "mail", inbound=InboundSettings(DOMAIN, None, None, RELAY))


def _take_all(settings: StorageSettings, delivery: DeliverySettings, now: int, at: int, told: Connection) -> None:
    asyncio.run(_take(settings, delivery, now, _Steps(at), told))


async def _take(settings: StorageSettings, delivery: DeliverySettings, now: int, steps: "_Steps", told: Connection) -> None:
    async with open_ailo(settings, lambda: now) as ailo:
        database: Any = _Deadly(ailo.store.database, steps)
        ailo.store.database = database
        _count_what_is_done(steps)
        async with receiving_mails(ailo, delivery):
            told.send("ready")
            while delivery.inbound.inbox is None or _is_left(delivery.inbound.inbox):  # noqa: ASYNC110 (nobody tells)
                await asyncio.sleep(0.01)


def _is_left(inbox: Path) -> bool:
    return any((inbox / "new").iterdir())


class _Steps:
    """Counts steps, and kills the process before the one that was chosen."""

    def __init__(self, at: int) -> None:
        self._at, self._count = at, 0

    def next(self) -> None:
        self._count += 1
        if self._count == self._at:
            os.kill(os.getpid(), signal.SIGKILL)


def _count_what_is_done(steps: _Steps) -> None:
    """Answers, and what is done to files, are steps."""
    push, unlink, rename = SMTP.push, Path.unlink, Path.rename

    async def counted_push(self: SMTP, status: str) -> None:
        steps.next()
        await push(self, status)

    def counted_unlink(self: Path, missing_ok: bool = False) -> None:
        steps.next()
        unlink(self, missing_ok)

    def counted_rename(self: Path, target: Path) -> Path:
        steps.next()
        return rename(self, target)

    SMTP.push, Path.unlink, Path.rename = counted_push, counted_unlink, counted_rename  # type: ignore[method-assign,assignment]


class _Deadly:
    """A database whose reads and writes are steps."""

    def __init__(self, real: Any, steps: _Steps) -> None:
        self._real, self._steps = real, steps

    async def read(self, work: Callable[..., Awaitable[Any]], /) -> Any:
        self._steps.next()
        return await self._real.read(work)

    async def write(self, work: Callable[..., Awaitable[Any]], /) -> Any:
        self._steps.next()
        return await self._real.write(work)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)
