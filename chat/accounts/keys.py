"""What people do with their own access: change the password, make and use a recovery code, renew the key.

If somebody else may know what opened the account, its key is renewed; otherwise the new password only rewraps it.
"""

from base64 import urlsafe_b64decode
from collections.abc import Callable
from dataclasses import dataclass

from chat.accounts.new_accounts import check_password
from chat.auth.passwords.stretching import Side, known, stranger
from chat.auth.sign_in import Attempt, Granted, SignedIn, SignIns, WrongCredentials
from chat.protocol.hub import Hub
from chat.security_events import SecurityEvent, record
from storage.accounts import accounts, sessions
from storage.accounts.accounts import Account, Keyhole, Status
from storage.conversations.participants import Change
from storage.crypto import keyholes
from storage.crypto.keyholes import AccountKey, Cookie, PasswordKeyhole
from storage.engine.database import Reader, Transaction
from storage.errors import CannotOpen
from storage.ids import AccountId, new_id
from storage.rekeying import renewal
from storage.store import Store, profile_of


@dataclass(frozen=True, repr=False)
class NewPassword:
    """A change of password: the old one, the new one, and whether somebody else may know the old one."""

    old: str
    new: str
    may_be_known: bool


@dataclass(frozen=True)
class Ways:
    """How an account can be entered."""

    has_recovery_code: bool
    password_by_owner: bool


