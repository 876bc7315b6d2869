"""The page of the outbox: rendered by the server for its administrator, complete without a script."""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

from aiohttp import web
from babel.dates import format_datetime

from chat.auth.door import SIGNED_IN
from chat.auth.json_http import id_of
from chat.auth.routing import Limit, Reach, Roles, Route
from chat.framed import charts
from chat.framed.days import zone_named
from chat.framed.forms import form_of
from chat.framed.pages import FramedPages, Said
from chat.framed.tables import Asked, Column, Filter, Page, Table, View, export
from chat.mail import chart, words
from chat.mail.outbox import Figures, Found, Numbers, OutboxView
from chat.pages.assets import language_of
from chat.pages.words import say, sentence
from storage.mail.overview import MOST_COUNTED, Outcome, Seen

# Each request counts the letters of a fortnight.
LIMIT = Limit(a_second=2, at_once=20)

TABLE = Table(
    "/mail",
    (
        Column("letter", sentence("Lettre")),
        Column("kind", sentence("Sorte"), is_sortable=True),
        Column("state", sentence("État"), is_sortable=True),
        Column("written", sentence("Écrite"), is_sortable=True),
        Column("attempts", sentence("Essais"), is_number=True),
        Column("deed", sentence("À faire")),
    ),
    "-written",
    (
        Filter("state", sentence("État"), words.STATES, sentence("Tous")),
        Filter("kind", sentence("Sorte"), {}, sentence("Toutes")),
        Filter(
            "since",
            sentence("Depuis"),
            {"1": sentence("aujourd’hui"), "7": sentence("7 jours"), "30": sentence("30 jours")},
            sentence("toujours"),
        ),
    ),
    (
        View(sentence("Toutes"), {}),
        View(sentence("En attente"), {"state": "waiting"}),
        View(sentence("Parties"), {"state": "sent"}),
        View(sentence("Échouées"), {"state": "failed"}),
    ),
    size=25,
)
EXPORTED = (
    *(Column(name, name) for name in ("id", "domain", "kind", "state", "reason", "attempts")),
    *(Column(name, name) for name in ("written_at", "due_at", "not_after", "ended_at")),
)
KIND = re.compile(r"[a-z][a-z0-9_-]{0,39}")

AGAIN = Said("again", sentence("La lettre attend de nouveau."), sentence("Elle part dès que possible, si sa cause vaut encore."))
GIVEN_UP = Said(
    "given-up", sentence("La lettre est abandonnée."), sentence("« Renvoyer » la remet en attente tant qu’elle peut servir.")
)
HELD = Said(
    "held", sentence("Cette lettre est en train de partir."), sentence("Rien n’a été fait. Regardez dans un instant."), "wait"
)
SENT = Said("sent", sentence("Cette lettre est déjà partie."), sentence("Rien n’a été fait."), "wait")
TOO_LATE = Said(
    "too-late",
    sentence("Il est trop tard pour cette lettre."),
    sentence("Elle ne pourrait plus servir : rien n’a été fait."),
    "alarm",
)
GONE = Said("gone", sentence("Cette lettre n’existe plus."), sentence("Rien n’a été fait."), "alarm")
SAID = (AGAIN, GIVEN_UP, HELD, SENT, TOO_LATE, GONE)
OUTCOMES = {Outcome.HELD: HELD, Outcome.SENT: SENT, Outcome.TOO_LATE: TOO_LATE, Outcome.GONE: GONE}


class MailPage:
    """`/mail`."""

    def __init__(self, outbox: OutboxView, pages: FramedPages) -> None:
        self._outbox = outbox
        self._pages = pages

    def routes(self) -> Iterable[Route]:
        """The page, its export, and what is done on it."""
        yield Route("GET", "/mail", self.show, Roles.ADMINISTRATOR, Reach.COMMON, LIMIT)
        yield Route("POST", "/mail", self.decide, Roles.ADMINISTRATOR, Reach.COMMON, LIMIT)

    async def show(self, request: web.Request) -> web.Response:
        if "give-up" in request.query:
            return await self._ask(request)
        who, language = request[SIGNED_IN].unlocked.account, language_of(request)
        figures = await self._outbox.figures(who)
        asked = table_of(figures.kinds, request.query.get("kind", "")).asked(request.query)
        found = await self._outbox.letters(who, asked)
        if asked.is_export:
            return export("courrier", language, EXPORTED, rows_of(found))
        values = {**shown(found, asked, figures, language), **said(figures, language)}
        return await self._pages.show(request, "mail.html", values, said=SAID)

    async def _ask(self, request: web.Request) -> web.Response:
        """Ask before a letter is given up."""
        found = await self._outbox.letter(id_of(request.query["give-up"]))
        if found is None:
            raise web.HTTPNotFound
        (letter, domain), language = found, language_of(request)
        values = {
            "letter": letter,
            "domain": domain,
            "kind": kind_in(letter.kind, language),
            "back": back_to(request.query.get("back", "")),
            "not_after": moment(letter.not_after, _zone_of(request), language),
        }
        return await self._pages.show(request, "mail-give-up.html", values)

    async def decide(self, request: web.Request) -> web.Response:
        form = await form_of(request)
        deed = form.choice("deed", {"again", "give-up"})
        if not form.is_fine:
            raise web.HTTPNotFound
        letter = id_of(form.typed("letter"))
        done = await (self._outbox.send_again(letter) if deed == "again" else self._outbox.give_up(letter))
        granted = AGAIN if deed == "again" else GIVEN_UP
        return self._pages.go(back_to(form.typed("back")), OUTCOMES.get(done, granted))


