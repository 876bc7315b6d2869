"""Limits on password and recovery-code guesses: failures counted by account, device and network, each with its own limit.

An attempt counts as failed as soon as it is admitted, so that parallel attempts cannot evade the limit; it is taken back if it
succeeds or is never computed. Recovery codes have a limit of their own: a stranger's wrong passwords do not block them.
"""

from collections.abc import Hashable
from typing import NoReturn

from chat.auth.limits import ACCOUNT_COMPUTATIONS, ACCOUNT_FAILURES, ADDRESS_FAILURES, DEVICE_FAILURES, Failures, SlowDown
from chat.security_events import SecurityEvent, record
from storage.ids import AccountId

Key = tuple[Hashable, ...]


class Counted:
    """An attempt that already counts as failed, unless it is taken back.

    ``wait``: how many seconds anybody without a known device must wait. ``shuts``: the failure locks the account for a while.
    """

    def __init__(
        self, failures: Failures, keys: tuple[Key, ...], clears: tuple[Key, ...] = (), spent: tuple[Key, ...] = ()
    ) -> None:
        self._failures = failures
        self._clears = clears
        self._counted = [(key, failures.add(key)) for key in keys]
        self._spent = [(key, failures.add(key)) for key in spent]
        self.wait = 0.0
        self.is_known = False
        self.shuts = False

    def take_back(self) -> None:
        """Take the attempt back: it was never computed, so it is no failure and cost nothing."""
        for key, at in (*self._counted, *self._spent):
            self._failures.forgive(key, at)

    def succeeded(self) -> None:
        """Note that the proof succeeded: failures counted against the account, or on this device of it, are forgotten."""
        for key, at in self._counted:
            self._failures.forgive(key, at)
        for key in self._clears:
            self._failures.clear(key)


class Guesses:
    """Counts attempts. ``who`` is the blind index of an account, which need not exist."""

    def __init__(self, failures: Failures | None = None) -> None:
        self._failures = Failures() if failures is None else failures

    def check(self, who: bytes, network: str) -> None:
        """Raise SlowDown before any lookup, for a client without a device cookie that would get it anyway."""
        if wait := self._wait_of_stranger(who, network):
            _refuse(wait)

    def sign_in(self, who: bytes, network: str, device: bytes | None) -> Counted:
        """Count a sign-in, from a ``device`` that the account knows or from none. Raises SlowDown.

        A known device's failures are also counted separately from everybody else's: after ten, it counts as unknown for a while.
        """
        own: Key = ("device", who, device)
        is_known = device is not None and not self._failures.wait(own, DEVICE_FAILURES)
        wait = self._wait_of_stranger(who, network)
        if wait and not is_known:
            _refuse(wait)
        account: Key = ("account", who)
        keys: tuple[Key, ...] = () if wait else (account, ("address", network))
        counted = Counted(self._failures, (*keys, own) if is_known else keys, (account, own))
        counted.wait, counted.is_known = wait, is_known
        counted.shuts = not wait and self._failures.wait(account, ACCOUNT_FAILURES) > 0
        return counted

    def _wait_of_stranger(self, who: bytes, network: str) -> float:
        failures = self._failures
        return max(failures.wait(("account", who), ACCOUNT_FAILURES), failures.wait(("address", network), ADDRESS_FAILURES))

    def code(self, who: bytes, network: str) -> Counted:
        """Count a wrong recovery code. Raises SlowDown.

        Nobody guesses 128 bits: this limits the computations that strangers cause, per network, so that nobody elsewhere is
        locked out.
        """
        one: Key = ("code", who, network)
        all_: Key = ("codes", network)
        if wait := max(self._failures.wait(one, ACCOUNT_FAILURES), self._failures.wait(all_, ADDRESS_FAILURES)):
            _refuse(wait)
        return Counted(self._failures, (one, all_))

    def proof(self, account: AccountId) -> Counted:
        """Count a password given again by a signed-in account, and its computation. Raises SlowDown."""
        proof: Key = ("proof", account.bytes)
        if wait := self._failures.wait(proof, ACCOUNT_FAILURES):
            _refuse(wait, account)
        return Counted(self._failures, (proof,), (proof,), (self._computation(account),))

    def computation(self, account: AccountId) -> Counted:
        """Count a computation for a signed-in account: it costs as much with the right password. Raises SlowDown."""
        return Counted(self._failures, (), (), (self._computation(account),))

    def _computation(self, account: AccountId) -> Key:
        key: Key = ("computation", account.bytes)
        if wait := self._failures.wait(key, ACCOUNT_COMPUTATIONS):
            _refuse(wait, account)
        return key


def _refuse(wait: float, account: AccountId | None = None) -> NoReturn:
    record(SecurityEvent.SIGN_IN_LIMITED, account)
    raise SlowDown(wait)
