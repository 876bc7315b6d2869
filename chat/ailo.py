"""Everything that works on one open store, assembled once: what the server, the commands and the example share."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from chat.accounts.keys import OwnKeys
from chat.auth.access import Access
from chat.auth.sign_in import SignIns
from chat.conversations.about import Abouts
from chat.conversations.conversation import Conversation
from chat.conversations.participants import Participants
from chat.protocol.hub import Hub
from chat.staff.notes import Notes
from chat.staff.practices import Practices
from storage.conversations.group_commit import GroupCommit
from storage.rekeying.rotation import Rotation
from storage.settings import StorageSettings
from storage.store import Clock, Store, open_store, wall_clock


@dataclass(frozen=True)
class Ailo:
    """What the commands and the routes work with."""

    store: Store
    commits: GroupCommit
    hub: Hub
    access: Access
    conversation: Conversation
    participants: Participants
    own_keys: OwnKeys
    notes: Notes
    sign_ins: SignIns
    rotation: Rotation
    abouts: Abouts
    practices: Practices


@asynccontextmanager
async def open_ailo(settings: StorageSettings, clock: Clock = wall_clock) -> AsyncIterator[Ailo]:
    """Open the store and all that works on it. Raises Refused, saying what to do, when it must not be used."""
    async with open_store(settings, clock) as store:
        sign_ins = SignIns(store)
        try:
            async with GroupCommit(store) as commits:
                hub = Hub()
                access = Access(store)
                participants = Participants(store, access, hub)
                own_keys = OwnKeys(store, sign_ins, access, hub)
                sign_ins.renewed, sign_ins.crowded_out = own_keys.renewed, hub.sign_out
                notes = Notes(store, access)
                conversation = Conversation(store, commits, hub, access, participants)
                yield Ailo(
                    store, commits, hub, access, conversation, participants, own_keys, notes, sign_ins, Rotation(store),
                    Abouts(store, access, hub), Practices(store, hub),
                )  # fmt: skip
        finally:
            await sign_ins.seen.settled()
            sign_ins.close()
