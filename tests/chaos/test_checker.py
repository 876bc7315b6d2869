"""A check that cannot fail is no check: each fault, planted in a sound history, is found by its name."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count

import pytest

from tests.chaos.checker import faults
from tests.chaos.history import Acknowledged, Connected, History, Kept, Received, Sent

TICK = count()
LEA, CLAIRE = "account-lea", "account-claire"


def at() -> float:
    return float(next(TICK))


def told(history: History, id_: str, seq: int) -> Iterator[Sent | Acknowledged | Received]:
    """Léa sends a message and gets an answer, and Claire receives it."""
    yield Sent("lea", history.thread, id_, f"text {id_}", at())
    yield Acknowledged("lea", 1, id_, seq, at())
    yield Received("claire", 1, id_, seq, LEA, f"text {id_}", at())


@pytest.fixture
def history() -> History:
    """Three messages of Léa's, the second of which was sent twice, and a fourth that was never answered."""
    history = History("thread", {"lea": LEA, "claire": CLAIRE})
    history.add(Connected("lea", 1, 0, at()))
    history.add(Connected("claire", 1, 0, at()))
    for seq, id_ in enumerate("abc", 1):
        history.events += told(history, id_, seq)
    history.add(Sent("lea", "thread", "b", "text b", at()))
    history.add(Acknowledged("lea", 1, "b", 2, at()))
    history.add(Sent("lea", "thread", "d", "text d", at()))
    kept = [Kept(id_, seq, LEA, "text", f"text {id_}") for seq, id_ in enumerate("abc", 1)]
    history.kept = {"lea": kept, "claire": list(kept)}
    return history


def names(history: History) -> set[str]:
    return {fault.name for fault in faults(history)}


def both(history: History, change: Callable[[list[Kept]], list[Kept]]) -> None:
    """Change what both sides are shown."""
    history.kept = {name: change(list(kept)) for name, kept in history.kept.items()}


def test_a_sound_history_has_no_fault(history: History) -> None:
    assert faults(history) == []


def test_what_was_not_answered_may_be_there(history: History) -> None:
    both(history, lambda kept: [*kept, Kept("d", 4, LEA, "text", "text d")])
    assert faults(history) == []


def test_an_acknowledged_message_that_is_not_there_is_lost(history: History) -> None:
    both(history, lambda kept: kept[:2])
    assert names(history) == {"lost"}


def test_one_that_was_only_shown_is_lost_too(history: History) -> None:
    """It was shown before it was on disk."""
    history.add(Received("claire", 1, "d", 4, LEA, "text d", at()))
    assert names(history) == {"lost"}


def test_one_that_is_there_twice_is_doubled(history: History) -> None:
    both(history, lambda kept: [*kept, kept[0]._replace(seq=4)])
    assert "doubled" in names(history)


def test_one_that_was_shown_twice_is_doubled(history: History) -> None:
    history.add(Received("claire", 1, "c", 3, LEA, "text c", at()))
    assert names(history) == {"doubled"}


def test_on_another_connection_it_is_no_double(history: History) -> None:
    history.add(Connected("claire", 2, 2, at()))
    history.add(Received("claire", 2, "c", 3, LEA, "text c", at()))
    assert faults(history) == []


def test_one_that_nobody_sent_is_unexpected(history: History) -> None:
    both(history, lambda kept: [*kept, Kept("x", 4, LEA, "text", "text x")])
    assert names(history) == {"unexpected"}


@pytest.mark.parametrize("change", [{"text": "text z"}, {"author": CLAIRE}])
def test_one_that_is_not_as_it_was_sent_is_unexpected(history: History, change: dict[str, str]) -> None:
    both(history, lambda kept: [kept[0]._replace(**change), *kept[1:]])  # type: ignore[arg-type]
    assert names(history) == {"unexpected"}


def test_one_that_was_shown_otherwise_is_unexpected(history: History) -> None:
    history.add(Connected("claire", 2, 2, at()))
    history.add(Received("claire", 2, "c", 3, LEA, "text z", at()))
    assert names(history) == {"unexpected"}


def test_one_that_does_not_open_is_named(history: History) -> None:
    both(history, lambda kept: [*kept[:2], kept[2]._replace(kind="broken", text="")])
    assert names(history) == {"closed"}


def test_another_number_than_acknowledged_is_reordered(history: History) -> None:
    both(history, lambda kept: [kept[1]._replace(seq=1), kept[0]._replace(seq=2), kept[2]])
    assert names(history) == {"reordered"}


def test_what_was_sent_after_an_acknowledgement_stands_behind_it() -> None:
    history = History("thread", {"lea": LEA, "claire": CLAIRE})
    history.add(Connected("lea", 1, 0, at()))
    history.add(Connected("claire", 1, 0, at()))
    history.add(Sent("lea", "thread", "a", "text a", at()))
    history.add(Acknowledged("lea", 1, "a", 1, at()))
    history.add(Sent("claire", "thread", "b", "text b", at()))
    kept = [Kept("a", 1, LEA, "text", "text a"), Kept("b", 2, CLAIRE, "text", "text b")]
    history.kept = {"lea": kept, "claire": kept}
    assert faults(history) == []
    late = replace(
        history, events=[*history.events[:2], *history.events[4:], *(one._replace(at=at()) for one in history.events[2:4])]
    )
    assert faults(late) == []  # both under way at once: either order will do
    swapped = [Kept("b", 1, CLAIRE, "text", "text b"), Kept("a", 2, LEA, "text", "text a")]
    assert "reordered" in names(replace(history, kept={"lea": swapped, "claire": swapped}))
    unanswered = replace(history, events=[event for event in history.events if not isinstance(event, Acknowledged)])
    assert faults(replace(unanswered, kept={"lea": swapped, "claire": swapped})) == []


def test_a_missing_number_is_a_gap(history: History) -> None:
    both(history, lambda kept: [*kept, Kept("d", 5, LEA, "text", "text d")])
    assert names(history) == {"gap"}


def test_a_number_that_a_connection_was_not_told_is_a_gap(history: History) -> None:
    history.add(Connected("claire", 2, 1, at()))
    history.add(Received("claire", 2, "c", 3, LEA, "text c", at()))
    assert names(history) == {"gap"}


def test_an_answer_that_overtakes_a_message_is_a_gap(history: History) -> None:
    history.add(Connected("lea", 2, 0, at()))
    history.add(Acknowledged("lea", 2, "c", 3, at()))
    assert names(history) == {"gap"}


def test_sides_that_are_shown_different_histories_are_named(history: History) -> None:
    history.kept["claire"] = history.kept["claire"][:2]
    assert names(history) == {"differing"}
