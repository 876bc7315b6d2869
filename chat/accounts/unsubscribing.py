"""Leaving a list of letters, and joining it again, by the link in one of them: nobody signs in for it.

Whoever has the link can do no more than that: it opens nothing, names nobody, and changes no other choice.
"""

import logging
from base64 import urlsafe_b64decode
from dataclasses import dataclass

import msgspec

from storage.accounts import accounts, preferences
from storage.accounts.preferences import USUAL, Preferences
from storage.engine.database import Reader, Transaction
from storage.errors import CannotOpen
from storage.ids import AccountId
from storage.mail import unsubscribing
from storage.mail.unsubscribing import TOKEN_BYTES
from storage.store import Store

log = logging.getLogger("ailo.chat")


@dataclass(frozen=True)
class Subscription:
    """A list of letters and whether an account is on it. ``locale`` is the account's language."""

    account: AccountId
    list_name: str
    is_on: bool
    locale: str | None


class Unsubscribing:
    """Reads and changes the subscription that a link is about."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def find(self, link: str) -> Subscription | None:
        """The subscription that a link is about; None if no letter had this link."""
        if (token := _token_in(link)) is None:
            return None
        return await self._store.database.read(lambda reader: self._found(reader, token))

    async def turn(self, found: Subscription, *, is_on: bool) -> Subscription:
        """Put an account on a list or take it off, and change nothing else. What is so already is not written again."""
        if found.is_on is not is_on:
            await self._store.database.write(lambda tx: self._keep(tx, found, is_on))
        return Subscription(found.account, found.list_name, is_on, found.locale)

    async def _found(self, reader: Reader, token: bytes) -> Subscription | None:
        guard = self._store.guard
        holder = await unsubscribing.holder_of(reader, guard, token)
        if holder is None:
            return None
        account, name = holder
        chosen = await self._chosen(reader, account)
        return Subscription(account, name, getattr(chosen.letters, name), await self._locale(reader, account))

    async def _keep(self, tx: Transaction, found: Subscription, is_on: bool) -> None:
        chosen = await self._chosen(tx, found.account)
        wanted = msgspec.structs.replace(chosen.letters, **{found.list_name: is_on})
        await preferences.keep(tx, self._store.guard, found.account, msgspec.structs.replace(chosen, letters=wanted))

    async def _chosen(self, reader: Reader, account: AccountId) -> Preferences:
        try:
            return await preferences.find(reader, self._store.guard, account)
        except CannotOpen:
            log.error("alert: the preferences of %s failed verification", account)
            return USUAL

    async def _locale(self, reader: Reader, account: AccountId) -> str | None:
        try:
            found = await accounts.by_id(reader, self._store.guard, account)
        except CannotOpen:
            return None
        return found.locale if found else None


def _token_in(link: str) -> bytes | None:
    """The token that a link holds; None if it can hold none."""
    try:
        token = urlsafe_b64decode(link.encode("ascii"))
    except ValueError:
        return None
    return token if len(token) == TOKEN_BYTES else None
