"""A reminder is still worth sending while the member has not written, nobody withdrew it, and its rule is on."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from delivery.letters.kinds import Kind
from storage.encouragements import encouragements, facts, switches
from storage.encouragements.encouragements import State
from storage.encouragements.rules import BY_NAME
from storage.engine.database import Reader
from storage.ids import AccountId

__all__ = ["KIND"]


async def _why_not(reader: Reader, account: AccountId, said: Mapping[str, str]) -> str | None:
    one = await encouragements.find(reader, UUID(said["encouragement"]))
    if one is None or one.account != account or one.state is not State.WAITING:
        return "withdrawn"
    if one.rule.name in await switches.off(reader):
        return "switched off"
    member = (await facts.of(reader, [account])).get(account)
    if member is None or one.thread not in {talk.thread for talk in member.talks}:
        return "the conversation is closed"
    return "answered meanwhile" if member.has_answered(one.since) or member.waits else None


def _values(said: Mapping[str, str]) -> Mapping[str, str]:
    rule = BY_NAME[said["rule"]]
    return {"text_fr": rule.text.fr, "text_en": rule.text.en}


KIND = Kind(
    _why_not,
    is_wanted=lambda wanted: wanted.encouragements,
    values=_values,
    list_name="encouragements",
    worth=timedelta(days=1),
)
