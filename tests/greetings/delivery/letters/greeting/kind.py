"""A new greeting always deserves its letter."""

from collections.abc import Mapping

from delivery.letters.kinds import Kind
from storage.engine.database import Reader
from storage.ids import AccountId


async def _why_not(_: Reader, __: AccountId, ___: Mapping[str, str]) -> str | None:
    return None


KIND = Kind(_why_not, is_wanted=lambda _: True, values=lambda facts: {"colour": facts["colour"]}, is_urgent=True)
