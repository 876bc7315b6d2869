"""Limits for each domain: never more than a minute's number, shared fairly between old and new, and no letter for ever."""

import heapq
from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from delivery.outbox.domains import AT_ONCE_MS, MINUTE_MS, MOST_REMEMBERED, DomainLimits

A_MINUTE = 60
INTERVAL = MINUTE_MS // A_MINUTE
AT_ONCE = AT_ONCE_MS // INTERVAL + 1


def sent(limits: DomainLimits, wanted: Sequence[tuple[int, str]], domain: str = "ailo.test") -> dict[str, list[int]]:
    """When the letters of each class went, each of which was ready at a time."""
    found = defaultdict[str, list[int]](list)
    for number, at in in_turn(limits, wanted, domain):
        found[wanted[number][1]].append(at)
    return found


def in_turn(limits: DomainLimits, wanted: Sequence[tuple[int, str]], domain: str = "ailo.test") -> list[tuple[int, int]]:
    """The letters by number in the order in which they went, and when; those that are held come back when told to."""
    line = [(at, number, of, uuid4()) for number, (at, of) in enumerate(wanted)]
    heapq.heapify(line)
    found: list[tuple[int, int]] = []
    asked = 0
    while line:
        now, number, of, letter = heapq.heappop(line)
        until = limits.hold_until(domain, letter, of, now)
        asked += 1
        assert asked <= 20 * len(wanted), "letters are held again and again"
        if until is None:
            found.append((number, now))
        else:
            assert until > now
            heapq.heappush(line, (until, number, of, letter))
    return found


def test_a_few_go_at_once_and_the_others_are_spaced() -> None:
    (times,) = sent(DomainLimits(A_MINUTE), [(0, "new")] * 70).values()
    assert times[:AT_ONCE] == [0] * AT_ONCE
    gaps = [later - earlier for earlier, later in zip(times[AT_ONCE - 1 :], times[AT_ONCE:], strict=False)]
    assert all(INTERVAL - 1 <= gap <= INTERVAL + 1 for gap in gaps)


ARRIVALS = st.lists(st.tuples(st.integers(0, 3 * MINUTE_MS), st.sampled_from(["reply", "list", "again"])), max_size=150)


@given(ARRIVALS, st.integers(0, 100))
def test_no_minute_has_more_than_its_number_and_each_letter_goes(arrivals: list[tuple[int, str]], backlog: int) -> None:
    found = sent(DomainLimits(A_MINUTE), [*arrivals, *[(0, "list")] * backlog])
    times = sorted(at for each in found.values() for at in each)
    assert len(times) == len(arrivals) + backlog
    for first, at in enumerate(times):
        assert sum(at <= other < at + MINUTE_MS for other in times[first:]) <= A_MINUTE + AT_ONCE


@given(ARRIVALS, st.integers(0, 100))
def test_no_letter_waits_while_there_is_room(arrivals: list[tuple[int, str]], backlog: int) -> None:
    """All are gone not much later than if each had gone as soon as the limit allows."""
    wanted = [*arrivals, *[(0, "list")] * backlog]
    times = sorted(at for each in sent(DomainLimits(A_MINUTE), wanted).values() for at in each)
    due = 0
    for at, _ in sorted(wanted):
        due = max(due, at) + INTERVAL
    assert not times or times[-1] <= due + 4 * INTERVAL


def test_a_wave_of_lessons_holds_up_no_reply() -> None:
    lessons, reply = [(0, "list")] * 600, (5 * MINUTE_MS, "reply")
    found = sent(DomainLimits(A_MINUTE), [*lessons, reply])
    assert found["reply"][0] <= 5 * MINUTE_MS + 2 * INTERVAL


def test_a_stream_of_new_letters_does_not_keep_the_old_waiting() -> None:
    """Twice as many new ones as there is room for: each class gets half of it."""
    new = [(number * INTERVAL // 2, "new") for number in range(1200)]
    found = sent(DomainLimits(A_MINUTE), [*new, *[(MINUTE_MS, "old")] * 200])
    old = [at for at in found["old"] if at <= 5 * MINUTE_MS]
    assert 4 * A_MINUTE * 0.4 <= len(old) <= 4 * A_MINUTE * 0.6 + AT_ONCE
    assert found["old"] == sorted(found["old"])


def test_letters_of_a_class_go_in_their_order() -> None:
    """Twice as many as there is room for: none is overtaken by those that come when it waits."""
    stream = [(number * INTERVAL // 2, "new") for number in range(300)]
    numbers = [number for number, _ in in_turn(DomainLimits(A_MINUTE), stream)]
    assert numbers == sorted(numbers)


def test_each_domain_has_its_own() -> None:
    limits = DomainLimits(A_MINUTE)
    sent(limits, [(0, "new")] * 60, "one.test")
    assert limits.hold_until("one.test", uuid4(), "new", 0) is not None
    assert limits.hold_until("other.test", uuid4(), "new", 0) is None


def test_without_a_limit_all_go() -> None:
    assert sent(DomainLimits(0), [(0, "new")] * 1000)["new"] == [0] * 1000


@given(st.integers(1, 400 * 24 * 60 * MINUTE_MS))
def test_a_clock_that_is_set_back_holds_nothing_up(back: int) -> None:
    limits, start = DomainLimits(A_MINUTE), 500 * 24 * 60 * MINUTE_MS
    for _ in range(100):
        limits.hold_until("ailo.test", uuid4(), "new", start)
    for of in ("new", "other"):
        until = limits.hold_until("ailo.test", uuid4(), of, start - back)
        assert until is None or until <= start - back + 101 * 2 * INTERVAL + AT_ONCE_MS


def test_a_letter_that_never_comes_back_takes_no_share_for_long() -> None:
    limits = DomainLimits(A_MINUTE)
    for _ in range(AT_ONCE + 5):
        limits.hold_until("ailo.test", uuid4(), "old", 0)
    assert limits.hold_until("ailo.test", UUID(int=1), "new", 10 * MINUTE_MS) is None
    assert not limits._domains["ailo.test"].classes["old"].waiting


def test_domains_are_not_remembered_for_ever() -> None:
    limits = DomainLimits(A_MINUTE)
    for number in range(5 * MOST_REMEMBERED):
        limits.hold_until(f"{number}.test", uuid4(), "new", number * MINUTE_MS)
    assert len(limits._domains) <= MOST_REMEMBERED + 1


def test_a_long_queue_costs_no_more_than_a_short_one() -> None:
    """Each letter is looked at once, however many wait: what waits is not gone through."""
    limits, looked = DomainLimits(1), Counted()
    limits.hold_until("ailo.test", uuid4(), "list", 0)
    limits._domains["ailo.test"].classes["list"].waiting = looked
    for _ in range(1000):
        limits.hold_until("ailo.test", uuid4(), "list", 0)
    assert len(looked) == 1000 - (AT_ONCE_MS // MINUTE_MS)
    assert looked.steps <= 2 * 1000


class Counted(dict[UUID, float]):
    """Counts how many of its entries are gone through."""

    steps = 0

    def items(self) -> Any:
        for entry in super().items():
            self.steps += 1
            yield entry