def table_of(known: Iterable[str], kind: str) -> Table:
    """The table, with the kinds that are known, and the one that is asked for."""
    kinds = [*known, *([kind] if KIND.fullmatch(kind) else [])]
    values = {name: words.KINDS.get(name, name) for name in kinds}
    return replace(TABLE, filters=[replace(one, values=values) if one.name == "kind" else one for one in TABLE.filters])


def back_to(link: str) -> str:
    """The address of the list that somebody came from: only what the table knows of it."""
    query = dict(parse_qsl(urlsplit(link).query)) if link.startswith("/mail?") else {}
    asked = table_of((), query.get("kind", "")).asked(query)
    return asked.link(page=asked.page)


def shown(found: Found, asked: Asked, figures: Figures, language: str) -> dict[str, object]:
    """The list of letters, as the page shows it."""
    page = Page(asked, [row(letter, found, figures, language) for letter in found.letters])
    return {"page": page, "asked": asked, "total": total(found.total), "here": asked.link(page=asked.page)}


def total(count: int) -> str:
    """How many letters there are, as the page says it."""
    return f"{MOST_COUNTED}+" if count > MOST_COUNTED else str(count)


def row(letter: Seen, found: Found, figures: Figures, language: str) -> dict[str, object]:
    """A letter, as a row of the list shows it."""
    is_useful = not letter.is_of_no_more_use(figures.now)
    is_failed = letter.state in ("refused", "dropped")
    return {
        "id": str(letter.id),
        "domain": found.domains.get(letter.account, ""),
        "kind": kind_in(letter.kind, language),
        "state": letter.state,
        "words": say(language, words.STATES.get(letter.state, letter.state)),
        "reason": words.reason(letter.reason, language),
        "attempts": letter.attempts,
        "written": moment(letter.written_at, figures.zone, language),
        "due": moment(letter.due_at, figures.zone, language) if letter.state == "waiting" and letter.due_at > figures.now else "",
        "ended": moment(letter.ended_at, figures.zone, language),
        "is_held": letter.is_held,
        "again": is_failed and is_useful,
        "is_too_late": is_failed and not is_useful,
        "give_up": letter.state == "waiting" and not letter.is_held,
    }


def rows_of(found: Found) -> Iterable[list[object]]:
    """The letters, as a file has them: with the words of the store, and times in UTC."""
    utc = ZoneInfo("UTC")
    for it in found.letters:
        times = (it.written_at, it.due_at, it.not_after, it.ended_at)
        said = ["" if at is None else datetime.fromtimestamp(at / 1000, utc).isoformat(timespec="seconds") for at in times]
        yield [it.id, found.domains.get(it.account, ""), it.kind, it.state, it.reason or "", it.attempts, *said]


def said(figures: Figures, language: str) -> dict[str, object]:
    """The numbers and the chart, as the page shows them."""
    both = (charts.WIDE, charts.NARROW)
    whole = figures.whole
    oldest = None if figures.oldest is None else charts.duration(max(charts.MINUTE, figures.now - figures.oldest), language)
    return {
        "moment": moment(figures.now, figures.zone, language, "EEEE d MMMM, HH:mm"),
        "zone": figures.zone.key,
        "oldest": oldest,
        "whole": whole,
        "today": list(figures.days.values())[-1],
        "charts": [chart.letters(figures.days, language, place) for place in both],
        "days": [_day(day, numbers, language, is_today=at == len(figures.days) - 1)
                 for at, (day, numbers) in enumerate(figures.days.items())],
        "kinds": [{"name": kind_in(kind, language), "numbers": numbers} for kind, numbers in figures.kinds.items()],
    }  # fmt: skip


def _day(day: date, numbers: Numbers, language: str, *, is_today: bool) -> dict[str, object]:
    return {
        "date": day.isoformat(),
        "day": charts.day_name(day, language, "EEE d"),
        "month": charts.day_name(day, language, "MMM"),
        "numbers": numbers,
        "is_today": is_today,
    }


def kind_in(kind: str, language: str) -> str:
    """A kind of letter, in words."""
    return say(language, words.KINDS[kind]) if kind in words.KINDS else kind


def moment(at: int | None, zone: ZoneInfo, language: str, pattern: str = "d MMM, HH:mm") -> str:
    """A time as people say it; empty for none."""
    if at is None:
        return ""
    return format_datetime(datetime.fromtimestamp(at / 1000, zone), pattern, locale="en_GB" if language == "en" else language)


def _zone_of(request: web.Request) -> ZoneInfo:
    return zone_named(request[SIGNED_IN].unlocked.account.time_zone)
