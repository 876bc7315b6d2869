"""What becomes of a mail: who may post, what waits, what is dropped, what its author is told; nothing twice, nothing lost."""

import logging
from dataclasses import dataclass, field

import pytest

from delivery.inbound.receiver import Receiver
from delivery.inbound.trials import Arrival
from delivery.settings import DeliverySettings
from storage.conversations.service_posts import ServicePost
from storage.errors import Stalled
from storage.inbound import reply_addresses
from storage.inbound.quarantine import MOST_WAITING
from tests.attacks.disk.search import files_with
from tests.delivery.inbound.conftest import DOMAIN, Way, mail, tell_nobody
from tests.people import DAY, StoppedClock

SENDER = "lea@ailo.test"
QUOTED = "Le 30 nov. 2026 à 09:12, Ailo <bonjour@ailo.test> a écrit :\r\n> Un nouveau message vous attend"
CALENDAR = "Content-Type: text/calendar; charset=utf-8; method=REPLY\r\n\r\nBEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nEND:VCALENDAR\r\n"


async def receive(way: Way, raw: bytes, to: str | None = None, sender: str = SENDER) -> int:
    return (await way.receiver.receive(sender, way.to if to is None else to, raw)).code


async def test_a_proven_answer_is_posted_as_its_authors(way: Way) -> None:
    assert await receive(way, mail(f"Merci, à demain.\r\n\r\n{QUOTED}")) == 250
    assert await way.texts() == ["Merci, à demain."]
    (row,) = await way.house.rows(way.thread)
    assert (row.kind, row.author) == ("email", way.house.lea.id)
    assert (await way.waiting(), way.told) == (0, [])


async def test_the_same_mail_is_posted_once(way: Way) -> None:
    assert [await receive(way, mail()) for _ in range(3)] == [250] * 3
    assert await receive(way, mail("La même, récrite en chemin.")) == 250
    assert len(await way.texts()) == 1


async def test_without_a_message_id_the_same_bytes_are_the_same_mail(way: Way) -> None:
    for raw in (mail(message_id=None), mail(message_id=None), mail("Autre chose.", message_id=None)):
        assert await receive(way, raw) == 250
    assert len(await way.texts()) == 2


async def test_an_address_works_several_times(way: Way) -> None:
    for number in range(3):
        assert await receive(way, mail(f"Et {number}", message_id=f"<{number}@client.ailo.test>")) == 250
    assert await way.texts() == ["Et 0", "Et 1", "Et 2"]


@pytest.mark.parametrize("to", [f"r.{'a' * 32}@{DOMAIN}", f"bonjour@{DOMAIN}", "r.x@ailed.test", "", "@", f"r.\u0131@{DOMAIN}"])
async def test_an_address_that_is_none_is_refused(way: Way, to: str) -> None:
    assert (await way.receiver.look_up(to)).code == 550
    assert await receive(way, mail(), to) == 550


async def test_an_address_of_another_domain_is_refused(way: Way) -> None:
    assert await receive(way, mail(), way.to.replace(DOMAIN, "ailo.test")) == 550
    assert await receive(way, mail(), way.to.upper()) == 250


@pytest.mark.parametrize(
    "raw",
    [
        mail(proven=False),
        mail(sender="karim@ailo.test"),
        mail(sender="mallory@evil.example"),
        mail(more="From: lea@ailo.test\r\n"),
        mail(more="Subject: Absence du bureau : Re: un message\r\n").replace(
            b"Subject: Re: Un nouveau message vous attend\r\n", b""
        ),
    ],
    ids=["not proven", "another account", "a stranger", "two authors", "perhaps away"],
)
async def test_what_nobody_vouches_for_waits_for_its_owner(way: Way, raw: bytes) -> None:
    assert [await receive(way, raw) for _ in range(2)] == [250, 250]
    assert await way.texts() == []
    assert await way.waiting() == 1
    assert set(way.told) == {(way.house.lea.id, way.thread)}


async def test_without_a_named_relay_everything_waits(way: Way, settings: DeliverySettings) -> None:
    settings_ = way.receiver._settings
    object.__setattr__(settings_.inbound, "authserv_id", None)
    assert await receive(way, mail()) == 250
    assert (await way.texts(), await way.waiting()) == ([], 1)


async def test_a_flood_that_nobody_vouches_for_is_put_off(way: Way) -> None:
    raws = [mail(proven=False, message_id=f"<{number}@evil.example>") for number in range(MOST_WAITING + 1)]
    assert [await receive(way, raw) for raw in raws] == [250] * MOST_WAITING + [452]
    assert await receive(way, mail()) == 250
    assert await way.texts() == ["Merci, à demain."]


@pytest.mark.parametrize(
    ("sender", "more"),
    [("", ""), (SENDER, "Auto-Submitted: auto-replied\r\n"), (SENDER, "List-Id: <liste.exemple.test>\r\n")],
)
async def test_what_a_machine_wrote_is_neither_posted_nor_answered(way: Way, sender: str, more: str) -> None:
    assert await receive(way, mail(more=more), sender=sender) == 250
    assert (await way.texts(), await way.waiting(), await way.letters()) == ([], 0, [])


