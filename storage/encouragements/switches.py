"""Which rules are switched off for the whole service. Nothing authenticates them: they tell of nobody, and all are shown."""

from storage.encouragements.rules import BY_NAME
from storage.engine.database import Reader, Transaction
from storage.engine.rows import TEXT, TIME
from storage.families import Family, Table


async def off(reader: Reader) -> frozenset[str]:
    """The names of the rules that are switched off."""
    found = await reader.rows("select rule from encouragements_off")
    return frozenset(row["rule"] for row in found if row["rule"] in BY_NAME)


async def switch(tx: Transaction, rule: str, now: int, *, on: bool) -> None:
    """Switch a rule on or off; what it is already stays as it is."""
    if on:
        await tx.run("delete from encouragements_off where rule = :rule", rule=rule)
    else:
        await tx.run(
            "insert into encouragements_off (rule, since) values (:rule, :now) on conflict (rule) do nothing",
            rule=rule,
            now=now,
        )


FAMILY = Family(tables=(Table("encouragements_off", ("rule",), {"rule": TEXT, "since": TIME}),))
