"""Signing in and out: passwords, sessions, known devices, and the limits on guessing.

One Argon2id computation proves the password and unlocks the account's key. An unknown address costs the same as a known one
and gets the same answer. An attempt counts as a failure before the computation, so that parallel guesses cannot evade the
limit; if it is never computed, the failure is taken back.
"""

import asyncio
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TypeVar

from chat.auth.access import Access
from chat.auth.last_seen import Seen
from chat.auth.limits import SlowDown
from chat.auth.passwords.guesses import Counted, Guesses
from chat.auth.passwords.stretching import Asker, Stretching, known, signed_in, stranger
from chat.protocol.hub import Hub
from chat.security_events import SecurityEvent, record
from storage.accounts import accounts, sessions
from storage.accounts.accounts import Account, Keyhole, Status
from storage.accounts.sessions import About, Session, day_of, guard_about
from storage.conversations.participants import Change
from storage.conversations.unlocked import Unlocked
from storage.crypto import keyholes
from storage.crypto.keyholes import AccountKey, Cookie, PasswordKeyhole, Stretched
from storage.crypto.primitives import random_bytes
from storage.engine.database import Reader, Transaction
from storage.errors import CannotOpen, Superseded
from storage.ids import AccountId
from storage.rekeying import renewal
from storage.store import SESSION_MS, Store, profile_of

T = TypeVar("T")

DEVICE_MS = timedelta(days=365) // timedelta(milliseconds=1)
DEVICE_ID_BYTES = 16
DEVICE_HEAD_BYTES = DEVICE_ID_BYTES + 8


class WrongCredentials(Exception):
    """No such account, or not its password: the answer does not reveal which."""


@dataclass(frozen=True, repr=False, slots=True)
class SignedIn:
    """The session and the unlocked account behind a valid cookie."""

    session_id: bytes
    unlocked: Unlocked


@dataclass(frozen=True, repr=False)
class Granted:
    """A sign-in that succeeded: the account, and the values of its two cookies."""

    account: Account
    cookie: str
    device: str


@dataclass(frozen=True, repr=False)
class Attempt:
    """An attempt to sign in: the credentials given, the device's cookie if any, the network it comes from (``network_of``),
    the kind of device to list the session under ("Firefox, Linux", or nothing), and whether the client has disconnected."""

    email: str
    password: str
    device: str
    remote: str
    kind: str = ""
    is_gone: Callable[[], bool] = lambda: False


@dataclass(frozen=True, repr=False)
class _Target:
    """What an attempt is checked against; a decoy if there is no such account."""

    account: Account | None
    keyhole: PasswordKeyhole


