"""`ailo encouragement list` and `switch`, and the same switches for those who serve."""

import pytest

from chat import cli
from chat.ailo import Ailo
from chat.encouragements.commands import EncouragementList, EncouragementSwitch
from chat.encouragements.feature import Encouragements
from chat.operations.commands import carry_out
from chat.protocol.refusals import NotFound
from storage.encouragements.rules import RULES


async def test_every_rule_is_listed_and_switched(ailo: Ailo) -> None:
    before = await carry_out(ailo, EncouragementList())
    assert [line.split()[:2] for line in before.line.splitlines()] == [["on", rule.name] for rule in RULES]
    switched = await carry_out(ailo, EncouragementSwitch("silence", on=False))
    assert switched.line == "silence is off."
    after = await carry_out(ailo, EncouragementList())
    assert after.facts
    assert {rule["name"] for rule in after.facts["rules"] if not rule["on"]} == {"silence"}
    await carry_out(ailo, EncouragementSwitch("silence", on=True))
    assert (await carry_out(ailo, EncouragementList())).line == before.line


@pytest.mark.parametrize("words", [["nudge", "off"], ["silence", "perhaps"], ["silence"]])
def test_what_makes_no_sense_is_told(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.run(["encouragement", "switch", *words])
    assert ended.value.code == 2
    assert "ailo encouragement switch --help" in capsys.readouterr().err


async def test_no_other_rule_is_switched(ailo: Ailo) -> None:
    with pytest.raises(NotFound):
        await ailo.of(Encouragements).switches.switch("nudge", on=False)


@pytest.mark.parametrize(("locale", "meaning"), [("fr", "Un message écrit"), ("en", "A message written")])
async def test_rules_are_told_in_ones_language(ailo: Ailo, locale: str, meaning: str) -> None:
    rules = {rule.name: rule for rule in await ailo.of(Encouragements).switches.read(locale)}
    assert rules["silence"].meaning.startswith(meaning)
    assert (rules["silence"].automatic, rules["silence"].after_hours) == (True, 168)
