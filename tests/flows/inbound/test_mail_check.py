"""`ailo mail check` beside a whole service: a relay that takes letters, and brings those for the service back by LMTP."""

import asyncio
import json
import smtplib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.policy import SMTP as CRLF
from pathlib import Path

import pytest

from delivery.checkup.findings import Grade
from tests import warm_start
from tests.delivery.checkup.nameserver import naming
from tests.delivery.checkup.test_records import SOUND
from tests.delivery.inbound.test_reports import POSTFIX, report
from tests.delivery.transports.relay import FakeRelay
from tests.delivery.transports.relay import running as running_relay
from tests.flows.service import ROOT, Service, free_port, running

MX = "mx.ailo.test"
VOUCHED = (
    "Received: from out.relay.test (out.relay.test [8.8.8.8]) by mx.ailo.test\r\n"
    f"Authentication-Results: {MX}; spf=pass; dkim=pass; dmarc=pass header.from=ailo.test\r\n"
    "DKIM-Signature: v=1; d=ailo.test; s=s1; b=x\r\n"
)


@asynccontextmanager
async def bringing_back(relay: FakeRelay, bring: Callable[[str, bytes], None], head: str) -> AsyncIterator[None]:
    """Bring each letter for the service back, with these fields on top, as soon as the relay has it."""

    async def watch() -> None:
        done = 0
        while True:
            await relay.took_one.wait()
            relay.took_one.clear()
            for recipient, message in relay.taken[done:]:
                done += 1
                if recipient.startswith("c."):
                    await asyncio.to_thread(bring, recipient, head.encode() + message.as_bytes(policy=CRLF))

    task = asyncio.create_task(watch())
    try:
        yield
    finally:
        task.cancel()


def by_lmtp(port: int) -> Callable[[str, bytes], None]:
    def bring(recipient: str, raw: bytes) -> None:
        with smtplib.LMTP("127.0.0.1", port, "localhost") as client:
            client.sendmail("b.x@reply.ailo.test", recipient, raw)

    return bring


@pytest.fixture
async def relay() -> AsyncIterator[FakeRelay]:
    async with running_relay(reports=True) as relay:
        yield relay


def sending(relay: FakeRelay, **more: str) -> dict[str, str]:
    return {"SMTP": f"smtp://127.0.0.1:{relay.port}", "MAIL_FROM": "Ailo <bonjour@ailo.test>", **more}


async def check(service: Service, *arguments: str) -> tuple[int, list[dict[str, str]]]:
    """Run the command; return its exit code and its findings."""
    ran = await asyncio.to_thread(warm_start.run, ["mail", "check", "--json", *arguments], service.environment, ROOT, "", 60)
    assert ran.stderr == ""
    return ran.returncode, json.loads(ran.stdout)


def graded(found: list[dict[str, str]], grade: Grade) -> list[str]:
    return [one["text"] for one in found if one["grade"] == grade]


async def test_where_all_is_well_it_says_so_of_each_step(relay: FakeRelay, tmp_path: Path) -> None:
    port = free_port()
    settings = sending(relay, REPLY_DOMAIN="reply.ailo.test", LMTP=f"127.0.0.1:{port}", AUTHSERV_ID=MX)
    async with running(tmp_path, **settings) as service, naming(SOUND) as (host, at):
        async with bringing_back(relay, by_lmtp(port), VOUCHED):
            code, found = await check(service, "admin@ailo.test", "--nameserver", f"{host}:{at}")
        assert "c." not in service.log
    assert (code, {one["grade"] for one in found}) == (0, {Grade.FINE}), found
    assert relay.recipients[0] == "admin@ailo.test"
    said = "\n".join(one["text"] for one in found)
    for text in ("takes mails by LMTP", f"{MX} vouches for it (spf=pass, dkim=pass, dmarc=pass)", "selector s1", "leads back"):
        assert text in said


async def test_what_is_not_as_it_should_be_is_said(relay: FakeRelay, tmp_path: Path) -> None:
    port = free_port()
    settings = sending(relay, REPLY_DOMAIN="reply.ailo.test", LMTP=f"127.0.0.1:{port}", AUTHSERV_ID="another.ailo.test")
    zone = {**SOUND, ("reply.ailo.test", "MX"): ["0 ."]}
    async with (
        running(tmp_path, **settings) as service,
        naming(zone) as (host, at),
        bringing_back(relay, by_lmtp(port), VOUCHED),
    ):
        code, found = await check(service, "--nameserver", f"{host}:{at}")
    assert code == 1
    assert graded(found, Grade.WRONG) == ["reply.ailo.test says that it takes no mail (a null MX, RFC 7505)"]
    (doubt,) = [one for one in found if one["grade"] == Grade.DOUBTFUL]
    assert doubt["advice"] == f"another.ailo.test added no Authentication-Results; the mail has those of: {MX}."


