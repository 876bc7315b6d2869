"""Search: finds only what the searcher may read, ignores accents, and works in bounded steps."""

import asyncio
import threading
import unicodedata
from typing import Literal

import pytest

from chat.ailo import Ailo
from chat.conversations import search
from chat.conversations.search import LONGEST_UNFOLDING, Crowded, Search, folded
from chat.protocol.refusals import NotAllowed, NotFound
from storage.ids import ThreadId, new_id
from tests.chat.talk import Cast


@pytest.fixture
def finder(ailo: Ailo) -> Search:
    return Search(ailo.conversations.conversation)


async def texts(finder: Search, cast: Cast, name: str, query: str, within: ThreadId | None = None) -> list[str]:
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
    for within, cursor in ((thread, None), (new_id(ThreadId), None), (None, f"{thread}:9"), (None, "nothing:9")):
        with pytest.raises(NotFound):
            await finder.find(await cast.unlock("karim"), "secret", within, cursor)


async def test_who_has_left_finds_nothing(finder: Search, ailo: Ailo, cast: Cast) -> None:
    thread = await cast.open_thread("lea", "claire", "sam")
    await cast.say(await cast.unlock("lea"), thread, "Un secret")
    sam = await cast.unlock("sam")
    await ailo.conversations.participants.leave(thread, sam.account.id)
    assert (await finder.find(sam, "secret", None, None)).found == []


async def test_a_newcomer_finds_nothing_of_before(finder: Search, ailo: Ailo, cast: Cast) -> None:
    thread = await cast.open_thread("lea", "claire")
    await cast.say(await cast.unlock("lea"), thread, "Un secret")
    thomas = await cast.unlock("thomas")
    await ailo.conversations.participants.bring_in(await cast.unlock("claire"), thread, thomas.account.id, whole=False)
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


# People's own texts decide what a search costs: they must not decide how long others wait.

SENTENCE = "\ufdfa"  # one letter, which Unicode's compatibility form expands to 18
ACCENTS = "\u0301" * 4_000 + "\u0323" * 4_000  # which that form reorders, moving each past all the others


def test_a_letter_that_is_a_sentence_is_not_unfolded() -> None:
    assert folded(SENTENCE * 8_000) == SENTENCE * 8_000
    for letter in map(chr, range(0xA0, 0x20000)):
        assert len(folded(letter)) <= LONGEST_UNFOLDING


def test_no_text_is_normalised_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths, normalize = [], unicodedata.normalize

    def noted(form: Literal["NFKD"], text: str) -> str:
        lengths.append(len(text))
        return normalize(form, text)

    monkeypatch.setattr(unicodedata, "normalize", noted)
    assert folded(ACCENTS + "é\u0450") == "eе"
    assert set(lengths) <= {1}


def test_what_a_letter_folds_to_is_remembered_for_few_letters() -> None:
    folded("".join(map(chr, range(0x20000, 0x30000))))
    assert len(search._FOLDS) <= search.BEYOND_FOLDING


async def test_texts_are_compared_off_the_loop(finder: Search, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    lea = await cast.unlock("lea")
    await cast.say(lea, await cast.open_thread("lea", "claire"), *[SENTENCE * 100] * 3)
    threads = []

    def noted(text: str, _: object) -> bool:
        threads.append(threading.current_thread())
        return False

    monkeypatch.setattr(search, "_holds", noted)
    await finder.find(lea, "mot", None, None)
    assert len(threads) == 3
    assert threading.current_thread() not in threads


async def test_a_search_stops_after_so_many_characters(finder: Search, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MOST_CHARACTERS", 20_000)
    lea, thread = await cast.unlock("lea"), await cast.open_thread("lea", "claire")
    await cast.say(lea, thread, *[SENTENCE * 8_000] * 7)
    places: list[str | None] = []
    while not places or places[-1]:
        places.append((await finder.find(lea, "introuvable", None, places[-1] if places else None)).next)
    assert places == [f"{thread}:5", f"{thread}:2", None]


async def test_a_search_stops_after_some_time(finder: Search, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many short conversations take time, too; each request gets past at least one of them."""
    monkeypatch.setattr(search, "LONGEST_S", -1.0)
    threads = [await cast.open_thread(name, "claire") for name in ("lea", "karim")]
    claire = await cast.unlock("claire")
    await cast.say(claire, threads[1], "Mot")
    first = await finder.find(claire, "introuvable", None, None)
    assert first.next == f"{threads[0]}:1"
    rest = await finder.find(claire, "mot", None, f"{threads[1]}:2")
    assert ([message.text for message in rest.found], rest.next) == (["Mot"], f"{threads[0]}:1")
    assert (await finder.find(claire, "mot", None, rest.next)).next is None


async def test_too_many_searches_at_once_are_put_off(finder: Search, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MOST_OF_ONE", 2)
    monkeypatch.setattr(search, "MOST_AT_ONCE", 3)
    lea, karim, sam = [await cast.unlock(name) for name in ("lea", "karim", "sam")]
    asked = [finder.find(who, "mot", None, None) for who in (lea, lea, lea, karim, sam)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [isinstance(answer, Crowded) for answer in answers] == [False, False, True, False, True]
    assert (await finder.find(sam, "mot", None, None)).found == []
