"""One's own sessions: list them, end one, end all others. An ended session's open pages are signed out at once."""

from uuid import UUID

from chat.accounts.shapes import OwnSession
from chat.auth.sign_in import SignedIn
from chat.protocol.frames import moment
from chat.protocol.hub import Hub
from chat.protocol.refusals import NotFound
from storage.accounts import sessions
from storage.accounts.sessions import Known
from storage.engine.database import Reader, Transaction
from storage.store import Store


class SessionsOfOne:
    """The sessions of the account that asks; those of others do not exist for it."""

    def __init__(self, store: Store, hub: Hub) -> None:
        self._store = store
        self._hub = hub

    async def all(self, who: SignedIn) -> list[OwnSession]:
        """Where somebody is signed in, newest first."""
        found = await self._store.database.read(lambda reader: self._known(reader, who))
        return [
            OwnSession(one.handle, moment(one.began_at), moment(one.seen_at), one.device or None, one.id == who.session_id)
            for one in found
        ]

    async def end(self, who: SignedIn, handle: UUID) -> bool:
        """End one of one's own sessions; return whether it was the one that asks. Raises NotFound."""

        async def write(tx: Transaction) -> bytes:
            found = [one.id for one in await self._known(tx, who) if one.handle == handle]
            if not found or not await sessions.end(tx, found[0]):
                raise NotFound
            return found[0]

        ended = await self._store.database.write(write)
        self._hub.sign_out(who.unlocked.account.id, ended)
        return ended == who.session_id

    async def end_others(self, who: SignedIn) -> None:
        """End all sessions but the one that asks."""
        account = who.unlocked.account.id
        await self._store.database.write(lambda tx: sessions.end_all(tx, account, except_for=who.session_id))
        self._hub.end_others(account, who.session_id)

    async def _known(self, reader: Reader, who: SignedIn) -> list[Known]:
        account, store = who.unlocked.account, self._store
        return await sessions.of_account(reader, store.guard, account.id, account.generation, store.clock())
