"""The kinds of letters are as docs/letters.md says."""

import re
from pathlib import Path

import msgspec
import pytest

from delivery.letters.kinds import LISTS, Kind, kinds
from storage.accounts.preferences import Letters

DOCUMENT = Path(__file__).parents[3] / "docs/letters.md"


def table() -> dict[str, list[str]]:
    """The rows of the table, by kind."""
    found = re.findall(r"^\| `(\w+)` \| (.*) \|$", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    return {name: cells.split(" | ") for name, cells in found}


def said_of(kind: Kind) -> list[str]:
    return [
        f"`{kind.list_name}`" if kind.list_name else "–",
        "yes" if kind.is_budgeted else "no",
        "leaves" if kind.is_urgent else "waits",
        "leaves" if not kind.is_budgeted else "waits, joined" if kind.is_joined else "waits",
        f"{kind.worth.days} day{'s' * (kind.worth.days > 1)}" if kind.worth else "as each says",
        "yes" if kind.list_name else "no",
        "yes" if kind.is_pushed else "no",
    ]


def test_the_table_is_as_the_kinds_are() -> None:
    assert table() == {name: said_of(kind) for name, (kind, _) in kinds().items()}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_a_choice_that_one_can_turn_off(name: str) -> None:
    assert isinstance(getattr(Letters(), name), bool)


@pytest.mark.parametrize("name", kinds())
def test_a_letter_of_a_list_is_wanted_where_that_choice_is_on(name: str) -> None:
    kind, _ = kinds()[name]
    if kind.list_name:
        wanted = [kind.is_wanted(msgspec.structs.replace(Letters(), **{kind.list_name: is_on})) for is_on in (True, False)]
        assert wanted == [True, False]


def test_offers_are_sent_to_who_chose_them_alone() -> None:
    assert not Letters().offers
