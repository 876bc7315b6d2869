"""Bad mails, brought by a relay over a real socket: each has its one outcome, and what cannot be taken never gets a 250."""

import smtplib
from base64 import b64encode

import pytest

from delivery.outbox.outbox import Outbox
from delivery.settings import DeliverySettings, Relay
from delivery.transports.smtp import SmtpTransport
from storage.accounts.accounts import Role
from tests.delivery.inbound.conftest import DOMAIN, Way, mail, over
from tests.delivery.rounds import deliver_all
from tests.delivery.transports.relay import FakeRelay
from tests.delivery.transports.relay import running as running_relay
from tests.people import DAY, MINUTE, StoppedClock, person

LEA = "lea@ailo.test"
QUOTED = "Le 30 nov. 2026 à 09:12, Ailo <bonjour@ailo.test> a écrit :\r\n> Un nouveau message\r\n> vous attend"
Effect = tuple[list[str], int, list[str]]
"""What stands in the thread, how many wait for their owner, and which letters are written."""
POSTED: Effect = (["Merci, à demain."], 0, [])
WAITS: Effect = ([], 1, [])
EMPTY: Effect = ([], 0, ["unposted empty"])
ATTACHMENTS: Effect = ([], 0, ["unposted attachments"])


async def bring(way: Way, port: int, raw: bytes, to: str | None = None, sender: str = LEA, *options: str) -> int:
    """Bring a mail as a relay does; return the answer to its recipient if that is a refusal, else to the whole of it."""

    def talk(relay: smtplib.LMTP) -> int:
        relay.ehlo_or_helo_if_needed()
        relay.command_encoding = "utf-8"
        assert relay.mail(sender, list(options))[0] == 250
        code = relay.rcpt(to or way.to)[0]
        return code if code >= 300 else relay.data(raw)[0]

    return await over(port, talk)


async def effect(way: Way) -> Effect:
    return [text or "" for text in await way.texts()], await way.waiting(), await way.letters()


def typed(kind: str, content: bytes = b"abc", more: str = "") -> bytes:
    """A mail that is nothing but a file of this kind."""
    head = f"Content-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n{more}\r\n"
    return mail(body=head + b64encode(content).decode() + "\r\n")


def nested(depth: int) -> bytes:
    """The words, and beside them parts within parts."""
    inner = "Content-Type: text/plain\r\n\r\nau fond\r\n"
    for level in range(depth):
        inner = f'Content-Type: multipart/mixed; boundary="b{level}"\r\n\r\n--b{level}\r\n{inner}\r\n--b{level}--\r\n'
    words = "Content-Type: text/plain; charset=utf-8\r\n\r\nMerci, à demain.\r\n"
    return mail(body=f'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n{words}\r\n--b\r\n{inner}\r\n--b--\r\n')


def in_charset(charset: str, encoding: str) -> bytes:
    """The same words in an encoding, and what the mail says it is (nothing, if that is empty)."""
    kind = f"Content-Type: text/plain; charset={charset}\r\n" if charset else ""
    return mail(body=f"{kind}\r\n").rstrip() + b"\r\n\r\n" + "Merci, à demain.\r\n".encode(encoding)


def with_subject(subject: str, encoding: str = "utf-8") -> bytes:
    return mail().replace(b"Subject: Re: Un nouveau message vous attend", f"Subject: {subject}".encode(encoding))


def by(author: str, encoding: str = "utf-8", domain: str = "ailo.test") -> bytes:
    """A mail whose From says this, and that the relay vouches for as one of a domain."""
    said = mail().replace(b"header.from=ailo.test", f"header.from={domain}".encode())
    return said.replace("From: Léa <lea@ailo.test>".encode(), f"From: {author}".encode(encoding))


