"""Signing in and out: passwords, sessions, known devices, and the limits of guessing.

One Argon2id computation proves the password and unlocks the account's key. An unknown address costs the same as a known one
and gets the same answer. Failures are counted before the computation, so that many guesses at once are no way around.
"""

import asyncio
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import UUID

from chat.accounts import profile_of
from chat.limits import ACCOUNT_FAILURES, ADDRESS_FAILURES, Failures
from chat.security_events import SecurityEvent, record
from chat.seen import Seen
from storage import accounts, keyholes, renewal, sessions
from storage.accounts import Account, Keyhole, Status
from storage.database import Reader, Transaction
from storage.errors import CannotOpen, Superseded
from storage.keyholes import AccountKey, Cookie, PasswordKeyhole, Stretched
from storage.primitives import random_bytes
from storage.sessions import About, Session, day_of, guard_about
from storage.store import SESSION_MS, Store
from storage.taking_part import Change
from storage.unlocked import Unlocked

MOST_WAITING = 128


class WrongCredentials(Exception):
    """No such account, or not its password: nobody is told which."""


class SlowDown(Exception):
    """Too many attempts; ``wait`` in seconds."""

    def __init__(self, wait: float) -> None:
        super().__init__("too many attempts")
        self.wait = wait


@dataclass(frozen=True, repr=False, slots=True)
class SignedIn:
    """Somebody behind a valid cookie, unlocked."""

    session_id: bytes
    who: Unlocked


@dataclass(frozen=True, repr=False)
class Granted:
    """A sign-in that succeeded: the account, and the values of its two cookies."""

    account: Account
    cookie: str
    device: str


@dataclass(frozen=True, repr=False)
class Attempt:
    """Somebody who wants to sign in: what they gave, their device's cookie if any, where they come from, and the kind of
    device that their session is to be told as ("Firefox, Linux", or nothing)."""

    email: str
    password: str
    device: str
    remote: str
    kind: str = ""


@dataclass(frozen=True, repr=False)
class _Target:
    """What an attempt is made against; without an account, a decoy."""

    account: Account | None
    keyhole: PasswordKeyhole