class SignIns:
    """Opens and ends sessions."""

    def __init__(self, store: Store, access: Access, hub: Hub) -> None:
        self._store = store
        self._access = access
        self._hub = hub
        self.guesses = Guesses()
        self.seen = Seen(store)
        self.pool = Stretching()

    def close(self) -> None:
        """Shut down the pool's threads."""
        self.pool.close()

    async def sign_in(self, attempt: Attempt) -> Granted:
        """Check a password and begin a session. Raises WrongCredentials, SlowDown, or Gone if the client has disconnected."""
        who = self._who(attempt.email)
        if not attempt.device:
            self.guesses.check(who, attempt.remote)
        target = await self._store.database.read(lambda reader: self._target(reader, attempt.email))
        counted = self.guesses.sign_in(who, attempt.remote, self._known_device(attempt.device, target.account))
        stretched = await self._stretch(self._asker(attempt, counted), attempt.password, target.keyhole, counted)
        key = self._opened(target, stretched)
        if key is None or target.account is None:
            self._failed(target.account, counted)
            raise SlowDown(counted.wait) if counted.wait else WrongCredentials
        counted.succeeded()
        try:
            key = await self._renewed(target.account, key, target.keyhole, stretched)
            return await self.begin(target.account, key, stretched, attempt.kind)
        except Superseded:  # the key was renewed or the password changed meanwhile: retry with the current ones
            return await self.sign_in(attempt)

    def _asker(self, attempt: Attempt, counted: Counted) -> Asker:
        who = self._who(attempt.email)
        return known(who, attempt.is_gone) if counted.is_known else stranger(attempt.remote, who, attempt.is_gone)

    def _failed(self, account: Account | None, counted: Counted) -> None:
        id_ = account.id if account else None
        record(SecurityEvent.SIGN_IN_FAILED, id_)
        if counted.shuts:
            record(SecurityEvent.ACCOUNT_SHUT, id_)

    async def _renewed(self, account: Account, key: AccountKey, keyhole: PasswordKeyhole, stretched: Stretched) -> AccountKey:
        """The account's key; a new one if a renewal was requested (after an intrusion)."""
        store = self._store
        if not await store.database.read(lambda reader: accounts.is_renewal_due(reader, account.id)):
            return key
        new = AccountKey.fresh(account.id, account.generation + 1)
        row = Keyhole(keyhole.profile, new.generation, keyholes.guard_again(store.guard, new, keyhole, stretched))
        now = store.clock()

        async def write(tx: Transaction) -> list[Change]:
            await self._check_still_proved(tx, key, stretched)
            return await renewal.renew(tx, store.guard, account, key, new, row, now)

        self.renewed(account.id, await store.database.write(write))
        return new

    def renewed(self, account: AccountId, changes: list[Change], except_for: bytes = b"") -> None:
        """Note that an account has a new key: cached epochs of its threads are out of date, and its other sessions end."""
        record(SecurityEvent.KEY_RENEWED, account)
        for change in changes:
            self._access.note(change)
        self._hub.end_others(account, except_for)

    async def prove(self, account: Account, password: str) -> PasswordKeyhole:
        """Check the password of an account that is signed in. Raises WrongCredentials, SlowDown or Superseded.

        The transaction that relies on it must call ``check_still_proved`` with the keyhole: the password, the key or the
        session may have changed meanwhile.
        """
        row = await self._store.database.read(lambda reader: accounts.password_keyhole(reader, account.id))
        if row is None:
            raise WrongCredentials
        if row.generation != account.generation:
            raise Superseded("the account's key has changed in the meantime")
        keyhole = keyholes.unguard_password(self._store.guard, row.body, account.id, row.profile, account.generation)
        counted = self.guesses.proof(account.id)
        stretched = await self._stretch(signed_in(account.id), password, keyhole, counted)
        if not keyholes.fits(keyhole, stretched):
            record(SecurityEvent.SIGN_IN_FAILED, account.id)
            raise WrongCredentials
        counted.succeeded()
        return keyhole

    async def check_still_proved(self, tx: Transaction, who: SignedIn, proved: PasswordKeyhole) -> None:
        """Raise Superseded unless the session is still valid, WrongCredentials unless the password is still ``proved``."""
        key = who.unlocked.key
        session = await sessions.find(tx, who.session_id, self._store.clock())
        if session is None or session.generation != key.generation:
            raise Superseded("the session has ended")
        if await self._password_of(tx, key) != proved:
            raise WrongCredentials

    async def _target(self, reader: Reader, email: str) -> _Target:
        guard = self._store.guard
        try:
            account = await accounts.by_address(reader, guard, email)
            row = await accounts.password_keyhole(reader, account.id) if account else None
            if account and row and account.status is Status.ACTIVE:
                return _Target(account, keyholes.unguard_password(guard, row.body, account.id, row.profile, account.generation))
        except CannotOpen:
            pass  # a row that was tampered with is treated as missing
        return _Target(None, keyholes.decoy(profile_of(self._store)))

    def _who(self, email: str) -> bytes:
        return self._store.guard.address_index(email)

    async def _stretch(self, asker: Asker, password: str, keyhole: PasswordKeyhole, counted: Counted) -> Stretched:
        """Compute when it is the asker's turn. If it is never computed, it does not count as a failure."""
        work = partial(keyholes.stretch, password, keyhole.salt, keyhole.profile)
        return await self.pool.compute(asker, work, counted.take_back)

    async def compute(self, account: AccountId, work: Callable[[], T]) -> T:
        """Compute Argon2id for an account that is signed in. Raises SlowDown."""
        spent = self.guesses.computation(account)
        return await self.pool.compute(signed_in(account), work, spent.take_back)

    def _opened(self, target: _Target, stretched: Stretched) -> AccountKey | None:
        account = target.account
        if not keyholes.fits(target.keyhole, stretched) or account is None:
            return None
        try:
            opening = keyholes.Opening(account.id, account.generation, account.public_key)
            return keyholes.open_password(target.keyhole, stretched, opening)
        except CannotOpen:
            return None

    async def begin(self, account: Account, key: AccountKey, proved: Stretched | None = None, kind: str = "") -> Granted:
        """Begin a session for an authenticated account, on a ``kind`` of device. If it has too many, the oldest end.

        Raises Superseded if the password ``proved`` is no longer the current one: a change ends all sessions, this one too.
        """
        store, cookie = self._store, Cookie.fresh()
        now = store.clock()
        pepper_id, pepper = await asyncio.to_thread(store.peppers.current, now)
        body = keyholes.guard_session(store.guard, cookie, pepper, key, now + SESSION_MS)
        about = guard_about(store.guard, cookie.session, account.id, now, About(kind, day_of(now)))
        session = Session(cookie.session, account.id, key.generation, pepper_id, body, now, now + SESSION_MS, about)

        async def write(tx: Transaction) -> list[bytes]:
            await self._check_still_proved(tx, key, proved)
            return await sessions.begin(tx, session)

        for ended in await store.database.write(write):
            self._hub.sign_out(account.id, ended)
            record(SecurityEvent.SESSION_CROWDED_OUT, account.id)
        self.seen.know(session.id)
        record(SecurityEvent.SIGNED_IN, account.id)
        return Granted(account, urlsafe_b64encode(cookie.secret).decode(), self._device_cookie(account, key.generation))

    async def _check_still_proved(self, tx: Transaction, key: AccountKey, proved: Stretched | None) -> None:
        account = await accounts.by_id(tx, self._store.guard, key.account)
        if account is None or account.status is not Status.ACTIVE or account.public_key != key.public_key:
            raise Superseded("the account has changed in the meantime")
        if proved and not keyholes.fits(await self._password_of(tx, key), proved):
            raise Superseded("the account's password has changed in the meantime")

    async def _password_of(self, reader: Reader, key: AccountKey) -> PasswordKeyhole:
        row = await accounts.password_keyhole(reader, key.account)
        if row is None or row.generation != key.generation:
            raise Superseded("the account's key has changed in the meantime")
        return keyholes.unguard_password(self._store.guard, row.body, key.account, row.profile, row.generation)

    # Sessions

    async def find(self, raw: str) -> SignedIn | None:
        """The session and account behind a cookie; None if it is not, or no longer, valid."""
        cookie = _cookie(raw)
        found = await self._store.database.read(lambda reader: self._find(reader, cookie)) if cookie else None
        if found:
            self.seen.note(found.session_id)
        return found

    async def _find(self, reader: Reader, cookie: Cookie) -> SignedIn | None:
        guard = self._store.guard
        session = await sessions.find(reader, cookie.session, self._store.clock())
        pepper = self._store.peppers.find(session.pepper) if session else None
        if session is None or pepper is None or self.seen.has_ended(session):
            return None
        try:
            account = await accounts.by_id(reader, guard, session.account)
            if account is None or account.status is not Status.ACTIVE or account.generation != session.generation:
                return None
            opening = keyholes.Opening(account.id, account.generation, account.public_key)
            key = keyholes.open_session(guard, cookie, pepper, session.body, opening, session.expires_at)
        except CannotOpen:
            return None
        return SignedIn(session.id, Unlocked(account, key))

    async def is_signed_in(self, signed_in: SignedIn) -> bool:
        """Whether the session is still valid."""
        return not await self.ended([signed_in.session_id])

    async def ended(self, ids: Sequence[bytes]) -> set[bytes]:
        """Which of these sessions are no longer valid, for whatever reason: signed out, expired, unused for too long, bound to
        an older key, or of an inactive account."""
        now = self._store.clock()

        async def read(reader: Reader) -> set[bytes]:
            standing = await sessions.standing(reader, ids, now)
            unsure = await sessions.find_all(reader, [id_ for id_ in standing if not self.seen.goes_on(id_)])
            return standing - {session.id for session in unsure if self.seen.has_ended(session)}

        return set(ids) - await self._store.database.read(read)

    async def sign_out(self, signed_in: SignedIn) -> None:
        """End a session."""
        await self._store.database.write(lambda tx: sessions.end(tx, signed_in.session_id))

    # Known devices: a cookie that proves an earlier sign-in from this browser. It grants no access.

    def _device_cookie(self, account: Account, generation: int) -> str:
        id_, made_at = random_bytes(DEVICE_ID_BYTES), self._store.clock()
        proof = self._store.guard.authenticate("device", account.id, generation, id_, made_at)
        return urlsafe_b64encode(id_ + made_at.to_bytes(8, "big") + proof).decode()

    def _known_device(self, raw: str, account: Account | None) -> bytes | None:
        """The 16-byte id in a device's cookie, if it was issued for this account and its current key within the last year."""
        if account is None:
            return None
        try:
            value = urlsafe_b64decode(raw)
            id_, made_at = value[:DEVICE_ID_BYTES], int.from_bytes(value[DEVICE_ID_BYTES:DEVICE_HEAD_BYTES], "big")
            proof = value[DEVICE_HEAD_BYTES:]
            self._store.guard.check(proof, "device", account.id, account.generation, id_, made_at)
        except (ValueError, OverflowError, CannotOpen):
            return None
        return id_ if self._store.clock() < made_at + DEVICE_MS else None


def _cookie(raw: str) -> Cookie | None:
    try:
        secret = urlsafe_b64decode(raw)
    except ValueError:
        return None
    return Cookie(secret) if len(secret) == keyholes.COOKIE_BYTES else None
