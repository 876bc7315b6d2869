"""How much the limits let through, with a clock that is moved by hand."""

from hypothesis import given
from hypothesis import strategies as st

from chat.auth import limits
from chat.auth.limits import WINDOW_S, AccountLimits, Bucket, Failures, Overrun


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_gives_its_burst_and_no_more() -> None:
    bucket = Bucket(5, 20, Clock())
    assert [bucket.take() for _ in range(21)] == [True] * 20 + [False]


def test_a_bucket_fills_with_time() -> None:
    clock = Clock()
    bucket = Bucket(5, 20, clock)
    while bucket.take():
        pass
    clock.now += 1
    assert sum(bucket.take() for _ in range(20)) == 5


def test_a_rate_of_zero_lifts_the_limit() -> None:
    bucket = Bucket(0, 0, Clock())
    assert all(bucket.take() for _ in range(1_000))


@given(st.lists(st.floats(0, 3), max_size=100))
def test_a_bucket_never_gives_more_than_its_rate(pauses: list[float]) -> None:
    clock = Clock()
    bucket, taken = Bucket(5, 20, clock), 0
    for pause in pauses:
        clock.now += pause
        taken += bucket.take()
    assert taken <= 20 + 5 * (clock.now - 1_000) + 1e-6


def test_failures_below_the_limit_cost_nothing() -> None:
    failures = Failures(Clock())
    for _ in range(9):
        failures.add("lea")
    assert failures.wait("lea", 10) == 0


def test_the_wait_ends_when_the_oldest_failure_that_counts_is_forgotten() -> None:
    clock = Clock()
    failures = Failures(clock)
    for _ in range(10):
        failures.add("lea")
        clock.now += 1
    assert failures.wait("lea", 10) == WINDOW_S - 10


def test_failures_are_forgotten_after_the_window() -> None:
    clock = Clock()
    failures = Failures(clock)
    for _ in range(10):
        failures.add("lea")
    clock.now += WINDOW_S
    assert failures.wait("lea", 10) == 0


def test_a_success_clears_what_was_counted() -> None:
    failures = Failures(Clock())
    failures.add("lea")
    failures.clear("lea")
    assert failures.wait("lea", 1) == 0


def test_one_failure_may_be_taken_back() -> None:
    clock = Clock()
    failures = Failures(clock)
    first = failures.add("address")
    clock.now += 1
    failures.add("address")
    failures.forgive("address", first)
    failures.forgive("nobody", first)
    assert (failures.wait("address", 1), failures.wait("address", 2)) == (WINDOW_S, 0)


def test_what_is_over_is_forgotten_faster_than_it_comes() -> None:
    clock = Clock()
    failures = Failures(clock)
    for number in range(1_000):
        failures.add(number)
    clock.now += WINDOW_S
    for number in range(1_000):
        failures.add(-1 - number % 2)
    assert len(failures) == 2


def test_what_is_counted_stays_bounded() -> None:
    failures = Failures(Clock(), most_kept=100)
    for number in range(10_000):
        failures.add(number)
    assert len(failures) == 100


def test_what_was_touched_last_is_kept_longest() -> None:
    failures = Failures(Clock(), most_kept=100)
    for _ in range(10):
        failures.add("lea")
    for number in range(99):
        failures.add(number)
    assert failures.wait("lea", 10) > 0


def test_no_more_is_kept_of_one_than_any_limit_asks_for() -> None:
    clock = Clock()
    failures = Failures(clock)
    for _ in range(10_000):
        failures.add("address")
        clock.now += 0.001
    assert len(failures._times["address"]) == limits.MOST_TIMES
    assert failures.wait("address", limits.ADDRESS_FAILURES) > WINDOW_S - 1


def test_an_account_has_so_many_connections() -> None:
    account = AccountLimits(5, Clock())
    account.connections = AccountLimits.MOST_CONNECTIONS
    assert not account.may_connect()


def test_without_a_rate_no_limit_of_an_account_holds() -> None:
    account = AccountLimits(0, Clock())
    account.connections = 10_000
    buckets = (account.messages, account.frames, account.pages)
    assert account.may_connect()
    assert all(bucket.take() for bucket in buckets for _ in range(1_000))


def test_who_goes_on_waits_longer_each_time_and_is_forgiven() -> None:
    now = [0.0]
    over = Overrun(lambda: now[0])
    assert [over.pause() for _ in range(3)] == [0.01, 0.02, 0.03]
    for _ in range(200):
        over.pause()
    assert over.pause() == 1.0
    now[0] = 10.0
    assert (over.pause(), over.times) == (0.01, 1)


def test_pings_count_as_frames_and_where_those_are_not_counted_alone() -> None:
    strict, lifted = AccountLimits(5), AccountLimits(0)
    assert strict.controls is strict.frames
    assert sum(lifted.controls.take() for _ in range(1_000)) < 600
    assert all(lifted.frames.take() for _ in range(1_000))
