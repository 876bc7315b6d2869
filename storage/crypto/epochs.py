"""Epochs: periods in which the same people hold the same keys of a thread.

An epoch has a random secret, from which its key pair and its message key derive; a roster, which says who may read it and
why; and a grant of the secret to each of them and to the recovery officer. Rosters are chained by their hashes and
authenticated by the root key; a grant is bound to its roster. A change of participants begins a new epoch.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from uuid import UUID

from storage.crypto.keyholes import AccountKey
from storage.crypto.primitives import (
    KEY_BYTES,
    Part,
    canonical,
    decrypt,
    encrypt,
    key_id,
    keyed_hash,
    parts_of,
    public_key_of,
    random_bytes,
    shared_key,
)
from storage.errors import Damaged
from storage.ids import AccountId, ThreadId

# The giver or bringer-in when it was the service itself, and the receiver of the officer's grant: no account has these ids.
THE_SERVICE = AccountId(UUID(int=0))
THE_OFFICER = AccountId(UUID(int=1))


@dataclass(frozen=True)
class Seat:
    """One participant's place in a roster: which of its keys may read, from which epoch on, and who brought it in."""

    account: AccountId
    generation: int
    public_key: bytes
    first_epoch: int
    joined_at: int
    brought_by: AccountId


@dataclass(frozen=True)
class Roster:
    """Who may read one epoch of a thread. Times in ms since 1970; ``previous`` is the hash of the previous roster, or empty.

    ``officer`` is the recovery officer's public key, or empty. ``giver_key`` is the public key that the grants come from:
    a participant's or the officer's, or an ephemeral one of the service's own (then ``giver`` is THE_SERVICE).
    """

    thread: ThreadId
    number: int
    previous: bytes
    first_seq: int
    began_at: int
    public_key: bytes
    officer: bytes
    giver: AccountId
    giver_key: bytes
    seats: tuple[Seat, ...]

    def encoded(self) -> bytes:
        """The bytes that are stored, hashed and authenticated."""
        parts: list[Part] = [self.thread, self.number, self.previous, self.first_seq, self.began_at]
        parts += [self.public_key, self.officer, self.giver, self.giver_key]
        for seat in self.seats:
            parts += [seat.account, seat.generation, seat.public_key, seat.first_epoch, seat.joined_at, seat.brought_by]
        return canonical(b"ailo.roster.1", *parts)

    @classmethod
    def decoded(cls, raw: bytes) -> "Roster":
        """Decode a roster. Raises Damaged when the bytes are not one."""
        return _decoded(raw)

    def hash(self) -> bytes:
        """What the next roster and each grant are bound to, 32 bytes."""
        return self._hash

    @cached_property
    def _hash(self) -> bytes:
        return keyed_hash(b"", b"ailo.roster.1", self.encoded())

    @property
    def is_of_a_participant(self) -> bool:
        """Whether a participant gave it. In any other epoch only the service writes, sealed to its public key."""
        return self.giver not in {THE_SERVICE, THE_OFFICER}

    def seat_of(self, account: AccountId) -> Seat | None:
        """The account's seat, or None when it may not read this epoch."""
        return next((seat for seat in self.seats if seat.account == account), None)

    def accounts(self) -> tuple[AccountId, ...]:
        """The participants."""
        return tuple(seat.account for seat in self.seats)


# The same rosters are decoded again and again, and are not secret: at most this many stay in memory, at 2 kB each.
@lru_cache(8_192)
def _decoded(raw: bytes) -> Roster:
    try:
        purpose, *parts = parts_of(raw)
        if purpose != b"ailo.roster.1" or len(parts) < 9 or (len(parts) - 9) % 6:
            raise ValueError
        seats = tuple(_seat(parts[at : at + 6]) for at in range(9, len(parts), 6))
        return Roster(
            thread=ThreadId(UUID(bytes=parts[0])),
            number=_int(parts[1]),
            previous=parts[2],
            first_seq=_int(parts[3]),
            began_at=_int(parts[4]),
            public_key=parts[5],
            officer=parts[6],
            giver=AccountId(UUID(bytes=parts[7])),
            giver_key=parts[8],
            seats=seats,
        )
    except ValueError:
        raise Damaged("a roster cannot be read") from None


def _seat(parts: list[bytes]) -> Seat:
    account, generation, public_key, first_epoch, joined_at, brought_by = parts
    who, by = AccountId(UUID(bytes=account)), AccountId(UUID(bytes=brought_by))
    return Seat(who, _int(generation), public_key, _int(first_epoch), _int(joined_at), by)


def _int(raw: bytes) -> int:
    return int.from_bytes(raw, "big")


@dataclass(frozen=True, repr=False)
class EpochSecret:
    """An epoch's 32 random bytes, and what is derived from them."""

    secret: bytes

    @classmethod
    def fresh(cls) -> "EpochSecret":
        return cls(random_bytes(KEY_BYTES))

    @property
    def private_key(self) -> bytes:
        """The half of the epoch's key pair that opens what the service sealed to the epoch."""
        return keyed_hash(self.secret, b"ailo.epoch-box.1")

    @property
    def public_key(self) -> bytes:
        return public_key_of(self.private_key)

    def message_key(self) -> "MessageKey":
        key = keyed_hash(self.secret, b"ailo.epoch-msg.1")
        return MessageKey(key, key_id(key))


@dataclass(frozen=True, repr=False)
class MessageKey:
    """The key of an epoch's messages, with its id stored alongside: it is needed for every one of them."""

    key: bytes
    id: bytes


def grant(secret: EpochSecret, giver_private_key: bytes, receiver_key: bytes, receiver: AccountId, roster: Roster) -> bytes:
    """Encrypt an epoch's secret from the giver's key pair to the receiver's, bound to the roster that allows it."""
    return encrypt(shared_key(giver_private_key, receiver_key), secret.secret, _grant_place(receiver, roster))


def open_grant(body: bytes, private_key: bytes, giver_key: bytes, receiver: AccountId, roster: Roster) -> EpochSecret:
    """Open a grant. Raises CannotOpen when it is not for this receiver and roster, or its secret is not the roster's."""
    secret = EpochSecret(decrypt(shared_key(private_key, giver_key), body, _grant_place(receiver, roster)))
    if secret.public_key != roster.public_key:
        raise Damaged("a grant does not contain the secret of its epoch")
    return secret


def grants_of(
    secret: EpochSecret, roster: Roster, giver_private_key: bytes, receivers: Iterable[tuple[AccountId, bytes]] | None = None
) -> dict[AccountId, bytes]:
    """A grant for everybody in the roster (or for ``receivers``: account and public key) and for the officer, by account."""
    everybody = [(seat.account, seat.public_key) for seat in roster.seats]
    if roster.officer:
        everybody.append((THE_OFFICER, roster.officer))
    chosen = everybody if receivers is None else receivers
    return {account: grant(secret, giver_private_key, key, account, roster) for account, key in chosen}


def _grant_place(receiver: AccountId, roster: Roster) -> bytes:
    return canonical(b"ailo.grant.1", roster.hash(), receiver, roster.number)


def ephemeral() -> AccountKey:
    """A key pair for grants that the service makes by itself: used once, kept nowhere."""
    return AccountKey.fresh(THE_SERVICE)