class SignIns:
    """Opens and ends sessions."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._failures = Failures()
        self.seen = Seen(store)
        self.pool = ThreadPoolExecutor(os.cpu_count() or 1, "argon2id")
        self.waiting = 0
        self.renewed: Callable[[UUID, list[Change]], None] = lambda *_: None
        self.crowded_out: Callable[[UUID, bytes], None] = lambda *_: None

    def close(self) -> None:
        """Let the pool's threads go."""
        self.pool.shutdown(wait=True, cancel_futures=True)

    async def sign_in(self, attempt: Attempt) -> Granted:
        """Prove a password and begin a session. Raises WrongCredentials or SlowDown."""
        target = await self._store.database.read(lambda reader: self._target(reader, attempt.email))
        is_known = target.account is not None and self._is_device_of(attempt.device, target.account)
        wait = self.count(attempt)
        if wait and not is_known:
            raise SlowDown(wait)
        stretched = await self._stretch(attempt.password, target.keyhole)
        key = self._opened(target, stretched)
        if key is None or target.account is None:
            raise SlowDown(wait) if wait else WrongCredentials
        self._failures.clear(self._who(attempt.email))
        if not wait:
            self._failures.forgive(attempt.remote)
        try:
            key = await self._renewed(target.account, key, target.keyhole, stretched)
            return await self.begin(target.account, key, stretched, attempt.kind)
        except Superseded:  # the key was renewed or the password changed at the same moment: once more, with what is true now
            return await self.sign_in(attempt)

    async def _renewed(self, account: Account, key: AccountKey, keyhole: PasswordKeyhole, stretched: Stretched) -> AccountKey:
        """The account's key; a new one when a renewal was asked for, after an intrusion."""
        store = self._store
        if not await store.database.read(lambda reader: accounts.is_renewal_due(reader, account.id)):
            return key
        new = AccountKey.fresh(account.id, account.generation + 1)
        row = Keyhole(keyhole.profile, new.generation, keyholes.guard_again(store.guard, new, keyhole, stretched))
        now = store.clock()
        changes = await store.database.write(lambda tx: renewal.renew(tx, store.guard, account, key, new, row, now))
        self.renewed(account.id, changes)
        return new

    async def prove(self, account: Account, password: str) -> PasswordKeyhole:
        """Prove that somebody who is signed in has the password. Raises WrongCredentials, SlowDown or Superseded."""
        row = await self._store.database.read(lambda reader: accounts.password_keyhole(reader, account.id))
        if row is None:
            raise WrongCredentials
        if row.generation != account.generation:
            raise Superseded("the account has another key by now")
        if wait := self._failures.wait(account.id, ACCOUNT_FAILURES):
            raise SlowDown(wait)
        keyhole = keyholes.unguard_password(self._store.guard, row.body, account.id, row.profile, account.generation)
        self._failures.add(account.id)
        if not keyholes.fits(keyhole, await self._stretch(password, keyhole)):
            raise WrongCredentials
        self._failures.clear(account.id)
        return keyhole

    def forgive(self, attempt: Attempt) -> None:
        """An attempt that was counted has succeeded."""
        self._failures.clear(self._who(attempt.email))
        self._failures.forgive(attempt.remote)

    async def _target(self, reader: Reader, email: str) -> _Target:
        guard = self._store.guard
        try:
            account = await accounts.by_address(reader, guard, email)
            row = await accounts.password_keyhole(reader, account.id) if account else None
            if account and row and account.status is Status.ACTIVE:
                return _Target(account, keyholes.unguard_password(guard, row.body, account.id, row.profile, account.generation))
        except CannotOpen:
            pass  # a row that was tampered with opens nothing: it is as if there were none
        return _Target(None, keyholes.decoy(profile_of(self._store)))

    def count(self, attempt: Attempt) -> float:
        """Count an attempt as failed until it succeeds; gives the seconds to wait, 0 when it may be tried."""
        who = self._who(attempt.email)
        wait = max(self._failures.wait(who, ACCOUNT_FAILURES), self._failures.wait(attempt.remote, ADDRESS_FAILURES))
        if not wait:
            self._failures.add(who)
            self._failures.add(attempt.remote)
        return wait

    def _who(self, email: str) -> bytes:
        return self._store.guard.address_index(email)

    async def _stretch(self, password: str, keyhole: PasswordKeyhole) -> Stretched:
        """One computation a core at a time; who would have to wait for too many others is asked to come back."""
        if self.waiting >= MOST_WAITING:
            raise SlowDown(10)
        self.waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self.pool, keyholes.stretch, password, keyhole.salt, keyhole.profile)
        finally:
            self.waiting -= 1

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
        """Begin a session for somebody who has proved who they are, on a ``kind`` of device. Where they have too many, the
        oldest end.

        Raises Superseded when what they ``proved`` is the password no more: a change ends all sessions, this one too.
        """
        store, cookie = self._store, Cookie.fresh()
        now = store.clock()
        pepper_id, pepper = await asyncio.to_thread(store.peppers.current, now)
        body = keyholes.guard_session(store.guard, cookie, pepper, key, now + SESSION_MS)
        about = guard_about(store.guard, cookie.session, account.id, now, About(kind, day_of(now)))
        session = Session(cookie.session, account.id, key.generation, pepper_id, body, now, now + SESSION_MS, about)

        async def write(tx: Transaction) -> list[bytes]:
            if proved is not None:
                await self._check_still_proved(tx, key, proved)
            return await sessions.begin(tx, session)

        for ended in await store.database.write(write):
            self.crowded_out(account.id, ended)
            record(SecurityEvent.SESSION_CROWDED_OUT, account.id)
        self.seen.know(session.id)
        return Granted(account, urlsafe_b64encode(cookie.secret).decode(), self._device_cookie(account))

    async def _check_still_proved(self, tx: Transaction, key: AccountKey, proved: Stretched) -> None:
        row = await accounts.password_keyhole(tx, key.account)
        if row is None or row.generation != key.generation:
            raise Superseded("the account has another key by now")
        keyhole = keyholes.unguard_password(self._store.guard, row.body, key.account, row.profile, row.generation)
        if not keyholes.fits(keyhole, proved):
            raise Superseded("the account has another password by now")

    # Sessions

    async def find(self, raw: str) -> SignedIn | None:
        """Who is behind a cookie; None when nobody is (any more)."""
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
        """Whether the session still stands."""
        return not await self.ended([signed_in.session_id])

    async def ended(self, ids: Sequence[bytes]) -> set[bytes]:
        """Which of these sessions stand no more, for whatever reason: signed out, over, unused, of another key, or of an
        account that is not active."""
        now = self._store.clock()

        async def read(reader: Reader) -> set[bytes]:
            standing = await sessions.standing(reader, ids, now)
            unsure = await sessions.find_all(reader, [id_ for id_ in standing if not self.seen.goes_on(id_)])
            return standing - {session.id for session in unsure if self.seen.has_ended(session)}

        return set(ids) - await self._store.database.read(read)

    async def sign_out(self, signed_in: SignedIn) -> None:
        """End a session."""
        await self._store.database.write(lambda tx: sessions.end(tx, signed_in.session_id))

    # Known devices: a cookie that says that somebody has signed in from here before. It opens nothing.

    def _device_cookie(self, account: Account) -> str:
        id_ = random_bytes(16)
        return urlsafe_b64encode(id_ + self._store.guard.authenticate("device", account.id, id_)).decode()

    def _is_device_of(self, raw: str, account: Account) -> bool:
        try:
            value = urlsafe_b64decode(raw)
            self._store.guard.check(value[16:], "device", account.id, value[:16])
        except (ValueError, CannotOpen):
            return False
        return True


def _cookie(raw: str) -> Cookie | None:
    try:
        secret = urlsafe_b64decode(raw)
    except ValueError:
        return None
    return Cookie(secret) if len(secret) == keyholes.COOKIE_BYTES else None
