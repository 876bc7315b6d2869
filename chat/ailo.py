"""Everything that works on one open store, assembled once: what the server, the commands and the example share."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from chat import features
from chat.accounts.feature import Accounts
from chat.auth.access import Access
from chat.auth.sign_in import SignIns
from chat.conversations.feature import Conversations
from chat.core import Core, Feature
from chat.protocol.hub import Hub
from chat.staff.feature import Staff
from storage.conversations.group_commit import GroupCommit
from storage.rekeying.rotation import Rotation
from storage.settings import StorageSettings
from storage.store import Clock, open_store, wall_clock

F = TypeVar("F", bound=Feature)


@dataclass(frozen=True)
class Ailo(Core):
    """What the commands and the routes work with: the core and the features, the basic ones also by name."""

    rotation: Rotation
    features: Mapping[type[Feature], Feature]

    def of(self, card: type[F]) -> F:
        """A feature, by its card."""
        found = self.features[card]
        assert isinstance(found, card)
        return found

    @property
    def conversations(self) -> Conversations:
        return self.of(Conversations)

    @property
    def accounts(self) -> Accounts:
        return self.of(Accounts)

    @property
    def staff(self) -> Staff:
        return self.of(Staff)


@asynccontextmanager
async def open_ailo(settings: StorageSettings, clock: Clock = wall_clock) -> AsyncIterator[Ailo]:
    """Open the store and everything that works on it. Raises Refused, saying what to do, if it must not be used."""
    async with open_store(settings, clock) as store:
        access, hub = Access(store), Hub()
        sign_ins = SignIns(store, access, hub)
        try:
            async with GroupCommit(store) as commits:
                core = Core(store, commits, hub, access, sign_ins)
                made = {card: card(core) for card in features.cards()}
                yield Ailo(store, commits, hub, access, sign_ins, Rotation(store), made)
        finally:
            await sign_ins.seen.settled()
            sign_ins.close()