async def test_two_that_answer_by_themselves_do_not_answer_each_other(way: Way, stopped_clock: StoppedClock) -> None:
    """A simulated day of a responder that says nothing of being one, and answers whatever comes within five minutes."""
    for number in range(288):
        raw = mail("", more="Subject: Absence du bureau\r\n", message_id=f"<{number}@away.ailo.test>")
        await receive(way, raw.replace(b"Subject: Re: Un nouveau message vous attend\r\n", b""))
        stopped_clock.advance(300_000)
    assert len(await way.letters()) == 0
    assert await way.waiting() <= MOST_WAITING


async def test_an_address_that_has_ended_is_said_to_have(way: Way, stopped_clock: StoppedClock) -> None:
    stopped_clock.advance(90 * DAY)
    assert [await receive(way, mail(message_id=f"<{number}@x.test>")) for number in range(2)] == [250, 250]
    assert await receive(way, mail(proven=False)) == 550
    assert (await way.texts(), await way.letters()) == ([], ["unposted ended"])
    stopped_clock.advance(DAY)
    await receive(way, mail())
    assert await way.letters() == ["unposted ended"] * 2


async def test_an_address_that_was_revoked_takes_nothing(way: Way) -> None:
    house = way.house
    await house.store.database.write(lambda tx: reply_addresses.revoke_all(tx, house.lea.id, house.store.clock()))
    assert await receive(way, mail()) == 250
    assert (await way.texts(), await way.letters()) == ([], ["unposted ended"])


async def test_who_takes_part_no_longer_is_told(way: Way) -> None:
    await way.house.leave(way.thread, way.house.lea)
    assert await receive(way, mail()) == 250
    assert await way.letters() == ["unposted gone"]


async def test_a_closed_account_has_no_address(way: Way) -> None:
    await way.house.disable(way.house.lea)
    assert await receive(way, mail()) == 550
    assert (await way.receiver.look_up(way.to)).code == 550


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (mail(""), "unposted empty"),
        (mail(QUOTED), "unposted empty"),
        (mail(body=CALENDAR), "unposted attachments"),
    ],
    ids=["empty", "only a quote", "a calendar"],
)
async def test_a_mail_without_words_is_answered(way: Way, raw: bytes, told: str) -> None:
    assert await receive(way, raw) == 250
    assert (await way.texts(), await way.letters()) == ([], [told])


async def test_attachments_are_named_and_kindly_refused(way: Way) -> None:
    body = (
        'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nVoici.\r\n'
        '--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename="cv.pdf"\r\n\r\n%PDF\r\n--b--\r\n'
    )
    assert await receive(way, mail(body=body)) == 250
    assert (await way.texts(), await way.letters()) == (["Voici."], ["unposted attachments"])


async def test_more_than_a_message_holds_is_in_the_whole_mail(way: Way) -> None:
    assert await receive(way, mail("mot " * 3000)) == 250
    (text,) = await way.texts()
    assert text is not None
    assert (len(text), text.endswith("[…]")) == (8000, True)


async def test_where_the_store_fails_nothing_is_taken(way: Way, answering: DeliverySettings) -> None:
    async def fail(_: ServicePost) -> bool:
        raise Stalled("the disk is full")

    with pytest.raises(Stalled):
        await Receiver(way.house.store, answering, fail, tell_nobody).receive(SENDER, way.to, mail())
    assert await receive(way, mail()) == 250
    assert len(await way.texts()) == 1


@pytest.mark.parametrize("proven", [True, False])
async def test_its_text_is_in_no_file_and_no_log(way: Way, caplog: pytest.LogCaptureFixture, *, proven: bool) -> None:
    caplog.set_level(logging.DEBUG)
    canary = "le canari-courriel est arrive 9k4d"
    assert await receive(way, mail(canary, proven=proven)) == 250
    assert files_with(canary, way.house.store.settings.data) == {}
    assert canary not in caplog.text
    assert way.to.partition("@")[0] not in caplog.text


@dataclass
class OneTrial:
    local_part: str
    arrivals: list[Arrival] = field(default_factory=list)

    def is_one(self, local_part: str) -> bool:
        return local_part == self.local_part

    def note(self, _local_part: str, arrival: Arrival) -> None:
        self.arrivals.append(arrival)


async def test_a_mail_on_trial_is_noted_and_kept_nowhere(way: Way, answering: DeliverySettings) -> None:
    trial = OneTrial("c.one")

    async def post(_: object) -> bool:
        raise AssertionError("it is posted")

    receiver = Receiver(way.house.store, answering, post, tell_nobody, trial)
    assert [(await receiver.look_up(f"{name}@{DOMAIN}")).code for name in ("c.one", "c.two")] == [250, 550]
    assert (await receiver.receive("", f"c.one@{DOMAIN}", mail())).code == 250
    assert (await receiver.receive("", f"c.two@{DOMAIN}", mail())).code == 550
    assert len(trial.arrivals) == 1
    assert (await way.texts(), await way.waiting(), await way.letters()) == ([], 0, [])
