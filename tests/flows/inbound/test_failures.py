"""A whole service that cannot take a mail: its disk is full, or the mail is much too large."""

import asyncio
import smtplib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.chaos import nemesis
from tests.delivery.inbound.conftest import mail
from tests.delivery.transports.relay import FakeRelay
from tests.flows.inbound.conftest import reply_address
from tests.flows.operations.test_durability import fill
from tests.flows.service import Visit
from tests.load.mails import Peak

MEGABYTE = 2**20
HUGE = 25 * MEGABYTE


@pytest.fixture
def tmp_path(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A small disk of its own, for the test that fills it."""
    if "full_disk" not in request.node.name:
        yield tmp_path
        return
    if not nemesis.small_disk(tmp_path, 4):
        pytest.skip("only who may mount a file system can fill a small one")
    yield tmp_path
    nemesis.take_down(tmp_path)


async def over(lmtp: int, talk: Callable[[smtplib.LMTP], int]) -> int:
    def work() -> int:
        with smtplib.LMTP("127.0.0.1", lmtp) as relay:
            relay.ehlo_or_helo_if_needed()
            return talk(relay)

    return await asyncio.to_thread(work)


async def bring(visit: Visit, lmtp: int, to: str, raw: bytes) -> int:
    """Bring a mail of Léa's as a relay does; return the answer."""

    def talk(relay: smtplib.LMTP) -> int:
        assert relay.mail(visit.address("lea"))[0] == 250
        code = relay.rcpt(to)[0]
        return code if code >= 300 else relay.data(raw)[0]

    return await over(lmtp, talk)


@pytest.mark.parametrize("proven", [True, False])
async def test_on_a_full_disk_a_mail_is_put_off_and_taken_later(
    visit: Visit, relay: FakeRelay, lmtp: int, tmp_path: Path, *, proven: bool
) -> None:
    thread = await visit.thread("lea", "claire")
    to = await reply_address(visit, relay, thread)
    lea = await visit.client("lea")
    raws = [
        mail("mot " * 2000, sender=visit.address("lea"), proven=proven, message_id=f"<{number}@client.test>")
        for number in range(100)
    ]
    fill(tmp_path)
    codes = [250]
    while codes[-1] == 250:
        codes.append(await bring(visit, lmtp, to, raws[len(codes) - 1]))
    assert codes[-1] == 451
    taken = len(codes) - 1
    (tmp_path / "ballast").unlink()
    assert await bring(visit, lmtp, to, raws[taken - 1]) == 250
    if proven:
        kinds = [one["kind"] for one in (await lea.get(f"/api/threads/{thread}/messages"))["messages"]]
        assert kinds == ["text", *["email"] * taken]
    else:
        assert len((await lea.get(f"/api/threads/{thread}/mails"))["mails"]) == taken


@pytest.mark.parametrize("line", [b"X" * 74 + b"\r\n", b"X"], ids=["lines", "no line"])
async def test_25_mb_are_refused_without_being_held_in_memory(visit: Visit, relay: FakeRelay, lmtp: int, line: bytes) -> None:
    to = await reply_address(visit, relay, await visit.thread("lea", "claire"))
    assert visit.service.process
    peak = Peak(visit.service.process.pid)

    def talk(relay: smtplib.LMTP) -> int:
        relay.mail(visit.address("lea"))
        relay.rcpt(to)
        relay.docmd("DATA")
        assert relay.sock
        for _ in range(HUGE // MEGABYTE):
            relay.sock.sendall(line * (MEGABYTE // len(line)))
        relay.sock.sendall(b"\r\n.\r\n")
        return relay.getreply()[0]

    assert await over(lmtp, talk) == 552
    assert peak.grown() < HUGE - 5 * MEGABYTE
