"""What follows from a delivery report: whose letters stop, whose do not, and that nobody can stop another's."""

from uuid import UUID, uuid4

import pytest

from delivery.outbox.outbox import Outbox
from delivery.settings import DeliverySettings
from delivery.transports.transport import Message, Outcome
from storage.crypto import keyring
from storage.crypto.guarding import Guard
from storage.inbound import bounce_addresses
from storage.inbound.bounce_addresses import Sending
from storage.mail import letters, refused_mailboxes
from storage.mail.letters import Letter
from tests.delivery.inbound.conftest import DOMAIN, Way, mail
from tests.delivery.inbound.test_reports import ALIAS, DELAYED, EXCHANGE, EXPIRED, GOOGLE, LEA, POSTFIX, report
from tests.delivery.rounds import deliver_all
from tests.delivery.transports.recording import RecordingTransport
from tests.people import DAY, GRACE, StoppedClock

NOBODYS = "Action: failed\r\nStatus: 5.1.1\r\n"


@pytest.fixture
def outbox(outbox: Outbox, answering: DeliverySettings) -> Outbox:
    outbox.settings = answering
    return outbox


async def send_one(way: Way, outbox: Outbox, clock: StoppedClock) -> str:
    """Send Léa a letter; return the envelope's sender."""
    await way.house.post(way.house.claire, way.thread)
    clock.advance(GRACE)
    await deliver_all(outbox)
    assert isinstance(outbox.post, RecordingTransport)
    sender = outbox.post.senders[-1]
    assert sender
    return sender


async def receive(way: Way, raw: bytes, to: str, sender: str = "") -> int:
    return (await way.receiver.receive(sender, to, raw)).code


async def states(way: Way) -> list[tuple[object, object]]:
    return [(row["state"], row["reason"]) for row in await way.house.select("select * from letters order by written_at, id")]


async def is_stopped(way: Way) -> bool:
    store, lea = way.house.store, way.house.lea.id
    return await store.database.read(lambda reader: refused_mailboxes.refused_at(reader, store.guard, lea)) is not None


@pytest.mark.parametrize(("groups", "status"), [(POSTFIX, "5.1.1"), (EXCHANGE, "5.1.10")])
async def test_where_there_is_no_such_mailbox_letters_stop(
    way: Way, outbox: Outbox, stopped_clock: StoppedClock, groups: str, status: str
) -> None:
    sender = await send_one(way, outbox, stopped_clock)
    assert sender.endswith(f"@{DOMAIN}")
    assert (await way.receiver.look_up(sender)).code == 250
    assert [await receive(way, report(groups), sender) for _ in range(2)] == [250, 250]
    assert (await states(way), await is_stopped(way)) == ([("refused", f"bounced {status}")], True)
    await way.house.mark(way.house.lea, way.thread, 1)
    await way.house.post(way.house.claire, way.thread)
    stopped_clock.advance(GRACE)
    await deliver_all(outbox)
    assert (await states(way))[1] == ("dropped", "the mailbox refuses letters")


@pytest.mark.parametrize(
    ("groups", "status"),
    [(GOOGLE, "5.2.2"), (EXPIRED, "4.4.1"), (ALIAS, "5.1.1"), (NOBODYS, "5.1.1")],
    ids=["full", "given up", "passed on to another domain", "of nobody"],
)
async def test_all_else_ends_one_letter_alone(
    way: Way, outbox: Outbox, stopped_clock: StoppedClock, groups: str, status: str
) -> None:
    assert await receive(way, report(groups), await send_one(way, outbox, stopped_clock)) == 250
    assert (await states(way), await is_stopped(way)) == ([("refused", f"bounced {status}")], False)
    await way.house.mark(way.house.lea, way.thread, 1)
    await send_one(way, outbox, stopped_clock)
    assert (await states(way))[1] == ("sent", None)


async def test_a_report_of_long_ago_says_nothing(way: Way, outbox: Outbox, stopped_clock: StoppedClock) -> None:
    sender = await send_one(way, outbox, stopped_clock)
    stopped_clock.advance(15 * DAY)
    assert await receive(way, report(POSTFIX), sender) == 250
    assert (await states(way), await is_stopped(way)) == ([("sent", None)], False)


async def test_a_report_of_an_earlier_sending_says_nothing(way: Way, outbox: Outbox, stopped_clock: StoppedClock) -> None:
    """The relay delivers it twice; meanwhile the mailbox's owner has had the letter sent again."""
    sender = await send_one(way, outbox, stopped_clock)
    await receive(way, report(POSTFIX), sender)
    store, lea = way.house.store, way.house.lea.id
    stopped_clock.advance(1)
    await store.database.write(lambda tx: refused_mailboxes.lift(tx, store.guard, lea, store.clock()))
    await deliver_all(outbox)
    assert await receive(way, report(POSTFIX), sender) == 250
    assert (await states(way), await is_stopped(way)) == ([("sent", None)], False)
    assert isinstance(outbox.post, RecordingTransport)
    assert await receive(way, report(POSTFIX), str(outbox.post.senders[-1])) == 250
    assert await is_stopped(way)


