"""What of a message waits to go out in letters: its text, for each member who takes part and chose to receive texts."""

from collections.abc import Iterable

from storage.accounts import accounts, preferences
from storage.accounts.accounts import Role
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
    choices = store.courier.choices
    if (known := choices.get(account)) is None:
        found = await store.database.read(lambda reader: _chose(reader, store, account))
        known = choices.setdefault(account, found)  # what was chosen while this was read is newer
    return known


async def _chose(reader: Reader, store: Store, account: AccountId) -> bool:
    """Whether an account chose to receive texts. Members only: what they write goes to no mailbox that others chose."""
    try:
        found = await accounts.by_id(reader, store.guard, account)
        wanted = (await preferences.find(reader, store.guard, account)).letters
    except CannotOpen:
        return False
    return found is not None and found.role is Role.MEMBER and wanted.texts and wanted.replies
