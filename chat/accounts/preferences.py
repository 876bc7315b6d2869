"""One's own settings: language and time zone, how one writes, which e-mails one wants; what may be changed, and how.

The page also gets the time since when letters to one's address have been refused: there is no other way to learn of it.
"""

import logging
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cache
from typing import Any
from zoneinfo import available_timezones

import msgspec

from chat.accounts.shapes import LetterSettings, OwnSettings, Settings
from chat.protocol.frames import moment
from storage.accounts import accounts, preferences
from storage.accounts.accounts import LANGUAGES, Account
from storage.accounts.preferences import USUAL, Letters, Preferences
from storage.engine.database import Reader, Transaction
from storage.errors import CannotOpen
from storage.ids import AccountId
from storage.mail import letters, refused_mailboxes, unread
from storage.store import Store

log = logging.getLogger("ailo.chat")

# What a machine's files contain besides the zones in which people live.
NO_HOMES = {"Factory", "localtime"}
TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
LONGEST_NAME = 60
HOURS = ("quiet_from", "quiet_to")


class Fault(StrEnum):
    """What is wrong with a change, for its author."""

    UNKNOWN = "Ce réglage n’existe pas : {name}."
    KIND = "Ce réglage ne prend pas cette valeur : {name}."
    LANGUAGE = "Cette langue n’est pas proposée : {name}."
    ZONE = "Ce fuseau horaire n’existe pas : {name}."
    MOST = "Le nombre d’e-mails par jour va de 1 à {most} : {name} n’en est pas un."
    TIME = "Une heure s’écrit comme 21:00, pas comme ceci : {name}."
    HALF = "Des heures calmes ont un début et une fin."
    EQUAL = "Le début et la fin des heures calmes sont la même heure."


class BadSetting(Exception):
    """A change that makes no sense. ``name`` is what was given, truncated; ``most`` is the largest number there may be."""

    def __init__(self, fault: Fault, name: object = "", most: int = 0) -> None:
        super().__init__(fault.name)
        self.fault, self.name, self.most = fault, str(name)[:LONGEST_NAME], most


@cache
def zones() -> set[str]:
    """The time zones that one can choose (from the IANA database)."""
    return available_timezones() - NO_HOMES


# What a change may contain, and how each value is read. Each function raises BadSetting.

Given = Mapping[str, Any]


