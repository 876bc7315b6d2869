"""A signed-in account with the keys that this unlocks. Lives in memory, for one connection or one request."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from storage.accounts.accounts import Account
from storage.conversations import roster_chain, rosters
from storage.conversations.rosters import Written
from storage.conversations.threads import Thread
from storage.crypto.epochs import EpochSecret, MessageKey, Roster
from storage.crypto.guarding import Guard
from storage.crypto.keyholes import AccountKey
from storage.engine.database import Reader
from storage.ids import AccountId, ThreadId

MOST_EPOCHS = 1024


@dataclass(frozen=True, repr=False)
class OpenEpoch:
    """An epoch that its reader has unlocked. What every message needs of it is computed once."""

    roster: Roster
    secret: EpochSecret
    message_key: MessageKey
    others: tuple[AccountId, ...]
    is_of_a_participant: bool


@dataclass(frozen=True, repr=False, slots=True)
class Unlocked:
    """An account with its unlocked key. ``latest`` caches the latest epoch of each thread that was used."""

    account: Account
    key: AccountKey
    latest: dict[ThreadId, OpenEpoch] = field(default_factory=dict)
    _chains: dict[ThreadId, list[Roster]] = field(default_factory=dict)
    _epochs: dict[tuple[ThreadId, int], OpenEpoch] = field(default_factory=dict)

    async def latest_epoch(self, reader: Reader, guard: Guard, thread: Thread) -> OpenEpoch | None:
        """Unlock the latest epoch, its chain of rosters verified; None when the account has no seat in it.

        Raises CannotOpen when something was tampered with.
        """
        if found := self._known(thread):
            return found
        return self.latest_in((await rosters.written(reader, [thread.id], self.key.account))[thread.id], guard, thread)

    def latest_in(self, written: Written, guard: Guard, thread: Thread) -> OpenEpoch | None:
        """As ``latest_epoch``, from rows already read."""
        if found := self._known(thread):
            return found
        rosters_ = roster_chain.verified_in(written, guard, self.key, thread)
        if rosters_ is None:
            return None
        opened = self._opened(rosters_[-1], rosters.secret_in(written.grants.get(thread.epoch), self.key, rosters_[-1]))
        self._chains[thread.id] = rosters_
        return opened

    def rosters(self, thread: ThreadId) -> Sequence[Roster]:
        """The rosters of a thread whose latest epoch was unlocked, each of them verified."""
        return self._chains[thread]

    def _known(self, thread: Thread) -> OpenEpoch | None:
        found = self._epochs.get((thread.id, thread.epoch))
        return found if found and len(self._chains.get(thread.id, ())) == thread.epoch else None

    async def epoch(self, reader: Reader, guard: Guard, thread: ThreadId, number: int) -> OpenEpoch:
        """Unlock an epoch of a thread in which the account takes part. Raises CannotOpen when no grant opens."""
        if found := self._epochs.get((thread, number)):
            return found
        checked = self._chains.get(thread, [])[number - 1 : number]  # as verified, whatever the database contains now
        return await self._open(reader, checked[0] if checked else await rosters.find(reader, guard, thread, number))

    async def _open(self, reader: Reader, roster: Roster) -> OpenEpoch:
        return self._opened(roster, await rosters.secret_of(reader, self.key, roster))

    def _opened(self, roster: Roster, secret: EpochSecret) -> OpenEpoch:
        others = tuple(account for account in roster.accounts() if account != self.account.id)
        return self._keep(OpenEpoch(roster, secret, secret.message_key(), others, roster.is_of_a_participant))

    def _keep(self, epoch: OpenEpoch) -> OpenEpoch:
        self._epochs[epoch.roster.thread, epoch.roster.number] = epoch
        if len(self._epochs) > MOST_EPOCHS:
            del self._epochs[next(iter(self._epochs))]  # the oldest
        return epoch
