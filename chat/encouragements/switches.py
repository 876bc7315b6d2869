"""The rules as those who serve see them, and switching one off or on for the whole service."""

from chat.encouragements.shapes import ShownRule
from chat.protocol.refusals import NotFound
from storage.encouragements import switches
from storage.encouragements.rules import BY_NAME, HOUR, RULES
from storage.store import Store


class Switches:
    """Which rules are on."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def read(self, locale: str) -> list[ShownRule]:
        """All rules, in their order, in a language. The text has the ``{name}`` that the member's replaces."""
        off = await self._store.database.read(switches.off)
        return [
            ShownRule(
                rule.name,
                rule.meaning.to(locale),
                rule.text.to(locale, name="{name}"),
                rule.is_automatic,
                rule.after // HOUR,
                rule.name not in off,
            )
            for rule in RULES
        ]

    async def switch(self, rule: str, *, on: bool) -> None:
        """Switch a rule on or off. Raises NotFound if there is none of this name."""
        if rule not in BY_NAME:
            raise NotFound
        await self._store.database.write(lambda tx: switches.switch(tx, rule, self._store.clock(), on=on))
