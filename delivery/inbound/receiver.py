"""What becomes of a mail that came to a reply address: posted, kept for its owner's word, dropped, or refused.

A mail is posted only if the relay vouches that it is from the account's own address. The message's id follows from the mail,
so that one that is delivered twice, or again after a crash, is posted once. Nothing is answered with a 2xx before it is on the
disk (RFC 5321, 4.2.5), and nothing of a mail is logged.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import uuid4

import msgspec

from delivery.inbound.authenticity import is_proven
from delivery.inbound.automatic import Writer, writer_of
from delivery.inbound.body import body_of
from delivery.inbound.bounces import Bounces
from delivery.inbound.headers import Headers, headers_of
from delivery.inbound.quotes import own_words
from delivery.inbound.trials import NoTrials, Trials, arrival_of
from delivery.letters.lesson.about import said
from delivery.letters.unposted.kind import KIND, Reason
from delivery.settings import DeliverySettings
from storage.accounts import accounts
from storage.accounts.accounts import Account, Role, Status
from storage.conversations.closest import Closest, closest
from storage.conversations.service_posts import ServicePost
from storage.engine.database import Reader, Transaction
from storage.errors import CannotOpen
from storage.ids import AccountId, ThreadId
from storage.inbound import quarantine, reply_addresses
from storage.inbound.bounce_addresses import Sending
from storage.inbound.quarantine import Owner
from storage.inbound.reply_addresses import ReplyAddress
from storage.inbound.whole_mail import WholeMail
from storage.mail import letters, refused_mailboxes
from storage.mail.letters import Letter
from storage.store import Store

__all__ = ["FULL", "LONGEST_MAIL", "TAKEN", "Posting", "Receiver", "Telling", "Verdict"]

log = logging.getLogger("ailo.delivery")

LONGEST_MAIL = 10 * 2**20

Posting = Callable[[ServicePost], Awaitable[bool]]
"""Posts what came by mail, and tells whoever is connected; False if its thread or its origin's part in it is gone."""

Telling = Callable[[AccountId, ThreadId], None]
"""Tells an account, where it is connected, that a mail waits for its word in a thread."""


@dataclass(frozen=True)
class Verdict:
    """What the relay is told: a reply code, and an enhanced one (RFC 3463) with a text."""

    code: int
    text: str

    @property
    def is_taken(self) -> bool:
        return 200 <= self.code < 300

    def __str__(self) -> str:
        return f"{self.code} {self.text}"


TAKEN = Verdict(250, "2.0.0 taken")
UNKNOWN = Verdict(550, "5.1.1 no such address")
ENDED = Verdict(550, "5.2.1 this address takes no more answers: please sign in to Ailo and write there")
NO_REPORT = Verdict(550, "5.1.1 nobody reads what comes to this address: please sign in to Ailo and write there")
FULL = Verdict(452, "4.2.2 too many mails wait for their owner: try again later")
LATER = Verdict(451, "4.3.0 cannot look this up now: try again later")


@dataclass(frozen=True, repr=False)
class _Mail:
    """A mail, taken apart."""

    headers: Headers
    whole: WholeMail
    known_by: bytes


@dataclass(frozen=True, repr=False)
class _To:
    """Whom a mail came for, and where it goes."""

    address: ReplyAddress
    thread: ThreadId
    account: Account
    mailbox: str