async def test_a_report_about_another_address_stops_nothing(way: Way, outbox: Outbox, stopped_clock: StoppedClock) -> None:
    """As after the account's address was corrected, at the same provider."""
    groups = POSTFIX.replace("lea@ailo.test", "lae@ailo.test")
    assert await receive(way, report(groups), await send_one(way, outbox, stopped_clock)) == 250
    assert not await is_stopped(way)


async def test_an_address_in_xtext_is_the_same(way: Way, outbox: Outbox, stopped_clock: StoppedClock) -> None:
    groups = POSTFIX.replace("lea@ailo.test", "lea+40ailo.test")
    assert await receive(way, report(groups), await send_one(way, outbox, stopped_clock)) == 250
    assert await is_stopped(way)


async def test_a_delay_changes_nothing(way: Way, outbox: Outbox, stopped_clock: StoppedClock) -> None:
    assert await receive(way, report(DELAYED), await send_one(way, outbox, stopped_clock)) == 250
    assert (await states(way), await is_stopped(way)) == ([("sent", None)], False)


async def test_a_report_that_is_faster_than_our_own_record_counts(way: Way, outbox: Outbox, stopped_clock: StoppedClock) -> None:
    """The relay may pass it on before the outcome of the letter is on the disk."""
    await way.house.post(way.house.claire, way.thread)
    stopped_clock.advance(GRACE)

    class Fast(RecordingTransport):
        async def send(self, message: Message, recipient: str, /, sender: str | None = None) -> Outcome:
            assert sender
            await receive(way, report(POSTFIX), sender)
            return await super().send(message, recipient, sender)

    outbox.post = Fast()
    await deliver_all(outbox)
    assert (await states(way), await is_stopped(way)) == ([("refused", "bounced 5.1.1")], True)


async def test_only_an_address_that_was_signed_counts(
    way: Way, outbox: Outbox, stopped_clock: StoppedClock, tmp_path_factory: pytest.TempPathFactory
) -> None:
    sender = await send_one(way, outbox, stopped_clock)
    (row,) = await way.house.select("select id, due_at from letters")
    assert isinstance(row["id"], bytes)
    other = Guard(keyring.create(tmp_path_factory.mktemp("keys") / "other.json"))
    forged = bounce_addresses.make(other, Sending(UUID(bytes=row["id"]), row["due_at"]))
    for to in (f"{forged}@{DOMAIN}", sender.replace(DOMAIN, "ailo.test"), f"bonjour@{DOMAIN}", way.to):
        await receive(way, report(POSTFIX), to)
    assert (await way.receiver.look_up(f"{forged}@{DOMAIN}")).code == 550
    assert (await states(way), await is_stopped(way)) == ([("sent", None)], False)


async def test_a_report_of_a_letter_that_nobody_knows_is_dropped(way: Way) -> None:
    to = f"{bounce_addresses.make(way.house.store.guard, Sending(uuid4(), way.house.store.clock()))}@{DOMAIN}"
    assert await receive(way, report(POSTFIX), to) == 250
    assert not await is_stopped(way)


async def test_a_letter_that_was_never_sent_cannot_come_back(way: Way) -> None:
    store, id_ = way.house.store, uuid4()
    letter = Letter(id_, way.house.lea.id, "reply", "1", {"group": "0" * 24}, f"{id_.hex}@ailo.test", store.clock())
    await store.database.write(lambda tx: letters.write(tx, store.guard, letter, store.clock()))
    to = f"{bounce_addresses.make(store.guard, Sending(id_, letter.due_at))}@{DOMAIN}"
    assert await receive(way, report(POSTFIX), to) == 250
    assert (await states(way), await is_stopped(way)) == ([("waiting", None)], False)


@pytest.mark.parametrize(
    ("raw", "sender", "code"),
    [
        (mail("Je suis absente.", more="Auto-Submitted: auto-replied\r\n"), "", 250),
        (mail("Je suis absente.", more="Subject: Absence du bureau\r\n").replace(b"Subject: Re", b"X-Was: Re"), LEA, 250),
        (mail("Merci, à demain."), LEA, 550),
    ],
    ids=["a machine", "perhaps a machine", "a person"],
)
async def test_what_is_no_report_is_dropped_and_a_person_is_told(
    way: Way, outbox: Outbox, stopped_clock: StoppedClock, raw: bytes, sender: str, code: int
) -> None:
    to = await send_one(way, outbox, stopped_clock)
    assert await receive(way, raw, to, sender) == code
    assert (await states(way), await is_stopped(way), await way.texts()) == ([("sent", None)], False, ["Bonjour"])


async def test_an_empty_mail_from_it_confirms_it_too(way: Way, outbox: Outbox, stopped_clock: StoppedClock) -> None:
    """Else the letter that tells its author why nothing was posted would be dropped."""
    await receive(way, report(POSTFIX), await send_one(way, outbox, stopped_clock))
    assert await receive(way, mail(""), way.to, LEA) == 250
    assert not await is_stopped(way)


async def test_who_writes_from_the_mailbox_has_it(way: Way, outbox: Outbox, stopped_clock: StoppedClock) -> None:
    await receive(way, report(POSTFIX), await send_one(way, outbox, stopped_clock))
    assert await is_stopped(way)
    await receive(way, mail(proven=False), way.to, LEA)
    assert await is_stopped(way)
    assert await receive(way, mail(message_id="<2@client.ailo.test>"), way.to, LEA) == 250
    assert not await is_stopped(way)
