"""The rules of mails: what waits is taken or discarded by its owner alone; the whole mail is for who may read its message."""

from chat.auth.access import Access
from chat.conversations.conversation import Accepted, Conversation
from chat.inbound.shapes import Original, WaitingMail
from chat.protocol.frames import MailsChanged, encode, moment
from chat.protocol.hub import Hub
from chat.protocol.refusals import NotAllowed, NotFound
from storage.accounts.accounts import Role
from storage.conversations import messages
from storage.conversations.service_posts import ServicePost
from storage.conversations.unlocked import Unlocked
from storage.engine.database import Reader
from storage.errors import CannotOpen
from storage.ids import AccountId, MessageId, ThreadId
from storage.inbound import originals, quarantine, reply_addresses
from storage.inbound.quarantine import Waiting
from storage.store import Store

__all__ = ["Mails"]


class Mails:
    """What participants may do about mails."""

    def __init__(self, store: Store, access: Access, conversation: Conversation, hub: Hub) -> None:
        self._store, self._access, self._conversation, self._hub = store, access, conversation, hub

    def tell(self, owner: AccountId, thread: ThreadId) -> None:
        """Tell an owner's pages that other mails wait in a thread."""
        self._hub.tell([owner], encode(MailsChanged(thread)))

    async def waiting(self, who: Unlocked, thread: ThreadId) -> list[WaitingMail]:
        """What waits for one's word in a thread, in the order in which it came. Raises NotFound."""
        found = await self._waiting(who, thread)
        return [
            WaitingMail(one.id, moment(one.came_at), one.mail.subject, one.mail.message, one.mail.attachments) for one in found
        ]

    async def take(self, who: Unlocked, thread: ThreadId, id_: MessageId) -> Accepted:
        """Post a mail that waits, as a message by e-mail. Raises NotFound, NotAllowed if it has no words, or Stalled."""
        one = next((one for one in await self._waiting(who, thread) if one.id == id_), None)
        if one is None:
            raise NotFound
        if not one.mail.words:
            raise NotAllowed
        is_of_member = who.account.role is Role.MEMBER
        post = ServicePost(thread, id_, "email", one.mail.message, who.account.id, waits=is_of_member, mail=one.mail)
        accepted = await self._conversation.post_from_service(post)
        await self._drop(who, thread, id_)
        return accepted

    async def discard(self, who: Unlocked, thread: ThreadId, id_: MessageId) -> None:
        """Remove a mail that waits. Raises NotFound."""
        if not await self._drop(who, thread, id_):
            raise NotFound

    async def original(self, who: Unlocked, thread: ThreadId, id_: MessageId) -> Original:
        """The whole mail behind a message that one may read. Raises NotFound."""

        async def read(reader: Reader) -> Original:
            _, least = await self._access.readable(reader, who, thread)
            try:
                message = await messages.by_id(reader, thread, id_)
                found = await originals.find(reader, thread, id_)
                if found is None or message is None or message.seq < least:
                    raise NotFound
                epoch = await who.epoch(reader, self._store.guard, thread, found.epoch)
                mail = originals.opened(self._store.guard, epoch.secret, found)
            except CannotOpen:
                raise NotFound from None
            return Original(mail.subject, mail.text, mail.attachments)

        return await self._store.database.read(read)

    async def revoke(self, who: Unlocked) -> None:
        """Take nothing more at the addresses of one's letters so far."""
        now = self._store.clock()
        await self._store.database.write(lambda tx: reply_addresses.revoke_all(tx, who.account.id, now))

    async def _waiting(self, who: Unlocked, thread: ThreadId) -> list[Waiting]:
        async def read(reader: Reader) -> list[Waiting]:
            await self._access.readable(reader, who, thread)
            return await quarantine.waiting(reader, who.key, thread)

        return await self._store.database.read(read)

    async def _drop(self, who: Unlocked, thread: ThreadId, id_: MessageId) -> bool:
        dropped = await self._store.database.write(lambda tx: quarantine.drop(tx, who.account.id, thread, id_))
        if dropped:
            self.tell(who.account.id, thread)
        return dropped
