"""What was found, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["NAMES", "RELAY", "WAY_BACK", "About", "Finding", "Grade"]


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


@dataclass(frozen=True)
class About:
    """What a step is about, and its findings."""

    name: str

    def fine(self, text: str, advice: str = "") -> Finding:
        """It is as it should be."""
        return Finding(self.name, Grade.FINE, text, advice)

    def doubtful(self, text: str, advice: str = "") -> Finding:
        """It should be better."""
        return Finding(self.name, Grade.DOUBTFUL, text, advice)

    def wrong(self, text: str, advice: str) -> Finding:
        """It does not work."""
        return Finding(self.name, Grade.WRONG, text, advice)

    def unseen(self, text: str, advice: str = "") -> Finding:
        """It cannot be seen from here."""
        return Finding(self.name, Grade.UNSEEN, text, advice)


RELAY, WAY_BACK, NAMES = About("relay"), About("way back"), About("names")