async def test_a_letter_that_does_not_come_back_is_waited_for_and_missed(relay: FakeRelay, tmp_path: Path) -> None:
    settings = sending(relay, REPLY_DOMAIN="reply.ailo.test", LMTP=f"127.0.0.1:{free_port()}", AUTHSERV_ID=MX)
    async with running(tmp_path, **settings) as service, naming(SOUND) as (host, at):
        code, found = await check(service, "--wait", "0.3", "--nameserver", f"{host}:{at}")
    assert (code, graded(found, Grade.WRONG)) == (1, ["the letter to ourselves did not come back within 0 s"])


async def test_a_watched_maildir_is_tried_too(relay: FakeRelay, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    for folder in ("new", "cur", "tmp"):
        (inbox / folder).mkdir(parents=True)
    settings = sending(relay, REPLY_DOMAIN="reply.ailo.test", INBOX=str(inbox), AUTHSERV_ID=MX)

    def bring(recipient: str, raw: bytes) -> None:
        (inbox / "tmp" / "one").write_bytes(f"Delivered-To: {recipient}\r\n".encode() + raw)
        (inbox / "tmp" / "one").rename(inbox / "new" / "one")

    async with running(tmp_path, **settings) as service, naming(SOUND) as (host, at), bringing_back(relay, bring, VOUCHED):
        code, found = await check(service, "--nameserver", f"{host}:{at}")
    assert (code, {one["grade"] for one in found}) == (0, {Grade.FINE}), found
    assert f"the service takes mails by the Maildir {inbox}" in graded(found, Grade.FINE)
    assert [path for path in inbox.rglob("*") if path.is_file()] == []


async def test_without_a_service_the_relay_alone_is_tried(relay: FakeRelay, tmp_path: Path) -> None:
    service = Service(tmp_path, **sending(relay, REPLY_DOMAIN="reply.ailo.test", LMTP=f"127.0.0.1:{free_port()}"))
    async with naming(SOUND) as (host, at):
        code, found = await check(service, "--nameserver", f"{host}:{at}")
    assert (code, graded(found, Grade.WRONG)) == (0, [])
    assert "no service that takes mails is running here" in graded(found, Grade.UNSEEN)
    assert [one.partition("@")[2] for one in relay.senders] == ["reply.ailo.test"]  # as letters have it


async def test_a_letter_that_comes_back_later_is_told(relay: FakeRelay, tmp_path: Path) -> None:
    port = free_port()
    settings = sending(relay, REPLY_DOMAIN="reply.ailo.test", LMTP=f"127.0.0.1:{port}", AUTHSERV_ID=MX)

    def bring(recipient: str, raw: bytes) -> None:
        with smtplib.LMTP("127.0.0.1", port, "localhost") as client:
            client.sendmail("", relay.senders[0], report(POSTFIX))
            client.sendmail("b.x@reply.ailo.test", recipient, raw)

    async with (
        running(tmp_path, **settings) as service,
        naming(SOUND) as (host, at),
        bringing_back(relay, bring, VOUCHED),
    ):
        code, found = await check(service, "admin@ailo.test", "--nameserver", f"{host}:{at}")
    assert (code, graded(found, Grade.WRONG)) == (1, ["the relay took a letter, and reported it later: 5.1.1"])


@pytest.mark.parametrize("address", ["foo", "josé@ailo.test", "a@ailo.test\n"])
async def test_who_gets_the_letter_must_be_an_address(relay: FakeRelay, tmp_path: Path, address: str) -> None:
    service = Service(tmp_path, **sending(relay))
    ran = await asyncio.to_thread(warm_start.run, ["mail", "check", address], service.environment, ROOT, "", 60)
    assert (ran.returncode, "must be an e-mail address" in ran.stderr, relay.taken) == (2, True, [])


@pytest.mark.parametrize("nameserver", ["nowhere", "127.0.0.1:x", "", "127.0.0.1:99999", "127.0.0.1:0", "[127.0.0.1"])
async def test_a_name_server_must_be_an_address(relay: FakeRelay, tmp_path: Path, nameserver: str) -> None:
    service = Service(tmp_path, **sending(relay))
    ran = await asyncio.to_thread(
        warm_start.run, ["mail", "check", "--nameserver", nameserver], service.environment, ROOT, "", 60
    )
    assert (ran.returncode, "--nameserver" in ran.stderr) == (2, True)
