"""One attempt at one letter: check that it is still worth sending, compose it, hand it to the transport. Records nothing."""

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.headerregistry import Address

from delivery.errors import NoSuchLetter
from delivery.letters.addresses import mailable
from delivery.letters.compose import Envelope, compose, write
from delivery.letters.kinds import Answered, Kind, Source, kind_named
from delivery.outbox.backoff import TRIES
from delivery.outbox.budget import Today, most_for, today_of
from delivery.outbox.domains import AGAIN, OF_DOMAIN, DomainLimits
from delivery.outbox.pushing import Pushed, Pushing, tell_browsers
from delivery.outbox.together import Together
from delivery.quiet_hours import silence_until
from delivery.settings import DeliverySettings
from delivery.transports.transport import Later, Outcome, Rejected, Transport
from storage.accounts import accounts, preferences
from storage.accounts.accounts import Account, Role, Status
from storage.accounts.preferences import Letters
from storage.engine.database import Reader, Transaction
from storage.errors import Damaged, WrongKey
from storage.inbound import bounce_addresses, reply_addresses
from storage.inbound.bounce_addresses import Sending
from storage.mail import refused_mailboxes, unsubscribing
from storage.mail.letters import NO_MAILBOX, Claimed
from storage.store import Store

__all__ = ["Attempt", "Dropped", "Ending", "Held"]

# Longer than all timeouts of a transport added up: an attempt cut short leaves the letter's fate unknown.
SEND_SECONDS = 45 * 60.0


@dataclass(frozen=True)
class Dropped:
    """No longer worth sending."""

    reason: str


@dataclass(frozen=True)
class Held:
    """Not attempted: it must not leave before then (ms since 1970), and why."""

    until: int
    reason: str = "quiet hours"


Ending = Outcome | Dropped | Held | Pushed


@dataclass(frozen=True, repr=False)
class _Reader:
    """The recipient of a letter, why it is no longer worth sending, and why not by e-mail (None if it is); what they chose, their
    day so far, how far they are told by push, what the bodies need from the store, and where an answer goes.
    """

    account: Account
    address: str
    why_not: str | None
    why_no_mail: str | None
    wanted: Letters
    today: Today
    push: Pushing
    read: Mapping[str, object]
    answered: Answered | None


