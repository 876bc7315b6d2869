"""When the next attempt is made."""

from hypothesis import given
from hypothesis import strategies as st

from delivery.outbox.backoff import LONGEST_REST, TRIES, rest_until, retry_at

WAIT = 450_000
CHANCE = st.floats(0, 1)
tries = st.integers(1, TRIES)


def test_waits_double() -> None:
    assert [retry_at(0, attempts, WAIT, 0) // WAIT for attempts in range(1, 6)] == [1, 2, 4, 8, 16]


def test_all_tries_are_made_within_a_day() -> None:
    assert sum(retry_at(0, attempts, WAIT, 1) for attempts in range(1, TRIES)) < 86_400_000


@given(tries, CHANCE)
def test_no_wait_is_shorter_than_asked_for(attempts: int, chance: float) -> None:
    wait = WAIT * 2 ** (attempts - 1)
    assert wait <= retry_at(0, attempts, WAIT, chance) <= wait * 1.2


@given(st.integers(1, 10_000), CHANCE)
def test_no_rest_is_longer_than_about_an_hour(failures: int, chance: float) -> None:
    assert WAIT <= rest_until(0, failures, WAIT, chance) <= LONGEST_REST * WAIT * 1.2