class OwnKeys:
    """The keyholes of accounts, as their owners change them."""

    def __init__(self, store: Store, sign_ins: SignIns, hub: Hub) -> None:
        self._store = store
        self._sign_ins = sign_ins
        self._hub = hub

    async def ways(self, account: Account) -> Ways:
        """How an account can be entered now."""

        async def read(reader: Reader) -> Ways:
            row = await accounts.password_keyhole(reader, account.id)
            code = await accounts.keyhole(reader, account.id, "recovery")
            keyhole = self._password(account, row) if row else None
            return Ways(code is not None, keyhole is not None and keyhole.by_owner)

        return await self._store.database.read(read)

    def _password(self, account: Account, row: Keyhole) -> keyholes.PasswordKeyhole:
        return keyholes.unguard_password(self._store.guard, row.body, account.id, row.profile, account.generation)

    # The password

    async def change_password(self, who: SignedIn, change: NewPassword, cookie: str) -> None:
        """Change one's password, and end the other sessions. Raises WrongCredentials, SlowDown or Misuse."""
        check_password(change.new)
        account, key = who.unlocked.account, who.unlocked.key
        keyhole = await self._sign_ins.prove(account, change.old)
        if change.may_be_known or not keyhole.by_owner:
            await self._renew(who, keyhole, change.new, cookie)
            return
        body = await self._guarded(key, change.new)
        now = self._store.clock()

        async def write(tx: Transaction) -> None:
            await renewal.check_current(tx, self._store.guard, key)
            await self._sign_ins.check_still_proved(tx, who, keyhole)
            await accounts.keep_keyhole(tx, account.id, "password", body, now)
            await sessions.end_all(tx, account.id, except_for=who.session_id)

        await self._store.database.write(write)
        self._hub.end_others(account.id, who.session_id)

    async def _renew(self, who: SignedIn, proved: PasswordKeyhole, password: str, cookie: str) -> None:
        store, account, old = self._store, who.unlocked.account, who.unlocked.key
        new = AccountKey.fresh(account.id, account.generation + 1)
        body, now = await self._guarded(new, password), store.clock()

        async def write(tx: Transaction) -> list[Change]:
            await self._sign_ins.check_still_proved(tx, who, proved)
            changes = await renewal.renew(tx, store.guard, account, old, new, body, now, except_for=who.session_id)
            await self._keep_session(tx, who, new, cookie)
            return changes

        self._sign_ins.renewed(account.id, await store.database.write(write), except_for=who.session_id)
        self._hub.restart(account.id)

    async def _keep_session(self, tx: Transaction, who: SignedIn, new: AccountKey, cookie: str) -> None:
        session = await sessions.find(tx, who.session_id, self._store.clock())
        if session is None:
            return
        pepper_id, pepper = self._store.peppers.current(self._store.clock())
        secret = Cookie(urlsafe_b64decode(cookie))
        body = keyholes.guard_session(self._store.guard, secret, pepper, new, session.expires_at)
        await sessions.turn_to_key(tx, session.id, new.generation, pepper_id, body)

    async def _guarded(self, key: AccountKey, password: str) -> Keyhole:
        return await self._sign_ins.compute(key.account, self._guarding(key, password))

    def _guarding(self, key: AccountKey, password: str) -> Callable[[], Keyhole]:
        """A function that makes a password's keyhole; it is slow."""
        profile, guard = profile_of(self._store), self._store.guard
        return lambda: Keyhole(profile, key.generation, keyholes.guard_password(guard, key, password, profile))

    # The recovery code

    async def make_code(self, who: SignedIn, password: str) -> str:
        """Make a recovery code, replacing any earlier one; it is shown only once. Raises WrongCredentials or SlowDown."""
        account, key, code = who.unlocked.account, who.unlocked.key, keyholes.fresh_code()
        proved = await self._sign_ins.prove(account, password)
        row = Keyhole(0, key.generation, keyholes.guard_code(self._store.guard, key, code))
        now = self._store.clock()

        async def write(tx: Transaction) -> None:
            await renewal.check_current(tx, self._store.guard, key)
            await self._sign_ins.check_still_proved(tx, who, proved)
            await accounts.keep_keyhole(tx, account.id, "recovery", row, now)

        await self._store.database.write(write)
        return code

    async def recover(self, attempt: Attempt, code: str) -> Granted:
        """Sign in with a recovery code and a new password (the attempt's): the key is renewed, and the code is used up.

        Raises WrongCredentials, SlowDown or Misuse. An unknown address costs the same as a known one. No limit applies to the
        right code: it cannot be guessed, so nobody else's attempts may lock its owner out.
        """
        check_password(attempt.password)
        entry = await self._store.database.read(lambda reader: self._by_code(reader, attempt.email, code))
        if entry is None:
            await self._refuse_code(attempt)
            raise WrongCredentials
        account, old = entry
        new = AccountKey.fresh(account.id, account.generation + 1)
        changes = await self._enter(attempt, code, old, new)
        self._sign_ins.renewed(account.id, changes)
        return await self._sign_ins.begin(account, new, kind=attempt.kind)

    async def _refuse_code(self, attempt: Attempt) -> None:
        """Count a wrong code, and compute as much as for a right one."""
        who = self._store.guard.address_index(attempt.email)
        counted = self._sign_ins.guesses.code(who, attempt.remote)
        work = self._guarding(AccountKey.fresh(new_id(AccountId)), attempt.password)
        asker = stranger(attempt.remote, who, attempt.is_gone, Side.CODE)
        await self._sign_ins.pool.compute(asker, work, counted.take_back)
        record(SecurityEvent.SIGN_IN_FAILED)

    async def _enter(self, attempt: Attempt, code: str, old: AccountKey, new: AccountKey) -> list[Change]:
        """Renew the key and use up the code, if it is still the account's when its turn comes. Raises WrongCredentials."""
        store, who = self._store, self._store.guard.address_index(attempt.email)
        password = await self._sign_ins.pool.compute(known(who, attempt.is_gone), self._guarding(new, attempt.password))
        now = store.clock()

        async def write(tx: Transaction) -> list[Change]:
            entry = await self._by_code(tx, attempt.email, code)
            if entry is None or entry[1].public_key != old.public_key:
                raise WrongCredentials  # it was used or replaced elsewhere at the same moment
            return await renewal.renew(tx, store.guard, entry[0], old, new, password, now)

        return await store.database.write(write)

    async def _by_code(self, reader: Reader, email: str, code: str) -> tuple[Account, AccountKey] | None:
        """The account behind an address, and its key, if this is its recovery code."""
        guard = self._store.guard
        try:
            account = await accounts.by_address(reader, guard, email)
            row = await accounts.keyhole(reader, account.id, "recovery") if account else None
            if account is None or row is None or account.status is not Status.ACTIVE:
                return None
            opening = keyholes.Opening(account.id, account.generation, account.public_key)
            return account, keyholes.open_code(guard, row.body, code, opening)
        except CannotOpen:
            return None
