"""What of a message waits to go out in letters: its text, for each member who takes part and chose to receive texts."""

from collections.abc import Iterable

from storage.accounts import accounts, preferences
from storage.crypto.sealing import Place
from storage.engine.database import Reader
from storage.errors import CannotOpen
from storage.ids import AccountId
from storage.mail import texts
from storage.store import Store


async def sealed_for(store: Store, others: Iterable[AccountId], place: Place, text: str) -> tuple[tuple[AccountId, bytes], ...]:
    """The text of a message that staff wrote, sealed by the courier key for each of the others who wants it."""
    now = store.clock()
    wanting = [account for account in others if await _wants(store, account)]
    return tuple((account, texts.sealed(store.courier, account, place.thread, place.id, text, now)) for account in wanting)


async def _wants(store: Store, account: AccountId) -> bool:
    if (known := store.courier.wants_texts(account)) is not None:
        return known
    found = await store.database.read(lambda reader: _chose(reader, store, account))
    store.courier.note_choice(account, wants_texts=found, is_new=False)
    return found


async def _chose(reader: Reader, store: Store, account: AccountId) -> bool:
    """Whether an account chose to receive texts, and may."""
    try:
        found = await accounts.by_id(reader, store.guard, account)
        wanted = (await preferences.find(reader, store.guard, account)).letters
    except CannotOpen:
        return False
    return found is not None and preferences.gets_texts(found.role, replies=wanted.replies, texts=wanted.texts)