def _yes_or_no(name: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise BadSetting(Fault.KIND, name)


def _yes_no_or_unsaid(name: str, value: object) -> bool | None:
    return None if value is None else _yes_or_no(name, value)


def _locale(_: str, value: object) -> str:
    if isinstance(value, str) and value in LANGUAGES:
        return value
    raise BadSetting(Fault.LANGUAGE, value)


def _zone(_: str, value: object) -> str:
    if isinstance(value, str) and value in zones():
        return value
    raise BadSetting(Fault.ZONE, value)


def _time(_: str, value: object) -> str | None:
    if value is None or (isinstance(value, str) and TIME.fullmatch(value)):
        return value
    raise BadSetting(Fault.TIME, value)


def _number(name: str, value: object) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise BadSetting(Fault.KIND, name)


def _letters(name: str, value: object) -> Given:
    if isinstance(value, dict):
        return _read(LETTERS, value)
    raise BadSetting(Fault.KIND, name)


Reading = Callable[[str, object], object]

LETTERS: Mapping[str, Reading] = {
    **dict.fromkeys(("replies", "digest", "programmes", "encouragements", "offers", "texts", "push"), _yes_or_no),
    "quiet_from": _time,
    "quiet_to": _time,
    "most_a_day": _number,
}
SETTINGS: Mapping[str, Reading] = {
    "locale": _locale,
    "time_zone": _zone,
    "enter_sends": _yes_or_no,
    "single_keys": _yes_or_no,
    "letters": _letters,
    "manages": _yes_no_or_unsaid,
}


def _read(known: Mapping[str, Reading], given: Given) -> Given:
    unknown = [name for name in given if name not in known]
    if unknown:
        raise BadSetting(Fault.UNKNOWN, unknown[0])
    return {name: known[name](name, value) for name, value in given.items()}


def _changed(present: Settings, change: Given, letters_a_day: int) -> Settings:
    """The settings after a change that was read. Raises BadSetting if its parts do not go together."""
    most = change.get("letters", {}).get("most_a_day")
    if most is not None and not 1 <= most <= letters_a_day:
        raise BadSetting(Fault.MOST, most, letters_a_day)
    wanted = msgspec.structs.replace(present.letters, **change.get("letters", {}))
    if (wanted.quiet_from is None) != (wanted.quiet_to is None):
        raise BadSetting(Fault.HALF)
    if wanted.quiet_from is not None and wanted.quiet_from == wanted.quiet_to:
        raise BadSetting(Fault.EQUAL)
    return msgspec.structs.replace(present, **{**change, "letters": wanted})


class SettingsOfOne:
    """Reads and changes the settings of the account that asks."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._letters_a_day = store.settings.letters_a_day

    async def read(self, account: Account) -> OwnSettings:
        """The settings as they stand."""

        async def read(reader: Reader) -> OwnSettings:
            return await self._told(reader, account.id, _settings(account, await self._chosen(reader, account.id)))

        return await self._store.database.read(read)

    async def change(self, account: Account, given: Given) -> OwnSettings:
        """Change some of the settings; the others stay. Raises BadSetting, and then nothing changes."""
        change, guard = _read(SETTINGS, given), self._store.guard

        async def write(tx: Transaction) -> OwnSettings:
            current = await accounts.by_id(tx, guard, account.id) or account
            chosen = await self._chosen(tx, account.id)
            settings = _changed(_settings(current, chosen), change, self._letters_a_day)
            if (settings.locale, settings.time_zone) != (current.locale, current.time_zone):
                await accounts.settle(tx, account.id, settings.locale, settings.time_zone)
            if change.keys() - {"locale", "time_zone"}:
                await preferences.keep(tx, guard, account.id, _to_keep(chosen, settings))
            if change.keys() & {"letters", "time_zone"}:
                await unread.look_again(tx, account.id, self._store.clock() + self._store.settings.notify_after_ms)
            return await self._told(tx, account.id, settings)

        changed = await self._store.database.write(write)
        wanted = changed.settings.letters
        wants_texts = preferences.gets_texts(account.role, replies=wanted.replies, texts=wanted.texts)
        self._store.courier.note_choice(account.id, wants_texts=wants_texts, is_new=True)
        return changed

    async def resume_letters(self, account: Account) -> OwnSettings:
        """Let letters go again to a mailbox that was refused, as its owner says that it is good."""
        store, now = self._store, self._store.clock()
        await store.database.write(lambda tx: refused_mailboxes.lift(tx, store.guard, account.id, now))
        return await self.read(account)

    async def _chosen(self, reader: Reader, account: AccountId) -> Preferences:
        """What was chosen; the defaults if somebody tampered with it, so that its owner can choose again."""
        try:
            return await preferences.find(reader, self._store.guard, account)
        except CannotOpen:
            log.error("alert: the preferences of %s failed verification", account)
            return USUAL

    async def _told(self, reader: Reader, account: AccountId, settings: Settings) -> OwnSettings:
        stopped_at = await refused_mailboxes.refused_at(reader, self._store.guard, account)
        refused_at = await letters.refused_at(reader, account)
        refused_at = stopped_at if refused_at is None else refused_at
        refused, stopped = (None if at is None else moment(at) for at in (refused_at, stopped_at))
        return OwnSettings(_as_it_is(settings, self._letters_a_day), refused, stopped, self._letters_a_day)


def _settings(account: Account, chosen: Preferences) -> Settings:
    wanted = msgspec.structs.asdict(chosen.letters)
    hours = {name: _as_text(wanted[name]) for name in HOURS}
    told = LetterSettings(**{**wanted, **hours})
    return Settings(account.locale, account.time_zone, chosen.enter_sends, chosen.single_keys, told, chosen.manages)


def _as_it_is(settings: Settings, letters_a_day: int) -> Settings:
    """The settings as they apply: a number that was chosen when the service sent more is the service's own."""
    most = settings.letters.most_a_day
    if most is None or most <= letters_a_day:
        return settings
    return msgspec.structs.replace(settings, letters=msgspec.structs.replace(settings.letters, most_a_day=letters_a_day))


def _to_keep(chosen: Preferences, settings: Settings) -> Preferences:
    wanted = msgspec.structs.asdict(settings.letters)
    hours = {name: _as_minutes(wanted[name]) for name in HOURS}
    return msgspec.structs.replace(
        chosen,
        enter_sends=settings.enter_sends,
        single_keys=settings.single_keys,
        letters=Letters(**{**wanted, **hours}),
        manages=settings.manages,
    )


def _as_text(minutes: int | None) -> str | None:
    return None if minutes is None else f"{minutes // 60:02}:{minutes % 60:02}"


def _as_minutes(text: str | None) -> int | None:
    return None if text is None else int(text[:2]) * 60 + int(text[3:])
