"""What a programme sends and when, without the texts: the plan of one version, and what a new version means half-way through.

A lesson is recognised by its key, the file's name without number and language: what came under a key never comes again.
"""

from collections.abc import Collection, Iterable
from enum import StrEnum

import msgspec

from storage.errors import Damaged

Titles = dict[str, str]
"""A text of one line, by language."""


class Audience(StrEnum):
    """For whom a programme or a lesson is. Who has not said whether they manage people counts among the others."""

    EVERYBODY = "everybody"
    MANAGERS = "managers"
    OTHERS = "others"

    def has(self, manages: bool | None) -> bool:
        """Whether somebody belongs to it."""
        return self is Audience.EVERYBODY or (self is Audience.MANAGERS) is bool(manages)

    def meets(self, other: "Audience") -> bool:
        """Whether anybody belongs to both."""
        return any(self.has(manages) and other.has(manages) for manages in (True, False))


class Lesson(msgspec.Struct, frozen=True):
    """A lesson as planned: on ``day`` (days after the enrolment) or on a ``weekday`` (0 is Monday), never both.

    ``minute`` is the hour at which it comes, in minutes after midnight on the member's clock.
    """

    key: str
    number: int
    minute: int
    titles: Titles
    day: int | None = None
    weekday: int | None = None
    audience: Audience = Audience.EVERYBODY


class Plan(msgspec.Struct, frozen=True):
    """One version of a programme. ``lessons`` are in the order in which they come, those of all audiences together."""

    titles: Titles
    summaries: Titles
    audience: Audience
    lessons: tuple[Lesson, ...]

    def seen_by(self, manages: bool | None) -> tuple[Lesson, ...]:
        """The lessons for somebody who manages people, or does not."""
        return tuple(lesson for lesson in self.lessons if lesson.audience.has(manages))

    def to_come(self, manages: bool | None, reached: str) -> tuple[Lesson, ...]:
        """The lessons after the one with the key ``reached``; all of them if it is empty.

        A variant of that lesson (the same number, for the other audience) is not among them, even if somebody has changed from
        one to the other audience in between. Raises Damaged for a key that the plan lacks.
        """
        if not reached:
            return self.seen_by(manages)
        at = self.place(reached)
        number = self.lessons[at].number
        return tuple(lesson for lesson in self.lessons[at + 1 :] if lesson.number != number and lesson.audience.has(manages))

    def place(self, key: str) -> int:
        """Where the lesson with this key is in the order. Raises Damaged."""
        for at, lesson in enumerate(self.lessons):
            if lesson.key == key:
                return at
        raise Damaged("an enrolment is at a lesson that its version lacks")

    def has(self, key: str) -> bool:
        """Whether there is a lesson with this key."""
        return any(lesson.key == key for lesson in self.lessons)

    def step(self, key: str, manages: bool | None) -> tuple[int, int]:
        """Which step a lesson is for somebody, of how many. A variant for the other audience has the place of its number."""
        number = self.lessons[self.place(key)].number
        seen = self.seen_by(manages)
        before = {lesson.number for lesson in self.lessons[: self.place(key)]} & {lesson.number for lesson in seen}
        return len(before - {number}) + 1, len(seen)


def in_order(lessons: Iterable[Lesson]) -> tuple[Lesson, ...]:
    """Lessons in the order in which they come: by day and hour if all have a day, else by their numbers."""
    found = list(lessons)
    if all(lesson.day is not None for lesson in found):
        return tuple(sorted(found, key=lambda lesson: (lesson.day, lesson.minute, lesson.number, lesson.key)))
    return tuple(sorted(found, key=lambda lesson: (lesson.number, lesson.audience, lesson.key)))


def carried_over(old: Plan, new: Plan, reached: str, received: Collection[str]) -> str:
    """The key that somebody has reached in a new version, who had reached ``reached`` in the old one; empty if none of it.

    It is the last lesson of the new version that they are past: one received, one that came at or before ``reached`` in the
    old version, or a new one that takes the place of such a lesson, which counts as the same one renamed.
    """
    if not reached:
        return ""
    at = old.place(reached)
    past = {lesson.key for lesson in old.lessons[: at + 1]} | set(received)
    known = {lesson.key for lesson in old.lessons}
    is_gone = not new.has(reached)
    found = ""
    for lesson in new.lessons:
        is_renamed = is_gone and lesson.key not in known and _takes_place(lesson, old.lessons[at])
        if lesson.key in past or is_renamed:
            found = lesson.key
    return found


def _takes_place(lesson: Lesson, gone: Lesson) -> bool:
    """Whether a new lesson stands where one that is gone stood, or before it."""
    if lesson.day is not None and gone.day is not None:
        return (lesson.day, lesson.minute) <= (gone.day, gone.minute)
    return lesson.number <= gone.number
