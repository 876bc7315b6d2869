"""The pages of somebody who follows programmes: what they follow, each as a path, each lesson, and an answer to it."""

from collections.abc import Iterable, Mapping

from aiohttp import web

from chat.auth.door import SIGNED_IN, Door
from chat.auth.routing import Limit, Reach, Roles, Route
from chat.framed.forms import Form, form_of
from chat.framed.pages import FramedPages, Said
from chat.pages.assets import language_of
from chat.pages.words import sentence
from chat.programmes.offers import Offers
from chat.programmes.pages.answers import LONGEST_ANSWER, Answers
from chat.programmes.pages.path import Path, Step, introduction, path_of
from chat.programmes.pages.wording import as_html, in_language, listed, minutes_to_read
from chat.programmes.programmes import NotForThem, NotSent, Programmes, Unknown
from storage.accounts.accounts import Account
from storage.ids import MessageId, new_id, read_id
from storage.programmes import schedule
from storage.programmes.enrolments import State

__all__ = ["MemberPages"]

# More than anybody needs: each change is a commit, and beginning makes a letter.
CHANGES = Limit(a_second=0.2, at_once=10)
STARTED = Said("started", sentence("Le parcours commence."), sentence("La première étape arrive à son heure."))
PAUSED = Said("paused", sentence("Le parcours est en pause."), sentence("Rien n’est perdu : il attend que vous le repreniez."))
RESUMED = Said("resumed", sentence("Le parcours reprend."), sentence("La suite arrive au prochain jour prévu."))
STOPPED = Said("stopped", sentence("Le parcours est arrêté."), sentence("Ce que vous avez reçu reste ici."))
UNCHANGED = Said("unchanged", sentence("Rien n’a changé : c’était déjà fait."), tone="wait")
CLOSED = Said("closed", sentence("Ce parcours n’est plus proposé."), sentence("Rien n’a changé."), tone="wait")
OF_PROGRAMME = (STARTED, PAUSED, RESUMED, STOPPED, UNCHANGED, CLOSED)
NOBODY_READS = sentence("Plus personne ne répond dans vos conversations en ce moment. Gardez votre texte : copiez-le d’ici.")
OTHERS_READ = sentence("Les personnes qui vous lisent ne sont plus les mêmes. Regardez à qui il part, puis envoyez de nouveau.")
ANSWERED = Said("answered", sentence("Votre message est parti."), sentence("Vous le retrouvez dans vos conversations."))


