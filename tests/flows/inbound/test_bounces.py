"""A mailbox that does not exist: a whole service, a relay that refuses or reports it by LMTP, and its owner, who says it does."""

from tests.delivery.inbound.test_reports import POSTFIX, report
from tests.delivery.transports.relay import FakeRelay
from tests.flows.accounts.test_letters import taken_by
from tests.flows.inbound.conftest import bring
from tests.flows.service import Visit

SETTINGS, RESUME = "/api/account/settings", "/api/account/letters/resume"


async def test_a_letter_that_comes_back_is_the_last_until_its_owner_says_otherwise(
    visit: Visit, relay: FakeRelay, lmtp: int
) -> None:
    thread = await visit.thread("lea", "claire")
    lea, claire = await visit.client("lea"), await visit.wire("claire")
    await claire.send(thread, "un")
    await taken_by(relay, visit.address("lea"))
    assert "MAIL RET=HDRS" in relay.options
    await bring(lmtp, "", relay.senders[0], report(POSTFIX.replace("lea@ailo.test", visit.address("lea"))))
    told = await lea.get(SETTINGS)
    assert told["letters_stopped_at"] == told["letters_refused_at"] is not None
    relay.taken.clear()
    assert (await lea.ask("POST", RESUME))["letters_stopped_at"] is None
    await taken_by(relay, visit.address("lea"))
    assert (await lea.get(SETTINGS))["letters_refused_at"] is None


async def test_one_that_the_relay_refuses_at_once_is_the_last_too(visit: Visit, relay: FakeRelay) -> None:
    thread, other = await visit.thread("lea", "claire"), await visit.thread("karim", "claire")
    lea, claire = await visit.client("lea"), await visit.wire("claire")
    relay.refused[visit.address("lea")] = "550 5.1.1 no such mailbox here"
    await claire.send(thread, "un")
    await claire.send(other, "deux")
    await taken_by(relay, visit.address("karim"))
    assert (await lea.get(SETTINGS))["letters_stopped_at"]
