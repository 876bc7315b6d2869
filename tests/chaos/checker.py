"""Judges a history, as Jepsen's total-queue does: each fault has a name and identifies the message concerned.

lost        acknowledged, or shown to somebody, and not there at the end
doubled     there twice, or shown twice on one connection
unexpected  nobody sent it, or not with this content
reordered   its number differs from the one acknowledged or shown, or it precedes a message acknowledged before it was sent
gap         a number is missing at the end, or was skipped on a connection
differing   the two sides are shown different histories
closed      it is there, but does not open
"""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

from tests.chaos.history import Acknowledged, Connected, History, Kept, Received, Sent


class Fault(NamedTuple):
    """Something that must not happen."""

    name: str
    what: str


Check = Callable[[History], Iterator[Fault]]


def faults(history: History) -> list[Fault]:
    """Everything that is wrong with the history of a thread; empty if all is well."""
    return [fault for check in CHECKS for fault in check(history)]


def _kept(history: History) -> list[Kept]:
    """The history as one of its sides is shown it; `differing` compares the other."""
    return next(iter(history.kept.values()), [])


def _by_id(history: History) -> dict[str, Kept]:
    return {message.id: message for message in _kept(history)}


def _lost(history: History) -> Iterator[Fault]:
    kept = _by_id(history)
    told = {event.id for event in history.events if isinstance(event, (Acknowledged, Received))}
    return (Fault("lost", id_) for id_ in sorted(told - kept.keys()))


def _doubled(history: History) -> Iterator[Fault]:
    counts = Counter(message.id for message in _kept(history))
    return (Fault("doubled", f"{id_} is there {count} times") for id_, count in counts.items() if count > 1)


def _unexpected(history: History) -> Iterator[Fault]:
    sent = {event.id: (history.people[event.who], event.text) for event in history.events if isinstance(event, Sent)}
    shown: list[Kept | Received] = [event for event in history.events if isinstance(event, Received)]
    for message in [*_kept(history), *shown]:
        if isinstance(message, Kept) and message.kind == "broken":
            yield Fault("closed", message.id)
        elif sent.get(message.id) != (message.author, message.text):
            yield Fault("unexpected", message.id)


def _renumbered(history: History) -> Iterator[Fault]:
    kept = _by_id(history)
    for event in history.events:
        if isinstance(event, (Acknowledged, Received)) and event.id in kept and kept[event.id].seq != event.seq:
            yield Fault("reordered", f"{event.id} was told as {event.seq} and is {kept[event.id].seq}")


def _against_time(history: History) -> Iterator[Fault]:
    """A message that was sent after another was acknowledged must come after it."""
    kept, first, highest = _by_id(history), set[str](), 0
    for event in sorted(history.events, key=lambda event: event.at):
        if isinstance(event, Acknowledged):
            highest = max(highest, event.seq)
        elif isinstance(event, Sent) and event.id not in first:
            first.add(event.id)
            if event.id in kept and kept[event.id].seq <= highest:
                yield Fault("reordered", f"{event.id} is {kept[event.id].seq}, but was sent after {highest} was acknowledged")


def _gaps(history: History) -> Iterator[Fault]:
    numbers = [message.seq for message in _kept(history)]
    for one, other in pairwise([0, *numbers]):
        if other != one + 1:
            yield Fault("gap", f"{other} follows {one}")


def _connections(history: History) -> Iterator[Fault]:
    """On a connection each number comes once, directly after the one before: as a message, or as the answer to one's own."""
    last: dict[tuple[str, int], int] = {}
    for event in history.events:
        if isinstance(event, Sent):
            continue
        key = event.who, event.connection
        if isinstance(event, Connected):
            last[key] = event.after
        elif event.seq > last[key] + 1:
            yield Fault("gap", f"{event.who} was told of {event.seq} right after {last[key]}")
            last[key] = event.seq
        elif event.seq == last[key] + 1:
            last[key] = event.seq
        elif isinstance(event, Received):
            yield Fault("doubled", f"{event.who} was shown {event.seq} after {last[key]}")


def _differing(history: History) -> Iterator[Fault]:
    for (one, ones), (other, others) in pairwise(history.kept.items()):
        if ones != others:
            at = next(
                (at for at, (a, b) in enumerate(zip(ones, others, strict=False), 1) if a != b), min(len(ones), len(others)) + 1
            )
            yield Fault("differing", f"{one} and {other} differ from the {at}th message on")


CHECKS: list[Check] = [_lost, _doubled, _unexpected, _renumbered, _against_time, _gaps, _connections, _differing]
