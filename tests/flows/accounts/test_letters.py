"""E-mail preferences, and what the settings say about refused letters: a whole service with an SMTP relay on a real socket."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chat.accounts.commands import AccountAdd
from chat.client.remote import sign_in
from chat.conversations.commands import ThreadOpen
from tests.attacks.disk.search import files_with
from tests.delivery.letters.test_compose import text_of
from tests.delivery.transports.relay import SLOW, FakeRelay
from tests.delivery.transports.relay import running as running_relay
from tests.flows.service import Visit, running, settled
from tests.people import PASSWORD

CANARY = "le canari-texte s'est envolé 5h2k"
SETTINGS = "/api/account/settings"


@pytest.fixture
async def relay() -> AsyncIterator[FakeRelay]:
    async with running_relay() as relay:
        yield relay


@pytest.fixture
async def visit(tmp_path: Path, relay: FakeRelay) -> AsyncIterator[Visit]:
    """A service that sends e-mails without a grace period."""
    sending = {"SMTP": f"smtp://127.0.0.1:{relay.port}", "MAIL_FROM": "ailo@ailo.test", "NOTIFY_AFTER": "0"}
    async with running(tmp_path, **sending) as service:
        visit = Visit(service)
        yield visit
        await visit.close()


async def taken_by(relay: FakeRelay, address: str) -> None:
    """Wait until the relay has taken a letter to an address. Letters go out one by one, so earlier ones are settled by then."""
    while address not in relay.recipients:
        relay.took_one.clear()
        await relay.took_one.wait()


async def test_refused_letters_are_told_until_one_goes_out(visit: Visit, relay: FakeRelay) -> None:
    thread, other = await visit.thread("lea", "claire"), await visit.thread("karim", "claire")
    lea, claire = await visit.client("lea"), await visit.client("claire")
    wire = await visit.wire(claire)
    relay.refused[visit.address("lea")] = "550 5.2.1 closed for a while"
    await wire.send(thread, "un")
    await wire.send(other, "deux")
    await taken_by(relay, visit.address("karim"))
    assert (await lea.get(SETTINGS))["letters_refused_at"]
    assert (await claire.get(SETTINGS))["letters_refused_at"] is None
    relay.refused.clear()
    leas = await visit.wire(lea)
    await leas.put({"type": "read", "thread": thread, "seq": 1})
    await settled(leas)
    await wire.send(thread, "trois")
    await (await visit.wire("karim")).send(other, "quatre")
    await taken_by(relay, visit.address("lea"))
    await taken_by(relay, visit.address("claire"))
    assert (await lea.get(SETTINGS))["letters_refused_at"] is None


async def test_who_wants_no_letters_gets_none(visit: Visit, relay: FakeRelay) -> None:
    thread, other = await visit.thread("lea", "claire"), await visit.thread("karim", "claire")
    lea, claire = await visit.client("lea"), await visit.client("claire")
    await lea.ask("PATCH", SETTINGS, {"letters": {"replies": False}})
    wire = await visit.wire(claire)
    await wire.send(thread, "un")
    await wire.send(other, "deux")
    await taken_by(relay, visit.address("karim"))
    assert visit.address("lea") not in relay.recipients


async def test_who_chose_so_gets_the_text_and_the_disk_does_not(visit: Visit, relay: FakeRelay, tmp_path: Path) -> None:
    thread = await visit.thread("lea", "claire")
    lea, claire = await visit.client("lea"), await visit.client("claire")
    await lea.ask("PATCH", SETTINGS, {"letters": {"texts": True}})
    await (await visit.wire(claire)).send(thread, CANARY)
    await taken_by(relay, visit.address("lea"))
    assert CANARY in text_of(dict(relay.taken)[visit.address("lea")])
    assert files_with(CANARY, tmp_path) == {}


async def test_letters_go_to_the_domain_that_was_given(visit: Visit, relay: FakeRelay) -> None:
    """Case-folded, ß becomes ss: somebody else's domain. Every spelling of the given domain signs in to the same account."""
    await visit.arrive("claire")
    await visit.service.command(AccountAdd("member", "Max@faß.example", "Max", "", "fr", PASSWORD))
    thread = await visit.service.command(ThreadOpen("max@xn--fa-hia.example", [visit.address("claire")], []))
    await (await visit.wire("claire")).send(thread, "un")
    await taken_by(relay, "Max@xn--fa-hia.example")
    assert relay.taken[0][1]["To"] == "Max@xn--fa-hia.example"
    for typed in ("max@FAß.example", " MAX@xn--fa-hia.example"):
        async with sign_in(visit.service.origin, typed, PASSWORD) as max_:
            assert [entry["id"] for entry in (await max_.get("/api/threads"))["threads"]] == [thread]


async def test_a_stop_while_the_relay_is_slow_sends_no_letter_twice(visit: Visit, relay: FakeRelay) -> None:
    """The relay has the letter but confirms it much later: the service still stops in time, and does not send it again."""
    thread, other = await visit.thread("lea", "claire"), await visit.thread("karim", "claire")
    relay.data.append(SLOW)
    await (await visit.wire("claire")).send(thread, "un")
    await relay.waits.wait()
    assert await visit.service.stop() == 0
    relay.freed.set()
    visit.service.start()
    await (await visit.wire("claire")).send(other, "deux")
    await taken_by(relay, visit.address("karim"))
    assert relay.recipients.count(visit.address("lea")) == 1
