"""Sees to it that no connection outlives its session, however that ends: over, unused, of another key, of no active account.

Who signs out, or ends a session elsewhere, closes its connections at once through the hub. This is for all other ends. It
asks the store itself, so that no way of ending a session can be forgotten here.
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
    """Watches over the sessions that have connections here."""

    def __init__(self, hub: Hub, sign_ins: SignIns) -> None:
        self._hub = hub
        self._sign_ins = sign_ins

    async def watch(self) -> None:
        """Until cancelled: look now and then. While the store cannot be asked, connections stay."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.look()
            except StorageError:
                continue
            except Exception as error:  # noqa: BLE001 (a fault must not end the watch; logged without any text)
                log.error("sessions could not be looked at: %s at %s", type(error).__name__, logs.place(error.__traceback__))

    async def look(self) -> None:
        """Close the connections of the sessions that have ended, with 4401, and note which others are in use."""
        connected = self._hub.sessions()
        ids, over = list(connected), set[bytes]()
        for first in range(0, len(ids), AT_ONCE):
            for ended in await self._sign_ins.ended(ids[first : first + AT_ONCE]):
                record(SecurityEvent.SESSION_OVER, account=connected[ended])
                self._hub.sign_out(connected[ended], ended)
                over.add(ended)
        for session in self._hub.used() - over:  # taken only now: what the store did not answer is not forgotten
            self._sign_ins.seen.note(session)
