"""A table that sorts, filters, pages and exports, all by its address: a link to it is a saved view.

What an address asks for and the table does not know is passed over: a wrong sort is the first one, a wrong filter none, a wrong
page the first. The rows themselves come from the feature, which gets an ``Asked`` and returns what it asks for.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from chat.framed.pages import FRAMED
from chat.pages.words import say, sentence

__all__ = ["EXPORTED", "Asked", "Column", "Filter", "Page", "Table", "View", "export"]

SORT, PAGE, AS, CSV = "sort", "page", "as", "csv"
# Where no page of a table may be: what lies beyond is found by a filter.
MOST_PAGES: Final = 200
# At most this many rows go into an export.
EXPORTED: Final = 10_000
# A spreadsheet takes what begins so for a formula (OWASP, CSV injection): an apostrophe before it makes it a text.
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Column:
    """A column: its name in addresses, and its French ``sentence``. Numbers stand to the right."""

    name: str
    label: str
    is_sortable: bool = False
    is_number: bool = False


@dataclass(frozen=True)
class Filter:
    """A choice above the table: its name in addresses, its French ``sentence``, and that of each value it may have."""

    name: str
    label: str
    values: Mapping[str, str]
    any: str = sentence("Tout")


@dataclass(frozen=True)
class View:
    """A saved view: a French ``sentence``, and the filters that it sets."""

    label: str
    chosen: Mapping[str, str]


@dataclass(frozen=True)
class Table:
    """A table of a page. ``first`` is how it is sorted at first: a column's name, with a minus for descending."""

    path: str
    columns: Sequence[Column]
    first: str
    filters: Sequence[Filter] = ()
    views: Sequence[View] = ()
    size: int = 50

    def asked(self, query: Mapping[str, str]) -> "Asked":
        """Read what an address asks for."""
        sort = query.get(SORT, self.first)
        if sort.removeprefix("-") not in {column.name for column in self.columns if column.is_sortable}:
            sort = self.first
        named = {one.name: query.get(one.name, "") for one in self.filters}
        chosen = {one.name: named[one.name] for one in self.filters if named[one.name] in one.values}
        return Asked(self, sort, chosen, _page_in(query.get(PAGE, "")), is_export=query.get(AS) == CSV)


def _page_in(raw: str) -> int:
    is_one = raw.isascii() and raw.isdigit() and len(raw) <= 4 and 1 <= int(raw) <= MOST_PAGES
    return int(raw) if is_one else 1


@dataclass(frozen=True)
class Asked:
    """What an address asks of a table."""

    table: Table
    sort: str
    chosen: Mapping[str, str] = field(default_factory=dict)
    page: int = 1
    is_export: bool = False

    @property
    def by(self) -> str:
        """The name of the column that it is sorted by."""
        return self.sort.removeprefix("-")

    @property
    def is_descending(self) -> bool:
        return self.sort.startswith("-")

    @property
    def limit(self) -> int:
        """How many rows to read: one more than are shown tells whether there is a next page."""
        return EXPORTED if self.is_export else self.table.size + 1

    @property
    def offset(self) -> int:
        """How many rows to pass over."""
        return 0 if self.is_export else (self.page - 1) * self.table.size

    def link(self, *, sort: str | None = None, page: int = 1, without: str = "", **chosen: str) -> str:
        """The address of the same table with something changed; it begins at its first page unless told otherwise."""
        filters = {name: value for name, value in {**self.chosen, **chosen}.items() if name != without and value}
        return self._address(filters, sort or self.sort, page)

    def view(self, view: View) -> str:
        """The address of a saved view, sorted as now."""
        return self._address(view.chosen, self.sort, 1)

    def is_view(self, view: View) -> bool:
        """Whether a saved view is the one shown."""
        return dict(view.chosen) == dict(self.chosen)

    def export(self) -> str:
        """The address of what is chosen, as a file."""
        link = self.link()
        return f"{link}{'&' if '?' in link else '?'}{AS}={CSV}"

    def _address(self, filters: Mapping[str, str], sort: str, page: int) -> str:
        query = dict(filters)
        query |= {SORT: sort} if sort != self.table.first else {}
        query |= {PAGE: str(page)} if page > 1 else {}
        return f"{self.table.path}?{urlencode(query)}" if query else self.table.path

    # For the template

    def heads(self) -> list[dict[str, object]]:
        """Each column with the link that sorts by it, and how it is sorted now ("ascending", "descending" or nothing)."""
        return [self._head(column) for column in self.table.columns]

    def _head(self, column: Column) -> dict[str, object]:
        is_here = column.name == self.by
        order = ("descending" if self.is_descending else "ascending") if is_here else ""
        link = self.link(sort=f"-{column.name}" if order == "ascending" else column.name) if column.is_sortable else ""
        return {"column": column, "link": link, "order": order}

    def taken(self) -> list[dict[str, str]]:
        """Each filter that is chosen, with the link that takes it away."""
        filters = {one.name: one for one in self.table.filters}
        return [
            {"filter": filters[name].label, "value": filters[name].values[value], "link": self.link(without=name)}
            for name, value in self.chosen.items()
        ]

    def views(self) -> list[dict[str, object]]:
        """The saved views, with their links."""
        return [{"label": one.label, "link": self.view(one), "is_here": self.is_view(one)} for one in self.table.views]


class Page:
    """The rows that a page of a table shows, of those that were read for an ``Asked``."""

    def __init__(self, asked: Asked, found: Sequence[object]) -> None:
        self.asked = asked
        self.rows = found[: asked.table.size]
        self.first = asked.offset + 1
        self.last = asked.offset + len(self.rows)
        self.before = asked.link(page=asked.page - 1) if asked.page > 1 else ""
        self.after = asked.link(page=asked.page + 1) if len(found) > asked.table.size and asked.page < MOST_PAGES else ""


def export(name: str, language: str, columns: Iterable[Column], rows: Iterable[Sequence[object]]) -> web.Response:
    """Answer with a CSV file (RFC 4180, UTF-8 with a byte order mark, so that spreadsheets read the accents)."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([guarded(say(language, column.label)) for column in columns])
    writer.writerows([guarded(str(cell)) for cell in row] for row in rows)
    response = web.Response(
        body=text.getvalue().encode("utf-8-sig"),
        headers={
            **FRAMED,
            "Content-Type": "text/csv; charset=utf-8",
            "Content-Disposition": f'attachment; filename="{name}.csv"',
        },
    )
    response.enable_compression()
    return response


def guarded(cell: str) -> str:
    """A cell that no spreadsheet runs as a formula."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell
