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
from storage.accounts.preferences import USUAL, Preferences
from storage.engine.database import Reader, Transaction
from storage.errors import CannotOpen
from storage.ids import AccountId
from storage.mail import letters
from storage.store import Store

log = logging.getLogger("ailo.chat")

# What a machine's files contain besides the zones in which people live.
NO_HOMES = {"Factory", "localtime"}
TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
LONGEST_NAME = 60


class Fault(StrEnum):
    """What is wrong with a change, for its author."""

    UNKNOWN = "Ce réglage n’existe pas : {name}."
    KIND = "Ce réglage ne prend pas cette valeur : {name}."
    LANGUAGE = "Cette langue n’est pas proposée : {name}."
    ZONE = "Ce fuseau horaire n’existe pas : {name}."
    TIME = "Une heure s’écrit comme 21:00, pas comme ceci : {name}."
    HALF = "Des heures calmes ont un début et une fin."
    EQUAL = "Le début et la fin des heures calmes sont la même heure."


class BadSetting(Exception):
    """A change that makes no sense. ``name`` is what was given, truncated."""

    def __init__(self, fault: Fault, name: object = "") -> None:
        super().__init__(fault.name)
        self.fault, self.name = fault, str(name)[:LONGEST_NAME]


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


def _letters(name: str, value: object) -> Given:
    if isinstance(value, dict):
        return _read(LETTERS, value)
    raise BadSetting(Fault.KIND, name)


Reading = Callable[[str, object], object]

LETTERS: Mapping[str, Reading] = {"replies": _yes_or_no, "quiet_from": _time, "quiet_to": _time}
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


def _changed(present: Settings, change: Given) -> Settings:
    """The settings after a change that was read. Raises BadSetting if its parts do not go together."""
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
            settings = _changed(_settings(current, chosen), change)
            if (settings.locale, settings.time_zone) != (current.locale, current.time_zone):
                await accounts.settle(tx, account.id, settings.locale, settings.time_zone)
            if change.keys() - {"locale", "time_zone"}:
                await preferences.keep(tx, guard, account.id, _to_keep(chosen, settings))
            return await self._told(tx, account.id, settings)

        return await self._store.database.write(write)

    async def _chosen(self, reader: Reader, account: AccountId) -> Preferences:
        """What was chosen; the defaults if somebody tampered with it, so that its owner can choose again."""
        try:
            return await preferences.find(reader, self._store.guard, account)
        except CannotOpen:
            log.error("alert: the preferences of %s failed verification", account)
            return USUAL

    async def _told(self, reader: Reader, account: AccountId, settings: Settings) -> OwnSettings:
        refused_at = await letters.refused_at(reader, account)
        return OwnSettings(settings, None if refused_at is None else moment(refused_at))


def _settings(account: Account, chosen: Preferences) -> Settings:
    wanted = chosen.letters
    told = LetterSettings(wanted.replies, _as_text(wanted.quiet_from), _as_text(wanted.quiet_to))
    return Settings(account.locale, account.time_zone, chosen.enter_sends, chosen.single_keys, told, chosen.manages)


def _to_keep(chosen: Preferences, settings: Settings) -> Preferences:
    wanted = settings.letters
    return msgspec.structs.replace(
        chosen,
        enter_sends=settings.enter_sends,
        single_keys=settings.single_keys,
        letters=msgspec.structs.replace(
            chosen.letters,
            replies=wanted.replies,
            quiet_from=_as_minutes(wanted.quiet_from),
            quiet_to=_as_minutes(wanted.quiet_to),
        ),
        manages=settings.manages,
    )


def _as_text(minutes: int | None) -> str | None:
    return None if minutes is None else f"{minutes // 60:02}:{minutes % 60:02}"


def _as_minutes(text: str | None) -> int | None:
    return None if text is None else int(text[:2]) * 60 + int(text[3:])