class MemberPages:
    """`/programmes` and what is below it."""

    def __init__(self, rules: Programmes, offers: Offers, answers: Answers, pages: FramedPages, door: Door) -> None:
        self._rules, self._offers, self._answers, self._pages, self._door = rules, offers, answers, pages, door

    def routes(self) -> Iterable[Route]:
        """All of them."""
        yield Route("GET", "/programmes", self.home, Roles.MEMBER, Reach.OWN)
        yield Route("GET", "/programmes/{programme}", self.path, Roles.MEMBER, Reach.OWN)
        yield Route("POST", "/programmes/{programme}", self.change, Roles.MEMBER, Reach.OWN, CHANGES)
        yield Route("GET", "/programmes/{programme}/stop", self.ask_to_stop, Roles.MEMBER, Reach.OWN)
        yield Route("GET", "/programmes/{programme}/lessons/{lesson}", self.lesson, Roles.MEMBER, Reach.OWN)
        yield Route("POST", "/programmes/{programme}/lessons/{lesson}", self.answer, Roles.MEMBER, Reach.OWN)

    async def home(self, request: web.Request) -> web.Response:
        account, language = _account(request), language_of(request)
        paths = await self._paths(account, language)
        offered = [
            {"name": name, "title": in_language(plan.titles, language), "summary": in_language(plan.summaries, language)}
            for name, plan in (await self._offers.of(account)).items()
        ]
        values = {
            "following": [(path, await self._introduction(account, path, language)) for path in paths if path.is_open],
            "past": [path for path in paths if not path.is_open],
            "offered": offered,
        }
        return await self._pages.show(request, "programmes.html", values, said=OF_PROGRAMME)

    async def path(self, request: web.Request) -> web.Response:
        account, language = _account(request), language_of(request)
        path = await self._path(request)
        to = await self._answers.companion_of(account)
        values = {
            "programme": path,
            "present": await self._introduction(account, path, language),
            "companion": to.first_name if to else "",
            "may_begin_again": path.name in await self._offers.of(account),
            "by_mail": await self._offers.come_by_mail(account),
        }
        return await self._pages.show(request, "programme.html", values, said=OF_PROGRAMME)

    async def _introduction(self, account: Account, path: Path, language: str) -> Mapping[str, object]:
        if path.here is None:
            return {}
        return introduction(in_language(await self._rules.lesson(account.id, path.name, path.here.key), language), language)

    async def ask_to_stop(self, request: web.Request) -> web.Response:
        path = await self._path(request)
        if not path.is_open:
            raise web.HTTPNotFound
        return await self._pages.show(request, "programme-stop.html", {"programme": path})

    async def change(self, request: web.Request) -> web.Response:
        form, name, account = await form_of(request), request.match_info["programme"], _account(request)
        deed = form.choice("deed", ("start", "pause", "resume", "stop"))
        if not deed:
            raise web.HTTPNotFound
        here = f"/programmes/{name}"
        try:
            match deed:
                case "start":
                    said = STARTED if await self._rules.enrol(name, account.id) else UNCHANGED
                case "pause":
                    said = PAUSED if await self._rules.pause(name, account.id) else UNCHANGED
                case "resume":
                    said = RESUMED if await self._rules.resume(name, account.id) else UNCHANGED
                case _:
                    said = STOPPED if await self._rules.stop(name, account.id) else UNCHANGED
        except Unknown:
            raise web.HTTPNotFound from None
        except (NotSent, NotForThem):
            return self._pages.go("/programmes", CLOSED)
        return self._pages.go(here, said)

    # A lesson

    async def lesson(self, request: web.Request) -> web.Response:
        return await self._lesson(request)

    async def _lesson(self, request: web.Request, form: Form | None = None) -> web.Response:
        account, language, key = _account(request), language_of(request), request.match_info["lesson"]
        path, step = await self._step(request)
        text = in_language(await self._rules.lesson(account.id, path.name, key), language)
        to = await self._answers.companion_of(account)
        values = {
            "programme": path,
            "step": step,
            "text": as_html(text, language),
            "minutes": minutes_to_read(text),
            "to": to,
            "readers": listed(to.readers, language) if to else "",
            "message": new_id(MessageId),
            "longest": LONGEST_ANSWER,
        }
        status = 422 if form else 200
        return await self._pages.show(request, "lesson.html", values, form=form, said=(ANSWERED,), status=status)

    async def answer(self, request: web.Request) -> web.Response:
        """Post an answer to those whom the page named; what cannot be posted is shown again, with the reason."""
        form, account = await form_of(request), _account(request)
        path, step = await self._step(request)
        to = await self._answers.companion_of(account)
        text = form.text("text", longest=LONGEST_ANSWER, required=sentence("Écrivez votre message."))
        if to is None:
            form.refuse("text", NOBODY_READS)
        elif (form.typed("thread"), form.typed("people")) != (str(to.thread), to.people):
            form.refuse("text", OTHERS_READ)
        if form.is_fine and to:
            self._door.take_turn(request)
            id_ = MessageId(read_id(form.typed("message")) or new_id(MessageId))
            if why := await self._answers.post(request[SIGNED_IN].unlocked, to, id_, step.title, text):
                form.refuse("text", why)
        if not form.is_fine:
            return await self._lesson(request, form)
        return self._pages.go(f"/programmes/{path.name}/lessons/{step.key}", ANSWERED)

    async def _step(self, request: web.Request) -> tuple[Path, Step]:
        """A lesson that has come, with the path that it is a step of."""
        path, key = await self._path(request), request.match_info["lesson"]
        step = next((step for step in path.steps if step.key == key), None)
        if step is None:
            raise web.HTTPNotFound
        return path, step

    # What they follow

    async def _path(self, request: web.Request) -> Path:
        paths = await self._paths(_account(request), language_of(request))
        found = next((path for path in paths if path.name == request.match_info["programme"]), None)
        if found is None:
            raise web.HTTPNotFound
        return found

    async def _paths(self, account: Account, language: str) -> list[Path]:
        """Newest first: what somebody follows, then what they followed."""
        followed = await self._rules.of(account)
        followed.sort(key=lambda one: (one.enrolment.state is not State.FOLLOWING, -one.enrolment.changed_at))
        where, now = schedule.zone(account.time_zone), self._offers.now()
        return [path_of(one, where, now, language) for one in followed]


def _account(request: web.Request) -> Account:
    return request[SIGNED_IN].unlocked.account
