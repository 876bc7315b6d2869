"""Mails over a real socket: what is taken, what is refused, and what is never answered with a 250."""

import asyncio
import smtplib
import tracemalloc

import pytest

from delivery.inbound.receiver import LONGEST_MAIL
from tests.delivery.inbound.conftest import Way, mail, over

SENDER = "lea@ailo.test"


async def test_a_mail_is_taken_once_it_is_in_the_thread(way: Way, port: int) -> None:
    await over(port, lambda relay: relay.sendmail(SENDER, way.to, mail()))
    assert await way.texts() == ["Merci, à demain."]


async def test_an_unknown_recipient_is_refused_before_the_mail(port: int) -> None:
    def talk(relay: smtplib.LMTP) -> tuple[int, bytes]:
        relay.ehlo_or_helo_if_needed()
        relay.mail(SENDER)
        return relay.rcpt("personne@reply.ailo.test")

    assert (await over(port, talk))[0] == 550


async def test_one_recipient_at_a_time(way: Way, port: int) -> None:
    other = await way.address(way.house.claire, way.thread)

    def talk(relay: smtplib.LMTP) -> list[int]:
        relay.ehlo_or_helo_if_needed()
        relay.mail(SENDER)
        return [relay.rcpt(to)[0] for to in (way.to, other)]

    assert await over(port, talk) == [250, 452]


@pytest.mark.parametrize(("announced", "huge"), [(True, b""), (False, b"X" * 990 + b"\r\n"), (False, b"X\r\n"), (False, b"X")])
async def test_25_mb_are_refused_without_being_held(way: Way, port: int, huge: bytes, *, announced: bool) -> None:
    """However long their lines are, or where there is not one."""
    size = 25 * 2**20

    def talk(relay: smtplib.LMTP) -> int:
        relay.ehlo_or_helo_if_needed()
        code = relay.mail(SENDER, [f"SIZE={size}"] if announced else [])[0]
        if code >= 500:
            return code
        relay.rcpt(way.to)
        relay.docmd("DATA")
        relay.sock.sendall(b"Subject: long\r\n\r\n")  # type: ignore[union-attr]
        for _ in range(25):
            relay.sock.sendall(huge * (2**20 // len(huge)))  # type: ignore[union-attr]
        relay.sock.sendall(b"\r\n.\r\n")  # type: ignore[union-attr]
        return relay.getreply()[0]

    tracemalloc.start()
    try:
        assert await over(port, talk) == 552
        assert tracemalloc.get_traced_memory()[1] < 2 * LONGEST_MAIL
    finally:
        tracemalloc.stop()
    assert await way.texts() == []


@pytest.mark.parametrize("end", [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n"])
async def test_what_looks_like_an_end_is_none(way: Way, port: int, end: bytes) -> None:
    """RFC 5321, 2.3.8: only CR LF . CR LF ends a mail. Else a second one could be smuggled behind the first."""

    def talk(relay: smtplib.LMTP) -> int:
        relay.ehlo_or_helo_if_needed()
        relay.mail(SENDER)
        relay.rcpt(way.to)
        relay.docmd("DATA")
        smuggled = b"MAIL FROM:<claire@ailo.test>\r\nRCPT TO:<" + way.to.encode() + b">\r\nDATA\r\n" + mail("Passé en fraude.")
        relay.sock.sendall(mail("Un seul.") + end + smuggled + b"\r\n.\r\n")  # type: ignore[union-attr]
        code = relay.getreply()[0]
        assert relay.noop()[0] == 250
        return code

    assert await over(port, talk) == 250
    assert (len(await way.texts()), await way.waiting()) == (1, 0)


async def test_a_line_may_be_longer_than_any_should(way: Way, port: int) -> None:
    """RFC 5321, 4.5.3.1: no limit where it can be helped."""
    await over(port, lambda relay: relay.sendmail(SENDER, way.to, mail("mot " * 75_000)))
    (text,) = await way.texts()
    assert text is not None
    assert text.startswith("mot mot mot")


async def test_a_mail_needs_a_recipient_and_no_more(way: Way, port: int) -> None:
    def talk(relay: smtplib.LMTP) -> list[int]:
        relay.ehlo_or_helo_if_needed()
        relay.mail(SENDER)
        codes = [relay.docmd("DATA")[0]]
        relay.rcpt(way.to)
        return [*codes, relay.docmd("DATA", "now")[0], relay.data(mail())[0], relay.docmd("DATA")[0]]

    assert await over(port, talk) == [503, 501, 250, 503]
    assert await way.texts() == ["Merci, à demain."]


async def test_a_connection_that_is_cut_in_the_middle_posts_nothing(way: Way, port: int) -> None:
    def talk() -> None:
        relay = smtplib.LMTP("127.0.0.1", port)
        relay.ehlo_or_helo_if_needed()
        relay.mail(SENDER)
        relay.rcpt(way.to)
        relay.docmd("DATA")
        relay.sock.sendall(mail()[:-20])  # type: ignore[union-attr]
        relay.close()

    await asyncio.to_thread(talk)
    await over(port, lambda relay: relay.sendmail(SENDER, way.to, mail("Après.", message_id="<2@client.ailo.test>")))
    assert await way.texts() == ["Après."]


async def test_a_fault_is_answered_with_a_4xx(way: Way, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(way.receiver, "_post", fail)

    def talk(relay: smtplib.LMTP) -> int:
        with pytest.raises(smtplib.SMTPDataError) as refused:
            relay.sendmail(SENDER, way.to, mail())
        assert "secret" not in str(refused.value)
        return refused.value.smtp_code

    assert await over(port, talk) == 451


async def test_after_a_fault_the_connection_takes_the_next(way: Way, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a reset in between: a transaction ends with the answer to its mail, whatever that is (RFC 5321, 4.1.1.4)."""
    receive, faults = way.receiver.receive, [OSError("no disk")]

    async def fail_once(sender: str, recipient: str, raw: bytes) -> object:
        if faults:
            raise faults.pop()
        return await receive(sender, recipient, raw)

    monkeypatch.setattr(way.receiver, "receive", fail_once)

    def talk(relay: smtplib.LMTP) -> list[int]:
        relay.ehlo_or_helo_if_needed()
        codes = []
        for _ in range(2):
            codes += [relay.mail(SENDER)[0], relay.rcpt(way.to)[0], relay.data(mail())[0]]
        return codes

    assert await over(port, talk) == [250, 250, 451, 250, 250, 250]
    assert await way.texts() == ["Merci, à demain."]


async def test_ten_at_once_are_all_there(way: Way, port: int) -> None:
    async def one(number: int) -> None:
        raw = mail(f"Mot {number}.", message_id=f"<{number}@client.ailo.test>")
        await over(port, lambda relay: relay.sendmail(SENDER, way.to, raw))

    await asyncio.gather(*(one(number) for number in range(10)))
    assert sorted(text or "" for text in await way.texts()) == [f"Mot {number}." for number in range(10)]
