"""Search: finds what its asker may read, without accents, in bounded steps, and nothing of anybody else's."""

from uuid import UUID

import pytest

from chat import search
from chat.errors import NotAllowed, NotFound
from chat.ids import new_id
from chat.rooms import Rooms
from chat.search import Search
from tests.chat.cast import Cast


@pytest.fixture
def finder(rooms: Rooms) -> Search:
    return Search(rooms.conversation)


async def texts(finder: Search, cast: Cast, name: str, query: str, within: UUID | None = None) -> list[str]:
    found = await finder.find(await cast.unlock(name), query, within, None)
    return [message.text for message in found.found]


async def test_accents_and_case_do_not_matter(finder: Search, cast: Cast) -> None:
    thread = await cast.open_thread("lea", "claire")
    await cast.say(await cast.unlock("lea"), thread, "Une ŒUVRE d’été, à l’hôpital")
    for query in ("hopital", "ÉTÉ", "hôpital ete", "h\u006f\u0302pital"):
        assert await texts(finder, cast, "claire", query) == ["Une ŒUVRE d’été, à l’hôpital"]


async def test_every_word_must_be_there(finder: Search, cast: Cast) -> None:
    thread = await cast.open_thread("lea", "claire")
    await cast.say(await cast.unlock("lea"), thread, "Je retiens mon souffle")
    assert await texts(finder, cast, "lea", "souffle demain") == []


async def test_all_ones_threads_are_searched(finder: Search, cast: Cast) -> None:
    for name in ("lea", "karim"):
        await cast.say(await cast.unlock(name), await cast.open_thread(name, "claire"), f"Réunion de {name}")
    assert set(await texts(finder, cast, "claire", "reunion")) == {"Réunion de lea", "Réunion de karim"}
    assert await texts(finder, cast, "lea", "reunion") == ["Réunion de lea"]


async def test_one_thread_can_be_asked_for(finder: Search, cast: Cast) -> None:
    threads = [await cast.open_thread(name, "claire") for name in ("lea", "karim")]
    for name, thread in zip(("lea", "karim"), threads, strict=True):
        await cast.say(await cast.unlock(name), thread, f"Réunion de {name}")
    assert await texts(finder, cast, "claire", "reunion", threads[0]) == ["Réunion de lea"]


async def test_an_outsider_finds_nothing(finder: Search, cast: Cast) -> None:
    thread = await cast.open_thread("lea", "claire")
    await cast.say(await cast.unlock("lea"), thread, "Un secret")
    assert await texts(finder, cast, "karim", "secret") == []
    for within, cursor in ((thread, None), (new_id(), None), (None, f"{thread}:9"), (None, "nothing:9")):
        with pytest.raises(NotFound):
            await finder.find(await cast.unlock("karim"), "secret", within, cursor)


async def test_who_has_left_finds_nothing(finder: Search, rooms: Rooms, cast: Cast) -> None:
    thread = await cast.open_thread("lea", "claire", "sam")
    await cast.say(await cast.unlock("lea"), thread, "Un secret")
    sam = await cast.unlock("sam")
    await rooms.taking_part.leave(thread, sam.account.id)
    assert (await finder.find(sam, "secret", None, None)).found == []


async def test_a_newcomer_finds_nothing_of_before(finder: Search, rooms: Rooms, cast: Cast) -> None:
    thread = await cast.open_thread("lea", "claire")
    await cast.say(await cast.unlock("lea"), thread, "Un secret")
    thomas = await cast.unlock("thomas")
    await rooms.taking_part.bring_in(await cast.unlock("claire"), thread, thomas.account.id, whole=False)
    assert await texts(finder, cast, "thomas", "secret") == []


async def test_a_search_goes_on_where_it_stopped(finder: Search, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MOST_SEARCHED", 3)
    monkeypatch.setattr(search, "PAGE", 2)
    lea = await cast.unlock("lea")
    thread = await cast.open_thread("lea", "claire")
    for number in range(8):
        await cast.say(lea, thread, f"Mot {number}")
    found, cursor, asked = [], None, 0
    while asked == 0 or cursor:
        answer = await finder.find(lea, "mot", None, cursor)
        found += [message.text for message in answer.found]
        cursor, asked = answer.next, asked + 1
    assert found == [f"Mot {number}" for number in reversed(range(8))]
    assert asked == 3


@pytest.mark.parametrize("query", ["", " ", "é", "x" * 101, "\u0301\u0301\u0301"])
async def test_a_query_of_nothing_or_too_much_is_refused(finder: Search, cast: Cast, query: str) -> None:
    with pytest.raises(NotAllowed):
        await finder.find(await cast.unlock("lea"), query, None, None)


@pytest.mark.parametrize("tail", ["", ":", ":x", ":-1", f":{2**60}"])
async def test_a_cursor_that_is_none_is_refused(finder: Search, cast: Cast, tail: str) -> None:
    thread = await cast.open_thread("lea", "claire")
    with pytest.raises(NotAllowed):
        await finder.find(await cast.unlock("lea"), "mot", None, f"{thread}{tail}")