class Receiver:
    """Takes mails, one by one. ``post`` posts them, ``tell`` tells of those that wait: given where all is put together."""

    def __init__(
        self, store: Store, settings: DeliverySettings, post: Posting, tell: Telling, trials: Trials | None = None
    ) -> None:
        self._store, self._settings, self._post, self._tell = store, settings, post, tell
        self._bounces = Bounces(store)
        self._trials: Trials = trials or NoTrials()

    async def look_up(self, recipient: str) -> Verdict:
        """Whether a recipient's address is one of ours, before the mail itself is sent (RCPT)."""
        if self._sending(recipient) or self._is_trial(recipient):
            return TAKEN
        try:
            return TAKEN if await self._to(recipient) else UNKNOWN
        except CannotOpen:
            return LATER

    async def receive(self, sender: str, recipient: str, raw: bytes) -> Verdict:
        """Take a mail from an envelope sender (empty for ``<>``) to a recipient. Raises StorageError if it cannot be kept now."""
        if sending := self._sending(recipient):
            return await self._take_report(sending, sender, raw)
        if self._is_trial(recipient):
            return self._note_trial(self._local_part(recipient), raw)
        to = await self._to(recipient)
        if to is None:
            return UNKNOWN
        mail = await asyncio.to_thread(_taken_apart, raw)
        writer = writer_of(mail.headers, sender)
        if writer is Writer.MACHINE:
            log.info("a mail that a machine wrote was dropped")
            return TAKEN
        proven = self._is_proven(mail, to)
        if proven:
            await self._confirm_mailbox(to)
        if not to.address.is_good(self._store.clock()):
            return await self._not_posted(to, Reason.ENDED) if proven else ENDED
        to, mail = await self._with_lesson(to, mail)
        if not proven or writer is Writer.PERHAPS_AWAY:
            return await self._keep_for_owner(to, mail)
        return await self._take(to, mail)

    async def _with_lesson(self, to: _To, mail: _Mail) -> tuple[_To, _Mail]:
        """An answer to a lesson goes to whoever is closest now, and begins with the title: its conversation does not show it."""
        store, lesson = self._store, to.address.about
        if lesson is None:
            return to, mail

        async def read(reader: Reader) -> tuple[Closest | None, str]:
            found = await closest(reader, store.guard, to.account.id)
            return found, await said(reader, store.guard, lesson, to.account.locale)

        found, about = await store.database.read(read)
        thread = found.roster.thread if found else to.thread
        return replace(to, thread=thread), replace(mail, whole=msgspec.structs.replace(mail.whole, about=about))

    def _sending(self, recipient: str) -> Sending | None:
        """The sending of a letter that this address takes reports of."""
        return self._bounces.sending_of(self._local_part(recipient))

    def _is_trial(self, recipient: str) -> bool:
        return self._trials.is_one(self._local_part(recipient))

    def _note_trial(self, local_part: str, raw: bytes) -> Verdict:
        author, authserv_id = self._settings.mail_from.addr_spec, self._settings.inbound.authserv_id
        self._trials.note(local_part, arrival_of(raw, author, authserv_id))
        return TAKEN

    def _local_part(self, recipient: str) -> str:
        """What stands before the @ in an address of our domain; nothing for one of another."""
        local_part, _, domain = recipient.rpartition("@")
        return local_part if domain.lower() == self._settings.inbound.domain else ""

    async def _take_report(self, sending: Sending, sender: str, raw: bytes) -> Verdict:
        """A person who writes to the address of reports is told where to write; a machine that says it is away is not."""
        if await self._bounces.receive(sending, raw):
            return TAKEN
        headers = await asyncio.to_thread(headers_of, raw)
        return NO_REPORT if writer_of(headers, sender) is Writer.PERSON else TAKEN

    async def _to(self, recipient: str) -> _To | None:
        local_part = self._local_part(recipient)

        async def read(reader: Reader) -> _To | None:
            guard = self._store.guard
            found = await reply_addresses.find(reader, guard, local_part)
            account = await accounts.by_id(reader, guard, found.account) if found else None
            mailbox = await accounts.address_of(reader, guard, found.account) if found else None
            is_there = found and account and mailbox and account.status is Status.ACTIVE
            return _To(found, found.thread, account, mailbox) if is_there and found and account and mailbox else None

        return await self._store.database.read(read)

    def _is_proven(self, mail: _Mail, to: _To) -> bool:
        named = self._settings.inbound.authserv_id
        return named is not None and is_proven(mail.headers, to.mailbox, named)

    async def _take(self, to: _To, mail: _Mail) -> Verdict:
        if not mail.whole.words:
            return await self._not_posted(to, Reason.ATTACHMENTS if mail.whole.attachments else Reason.EMPTY)
        post = ServicePost(
            to.thread,
            to.address.message_id(mail.known_by),
            "email",
            mail.whole.message,
            to.account.id,
            waits=to.account.role is Role.MEMBER,
            mail=mail.whole,
        )
        if not await self._post(post):
            return await self._not_posted(to, Reason.GONE)
        log.info("a mail was posted in thread %s", to.thread)
        return await self._not_posted(to, Reason.ATTACHMENTS) if mail.whole.attachments else TAKEN

    async def _confirm_mailbox(self, to: _To) -> None:
        """Who writes from a mailbox has it: letters go to it again, should it have been refused."""
        store, account = self._store, to.account.id
        if await store.database.read(lambda reader: refused_mailboxes.refused_at(reader, store.guard, account)) is not None:
            await store.database.write(lambda tx: refused_mailboxes.lift(tx, store.guard, account, store.clock()))

    async def _keep_for_owner(self, to: _To, mail: _Mail) -> Verdict:
        account, thread, now = to.account, to.thread, self._store.clock()
        owner = Owner(account.id, thread, account.generation, account.public_key)

        async def work(tx: Transaction) -> Verdict:
            if await quarantine.is_full(tx, account.id):
                return FULL
            await quarantine.keep(tx, owner, to.address.message_id(mail.known_by), mail.whole, now)
            return TAKEN

        verdict = await self._store.database.write(work)
        log.info("a mail that nobody vouches for %s", "waits for its owner" if verdict is TAKEN else "was put off")
        if verdict is TAKEN:
            self._tell(account.id, thread)
        return verdict

    async def _not_posted(self, to: _To, reason: Reason) -> Verdict:
        """Tell the author, at most once a day for each reason, why a mail was not posted, or not all of it."""
        store, now, id_ = self._store, self._store.clock(), uuid4()
        day = datetime.fromtimestamp(now / 1000, UTC).date()
        letter = Letter(
            id=id_,
            account=to.account.id,
            kind="unposted",
            cause=f"{reason}/{day}",
            facts={"reason": reason.value, "group": letters.group_of(store.guard, to.account.id)},
            message_id=f"{id_.hex}@{self._settings.mail_from.domain}",
            due_at=now,
            not_after=KIND.not_after(now),
        )
        await store.database.write(lambda tx: letters.write(tx, store.guard, letter, now))
        return TAKEN


def _taken_apart(raw: bytes) -> _Mail:
    headers, body = headers_of(raw), body_of(raw)
    whole = WholeMail(own_words(body.text).strip(), body.text, headers.subject, body.attachments)
    return _Mail(headers, whole, _known_by(raw, headers))


def _known_by(raw: bytes, headers: Headers) -> bytes:
    """What a mail is recognised by when it comes again: its Message-ID, or all of it."""
    return headers.message_id.encode(errors="surrogateescape") if headers.message_id else raw
