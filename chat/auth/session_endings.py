"""Makes sure that no connection outlives its session, however it ends: expired, unused, key renewed, account not active.

Signing out, or ending a session from elsewhere, closes its connections at once through the hub. This covers all other cases.
It asks the store itself, so that no way of ending a session can be overlooked here.
"""

import asyncio
import logging

from chat import logs
from chat.auth.sign_in import SignIns
from chat.protocol.hub import Hub
from chat.security_events import SecurityEvent, record
from storage.errors import StorageError

LOOK_S = 5.0
AT_ONCE = 512

log = logging.getLogger("ailo.gateway")


class Endings:
    """Watches the sessions that have connections here."""

    def __init__(self, hub: Hub, sign_ins: SignIns) -> None:
        self._hub = hub
        self._sign_ins = sign_ins

    async def watch(self) -> None:
        """Check every ``LOOK_S`` until cancelled. While the store is unavailable, connections stay open."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.look()
            except StorageError:
                continue
            except Exception as error:  # noqa: BLE001 (a fault must not end the watch; logged without any text)
                log.error("could not check for ended sessions: %s at %s", type(error).__name__, logs.place(error.__traceback__))

    async def look(self) -> None:
        """Close the connections of sessions that have ended, with 4401, and record which others are in use."""
        connected = self._hub.sessions()
        ids, over = list(connected), set[bytes]()
        for first in range(0, len(ids), AT_ONCE):
            for ended in await self._sign_ins.ended(ids[first : first + AT_ONCE]):
                record(SecurityEvent.SESSION_OVER, account=connected[ended])
                self._hub.sign_out(connected[ended], ended)
                over.add(ended)
        for session in self._hub.used() - over:  # only taken now: if the store fails above, no use is lost
            self._sign_ins.seen.note(session)