@pytest.mark.parametrize(("raw", "expected"), [
    pytest.param(nested(1000), POSTED, id="1,000 nested parts"),
    pytest.param(in_charset("klingon", "utf-8"), POSTED, id="a charset that there is not"),
    pytest.param(in_charset("utf-8", "latin-1"), POSTED, id="a wrong charset"),
    pytest.param(in_charset("us-ascii", "utf-8"), POSTED, id="more than the charset has"),
    pytest.param(in_charset("", "utf-8"), POSTED, id="no charset"),
    pytest.param(in_charset("", "windows-1252"), POSTED, id="no charset, of old"),
    pytest.param(with_subject("Ré: été", "latin-1"), POSTED, id="8-bit subject"),
    pytest.param(by("Léa <lea@ailo.test>", "latin-1"), WAITS, id="8-bit name"),
    pytest.param(mail(proven=False), WAITS, id="forged sender"),
    pytest.param(mail(more=f"From: {LEA}\r\n"), WAITS, id="two From headers"),
    pytest.param(mail(more="From: Mallory <m@evil.example>\r\n"), WAITS, id="two From headers of two people"),
    pytest.param(mail(more="X-Mailer: a\rFrom: m@evil.example\r\n"), WAITS, id="two From headers, by a bare CR"),
    pytest.param(mail(more="X-Mailer: a\nFrom: m@evil.example\r\n"), WAITS, id="two From headers, by a bare LF"),
    pytest.param(by(f'"{LEA}" <m@evil.example>', domain="evil.example"), WAITS, id="a name that looks like one's address"),
    pytest.param(by(f'"Claire <claire@ailo.test>" <{LEA}>'), WAITS, id="a name that looks like another's address"),
    pytest.param(by(f"Léa =?utf-8?q?=0D=0AFrom:_m=40evil.example?= <{LEA}>"), WAITS, id="header injection in a name"),
    pytest.param(with_subject("=?utf-8?q?Re:=0D=0ABcc:_m=40evil.example=0D=0A=0D=0ALa_suite?="), POSTED, id="in a subject"),
    pytest.param(by("Léa <léa@ailo.test>"), WAITS, id="Unicode local part"),
    pytest.param(by(f"Léa <{'l' * 64}@ailo.test>"), WAITS, id="64-octet local part"),
    pytest.param(mail(f"Merci, à demain.\r\n\r\n{QUOTED}"), POSTED, id="above the quote"),
    pytest.param(mail(f"{QUOTED}\r\n\r\nMerci, à demain."), POSTED, id="below the quote"),
    pytest.param(mail("> Vous venez ?\r\nOui.\r\n> Quand ?\r\nÀ dix heures."), (["Oui.\n\nÀ dix heures."], 0, []), id="between"),
    pytest.param(mail(""), EMPTY, id="empty"),
    pytest.param(mail(QUOTED), EMPTY, id="only a quote"),
    pytest.param(typed("image/png"), ATTACHMENTS, id="only a picture"),
    pytest.param(typed("text/calendar; method=REPLY", b"BEGIN:VCALENDAR\r\nEND:VCALENDAR"), ATTACHMENTS, id="only a calendar"),
    pytest.param(typed("text/vcard", b"BEGIN:VCARD\r\nEND:VCARD"), ATTACHMENTS, id="only a vCard"),
])  # fmt: skip
async def test_a_bad_mail_has_its_one_outcome_however_often_it_comes(way: Way, port: int, raw: bytes, expected: Effect) -> None:
    assert [await bring(way, port, raw) for _ in range(2)] == [250, 250]
    assert await effect(way) == expected


@pytest.mark.parametrize("sender", ["léa@ailo.test", f"{'é' * 32}@ailo.test", f"{'l' * 64}@ailo.test", f"{'l' * 200}@ailo.test"])
async def test_an_envelope_may_be_from_any_local_part(way: Way, port: int, sender: str) -> None:
    assert await bring(way, port, mail(), None, sender, *([] if sender.isascii() else ["SMTPUTF8"])) == 250
    assert await effect(way) == POSTED


