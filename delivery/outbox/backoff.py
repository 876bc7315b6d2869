"""When to try again. Pure: the time and the random number are passed in."""

TRIES = 8
# For an unreachable relay, in multiples of the first wait: an hour with the usual 450 s. No letter waits longer once it is back.
LONGEST_REST = 8
JITTER = 0.2


def retry_at(now: int, attempts: int, first_wait: int, chance: float) -> int:
    """When to retry a letter after ``attempts`` attempts: waits double, with up to a fifth more by ``chance``.

    Times in ms; ``chance`` is from 0 to 1. The jitter only lengthens: the first wait is at least what the settings say.
    """
    return now + _wait(2 ** (attempts - 1) * first_wait, chance)


def rest_until(now: int, failures: int, first_wait: int, chance: float) -> int:
    """Until when all letters rest after ``failures`` failures of the relay in a row."""
    return now + _wait(min(2 ** (failures - 1), LONGEST_REST) * first_wait, chance)


def _wait(wait: int, chance: float) -> int:
    return int(wait * (1 + JITTER * chance))
