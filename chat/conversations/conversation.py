"""The rules of a conversation: post, read, type, resume, look back. No sockets here."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from msgspec import UNSET, structs

from chat.auth.access import Access
from chat.conversations.participants import Participants
from chat.conversations.shapes import ThreadEntry, plain
from chat.protocol import frames
from chat.protocol.frames import LONGEST_TEXT, Message, Participant, ReadMark, Types, moment
from chat.protocol.hub import Hub, Listener
from chat.protocol.refusals import NotAllowed, NotFound, TooLong
from storage.accounts.accounts import Role
from storage.conversations import letter_texts, messages, service_posts, threads
from storage.conversations.group_commit import GroupCommit, Marked, MarkRead, NotCommitted, Outcome, Post, Posted
from storage.conversations.messages import SealedMessage
from storage.conversations.service_posts import ServicePost
from storage.conversations.threads import Order, Thread
from storage.conversations.unlocked import OpenEpoch, Unlocked
from storage.crypto.epochs import THE_SERVICE
from storage.crypto.sealing import Place, seal, unseal
from storage.engine.database import Reader
from storage.errors import CannotOpen, Damaged, Stalled
from storage.ids import MessageId, ThreadId
from storage.store import Store

KIND_TEXT = "text"
KIND_BROKEN = "broken"

log = logging.getLogger("ailo.conversations.conversation")


@dataclass(frozen=True)
class Accepted:
    """A message is on disk. ``is_new`` is false if it already was."""

    message: Message
    is_new: bool


Answer = Accepted | NotFound | NotAllowed | Stalled


class Conversation:
    """What participants may do in their threads."""

    def __init__(self, store: Store, commits: GroupCommit, hub: Hub, access: Access, taking_part: Participants) -> None:
        self._store = store
        self._access = access
        self._participants = taking_part
        self._commits = commits
        self._hub = hub
        self._retries: set[asyncio.Task[None]] = set()

    # Posting

    async def post(
        self,
        who: Unlocked,
        thread: ThreadId,
        id_: MessageId,
        text: str,
        answer: Callable[[Answer], None],
        by: Listener | None = None,
    ) -> None:
        """Seal a text and queue it for the next commit, after which ``answer`` is called.

        Raises NotFound, TooLong, NotAllowed or Stalled if it cannot be queued.
        """
        if not text:
            raise NotAllowed
        if len(text) > LONGEST_TEXT:
            raise TooLong
        epoch = await self._access.latest(who, thread)
        place = Place(thread, epoch.roster.number, id_, who.account.id, KIND_TEXT)
        body = seal(epoch.message_key, text, place)
        is_of_member = who.account.role is Role.MEMBER
        texts = () if is_of_member else await letter_texts.sealed_for(self._store, epoch.others, place, text)
        item = Post(thread, place.epoch, id_, place.author, place.kind, body, epoch.others, waits=is_of_member, texts=texts)

        def done(outcome: Outcome) -> None:
            if outcome is NotCommitted.EPOCH_ENDED:
                self._again(who, thread, id_, text, answer, by)
            else:
                answer(self._answer(epoch, place, text, outcome, by))

        self._commits.put(item, done)

    def _again(
        self, who: Unlocked, thread: ThreadId, id_: MessageId, text: str, answer: Callable[[Answer], None], by: Listener | None
    ) -> None:
        """Seal a message again whose epoch has ended: for the present participants, if its author is still one of them."""

        async def retry() -> None:
            who.latest.pop(thread, None)
            try:
                await self.post(who, thread, id_, text, answer, by)
            except (NotFound, NotAllowed, Stalled) as refusal:
                answer(refusal)

        task = asyncio.create_task(retry())
        self._retries.add(task)
        task.add_done_callback(self._retries.discard)

    def _answer(self, epoch: OpenEpoch, place: Place, text: str, outcome: Outcome, by: Listener | None) -> Answer:
        """The answer for the sender, whatever happens: a browser that gets none waits, and does not try again."""
        try:
            return self._committed(epoch, place, text, outcome, by)
        except Exception as error:  # noqa: BLE001 (it is logged; the sender tries again, and gets the message then)
            log.error("could not announce the outcome of a message in thread %s: %s", place.thread, type(error).__name__)
            return Stalled("the outcome could not be announced")

    def _committed(self, epoch: OpenEpoch, place: Place, text: str, outcome: Outcome, by: Listener | None) -> Answer:
        if isinstance(outcome, Posted):
            message = Message(place.id, place.thread, outcome.seq, place.author, place.kind, moment(outcome.at), text)
            if outcome.is_new:
                frame = frames.encode(message)
                self._hub.tell_message(place.thread, outcome.seq, epoch.roster.accounts(), frame, by)
            return Accepted(message, outcome.is_new)
        if isinstance(outcome, Stalled):
            return outcome
        if outcome is NotCommitted.TAKEN:
            return NotAllowed()
        return Stalled("the thread was tampered with") if outcome is NotCommitted.BROKEN else NotFound()

    async def post_and_wait(self, who: Unlocked, thread: ThreadId, id_: MessageId, text: str) -> Accepted:
        """Post a message and wait for its commit. A repeated one is returned as it was first stored.

        Raises NotFound, TooLong, NotAllowed or Stalled.
        """
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        await self.post(who, thread, id_, text, lambda answer: None if future.done() else future.set_result(answer))
        answer = await future
        if not isinstance(answer, Accepted):
            raise answer
        return answer if answer.is_new else Accepted(await self._kept(who, thread, id_), is_new=False)

    async def post_from_service(self, post: ServicePost) -> Accepted:
        """Post a message from the service itself. Raises NotFound if nobody is there; CannotOpen or Stalled."""
        for _ in range(3):
            item = await self._prepared(post)
            outcome = await self._commits.commit(item) if item else NotCommitted.ABSENT
            if outcome is not NotCommitted.EPOCH_ENDED:
                break
        if item is None or outcome is NotCommitted.ABSENT:
            raise NotFound
        if not isinstance(outcome, Posted):
            raise Stalled("the message was not committed")
        message = Message(post.id, post.thread, outcome.seq, post.origin, post.kind, moment(outcome.at), post.text)
        if outcome.is_new:
            self._hub.tell_message(post.thread, outcome.seq, item.others, frames.encode(message), None)
        return Accepted(message, outcome.is_new)

    async def _prepared(self, post: ServicePost) -> Post | None:
        """The post to commit; what staff answer by mail also waits for the letters of those who chose to receive texts."""
        item = await self._store.database.read(lambda reader: service_posts.prepared(reader, self._store.guard, post))
        if item is None or post.mail is None or post.waits:
            return item
        others = [account for account in item.others if account != post.origin]
        place = Place(item.thread, item.epoch, item.id, item.author, item.kind)
        return structs.replace(item, texts=await letter_texts.sealed_for(self._store, others, place, post.text))

    async def must_take_part(self, who: Unlocked, thread: ThreadId) -> None:
        """Raise NotFound unless ``who`` takes part in the thread."""
        await self._access.latest(who, thread)

    async def _kept(self, who: Unlocked, thread: ThreadId, id_: MessageId) -> Message:
        async def read(reader: Reader) -> Message:
            kept = await messages.by_id(reader, thread, id_)
            linked = await messages.linked(reader, self._store.guard, thread, kept.seq) if kept else None
            if linked is None:
                raise NotFound
            return await self._opened(reader, who, linked)

        return await self._store.database.read(read)

    # Reading and typing

    async def mark_read(self, who: Unlocked, thread: ThreadId, seq: int, by: Listener | None = None) -> None:
        """Advance one's read mark to ``seq`` and notify the others. Raises NotFound, NotAllowed (beyond the end) or Stalled."""
        for _ in range(3):
            epoch = await self._access.latest(who, thread)
            outcome = await self._commits.commit(MarkRead(thread, epoch.roster.number, who.account.id, seq))
            if outcome is not NotCommitted.EPOCH_ENDED:
                break
            who.latest.pop(thread, None)
        if outcome is NotCommitted.BEYOND_END:
            raise NotAllowed
        if not isinstance(outcome, Marked):
            raise NotFound
        if outcome.has_moved:
            self._hub.tell(epoch.roster.accounts(), frames.encode(ReadMark(thread, who.account.id, outcome.seq)), except_for=by)

    async def type_in(self, who: Unlocked, thread: ThreadId) -> None:
        """Notify the others that ``who`` is typing. Nothing is stored. Raises NotFound."""
        epoch = await self._access.latest(who, thread)
        self._hub.tell(epoch.others, frames.encode(Types(thread, who.account.id)))

    # Looking back

    async def before(self, who: Unlocked, thread: ThreadId, seq: int | None, limit: int) -> list[Message]:
        """The newest ``limit`` messages below ``seq`` (of all messages if it is None), ascending. Raises NotFound."""

        async def read(reader: Reader) -> list[Message]:
            stands, least = await self._access.readable(reader, who, thread)
            below = stands.last_seq + 1 if seq is None else seq
            rows = await messages.before(reader, self._store.guard, thread, below, limit, least)
            found = await self._all_opened(reader, who, rows)
            has_end = below > stands.last_seq >= least
            return [*found, _lost(stands)][-limit:] if has_end and _is_cut_off(stands, rows) else found

        return await self._store.database.read(read)

    async def after(self, who: Unlocked, thread: ThreadId, seq: int, limit: int) -> tuple[list[Message], int]:
        """At most ``limit`` messages above ``seq``, ascending, and the thread's last number. Raises NotFound."""

        async def read(reader: Reader) -> tuple[list[Message], int]:
            stands, least = await self._access.readable(reader, who, thread)
            rows = await messages.after(reader, self._store.guard, thread, seq, limit, least)
            there = [row for row in rows if row.seq <= stands.last_seq]
            if len(there) < len(rows):
                log.error("alert: thread %s has messages beyond its end", thread)
            return await self._all_opened(reader, who, there), stands.last_seq

        return await self._store.database.read(read)

    async def existing(self, ids: Iterable[bytes]) -> set[bytes]:
        """Those among ``ids`` (16 bytes each) that are ids of threads, whoever may see them."""
        return await self._store.database.read(lambda reader: threads.existing(reader, list(ids)))

    async def _opened(self, reader: Reader, who: Unlocked, row: SealedMessage) -> Message:
        return (await self._all_opened(reader, who, [row]))[0]

    async def _all_opened(self, reader: Reader, who: Unlocked, rows: list[SealedMessage]) -> list[Message]:
        """Unseal messages of one thread. Their epochs are unlocked first, each once; the rest is done per message."""
        epochs: dict[int, OpenEpoch | None] = {}
        for row in rows:
            if row.is_linked and row.epoch not in epochs:
                epochs[row.epoch] = await self._epoch(reader, who, row)
        return [self._message(row, epochs.get(row.epoch) if row.is_linked else None) for row in rows]

    async def _epoch(self, reader: Reader, who: Unlocked, row: SealedMessage) -> OpenEpoch | None:
        try:
            return await who.epoch(reader, self._store.guard, row.thread, row.epoch)
        except CannotOpen:
            return None

    def _message(self, row: SealedMessage, epoch: OpenEpoch | None) -> Message:
        """Unseal one message. One that was tampered with is shown as broken, without its text, and raises the alarm."""
        try:
            text = self._text(row, epoch) if epoch else None
        except CannotOpen:
            text = None
        if text is None:
            log.error("alert: message %d of thread %s failed verification", row.seq, row.thread)
        kind = row.kind if text is not None else KIND_BROKEN
        return Message(row.id, row.thread, row.seq, row.author, kind, moment(row.at), text or "")

    def _text(self, row: SealedMessage, epoch: OpenEpoch) -> str:
        if row.kind == KIND_TEXT:
            # Nobody writes in an epoch that no participant began: the service made its secret, and could have made up the text.
            if not epoch.is_of_a_participant:
                raise Damaged("a message is in an epoch in which nobody writes")
            return unseal(epoch.message_key, row.body, row)
        return service_posts.unsealed(self._store.guard, epoch.secret, row)

    # The list

    async def entries(self, who: Unlocked, order: Order, after: ThreadId | None) -> list[ThreadEntry]:
        """One page of somebody's threads. Raises NotFound if ``after`` is not one of theirs."""

        async def read(reader: Reader) -> list[ThreadEntry]:
            last = (await self._access.readable(reader, who, after))[0] if after else None
            page = await threads.list_of(reader, self._store.guard, who.account.id, order, last)
            return await self._entries(reader, who, page)

        return await self._store.database.read(read)

    async def _entries(self, reader: Reader, who: Unlocked, page: list[Thread]) -> list[ThreadEntry]:
        """The entries of a page that can be read. What one statement can fetch for all of them is fetched at once."""
        shown = await self._access.readable_among(reader, who, page)
        latest = {thread.id: who.rosters(thread.id)[-1] for thread, _ in shown}
        present = await self._participants.participants_of(reader, latest, who.account.role)
        return [await self._entry(reader, who, thread, least, present[thread.id]) for thread, least in shown]

    async def _entry(
        self, reader: Reader, who: Unlocked, thread: Thread, minimum: int, present: list[Participant]
    ) -> ThreadEntry:
        id_ = thread.id
        last = await messages.before(reader, self._store.guard, id_, thread.last_seq + 1, 1, max(minimum, thread.last_seq))
        mine = next((one.read_seq for one in present if one.id == who.account.id), 0)
        return ThreadEntry(
            id=id_,
            participants=present,
            last_seq=thread.last_seq,
            read_seq=mine,
            unread=thread.last_seq - mine,
            waiting_since=moment(thread.waiting_since) if thread.waiting_since is not None else None,
            last=plain(await self._opened(reader, who, last[0])) if last else None,
            closed_at=UNSET if thread.closed_at is None else moment(thread.closed_at),
        )


def _is_cut_off(thread: Thread, rows: list[SealedMessage]) -> bool:
    """Whether the newest of these messages is not the last one acknowledged: somebody removed the end."""
    return thread.last_seq > 0 and (not rows or rows[-1].link != thread.last_link)


def _lost(thread: Thread) -> Message:
    """The placeholder for a last message that is gone."""
    log.error("alert: message %d of thread %s, its last, is missing or failed verification", thread.last_seq, thread.id)
    return Message(MessageId(thread.id), thread.id, thread.last_seq, THE_SERVICE, KIND_BROKEN, moment(thread.last_at), "")
