"""The rules of greetings."""

from storage.greetings import greetings

from chat.protocol.refusals import Refusal
from storage.ids import AccountId
from storage.store import Store


class TooWarm(Refusal):
    """A greeting with too many exclamation marks."""

    code, status, sentence = "too_warm", 409, "C’est trop chaleureux."


class Greetings:
    """Reads and keeps greetings."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def read(self, account: AccountId) -> str | None:
        """An account's greeting, or None."""
        return await self._store.database.read(lambda reader: greetings.read(reader, self._store.guard, account))

    async def keep(self, account: AccountId, text: str) -> None:
        """Save an account's greeting. Raises TooWarm."""
        if text.count("!") > 1:
            raise TooWarm
        store = self._store
        await store.database.write(lambda tx: greetings.keep(tx, store.guard, account, text, store.clock()))
