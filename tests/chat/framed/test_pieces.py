"""The pieces of pages: what is referred to is there, what was typed stays text, and "more" holds the rest."""

import re
from html.parser import HTMLParser

import pytest

from chat.auth.routing import Roles
from chat.framed.forms import Form
from chat.framed.navigation import Place, Shown, rests
from chat.framed.tables import Column, Filter, Page, Table, View
from chat.pages.assets import PAGES, Shelf
from chat.pages.words import static_folder

HARMFUL = "\"><script>1</script>'{{ 1 }}"
REFERRING = ("aria-describedby", "aria-labelledby", "popovertarget", "for")
PIECES = (
    "the_rail", "the_rest", "refused", "field", "area", "chooser", "picks", "tick", "confirm", "views", "filters", "taken",
    "table_of", "pager", "empty", "say",
)  # fmt: skip
TABLE = Table(
    "/list",
    (Column("name", "Lettre", is_sortable=True), Column("many", "Essais", is_number=True)),
    "name",
    (Filter("state", "État", {"waiting": "en attente"}),),
    (View("Toutes", {}),),
    size=2,
)


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    return Shelf([static_folder()], PAGES)


class Read(HTMLParser):
    """A page as it is understood: its elements with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.all: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.all.append((tag, dict(attrs)))

    def values(self, tag: str, name: str) -> list[str | None]:
        return [attributes[name] for found, attributes in self.all if found == tag and name in attributes]


def made(shelf: Shelf, template: str, language: str = "fr", **values: object) -> tuple[str, Read]:
    """What a template with all pieces in it makes; every reference in it is checked."""
    names = ", ".join(PIECES)
    source = f'{{% from "pieces.html" import {names} with context %}}{template}'
    text = shelf._environments[language].from_string(source).render(**values)
    read = Read(text)
    ids = [attributes["id"] for _, attributes in read.all if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in read.all:
        for name in REFERRING:
            assert set((attributes.get(name) or "").split()) <= {str(one) for one in ids}, name
        target = attributes.get("href") or ""
        assert not target.startswith("#") or target[1:] in ids
    assert "script" not in {tag for tag, _ in read.all}
    assert "style" not in {name for _, attributes in read.all for name in attributes}
    return text, read


FORM = """{{ refused(form, "Rien n’est gardé.", {"name": "Nom", "role": "Rôle"}) }}
{{ field(form, "name", "Nom", hint="Comme vous voulez.") }}{{ area(form, "words", "Mots") }}
{{ chooser(form, "zone", "Zone", {"paris": "Paris", "oslo": "Oslo"}) }}
{{ picks(form, "role", "Rôle", {"one": "Un", "two": "Deux"}) }}{{ tick(form, "agreed", "D’accord", hint="Bien sûr.") }}
{{ field(form, "secret", "Mot de passe", type="password") }}"""


def test_a_refused_form_shows_what_was_typed_and_what_is_wrong_with_it(shelf: Shelf) -> None:
    names = ("name", "words", "zone", "role", "agreed")
    form = Form(
        {"name": [HARMFUL], "words": [HARMFUL], "zone": ["oslo"], "role": ["two"], "agreed": ["yes"], "secret": ["canari"]}
    )
    for name in names:
        form.refuse(name, "C’est trop long pour ce champ.")
    text, read = made(shelf, FORM, form=form)
    assert [attributes["name"] for _, attributes in read.all if attributes.get("aria-invalid") == "true"] == [
        "name", "words", "zone", "agreed",
    ]  # fmt: skip
    assert read.values("a", "href") == [f"#field-{name}" for name in names]
    assert HARMFUL in read.values("input", "value")
    assert "canari" not in text
    assert [attributes["value"] for _, attributes in read.all if "selected" in attributes or "checked" in attributes] == [
        "oslo", "two", "yes",
    ]  # fmt: skip


def test_a_fresh_form_says_nothing_is_wrong(shelf: Shelf) -> None:
    text, read = made(shelf, FORM, form=Form())
    assert "trouble" not in text
    assert not [attributes for _, attributes in read.all if "aria-invalid" in attributes or "checked" in attributes]


def test_an_unticked_box_stays_unticked_when_the_form_comes_back(shelf: Shelf) -> None:
    piece = '{{ tick(form, "agreed", "D’accord", is_ticked=true) }}'
    assert " checked" in made(shelf, piece, form=Form())[0]
    assert " checked" not in made(shelf, piece, form=Form({"name": ["Léa"]}))[0]


@pytest.mark.parametrize("many", [1, 4, 5, 7])
def test_what_does_not_fit_into_the_bar_is_behind_more(shelf: Shelf, many: int) -> None:
    places = [Place(f"/{at}", "Courrier", "M0 0", Roles.STAFF, at) for at in range(many)]
    rail = [
        Shown(place, is_here=at == many - 1, is_rest=is_rest, count=1)
        for at, (place, is_rest) in enumerate(zip(places, rests(many), strict=True))
    ]
    text, read = made(shelf, "{{ the_rail(rail) }}{{ the_rest(rail) }}", rail=rail)
    rest = sum(it.is_rest for it in rail)
    assert read.values("a", "href").count(f"/{many - 1}") == (2 if rest else 1)
    assert ("more" in read.values("button", "popovertarget")) == bool(rest)
    assert ("data-here" in text) == bool(rest)
    assert re.findall(r"<span>(\d)</span>", text) == ["1"] * many + ([str(rest)] if rest else [])


def test_a_table_says_its_order_and_escapes_its_rows(shelf: Shelf) -> None:
    asked = TABLE.asked({"state": "waiting", "sort": "-name"})
    page = Page(asked, [HARMFUL, "b", "c"])
    text, read = made(
        shelf,
        """{{ views(asked, "Vues") }}{{ filters(asked, "Filtrer") }}{{ taken(asked, "3") }}
        {% call(row) table_of(page, "Lettres") %}<th scope="row">{{ row }}</th><td>1</td>{% endcall %}{{ pager(page, 3) }}
        {% call empty("Rien") %}{{ row }}{% endcall %}""",
        asked=asked, page=page, row=HARMFUL,
    )  # fmt: skip
    assert read.values("th", "aria-sort") == ["descending"]
    assert {"/list?state=waiting&sort=-name&page=2", "/list?sort=-name"} <= set(read.values("a", "href"))
    assert text.count("&lt;script&gt;") == 2


def test_a_confirmation_repeats_the_deed_and_has_a_way_out(shelf: Shelf) -> None:
    _, read = made(
        shelf,
        """{% call confirm(it, "", {"Effacé": it}, it, "/list", "Rester", "/list") %}<input name="x">{% endcall %}""",
        it=HARMFUL,
    )
    assert (read.values("form", "action"), read.values("a", "href")) == (["/list"], ["/list"])
