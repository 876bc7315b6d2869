"""Choosing push for the browser of one's session, and taking that back. Nobody can name the browsers of others."""

import logging
from base64 import urlsafe_b64encode

from chat.auth.sign_in import SignedIn
from chat.protocol.refusals import NotAllowed
from chat.push.shapes import GivenSubscription, PushOffer
from storage import installation
from storage.accounts import sessions
from storage.engine.database import Transaction
from storage.errors import CannotOpen, Superseded
from storage.push import subscriptions
from storage.push.services import host_of
from storage.store import Store

log = logging.getLogger("ailo.chat")


class Subscribing:
    """The push subscriptions of the account that asks."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def offer(self) -> PushOffer:
        """The key by which a browser knows the service; none if somebody tampered with it."""
        store = self._store
        try:
            key = await store.database.read(lambda reader: installation.push_key(reader, store.guard))
        except CannotOpen:
            log.error("alert: the key of push failed verification")
            key = None
        return PushOffer(None if key is None else urlsafe_b64encode(key.public_key).decode().rstrip("="))

    async def choose(self, who: SignedIn, given: GivenSubscription) -> None:
        """Have the browser of this session told. Raises NotAllowed if it names no push service that we ask, or no keys;
        Superseded if the session has ended: nobody could take that back.
        """
        subscription, store = given.read(), self._store
        if subscription is None or host_of(subscription.endpoint, store.settings.push_hosts) is None:
            raise NotAllowed
        account, now = who.unlocked.account.id, store.clock()

        async def write(tx: Transaction) -> None:
            if await sessions.find(tx, who.session_id, now) is None:
                raise Superseded("the session has ended")
            await subscriptions.keep(tx, store.guard, account, who.session_id, subscription, now)

        await store.database.write(write)

    async def take_back(self, who: SignedIn) -> None:
        """Have the browser of this session told no more."""
        await self._store.database.write(lambda tx: subscriptions.end_of_session(tx, who.session_id))
