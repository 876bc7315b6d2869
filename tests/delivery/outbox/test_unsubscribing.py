"""What a letter of a list carries, so that its reader can leave the list by one click; and that this is heeded."""

from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from delivery.outbox.outbox import Outbox
from storage.accounts import preferences
from storage.accounts.preferences import Letters, Preferences
from storage.ids import ThreadId
from storage.mail import unsubscribing
from tests.delivery import more_kinds
from tests.delivery.letters.test_compose import Page, text_of
from tests.delivery.more_kinds import write
from tests.delivery.rounds import deliver_all, send_all
from tests.delivery.transports.recording import RecordingTransport
from tests.people import DAY, GRACE, House, StoppedClock

LISTS = {"a_lesson": "programmes", "a_praise": "encouragements", "an_offer": "offers"}


@pytest.fixture(autouse=True)
async def all_kinds(tmp_path: Path) -> AsyncIterator[None]:
    with more_kinds.at_hand(tmp_path / "kinds"):
        yield


async def choose(house: House, wanted: Letters) -> None:
    store = house.store
    await store.database.write(lambda tx: preferences.keep(tx, store.guard, house.lea.id, Preferences(letters=wanted)))


@pytest.mark.parametrize("kind", LISTS)
async def test_it_has_the_headers_of_a_list_and_a_link(outbox: Outbox, post: RecordingTransport, house: House, kind: str) -> None:
    await choose(house, Letters(offers=True))
    await write(house.store, house.lea.id, kind)
    await send_all(outbox)
    ((_, message),) = post.seen
    link = message["List-Unsubscribe"].strip("<>")
    assert message["List-Id"] == f"<{LISTS[kind]}.ailo.example>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert link.startswith("https://ailo.example/unsubscribe/")
    assert link in Page(text_of(message, "html")).links
    assert link in text_of(message).split()
    assert f"\r\nList-Unsubscribe: <{link}>\r\n".encode() in post.bytes[0]
    token, store = urlsafe_b64decode(urlsplit(link).path.rpartition("/")[2]), house.store
    holder = await store.database.read(lambda reader: unsubscribing.holder_of(reader, store.guard, token))
    assert holder == (house.lea.id, LISTS[kind])


async def test_each_letter_of_a_list_has_the_same_link(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock
) -> None:
    for _ in range(3):
        await write(house.store, house.lea.id, "a_lesson")
        await write(house.store, house.karim.id, "a_lesson")
        await send_all(outbox)
        stopped_clock.advance(DAY)
    links = {(recipient, message["List-Unsubscribe"]) for recipient, message in post.seen}
    assert (len(post.seen), len(links), len({link for _, link in links})) == (6, 2, 2)


async def test_what_was_written_before_is_dropped_once_its_reader_has_left(
    outbox: Outbox, post: RecordingTransport, house: House
) -> None:
    await write(house.store, house.lea.id, "a_lesson")
    await choose(house, Letters(programmes=False))
    await send_all(outbox)
    assert post.seen == []
    assert [(row["state"], row["reason"]) for row in await house.letters()] == [("dropped", "no longer wanted")]


async def test_a_reply_is_of_no_list(
    outbox: Outbox, post: RecordingTransport, house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    await deliver_all(outbox)
    ((_, message),) = post.seen
    assert [name for name in message.keys() if name.lower().startswith("list-")] == []  # noqa: SIM118 (headers repeat)
    assert "unsubscribe" not in text_of(message)
