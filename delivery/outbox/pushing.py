"""What a letter's attempt does about push: its reader's browsers are told as well, once, whatever becomes of the e-mail.

The attempt only notes that they are to be told (`delivery/jobs/pushes.py` tells them): so no push service that is slow or away
holds up an e-mail, and no e-mail that is tried again tells a browser again.
"""

from dataclasses import dataclass

from delivery.letters.kinds import Kind
from storage.engine.database import Reader
from storage.mail.letters import Claimed
from storage.push import subscriptions
from storage.store import Store

__all__ = ["Pushed", "Pushing", "tell_browsers"]


@dataclass(frozen=True)
class Pushed:
    """Told by push alone: there is no e-mail to send."""


@dataclass(frozen=True)
class Pushing:
    """How far a letter's reader is told by push: whether that was noted before, and whether they have a browser for it now."""

    is_noted: bool = False
    has_browser: bool = False

    @classmethod
    async def of(cls, reader: Reader, kind: Kind, letter: Claimed) -> "Pushing":
        """How it stands with this letter."""
        if not kind.is_pushed:
            return cls()
        return cls(letter.is_pushed, await subscriptions.has_any(reader, letter.account))

    @property
    def tells(self) -> bool:
        """Whether the reader learns of it without an e-mail."""
        return self.is_noted or self.has_browser

    @property
    def is_owed(self) -> bool:
        """Whether their browsers are still to be told."""
        return self.has_browser and not self.is_noted


async def tell_browsers(store: Store, letter: Claimed) -> None:
    """Note that all browsers of a letter's reader are to be told of it now."""
    now = store.clock()
    await store.database.write(lambda tx: subscriptions.tell_all(tx, letter.account, letter.id, now))
