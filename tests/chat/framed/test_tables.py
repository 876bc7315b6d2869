"""A table's address: whatever it says, something sensible is shown; and every link of the table leads to what it says."""

import csv
import io
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.framed.tables import MOST_PAGES, Column, Filter, Page, Table, View, export, guarded

TABLE = Table(
    "/mail",
    (Column("when", "Quand", is_sortable=True), Column("kind", "Sorte", is_sortable=True), Column("deed", "Geste")),
    "-when",
    (Filter("state", "État", {"waiting": "en attente", "sent": "envoyé"}), Filter("kind", "Sorte", {"reply": "réponse"})),
    (View("Tous", {}), View("En attente", {"state": "waiting"})),
    size=3,
)
ANY = st.text(max_size=12) | st.sampled_from(["waiting", "reply", "when", "-when", "-kind", "2", "0", "201", "csv", "٣"])
QUERIES = st.dictionaries(st.sampled_from(["state", "kind", "sort", "page", "as", "other"]), ANY)


def followed(link: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(link).query, keep_blank_values=True))


@given(QUERIES)
def test_whatever_an_address_says_something_sensible_is_asked(query: dict[str, str]) -> None:
    asked = TABLE.asked(query)
    assert asked.by in {"when", "kind"}
    assert 1 <= asked.page <= MOST_PAGES
    assert all(value in next(one.values for one in TABLE.filters if one.name == name) for name, value in asked.chosen.items())


@given(QUERIES)
def test_every_link_leads_back_to_what_it_was_made_of(query: dict[str, str]) -> None:
    asked = TABLE.asked(query)
    same = TABLE.asked(followed(asked.link(page=asked.page)))
    assert (same.sort, same.chosen, same.page) == (asked.sort, asked.chosen, asked.page)
    exported = TABLE.asked(followed(asked.export()))
    assert (exported.is_export, exported.chosen, exported.sort, exported.offset) == (True, asked.chosen, asked.sort, 0)


@given(QUERIES)
def test_each_chosen_filter_can_be_taken_away(query: dict[str, str]) -> None:
    asked = TABLE.asked(query)
    for name, taken in zip(asked.chosen, asked.taken(), strict=True):
        left = TABLE.asked(followed(taken["link"]))
        assert left.chosen == {key: value for key, value in asked.chosen.items() if key != name}
        assert left.page == 1


@pytest.mark.parametrize("raw", ["", "0", "-1", "201", "1e3", "٣", "99999999999", "1 "])
def test_a_wrong_page_is_the_first(raw: str) -> None:
    assert TABLE.asked({"page": raw}).page == 1


def test_a_head_sorts_and_turns_round() -> None:
    asked = TABLE.asked({"sort": "kind"})
    when, kind, deed = asked.heads()
    assert (kind["order"], kind["link"]) == ("ascending", "/mail?sort=-kind")
    assert (when["order"], when["link"]) == ("", "/mail?sort=when")
    assert (deed["order"], deed["link"]) == ("", "")


@given(st.integers(0, 20))
def test_pages_show_every_row_once(many: int) -> None:
    rows, link = list(range(many)), "/mail"
    shown: list[object] = []
    while link:
        asked = TABLE.asked(followed(link))
        page = Page(asked, rows[asked.offset : asked.offset + asked.limit])
        shown += page.rows
        link = page.after
    assert shown == rows


def test_a_view_is_known_by_its_filters() -> None:
    asked = TABLE.asked({"state": "waiting", "page": "4"})
    assert [view["is_here"] for view in asked.views()] == [False, True]
    assert [view["link"] for view in asked.views()] == ["/mail", "/mail?state=waiting"]


@pytest.mark.parametrize("cell", ["=1+1", "+33", "-2", "@SUM(A1)", "\tx", "\rx"])
def test_no_cell_of_an_export_is_a_formula(cell: str) -> None:
    assert guarded(cell) == f"'{cell}"
    assert guarded("0x") == "0x"


@given(
    st.lists(
        st.tuples(st.text(max_size=20).filter(lambda it: "\0" not in it), st.text(max_size=5).filter(lambda it: "\0" not in it))
    )
)
def test_an_export_says_what_the_rows_say(rows: list[tuple[str, str]]) -> None:
    body = export("courrier", "fr", TABLE.columns[:2], rows).body
    assert isinstance(body, bytes)
    assert body.startswith(b"\xef\xbb\xbf")
    read = list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")))
    assert read == [["Quand", "Sorte"], *([guarded(cell) for cell in row] for row in rows)]
