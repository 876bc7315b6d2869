"""Letters as files."""

import os
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from delivery.letters.compose import compose
from delivery.transports.maildir import MaildirTransport
from delivery.transports.transport import Later, Sent
from tests.delivery.letters.test_compose import ENVELOPE

ID = ENVELOPE.message_id.partition("@")[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "mail"


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


async def test_a_letter_becomes_one_file(folder: Path) -> None:
    assert await MaildirTransport(folder).send(compose(ENVELOPE), ENVELOPE.recipient) == Sent()
    assert files(folder) == [f"new/1795424400.{ID}.ailo"]


async def test_the_file_is_the_letter(folder: Path) -> None:
    await MaildirTransport(folder).send(compose(ENVELOPE), ENVELOPE.recipient)
    raw = (folder / files(folder)[0]).read_bytes()
    read = message_from_bytes(raw, EmailMessage, policy=policy.default)
    assert b"\r" not in raw
    assert (read["To"], read["Message-ID"]) == ("lea@ailo.test", f"<{ENVELOPE.message_id}>")


async def test_a_letter_is_on_the_disk_before_it_counts_as_sent(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await MaildirTransport(folder).send(compose(replace(ENVELOPE, message_id="first@ailo.example")), ENVELOPE.recipient)
    synced: list[list[str]] = []
    monkeypatch.setattr(os, "fsync", lambda _: synced.append([name[:4] for name in files(folder)]))
    await MaildirTransport(folder).send(compose(ENVELOPE), ENVELOPE.recipient)
    assert synced == [["new/", "tmp/"], ["new/", "new/"]]


async def test_a_repeat_makes_no_second_file(folder: Path) -> None:
    for _ in range(2):
        await MaildirTransport(folder).send(compose(ENVELOPE), ENVELOPE.recipient)
    assert len(files(folder)) == 1


async def test_a_repeat_of_what_was_seen_makes_no_second_file(folder: Path) -> None:
    await MaildirTransport(folder).send(compose(ENVELOPE), ENVELOPE.recipient)
    (name,) = files(folder)
    (folder / name).rename(folder / "cur" / f"{Path(name).name}:2,S")
    assert await MaildirTransport(folder).send(compose(ENVELOPE), ENVELOPE.recipient) == Sent()
    assert files(folder) == [f"cur/{Path(name).name}:2,S"]


async def test_what_a_crash_left_half_written_is_written_anew(folder: Path) -> None:
    (folder / "tmp").mkdir(parents=True)
    (folder / "tmp" / f"1795424400.{ID}.ailo").write_text("half")
    await MaildirTransport(folder).send(compose(ENVELOPE), ENVELOPE.recipient)
    assert files(folder) == [f"new/1795424400.{ID}.ailo"]


async def test_only_the_owner_may_look(folder: Path) -> None:
    before = os.umask(0)
    try:
        await MaildirTransport(folder).send(compose(ENVELOPE), ENVELOPE.recipient)
    finally:
        os.umask(before)
    folders = [folder, *(folder / name for name in ("tmp", "new", "cur"))]
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}
    assert (folder / files(folder)[0]).stat().st_mode & 0o777 == 0o600


@pytest.fixture
def in_the_way(folder: Path) -> None:
    folder.write_text("a file")


async def test_a_folder_that_cannot_be_written_is_no_fault_of_the_letter(folder: Path, in_the_way: None) -> None:
    outcome = await MaildirTransport(folder).send(compose(ENVELOPE), ENVELOPE.recipient)
    assert outcome == Later("maildir ENOTDIR", for_all=True)


async def test_no_message_id_leads_out_of_the_folder(folder: Path) -> None:
    await MaildirTransport(folder).send(compose(replace(ENVELOPE, message_id="../../x@ailo.example")), ENVELOPE.recipient)
    assert files(folder) == ["new/1795424400.x.ailo"]
