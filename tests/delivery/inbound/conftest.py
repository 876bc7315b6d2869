"""A receiver over the house, and mails such as people's relays pass on."""

import asyncio
import smtplib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import pytest

from delivery.inbound.lmtp import listening
from delivery.inbound.receiver import Receiver
from delivery.inbound_settings import InboundSettings
from delivery.settings import DeliverySettings
from storage.conversations import service_posts
from storage.conversations.group_commit import Posted
from storage.conversations.service_posts import ServicePost
from storage.ids import AccountId, ThreadId
from storage.inbound import reply_addresses
from tests.people import House, Person

T = TypeVar("T")
DOMAIN, RELAY = "reply.ailo.test", "mx.ailo.test"


@dataclass
class Way:
    """The way back of one house: ``to`` is Léa's reply address in her thread with Claire."""

    house: House
    thread: ThreadId
    receiver: Receiver
    to: str
    told: list[tuple[AccountId, ThreadId]] = field(default_factory=list)

    async def address(self, one: Person, thread: ThreadId) -> str:
        """Another reply address."""
        store = self.house.store
        made = await store.database.write(lambda tx: reply_addresses.make(tx, store.guard, one.id, thread, store.clock()))
        return f"{made}@{DOMAIN}"

    async def texts(self) -> list[str | None]:
        """What stands in the thread."""
        return await self.house.texts(self.house.lea, self.thread)

    async def letters(self) -> list[str]:
        """Which letters were written, with what they are about."""
        return [f"{row['kind']} {row['cause'].partition('/')[0]}" for row in await self.house.letters()]

    async def waiting(self) -> int:
        """How many mails wait for their owner's word."""
        return len(await self.house.select("select 1 from quarantined_mails"))


def tell_nobody(_account: AccountId, _thread: ThreadId) -> None:
    """For tests in which nobody is connected."""


@pytest.fixture
def answering(settings: DeliverySettings) -> DeliverySettings:
    """The settings of a service whose letters can be answered."""
    return replace(settings, inbound=InboundSettings(DOMAIN, ("127.0.0.1", 0), None, RELAY))


@pytest.fixture
async def way(house: House, thread: ThreadId, answering: DeliverySettings) -> Way:
    async def post(mail: ServicePost) -> bool:
        item = await house.store.database.read(lambda reader: service_posts.prepared(reader, house.store.guard, mail))
        return item is not None and isinstance(await house.commits.commit(item), Posted)

    told: list[tuple[AccountId, ThreadId]] = []
    made = Way(house, thread, Receiver(house.store, answering, post, lambda one, where: told.append((one, where))), "", told)
    made.to = await made.address(house.lea, thread)
    return made


@pytest.fixture
async def port(way: Way) -> AsyncIterator[int]:
    async with listening(way.receiver, "127.0.0.1", 0) as port:
        yield port


async def over(port: int, talk: Callable[[smtplib.LMTP], T]) -> T:
    """Talk to it as a relay does, in a thread of its own."""

    def work() -> T:
        with smtplib.LMTP("127.0.0.1", port) as relay:
            return talk(relay)

    with ThreadPoolExecutor(1) as own:  # the service's threads are for the service
        return await asyncio.get_running_loop().run_in_executor(own, work)


def mail(
    text: str = "Merci, à demain.",
    *,
    sender: str = "lea@ailo.test",
    proven: bool = True,
    message_id: str | None = "<1@client.ailo.test>",
    more: str = "",
    body: str | None = None,
) -> bytes:
    """A mail as the relay passes it on; ``body`` with its own headers replaces that of plain text."""
    outcome = "pass" if proven else "fail"
    said = f"Authentication-Results: {RELAY}; dmarc={outcome} (p=none) header.from={sender.rpartition('@')[2]}\r\n"
    id_ = f"Message-ID: {message_id}\r\n" if message_id else ""
    plain = f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{text}\r\n"
    return f"{said}From: Léa <{sender}>\r\nSubject: Re: Un nouveau message vous attend\r\n{id_}{more}{body or plain}".encode()


def found_in(folder: Path) -> list[str]:
    """The names of the files below a folder."""
    return sorted(path.name for path in folder.rglob("*") if path.is_file())
