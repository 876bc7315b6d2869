"""What was found, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Finding", "Grade"]


class Grade(StrEnum):
    """How a step went."""

    FINE = "fine"
    DOUBTFUL = "doubtful"
    """It works, or may work, and something should be better."""
    WRONG = "wrong"
    """Letters do not leave, or answers do not arrive."""
    UNSEEN = "unseen"
    """It cannot be seen from here; the advice says who can."""


@dataclass(frozen=True)
class Finding:
    """One step: ``about`` the relay, the way back or the names; what was seen, and what to do, if anything."""

    about: str
    grade: Grade
    text: str
    advice: str = ""
