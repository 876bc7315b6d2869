"""The pages of those who look after programmes: all of them, one with its lessons and who is where, publishing, and pausing it.

They show numbers, no names. That a member has finished one is told, by a rule of encouragement, to their companion alone.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from chat.auth.routing import Limit, Reach, Roles, Route
from chat.core import LessonPreview
from chat.framed.forms import form_of
from chat.framed.pages import FRAMED, FramedPages, Said
from chat.framed.tables import Column, Page, Table
from chat.pages.assets import CONTENT_POLICY, language_of
from chat.pages.words import say, sentence
from chat.programmes.pages.wording import as_html, hour_of, in_language, weekday_of
from chat.programmes.programmes import Overview, Programmes, Unknown
from storage.programmes.enrolments import State
from storage.programmes.plans import Audience, Lesson, Plan

__all__ = ["AUTHORS", "AuthorPages"]

HOME: Final = "/manage/programmes"
LESSON: Final = f"{HOME}/{{programme}}/{{version}}/{{lesson}}"
# A letter's own styles are inline; it is shown in a frame in which nothing runs or loads.
LETTER_POLICY: Final = "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"
PREVIEW_POLICY: Final = f"{CONTENT_POLICY}; frame-src 'self'"
LONGEST_VERSION: Final = 9
DARK: Final = "@media (prefers-color-scheme: dark)"
AUTHORS: Final = Roles.COMPANION | Roles.ADMINISTRATOR
CHANGES: Final = Limit(a_second=0.2, at_once=10)
LETTERS: Final = Limit(a_second=4, at_once=40)
AUDIENCES: Final[Mapping[Audience, str]] = {
    Audience.EVERYBODY: sentence("tout le monde"),
    Audience.MANAGERS: sentence("qui encadre"),
    Audience.OTHERS: sentence("qui n’encadre pas"),
}
PUBLISHED = Said(
    "published", sentence("La version est publiée."), sentence("Elle vaut à partir de la prochaine étape de chacun·e.")
)
RESTING = Said(
    "resting",
    sentence("Le parcours est en pause pour tout le monde."),
    sentence("Rien ne part tant que vous ne le reprenez pas."),
)
GOING_ON = Said("going-on", sentence("Le parcours reprend pour tout le monde."))
UNCHANGED = Said(
    "unchanged", sentence("Rien n’a changé : une autre version est arrivée entre-temps, ou c’était déjà fait."), tone="wait"
)
SAID = (PUBLISHED, RESTING, GOING_ON, UNCHANGED)
ALL = Table(
    HOME,
    (
        Column("title", sentence("Parcours")),
        Column("state", sentence("Où il en est")),
        Column("following", sentence("Suivent"), is_number=True),
        Column("paused", sentence("En pause"), is_number=True),
        Column("finished", sentence("Ont terminé"), is_number=True),
        Column("stopped", sentence("Ont arrêté"), is_number=True),
    ),
    first="title",
    size=200,
)
LESSONS = Table(
    HOME,
    (
        Column("title", sentence("Étape")),
        Column("when", sentence("Quand")),
        Column("audience", sentence("Pour")),
        Column("here", sentence("En sont là"), is_number=True),
    ),
    first="title",
    size=200,
)


class AuthorPages:
    """`/manage/programmes` and what is below it."""

    def __init__(self, rules: Programmes, pages: FramedPages, preview: LessonPreview | None) -> None:
        self._rules, self._pages, self._preview = rules, pages, preview

    def routes(self) -> Iterable[Route]:
        """All of them."""
        yield Route("GET", HOME, self.all, AUTHORS, Reach.COMMON)
        yield Route("GET", f"{HOME}/{{programme}}", self.one, AUTHORS, Reach.COMMON)
        yield Route("GET", f"{HOME}/{{programme}}/publish", self.ask_to_publish, AUTHORS, Reach.COMMON)
        yield Route("GET", f"{HOME}/{{programme}}/rest", self.ask_to_rest, AUTHORS, Reach.COMMON)
        yield Route("POST", f"{HOME}/{{programme}}", self.change, AUTHORS, Reach.COMMON, CHANGES)
        yield Route("GET", LESSON, self.lesson, AUTHORS, Reach.COMMON)
        yield Route("GET", f"{LESSON}/letter", self.letter, AUTHORS, Reach.COMMON, LETTERS)

    async def all(self, request: web.Request) -> web.Response:
        language = language_of(request)
        found = sorted(await self._rules.all(), key=lambda one: in_language(one.plan.titles, language).casefold())
        page = Page(ALL.asked({}), [_row(one, language) for one in found])
        return await self._pages.show(request, "manage-programmes.html", {"page": page})

    async def one(self, request: web.Request) -> web.Response:
        found, language = await self._found(request), language_of(request)
        lessons = [_lesson(found, lesson, language) for lesson in found.plan.lessons]
        values = {
            **_row(found, language),
            "page": Page(LESSONS.asked({}), lessons),
            "begun": found.counts.get((State.FOLLOWING, ""), 0),
        }
        return await self._pages.show(request, "manage-programme.html", values, said=SAID)

    async def ask_to_publish(self, request: web.Request) -> web.Response:
        return await self._ask(request, "manage-programme-publish.html", lambda found: found.has_draft)

    async def ask_to_rest(self, request: web.Request) -> web.Response:
        return await self._ask(request, "manage-programme-rest.html", lambda found: found.programme.is_sent)

    async def _ask(self, request: web.Request, template: str, is_open: Callable[[Overview], bool]) -> web.Response:
        found = await self._found(request)
        if not is_open(found):
            raise web.HTTPNotFound
        return await self._pages.show(request, template, _row(found, language_of(request)))

    async def change(self, request: web.Request) -> web.Response:
        form, name = await form_of(request), request.match_info["programme"]
        deed = form.choice("deed", ("publish", "rest", "go-on"))
        version = form.number("version", 1, 2**31, "") if deed == "publish" else 0
        if not form.is_fine:
            raise web.HTTPNotFound
        try:
            return self._pages.go(f"{HOME}/{name}", await self._do(deed, name, version))
        except Unknown:
            raise web.HTTPNotFound from None

    async def _do(self, deed: str, name: str, version: int) -> Said:
        match deed:
            case "publish":
                return PUBLISHED if await self._rules.publish(name, version) else UNCHANGED
            case "rest":
                await self._rules.rest(name)
                return RESTING
            case _:
                await self._rules.go_on(name)
                return GOING_ON

    # Previews

    async def lesson(self, request: web.Request) -> web.Response:
        """One lesson of one version, as its page and as its letter, in a language and in light or dark."""
        language = request.query.get("language", language_of(request))
        overview, lesson, texts = await self._draft(request)
        chosen = language if language in texts else next(iter(texts))
        is_dark = request.query.get("dark") == "yes"
        step, steps = overview.plan.step(lesson.key, lesson.audience is Audience.MANAGERS)
        values = {
            "name": overview.programme.name,
            "programme_title": in_language(overview.plan.titles, language_of(request)),
            "version": request.match_info["version"],
            "lesson": lesson,
            "title": in_language(lesson.titles, chosen),
            "step": step,
            "steps": steps,
            "text": as_html(texts[chosen], chosen),
            "chosen": chosen,
            "is_dark": is_dark,
            "here": request.path,
            "letter": f"{request.path}/letter?{urlencode({'language': chosen, **({'dark': 'yes'} if is_dark else {})})}",
        }
        response = await self._pages.show(request, "manage-lesson.html", values)
        response.headers["Content-Security-Policy"] = PREVIEW_POLICY
        return response

    async def letter(self, request: web.Request) -> web.Response:
        """The letter of a lesson, for the frame in which it is looked at."""
        overview, lesson, texts = await self._draft(request)
        language = request.query.get("language", language_of(request))
        if language not in texts or self._preview is None:
            raise web.HTTPNotFound
        place = overview.plan.step(lesson.key, lesson.audience is Audience.MANAGERS)
        html = await asyncio.to_thread(self._preview, language, in_language(lesson.titles, language), texts[language], *place)
        if request.query.get("dark") == "yes":
            html = html.replace(DARK, "@media all")
        headers = {**FRAMED, "Content-Security-Policy": LETTER_POLICY}
        return web.Response(text=html, content_type="text/html", headers=headers)

    async def _draft(self, request: web.Request) -> tuple[Overview, Lesson, Mapping[str, str]]:
        """A lesson of any version, published or not, with its texts by language."""
        name, version, key = (request.match_info[part] for part in ("programme", "version", "lesson"))
        try:
            is_number = version.isascii() and version.isdigit() and len(version) <= LONGEST_VERSION
            overview, texts = await self._rules.draft(name, int(version) if is_number else 0, key)
        except Unknown:
            raise web.HTTPNotFound from None
        return overview, overview.plan.lessons[overview.plan.place(key)], texts

    async def _found(self, request: web.Request) -> Overview:
        name = request.match_info["programme"]
        found = next((one for one in await self._rules.all() if one.programme.name == name), None)
        if found is None:
            raise web.HTTPNotFound
        return found


def _row(one: Overview, language: str) -> dict[str, object]:
    return {
        "name": one.programme.name,
        "title": in_language(one.plan.titles, language),
        "audience": say(language, AUDIENCES[one.plan.audience]),
        "steps": _steps(one.plan),
        "programme": one.programme,
        "has_draft": one.has_draft,
        **{state.value: one.count(state) for state in State},
    }


def _steps(plan: Plan) -> int:
    return max(len(plan.seen_by(manages)) for manages in (True, False))


def _lesson(one: Overview, lesson: Lesson, language: str) -> dict[str, object]:
    hour = hour_of(lesson.minute, language)
    if lesson.weekday is not None:
        when = say(language, sentence("le {day} à {hour}"), day=weekday_of(lesson.weekday, language), hour=hour)
    else:
        when = say(language, sentence("jour {n}, à {hour}"), n=lesson.day, hour=hour)
    return {
        "key": lesson.key,
        "number": lesson.number,
        "title": in_language(lesson.titles, language),
        "when": when,
        "audience": say(language, AUDIENCES[lesson.audience]),
        "is_for_all": lesson.audience is Audience.EVERYBODY,
        "here": one.counts.get((State.FOLLOWING, lesson.key), 0) + one.counts.get((State.PAUSED, lesson.key), 0),
    }
