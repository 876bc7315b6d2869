"""Mails in a watched folder: taken and gone, refused and put aside, or tried again."""

from pathlib import Path

import pytest

from delivery.inbound.maildir import AGAIN_AFTER_MS, Inbox, take_one
from storage.errors import Stalled
from tests.delivery.inbound.conftest import Way, found_in, mail
from tests.people import StoppedClock


@pytest.fixture
def inbox(way: Way, tmp_path: Path) -> Inbox:
    for name in ("tmp", "new", "cur"):
        (tmp_path / "inbox" / name).mkdir(parents=True)
    return Inbox(tmp_path / "inbox", way.receiver)


def deliver(inbox: Inbox, way: Way, raw: bytes, name: str = "1.a.host", to: str | None = None) -> None:
    """Write a file as a delivery agent does."""
    head = f"Return-Path: <lea@ailo.test>\r\nDelivered-To: {to or way.to}\r\n".encode()
    (inbox.folder / "new" / name).write_bytes(head + raw)


async def test_a_mail_is_posted_and_its_file_is_gone(inbox: Inbox, way: Way, stopped_clock: StoppedClock) -> None:
    deliver(inbox, way, mail())
    assert await take_one(inbox, stopped_clock())
    assert not await take_one(inbox, stopped_clock())
    assert await way.texts() == ["Merci, à demain."]
    assert found_in(inbox.folder) == []


@pytest.mark.parametrize(("return_path", "posted"), [("", True), ("Return-Path: <>\r\n", False)])
async def test_no_return_path_is_not_the_null_one(
    inbox: Inbox, way: Way, stopped_clock: StoppedClock, return_path: str, *, posted: bool
) -> None:
    head = f"{return_path}Delivered-To: {way.to}\r\n".encode()
    (inbox.folder / "new" / "1.a.host").write_bytes((head + mail()).replace(b"\r\n", b"\n"))
    assert await take_one(inbox, stopped_clock())
    assert (await way.texts() == ["Merci, à demain."]) is posted
    assert found_in(inbox.folder) == []


async def test_several_are_taken_in_their_order(inbox: Inbox, way: Way, stopped_clock: StoppedClock) -> None:
    for number in (2, 1, 3):
        deliver(inbox, way, mail(f"Mot {number}.", message_id=f"<{number}@x.test>"), f"{number}.a.host")
    while await take_one(inbox, stopped_clock()):
        pass
    assert await way.texts() == ["Mot 1.", "Mot 2.", "Mot 3."]


@pytest.mark.parametrize("to", ["personne@reply.ailo.test", "", "r.x@ailleurs.test"])
async def test_one_for_nobody_is_put_aside(inbox: Inbox, way: Way, stopped_clock: StoppedClock, to: str) -> None:
    deliver(inbox, way, mail(), to=to or " ")
    assert await take_one(inbox, stopped_clock())
    assert found_in(inbox.folder) == ["1.a.host:2,T"]
    assert not await take_one(inbox, stopped_clock())


async def test_one_that_cannot_be_taken_now_stays_and_holds_up_no_other(
    inbox: Inbox, way: Way, stopped_clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(inbox, way, mail())
    receive = way.receiver.receive

    async def fail(*_: object) -> None:
        raise Stalled("the disk is full")

    monkeypatch.setattr(way.receiver, "receive", fail)
    assert await take_one(inbox, stopped_clock())
    assert not await take_one(inbox, stopped_clock())
    monkeypatch.setattr(way.receiver, "receive", receive)
    deliver(inbox, way, mail("Le second.", message_id="<2@x.test>"), "2.a.host")
    assert await take_one(inbox, stopped_clock())
    assert await way.texts() == ["Le second."]
    stopped_clock.advance(AGAIN_AFTER_MS)
    assert await take_one(inbox, stopped_clock())
    assert await way.texts() == ["Le second.", "Merci, à demain."]


async def test_the_envelope_is_the_topmost_not_what_the_mail_says(inbox: Inbox, way: Way, stopped_clock: StoppedClock) -> None:
    deliver(inbox, way, mail(more=f"Delivered-To: {way.to}\r\n"), to="personne@reply.ailo.test")
    await take_one(inbox, stopped_clock())
    assert await way.texts() == []


async def test_a_folder_that_is_not_there_yet_is_waited_for(way: Way, tmp_path: Path, stopped_clock: StoppedClock) -> None:
    assert not await take_one(Inbox(tmp_path / "nowhere", way.receiver), stopped_clock())