@dataclass(frozen=True, repr=False)
class Attempt:
    """An attempt at one letter."""

    store: Store
    post: Transport
    settings: DeliverySettings
    letter: Claimed
    seconds: float = SEND_SECONDS
    # What reads the store for several workers at once; None reads for this one.
    together: Together[Reader] | None = None
    # What all workers know of each domain; None for no limits.
    limits: DomainLimits | None = None

    async def make(self) -> Ending:
        """Make the attempt. Never raises except when cancelled: a letter that fails in an unforeseen way waits like any other."""
        try:
            return self._stale() or await self._look_again_and_send()
        except Damaged:
            return Rejected("damaged")
        except NoSuchLetter:
            return Rejected("unknown kind")
        except WrongKey:
            return Later("its key is not in the keyring")
        except TimeoutError:
            return Later("timed out")
        except Exception as error:  # noqa: BLE001 (it must not stop the letters behind it, and its text may contain an address)
            return Later(f"failed: {type(error).__name__}")

    def _stale(self) -> Dropped | None:
        if self.letter.attempts > TRIES:
            return Dropped("too many attempts")
        if self.letter.not_after is not None and self.store.clock() > self.letter.not_after:
            return Dropped("too late")
        return None

    async def _look_again_and_send(self) -> Ending:
        kind, facts = kind_named(self.letter.kind), self.letter.facts(self.store.guard)
        reader = await self._reader(kind, facts)
        if reader is None or reader.account.status is not Status.ACTIVE:
            return Dropped("the account is closed")
        if why_not := reader.why_not or (None if reader.push.tells else reader.why_no_mail):
            return Dropped(why_not)
        if held := self._held(reader, kind):
            return held
        if reader.push.is_owed:
            await tell_browsers(self.store, self.letter)
        return Pushed() if reader.why_no_mail else await self._send(reader, kind, facts)

    def _held(self, reader: _Reader, kind: Kind) -> Held | Dropped | None:
        """Until when the letter must wait: for the end of quiet hours, or for room among the day's letters."""
        now = self.store.clock()
        if (until := self._quiet_until(reader, kind, now)) is not None:
            return Held(until)
        if reader.account.role is not Role.MEMBER:
            return None  # staff are told of what members write: that is their work
        most = most_for(reader.wanted, self.store.settings.letters_a_day)
        if (room := reader.today.room_at(kind, most, now)) is None:
            return None
        until = self._quiet_until(reader, kind, room[0]) or room[0]
        if self.letter.not_after is not None and until > self.letter.not_after:
            return Dropped(f"too late once there is room: {room[1]}")
        return Held(until, room[1])

    def _quiet_until(self, reader: _Reader, kind: Kind, at: int) -> int | None:
        return None if kind.is_urgent else silence_until(reader.wanted, reader.account.time_zone, at)

    async def _reader(self, kind: Kind, facts: Mapping[str, str]) -> _Reader | None:
        async def read(reader: Reader) -> _Reader | None:
            account = await accounts.by_id(reader, self.store.guard, self.letter.account)
            address = await accounts.address_of(reader, self.store.guard, self.letter.account)
            if account is None or address is None:
                return None
            wanted = (await preferences.find(reader, self.store.guard, account.id)).letters
            today = await today_of(reader, account.id, account.time_zone, self.store.clock())
            why_not = await kind.why_not(reader, account.id, facts)
            why_no_mail = await self._why_no_mail(reader, kind, wanted)
            push = await Pushing.of(reader, kind, self.letter)
            source = self._source(reader, account, wanted)
            read = await kind.read(source, facts) if kind.read else None
            answered = await kind.answered(source, facts) if self.settings.inbound.domain else None
            return _Reader(account, address, why_not, why_no_mail, wanted, today, push, read or {}, answered)

        return await (self.together or self.store.database.read)(read)

    async def _why_no_mail(self, reader: Reader, kind: Kind, wanted: Letters) -> str | None:
        if await refused_mailboxes.refused_at(reader, self.store.guard, self.letter.account) is not None:
            return NO_MAILBOX
        return None if kind.is_wanted(wanted) else "no longer wanted"

    def _source(self, reader: Reader, account: Account, wanted: Letters) -> Source:
        # No text goes to a Maildir: a file that anybody may read who has the disk. The example is there to be looked at.
        courier = self.store.courier if self.settings.relay or self.store.is_example else None
        return Source(reader, self.store.guard, account.id, account.locale, wanted, courier, self.store.clock())

    async def _send(self, reader: _Reader, kind: Kind, facts: Mapping[str, str]) -> Ending:
        recipient = mailable(reader.address)
        if recipient is None:
            return Rejected("address")
        if (until := self._no_room_until(recipient, kind)) is not None:
            return Held(until, OF_DOMAIN)
        values = {**kind.values(facts), **reader.read}
        envelope = self._envelope(reader.account, recipient, facts["group"], values)
        envelope = replace(envelope, unsubscribe=await self._way_off(kind), reply_to=await self._way_back(reader.answered))
        # What is written fast is remembered line by line, as most letters are alike: no text of a message must be.
        message = compose(envelope) if values.get("texts") else write(envelope)
        async with asyncio.timeout(self.seconds):
            return await self.post.send(message, recipient, self._way_of_reports())

    def _no_room_until(self, recipient: str, kind: Kind) -> int | None:
        """When there is room again for what goes to the recipient's domain; None if there is now."""
        domain, of = recipient.rpartition("@")[2], AGAIN if self.letter.attempts > 1 else kind.rank
        return self.limits.hold_until(domain, self.letter.id, of, self.store.clock()) if self.limits else None

    async def _way_off(self, kind: Kind) -> str | None:
        """The address by which the recipient leaves the list of this kind, if it has one; the same in each letter."""
        if (name := kind.list_name) is None:
            return None
        store, account = self.store, self.letter.account
        token = await store.database.read(lambda reader: unsubscribing.token_of(reader, store.guard, account, name))
        if token is None:
            token = await store.database.write(lambda tx: unsubscribing.make_token(tx, store.guard, account, name))
        return f"{self.settings.link}unsubscribe/{urlsafe_b64encode(token).decode()}"

    async def _way_back(self, answered: Answered | None) -> Address | None:
        """Where an answer goes: another address each time the letter is attempted, as an address is kept by its hash alone."""
        domain = self.settings.inbound.domain
        if domain is None or answered is None:
            return None
        store, account, now = self.store, self.letter.account, self.store.clock()

        async def make(tx: Transaction) -> str:
            return await reply_addresses.make(tx, store.guard, account, answered.thread, now, answered.about)

        return Address(self.settings.mail_from.display_name, await store.database.write(make), domain)

    def _way_of_reports(self) -> str | None:
        """The envelope's sender, to which delivery reports come; None for the usual one, where none can come in."""
        domain, sending = self.settings.inbound.domain, Sending(self.letter.id, self.letter.due_at)
        return None if domain is None else f"{bounce_addresses.make(self.store.guard, sending)}@{domain}"

    def _envelope(self, account: Account, recipient: str, group: str, values: Mapping[str, object]) -> Envelope:
        return Envelope(
            kind=self.letter.kind,
            sender=self.settings.mail_from,
            recipient=recipient,
            first_name=account.first_name,
            locale=account.locale,
            message_id=self.letter.message_id,
            group=group,
            at=self.letter.written_at,
            link=f"{self.settings.link}{kind_named(self.letter.kind).page}",
            values=values,
        )
