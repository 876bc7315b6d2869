"""The rules of encouragement: when a member gets a kind word, what it says, and who sends it. No input or output here.

A rule looks at facts alone: who wrote when, what began and ended. Nobody's words are read, for nobody but participants can.
What is not automatic is suggested to the member's companions, who change the text and send it as their own, or do not.
What is automatic is an e-mail which says that it is. The first rules come first: a member gets one thing a day.

Any answer stops everything: what somebody wrote after a cause ends it. docs/encouragements.md has the same as a table.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from storage.ids import ThreadId

MS = timedelta(milliseconds=1)
HOUR = timedelta(hours=1) // MS
DAY = timedelta(days=1) // MS
# A month together: four weeks would come as a surprise, and the length of months differs.
MONTH = 30 * DAY
# How many reminders go by themselves without any sign of life from the member; then none, until they write.
MOST_REMINDERS = 2


@dataclass(frozen=True)
class Event:
    """Something that happened to a member. ``name`` tells it from others that a rule knows; ``at`` in ms since 1970."""

    name: str
    at: int


@dataclass(frozen=True)
class Talk:
    """An open conversation of a member with a companion. Times in ms since 1970; None is not yet.

    ``first_word`` is the member's; ``first_answer`` the first of the staff after it. ``unanswered`` is what the staff wrote
    first after the member's last word, by its number.
    """

    thread: ThreadId
    opened_at: int
    first_word: int | None = None
    first_answer: int | None = None
    unanswered: Event | None = None


@dataclass(frozen=True)
class Facts:
    """What the rules look at: one conversation, and what its member ``finished`` and left ``unused`` elsewhere."""

    talk: Talk
    finished: tuple[Event, ...] = ()
    unused: tuple[Event, ...] = ()


@dataclass(frozen=True)
class Said:
    """A text in every language; ``{name}`` is the member's first name."""

    fr: str
    en: str

    def to(self, locale: str, **values: str) -> str:
        """The text for a reader, in French unless they read English."""
        return (self.en if locale == "en" else self.fr).format(**values)


@dataclass(frozen=True)
class Rule:
    """A rule: ``after`` its cause it is due, and for as long as ``worth``, in ms. ``meaning`` is told to those who serve."""

    name: str
    meaning: Said
    is_automatic: bool
    after: int
    worth: int
    causes: Callable[[Facts], Iterable[Event]]
    text: Said


def _first_answer(facts: Facts) -> Iterable[Event]:
    if facts.talk.first_answer is not None:
        yield Event(str(facts.talk.thread), facts.talk.first_answer)


def _month_together(facts: Facts) -> Iterable[Event]:
    if facts.talk.first_word is not None:
        yield Event(str(facts.talk.thread), facts.talk.opened_at + MONTH)


def _silence(facts: Facts) -> Iterable[Event]:
    if facts.talk.first_word is not None and facts.talk.unanswered is not None:
        yield Event(f"{facts.talk.thread}/{facts.talk.unanswered.name}", facts.talk.unanswered.at)


def _unused(facts: Facts) -> Iterable[Event]:
    if facts.talk.first_word is None:
        yield Event(f"conversation/{facts.talk.thread}", facts.talk.opened_at)
    yield from facts.unused


RULES: tuple[Rule, ...] = (
    Rule(
        name="programme-finished",
        meaning=Said(
            fr="Un programme que la personne suivait est arrivé à son terme.",
            en="A programme that the person followed has come to its end.",
        ),
        is_automatic=False,
        after=2 * HOUR,
        worth=5 * DAY,
        causes=lambda facts: facts.finished,
        text=Said(
            fr="Bonjour {name}, le parcours que vous suiviez est arrivé à son terme. Bravo pour ce bout de chemin."
            " Si quelque chose vous a servi, ou pas du tout, je le lis volontiers, quand vous voulez.",
            en="Hello {name}, the programme you were following has come to its end. Well done for coming this far."
            " If something in it helped you, or nothing did, I’d be glad to read it, whenever you like.",
        ),
    ),
    Rule(
        name="first-answer",
        meaning=Said(
            fr="Après ses premiers mots ici, la personne a votre réponse depuis un jour.",
            en="After their first words here, the person has had your answer for a day.",
        ),
        is_automatic=False,
        after=DAY,
        worth=4 * DAY,
        causes=_first_answer,
        text=Said(
            fr="Bonjour {name}, merci d’avoir fait le premier pas en écrivant ici. Prenez le temps qu’il vous faut."
            " Je suis là quand vous en avez envie, pour deux lignes comme pour une page.",
            en="Hello {name}, thank you for taking the first step and writing here. Take all the time you need."
            " I’m here whenever you feel like it, for two lines or for a page.",
        ),
    ),
    Rule(
        name="month-together",
        meaning=Said(
            fr="Cette conversation est ouverte depuis un mois, et la personne y a écrit.",
            en="This conversation has been open for a month, and the person has written in it.",
        ),
        is_automatic=False,
        after=0,
        worth=14 * DAY,
        causes=_month_together,
        text=Said(
            fr="Bonjour {name}, cela fait un mois que nous nous écrivons. Merci de votre confiance."
            " Si vous en avez envie, dites-moi ce qui vous aide ici, et ce que je pourrais faire autrement.",
            en="Hello {name}, we have been writing to each other for a month now. Thank you for your trust."
            " If you feel like it, tell me what helps you here, and what I could do differently.",
        ),
    ),
    Rule(
        name="silence",
        meaning=Said(
            fr="Un message écrit à la personne est resté sans réponse depuis une semaine.",
            en="A message written to the person has had no answer for a week.",
        ),
        is_automatic=True,
        after=7 * DAY,
        worth=14 * DAY,
        causes=_silence,
        text=Said(
            fr="Un échange est resté ouvert sur Ailo. Il est là si vous souhaitez le reprendre. Rien ne presse,"
            " et vous n’avez pas à vous expliquer.",
            en="An exchange is still open on Ailo. It is there if you would like to take it up again. There’s no hurry,"
            " and nothing to explain.",
        ),
    ),
    Rule(
        name="service-unused",
        meaning=Said(
            fr="Quelque chose est ouvert à la personne depuis dix jours, et n’a pas encore servi.",
            en="Something has been open to the person for ten days, and has not been used yet.",
        ),
        is_automatic=True,
        after=10 * DAY,
        worth=14 * DAY,
        causes=_unused,
        text=Said(
            fr="Une place vous est gardée sur Ailo, et vous ne l’avez pas encore prise. C’est très bien ainsi."
            " Elle reste à vous pour le jour où elle pourrait vous servir.",
            en="A place is kept for you on Ailo, and you have not taken it yet. That is perfectly fine."
            " It remains yours for the day when it might be of use.",
        ),
    ),
)

BY_NAME: Mapping[str, Rule] = MappingProxyType({rule.name: rule for rule in RULES})
