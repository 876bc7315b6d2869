"""Reading the example's letters."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from delivery.letters.compose import compose
from delivery.transports.mailbox import letters_in
from delivery.transports.maildir import MaildirTransport
from tests.delivery.letters.test_compose import ENVELOPE


@pytest.fixture
async def maildir(tmp_path: Path) -> Path:
    later = replace(ENVELOPE, message_id="ffff@ailo.example", at=ENVELOPE.at + 60_000, locale="en", recipient="sam@ailo.test")
    for envelope in (ENVELOPE, later):
        await MaildirTransport(tmp_path / "mail").send(compose(envelope), envelope.recipient)
    return tmp_path / "mail"


def test_there_is_nothing_before_the_first_letter(tmp_path: Path) -> None:
    assert letters_in(tmp_path / "mail") == []


async def test_the_newest_comes_first(maildir: Path) -> None:
    assert [letter.recipient for letter in letters_in(maildir)] == ["sam@ailo.test", "lea@ailo.test"]


async def test_a_letter_is_read_whole(maildir: Path) -> None:
    letter = letters_in(maildir)[1]
    assert letter.id == ENVELOPE.message_id.partition("@")[0]
    assert letter.at == datetime(2026, 11, 23, 9, tzinfo=UTC)
    assert letter.subject == "Un nouveau message vous attend"
    assert letter.text.startswith("Bonjour Léa,\n")
    assert letter.html.startswith("<!doctype html>")


async def test_what_a_mail_client_has_seen_is_still_there(maildir: Path) -> None:
    path = next((maildir / "new").iterdir())
    path.rename(maildir / "cur" / f"{path.name}:2,S")
    assert len(letters_in(maildir)) == 2


async def test_what_is_half_written_is_left_out(maildir: Path) -> None:
    (maildir / "tmp" / "1.x.ailo").write_text("half")
    assert len(letters_in(maildir)) == 2


async def test_what_is_no_letter_is_left_out(maildir: Path) -> None:
    (maildir / "new" / "1.x.ailo").write_bytes(b"\xff\xfe\x00")
    (maildir / "new" / "notes.txt").write_text("hello")
    assert len(letters_in(maildir)) == 2