async def test_an_address_of_64_octets_may_answer(way: Way, port: int) -> None:
    long = person(Role.MEMBER, "Lou", "Petit", f"{'l' * 64}@ailo.test")
    await way.house.add(long)
    thread = await way.house.open_thread(long, way.house.claire)
    assert await bring(way, port, mail(sender=long.email), await way.address(long, thread), long.email) == 250
    assert await way.house.texts(long, thread) == ["Merci, à demain."]


@pytest.mark.parametrize("local_part", [f"r.{'a' * 32}", f"r.{'é' * 31}", "l" * 64, "l" * 300, "r.x\\\r", '"r. x"', "b.x"])
async def test_an_address_that_is_none_is_refused_before_the_mail(way: Way, port: int, local_part: str) -> None:
    assert 500 <= await bring(way, port, mail(), f"{local_part}@{DOMAIN}") < 600
    assert await effect(way) == ([], 0, [])


async def test_anothers_address_gets_nobody_into_their_conversation(way: Way, port: int) -> None:
    house = way.house
    thread = await house.open_thread(house.karim, house.claire)
    assert await bring(way, port, mail(), await way.address(house.karim, thread)) == 250
    assert (await house.texts(house.karim, thread), await effect(way)) == ([], WAITS)


async def test_an_address_that_has_ended_is_said_to_have(way: Way, port: int, stopped_clock: StoppedClock) -> None:
    stopped_clock.advance(90 * DAY)
    assert [await bring(way, port, mail(proven=proven)) for proven in (True, False)] == [250, 550]
    assert await effect(way) == ([], 0, ["unposted ended"])


async def test_who_left_between_the_letter_and_the_answer_is_told(way: Way, port: int) -> None:
    await way.house.leave(way.thread, way.house.lea)
    assert [await bring(way, port, mail()) for _ in range(2)] == [250, 250]
    assert await way.letters() == ["unposted gone"]
    assert await way.house.texts(way.house.claire, way.thread) == []


@pytest.fixture
def outbox(outbox: Outbox, answering: DeliverySettings) -> Outbox:
    outbox.settings = answering
    return outbox


class TestTwoThatAnswerByThemselves:
    """Léa and Claire are both away, and each letter to one of them is answered within five minutes, for a day."""

    @pytest.mark.parametrize(
        ("more", "text", "letters", "messages"),
        [
            ("Auto-Submitted: auto-replied\r\n", "Je suis absente.", 1, 1),
            ("Precedence: bulk\r\n", "Je suis absente.", 1, 1),
            ("", "Je suis absente.", 2, 3),
            ("", "", 2, 1),
        ],
        ids=["that say so", "of old", "that say nothing of it", "that have nothing to say"],
    )
    async def test_few_letters_come_of_it(
        self, way: Way, port: int, outbox: Outbox, stopped_clock: StoppedClock, more: str, text: str, letters: int, messages: int
    ) -> None:
        house = way.house
        await house.post(house.claire, way.thread)
        async with running_relay() as relay:
            outbox.post = SmtpTransport(Relay("127.0.0.1", relay.port), "bonjour@ailo.test")
            for _ in range(DAY // (5 * MINUTE)):
                await deliver_all(outbox)
                await self._answer_all(way, port, relay, mail(text, more=more))
                stopped_clock.advance(5 * MINUTE)
            await outbox.post.close()
        assert (len(await house.letters()), len(await way.texts())) == (letters, messages)

    async def _answer_all(self, way: Way, port: int, relay: FakeRelay, raw: bytes) -> None:
        for number, (recipient, letter) in enumerate(relay.taken):
            id_ = f"<{letter['Message-ID'].strip('<>').partition('@')[0]}.{number}@away.test>".encode()
            answer = raw.replace(b"<1@client.ailo.test>", id_).replace(f"<{LEA}>".encode(), f"<{recipient}>".encode())
            for to in letter["Reply-To"].addresses if letter["Reply-To"] else ():
                assert await bring(way, port, answer, str(to), recipient) == 250
        relay.taken.clear()
