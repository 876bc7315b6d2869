"""The connections of this process, and the delivery of events to them. In memory only; presence is derived from it.

The hub makes no access decisions: callers name the accounts that a frame is for.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable
from typing import Protocol

from chat.protocol.frames import Presence, encode
from storage.ids import AccountId, ThreadId

GONE_AFTER_S = 2.0


class Listener(Protocol):
    """One connection, as the hub sees it."""

    was_used: bool

    @property
    def session_id(self) -> bytes: ...

    def offer(self, frame: bytes) -> None:
        """Queue a frame."""

    def offer_message(self, thread: ThreadId, seq: int, frame: bytes) -> None:
        """Queue a live message, in its thread's order."""

    def sign_out(self) -> None:
        """Close it: its session has ended."""

    def restart(self) -> None:
        """Close it so that it reconnects: the account has a new key."""


class Hub:
    """The connections of this process, by account."""

    def __init__(self) -> None:
        self._listeners: dict[AccountId, set[Listener]] = {}
        self._correspondents: dict[AccountId, set[AccountId]] = {}
        self._leaving: dict[AccountId, asyncio.TimerHandle] = {}
        self._changes: Counter[AccountId] = Counter()
        self.restarts = 0

    def __len__(self) -> int:
        return sum(map(len, self._listeners.values()))

    def sessions(self) -> dict[bytes, AccountId]:
        """The sessions connected here, each with its account."""
        return {one.session_id: account for account, of_one in self._listeners.items() for one in of_one}

    def used(self) -> set[bytes]:
        """The sessions whose connections have been used since the last call."""
        found = {one for of_one in self._listeners.values() for one in of_one if one.was_used}
        for one in found:
            one.was_used = False
        return {one.session_id for one in found}

    def is_online(self, account: AccountId) -> bool:
        """Whether an account is connected here, or was until a moment ago."""
        return account in self._listeners

    def join(self, account: AccountId, listener: Listener, correspondents: set[AccountId]) -> None:
        """Add a connection; it and the correspondents who are online learn of each other."""
        if timer := self._leaving.pop(account, None):
            timer.cancel()
        is_new = account not in self._listeners
        self._listeners.setdefault(account, set()).add(listener)
        self._correspondents[account] = correspondents
        for other in filter(self.is_online, correspondents):
            listener.offer(encode(Presence(other, online=True)))
        if is_new:
            self.tell(correspondents, encode(Presence(account, online=True)))

    def leave(self, account: AccountId, listener: Listener) -> None:
        """Remove a connection. The account goes offline if no other follows within ``GONE_AFTER_S``: a reload does not show."""
        listeners = self._listeners.get(account, set())
        listeners.discard(listener)
        if account in self._listeners and not listeners and account not in self._leaving:
            loop = asyncio.get_running_loop()
            self._leaving[account] = loop.call_later(GONE_AFTER_S, self._gone, account)

    def _gone(self, account: AccountId) -> None:
        self._leaving.pop(account, None)
        self._listeners.pop(account, None)
        self.tell(self._correspondents.pop(account, set()), encode(Presence(account, online=False)))

    def changes_of(self, account: AccountId) -> int:
        """How often an account's correspondents have changed since startup: if this differs after reading them, read again."""
        return self._changes[account]

    def introduce(self, accounts: Iterable[AccountId]) -> None:
        """Note that these accounts now share a thread: each learns which of the others are online."""
        together = set(accounts)
        self._changes.update(together)
        for account in filter(self.is_online, together):
            others = together - {account}
            self._correspondents[account] = self._correspondents.get(account, set()) | others
            for other in filter(self.is_online, others):
                self.tell([account], encode(Presence(other, online=True)))

    def separate(self, account: AccountId, correspondents: set[AccountId]) -> None:
        """Note that an account has fewer correspondents now; the others get no more of its presence."""
        self._changes[account] += 1
        if account in self._correspondents:
            self._correspondents[account] = correspondents

    def tell(self, accounts: Iterable[AccountId], frame: bytes, except_for: Listener | None = None) -> None:
        """Send a frame to every connection of these accounts, except one."""
        for account in accounts:
            for listener in list(self._listeners.get(account, ())):
                if listener is not except_for:
                    listener.offer(frame)

    def tell_message(
        self, thread: ThreadId, seq: int, accounts: Iterable[AccountId], frame: bytes, except_for: Listener | None
    ) -> None:
        """Send a committed message to every connection of these accounts, except the one it came from."""
        for account in accounts:
            for listener in list(self._listeners.get(account, ())):
                if listener is not except_for:
                    listener.offer_message(thread, seq, frame)

    def sign_out(self, account: AccountId, session_id: bytes) -> None:
        """Close every connection of a session."""
        for listener in list(self._listeners.get(account, ())):
            if listener.session_id == session_id:
                listener.sign_out()

    def end_others(self, account: AccountId, session_id: bytes) -> None:
        """Close every connection of an account's other sessions."""
        for listener in list(self._listeners.get(account, ())):
            if listener.session_id != session_id:
                listener.sign_out()

    def restart(self, account: AccountId) -> None:
        """Make every connection of an account reconnect. One still being set up notices by comparing ``restarts``."""
        self.restarts += 1
        for listener in list(self._listeners.get(account, ())):
            listener.restart()
