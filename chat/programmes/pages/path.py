"""A programme as the path that somebody follows: what is behind them, where they are, what comes. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from chat.pages.words import say, sentence
from chat.programmes.pages.wording import beginning, day_of, in_language, minutes_to_read, when
from chat.programmes.programmes import Followed
from storage.programmes import schedule
from storage.programmes.enrolments import Outcome, Received, State
from storage.programmes.schedule import Placed

__all__ = ["Path", "Step", "introduction", "path_of"]

CAME: Mapping[Outcome, str] = {
    Outcome.LETTER: sentence("reçue le {day}"),
    Outcome.PAGE: sentence("arrivée ici le {day}"),
    Outcome.MISSED: sentence("pas envoyée, à lire ici"),
}
CAME_TODAY: Mapping[Outcome, str] = {
    **CAME,
    Outcome.LETTER: sentence("reçue aujourd’hui"),
    Outcome.PAGE: sentence("arrivée ici aujourd’hui"),
}


@dataclass(frozen=True)
class Step:
    """A step of the path. ``state`` is "done", "here" or "later"; ``key`` is empty for what cannot be read yet."""

    number: int
    title: str
    state: str
    when: str
    key: str = ""


@dataclass(frozen=True)
class Path:
    """A programme as one person sees it, in their language. ``next`` says when the next step comes; empty if none does."""

    name: str
    title: str
    summary: str
    state: State
    is_resting: bool
    has_ended: bool
    steps: list[Step]
    next: str
    next_number: int

    @property
    def here(self) -> Step | None:
        """The step that came last."""
        return next((step for step in self.steps if step.state == "here"), None)

    @property
    def is_open(self) -> bool:
        return self.state.is_open


def path_of(followed: Followed, where: tzinfo, now: int, language: str) -> Path:
    """The path of somebody in the zone ``where``, at ``now`` (ms since 1970)."""
    today = schedule.date_at(now, where)
    behind = [_behind(followed, one, where, today, language) for one in _in_order(followed)]
    is_moving = followed.enrolment.state is State.FOLLOWING and not followed.is_resting
    ahead = [_ahead(followed, one, today, language, is_moving=is_moving) for one in followed.coming]
    here = len(behind) if followed.enrolment.state.is_open else 0
    steps = [
        Step(number, title, "later" if number > len(behind) else "here" if number == here else "done", words, key)
        for number, (title, words, key) in enumerate([*behind, *ahead], 1)
    ]
    plan, coming = followed.plan, followed.coming
    return Path(
        followed.enrolment.programme,
        in_language(plan.titles, language),
        in_language(plan.summaries, language),
        followed.enrolment.state,
        followed.is_resting,
        followed.has_ended,
        steps,
        when(coming[0].wall, today, language) if coming and is_moving else "",
        len(behind) + 1 if coming else 0,
    )


def _in_order(followed: Followed) -> Iterable[Received]:
    """What came, in the order of time; what was noted together, in that of the programme."""
    places = {lesson.key: at for at, lesson in enumerate(followed.plan.lessons)}
    return sorted(followed.received, key=lambda one: (one.at, places.get(one.lesson, 0)))


def _behind(followed: Followed, one: Received, where: tzinfo, today: date, language: str) -> tuple[str, str, str]:
    on = datetime.fromtimestamp(one.at / 1000, where).date()
    words = say(language, (CAME_TODAY if on == today else CAME)[one.outcome], day=_short(on, today, language))
    return in_language(followed.titles.get(one.lesson, {}), language) or one.lesson, words, one.lesson


def _ahead(followed: Followed, placed: Placed, today: date, language: str, *, is_moving: bool) -> tuple[str, str, str]:
    """A step to come, which can be read already if it came in an earlier round. After a pause its day is not known."""
    words = day_of(placed.wall.date(), today, language) if is_moving else say(language, sentence("après la reprise"))
    key = placed.lesson.key
    return in_language(placed.lesson.titles, language), words, key if key in followed.before else ""


def _short(day: date, today: date, language: str) -> str:
    """A day without its weekday."""
    return day_of(day, today, language).partition(" ")[2]


def introduction(text: str, language: str) -> dict[str, object]:
    """What is shown of the present step before it is read: its first paragraph, and how long it takes."""
    return {"lead": beginning(text, language), "minutes": minutes_to_read(text)}
