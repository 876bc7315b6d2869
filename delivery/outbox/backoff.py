"""When the next try is. Pure: time and chance are given."""

TRIES = 8
# For a relay that is away, in first waits: an hour, with the usual 450 s. Once it is back nobody waits longer than that.
LONGEST_REST = 8
JITTER = 0.2


def retry_at(now: int, attempts: int, first_wait: int, chance: float) -> int:
    """When a letter that was tried ``attempts`` times is tried again: doubling, with up to a fifth more by ``chance``.

    Times in ms; ``chance`` is from 0 to 1. The jitter only lengthens: the first wait is what the settings say, at least.
    """
    return now + _wait(2 ** (attempts - 1) * first_wait, chance)


def rest_until(now: int, failures: int, first_wait: int, chance: float) -> int:
    """How long all letters rest when the relay could not be reached ``failures`` times in a row."""
    return now + _wait(min(2 ** (failures - 1), LONGEST_REST) * first_wait, chance)


def _wait(wait: int, chance: float) -> int:
    return int(wait * (1 + JITTER * chance))
