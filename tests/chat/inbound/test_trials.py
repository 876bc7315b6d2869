"""Addresses of trials: random, few, for an hour, and only while mails are taken."""

from chat.inbound.trials import MOST, Trials
from tests.people import HOUR


class Clock:
    now = 1_000_000

    def __call__(self) -> int:
        return self.now


def opened() -> tuple[Trials, Clock]:
    clock = Clock()
    trials = Trials(clock)
    trials.is_open = True
    return trials, clock


def begun(trials: Trials) -> str:
    local_part = trials.begin()
    assert local_part
    return local_part


def test_none_begins_where_no_mails_are_taken() -> None:
    assert Trials(Clock()).begin() is None


def test_each_has_another_address_and_what_came_to_it() -> None:
    trials, _ = opened()
    one, other = begun(trials), begun(trials)
    assert one != other
    trials.note(one.upper(), "came")
    assert (trials.is_one(one.upper()), trials.arrived(one), trials.arrived(other)) == (True, "came", None)
    assert not trials.is_one("c.other")


def test_it_ends_after_an_hour_and_when_the_clock_is_set_back() -> None:
    for change in (HOUR, -1):
        trials, clock = opened()
        one = begun(trials)
        trials.note(one, "came")
        clock.now += change
        assert (trials.is_one(one), trials.arrived(one)) == (False, None)


def test_there_are_never_many() -> None:
    trials, clock = opened()
    addresses = []
    for _ in range(MOST + 5):
        addresses.append(begun(trials))
        clock.now += 1
    assert [trials.is_one(one) for one in addresses] == [False] * 5 + [True] * MOST
