"""What a member could follow, and whether they get lessons by e-mail: what their page asks besides what they follow."""

from collections.abc import Mapping

from storage.accounts import preferences
from storage.accounts.accounts import Account
from storage.engine.database import Reader
from storage.programmes import enrolments, programmes
from storage.programmes.plans import Plan
from storage.store import Store

__all__ = ["Offers"]


class Offers:
    """What is open to a member."""

    def __init__(self, store: Store) -> None:
        self._store, self._guard = store, store.guard

    async def of(self, account: Account) -> Mapping[str, Plan]:
        """The programmes that a member can begin now, by name: sent at present, for them, and not followed already."""

        async def read(reader: Reader) -> Mapping[str, Plan]:
            manages = (await preferences.find(reader, self._guard, account.id)).manages
            followed = {
                one.programme for one in await enrolments.of_account(reader, self._guard, account.id) if one.state.is_open
            }
            found = {
                one.name: await programmes.plan(reader, self._guard, one.name, one.published)
                for one in await programmes.find_all(reader, self._guard)
                if one.is_sent and one.name not in followed
            }
            return {name: plan for name, plan in found.items() if plan.audience.has(manages)}

        return await self._store.database.read(read)

    async def come_by_mail(self, account: Account) -> bool:
        """Whether a member gets lessons as letters, or on the page alone."""
        chosen = await self._store.database.read(lambda reader: preferences.find(reader, self._guard, account.id))
        return chosen.letters.programmes

    def now(self) -> int:
        """The present in ms since 1970."""
        return self._store.clock()
