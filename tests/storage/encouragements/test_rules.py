"""The rules as such: what is due when, never two a day, each cause once, nothing after an answer, none when off."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.encouragements.choosing import Due, Given, Member, choose, why_not
from storage.encouragements.days import day_of, next_morning, zone_named
from storage.encouragements.rules import BY_NAME, DAY, HOUR, MONTH, MOST_REMINDERS, RULES, Event, Rule, Talk
from storage.ids import AccountId, ThreadId

T0 = 1_795_424_400_000
PARIS = ZoneInfo("Europe/Paris")
ZONES = st.sampled_from(["Europe/Paris", "Pacific/Apia", "America/St_Johns", "UTC"])
THREAD = ThreadId(UUID(int=1))
DOCUMENT = Path(__file__).parents[3] / "docs/encouragements.md"


def member(talk: Talk, **more: object) -> Member:
    return replace(Member(PARIS, (talk,)), **more)  # type: ignore[arg-type]


def answered(days: float = 0) -> Member:
    """Somebody who wrote once, ``days`` after the start, and was answered an hour later."""
    at = T0 + int(days * DAY)
    return member(Talk(THREAD, T0, at, at + HOUR, Event("2", at + HOUR)), last_word=at)


def rule_due(who: Member, now: int, off: frozenset[str] = frozenset()) -> str | None:
    due = choose(who, now, off)
    return due.rule.name if due else None


# What each rule is for


def test_a_first_answer_is_followed_by_a_kind_word_a_day_later() -> None:
    who = answered()
    assert rule_due(who, T0 + HOUR + DAY - 1) is None
    assert rule_due(who, T0 + HOUR + DAY) == "first-answer"
    assert rule_due(who, T0 + HOUR + 5 * DAY) is None


def test_a_month_together_is_noted() -> None:
    who = answered(20)
    assert rule_due(who, T0 + MONTH, frozenset({"silence"})) == "month-together"
    assert rule_due(who, T0 + MONTH + 14 * DAY, frozenset({"silence"})) is None


def test_a_month_without_a_word_of_theirs_is_not() -> None:
    assert rule_due(member(Talk(THREAD, T0)), T0 + MONTH) is None


def test_silence_is_a_week_after_what_was_written_to_them() -> None:
    assert rule_due(answered(), T0 + HOUR + 7 * DAY - 1) is None
    assert rule_due(answered(), T0 + HOUR + 7 * DAY) == "silence"


def test_a_conversation_that_was_never_used_is_recalled_after_ten_days() -> None:
    who = member(Talk(THREAD, T0, unanswered=Event("1", T0)))
    assert rule_due(who, T0 + 10 * DAY - 1) is None
    assert rule_due(who, T0 + 10 * DAY) == "service-unused"


def test_what_other_parts_know_counts_too() -> None:
    who = member(Talk(THREAD, T0, T0), last_word=T0)
    finished = replace(who, finished=(Event("souffler/1", T0 + DAY),))
    assert rule_due(finished, T0 + DAY + 2 * HOUR) == "programme-finished"
    unused = replace(who, unused=(Event("appointments", T0 + DAY),))
    assert rule_due(unused, T0 + 11 * DAY) == "service-unused"


def test_what_reached_them_today_is_all_for_today() -> None:
    """By their own calendar: midnight in Paris is no midnight in Apia."""
    due = T0 + HOUR + DAY
    earlier = Given("month-together", "another", T0, due - HOUR)
    assert rule_due(answered(), due) == "first-answer"
    assert rule_due(replace(answered(), given=(earlier,)), due) is None
    evening = datetime(2026, 11, 24, 23, 30, tzinfo=PARIS)
    night = int(evening.timestamp() * 1000) + HOUR
    given_ = (replace(earlier, went_at=night - HOUR),)
    assert rule_due(replace(answered(), given=given_), night) == "first-answer"
    assert rule_due(replace(answered(), given=given_, zone=zone_named("Pacific/Apia")), night) is None


# Properties: whatever the facts are

times = st.integers(T0, T0 + 60 * DAY)
maybe = st.none() | times
events = st.builds(Event, st.sampled_from("abc"), times)


@st.composite
def talks(draw: st.DrawFn) -> Talk:
    first = draw(maybe)
    answer = draw(st.none() | st.integers(first, first + 9 * DAY)) if first is not None else None
    unanswered = draw(st.none() | st.builds(Event, st.just("3"), times))
    return Talk(ThreadId(UUID(int=draw(st.integers(1, 3)))), draw(times), first, answer, unanswered)


@st.composite
def givens(draw: st.DrawFn) -> Given:
    went = draw(maybe)
    causes = [str(UUID(int=1)), f"{UUID(int=1)}/3", f"conversation/{UUID(int=1)}", "a", "b"]
    rule, cause = draw(st.sampled_from(sorted(BY_NAME))), draw(st.sampled_from(causes))
    return Given(rule, cause, draw(times), went, is_waiting=went is None and draw(st.integers(0, 9)) == 0)


members = st.builds(
    Member,
    ZONES.map(zone_named),
    st.lists(talks(), max_size=3).map(tuple),
    maybe,
    st.integers(0, 4).map(lambda number: number == 0),
    st.lists(givens(), max_size=4).map(tuple),
    st.lists(events, max_size=2).map(tuple),
    st.lists(events, max_size=2).map(tuple),
)
nows = st.integers(T0, T0 + 90 * DAY)
switched = st.frozensets(st.sampled_from(sorted(BY_NAME)))


@given(members, nows, switched)
def test_what_is_due_may_be_sent(who: Member, now: int, off: frozenset[str]) -> None:
    """It is new, of a rule that is on, in its time, not answered, the first of the day, and nobody waits for an answer."""
    due = choose(who, now, off)
    if due is None:
        return
    assert due.rule.name not in off
    assert due.cause.at + due.rule.after <= now
    assert (due.rule.name, due.cause.name) not in {(one.rule, one.cause) for one in who.given}
    assert not any(one.is_waiting for one in who.given)
    assert why_not(who, due.rule, due.thread, due.cause.at, now) is None


@given(members, nows)
def test_a_new_word_of_theirs_ends_everything(who: Member, now: int) -> None:
    due = choose(who, now)
    if due is not None:
        later = replace(who, last_word=now + 1)
        assert why_not(later, due.rule, due.thread, due.cause.at, now + 2) == "answered"
        assert choose(later, now + 2) is None


@given(members, nows)
def test_after_two_reminders_without_a_word_none_follows(who: Member, now: int) -> None:
    reminders = tuple(Given("silence", f"old/{number}", T0, T0) for number in range(MOST_REMINDERS))
    due = choose(replace(who, given=who.given + reminders, last_word=None), now)
    assert due is None or not due.rule.is_automatic


# A quarter, looked at every morning as the service does, with somebody who writes now and then


def a_quarter(words: list[int], zone: str) -> Iterator[tuple[int, Due]]:
    """What one gets whose words are at ``words``, each answered an hour later; everything suggested is sent at once."""
    who, now = AccountId(UUID(int=7)), T0
    given_: tuple[Given, ...] = ()
    for _ in range(92):
        said = [at for at in words if at < now]
        first = min(said, default=None)
        last = max(said, default=None)
        talk = Talk(
            THREAD,
            T0,
            first,
            None if first is None else first + HOUR,
            Event("1", T0) if last is None else Event(str(last), last + HOUR) if last + HOUR < now else None,
        )
        one = Member(zone_named(zone), (talk,), last, False, given_)
        if due := choose(one, now):
            yield now, due
            given_ += (Given(due.rule.name, due.cause.name, now, now),)
        now = next_morning(who, one.zone, now)


@given(st.lists(st.integers(T0, T0 + 92 * DAY), max_size=20).map(sorted), ZONES)
def test_in_a_quarter_it_is_never_two_a_day_and_never_for_what_was_answered(words: list[int], zone: str) -> None:
    got = list(a_quarter(words, zone))
    days = [day_of(at, zone_named(zone)) for at, _ in got]
    assert len(days) == len(set(days))
    assert len({(due.rule.name, due.cause.name) for _, due in got}) == len(got)
    for at, due in got:
        assert not [word for word in words if due.cause.at < word < at]
    reminders = [at for at, due in got if due.rule.is_automatic]
    for first, *_, third in zip(reminders, reminders[1:], reminders[2:], strict=False):
        assert [word for word in words if first < word < third]


@pytest.mark.parametrize("zone", ["Europe/Paris", "America/New_York", "Australia/Lord_Howe"])
def test_the_morning_comes_once_a_day_also_when_clocks_change(zone: str) -> None:
    now, days = 1_792_800_000_000, []  # 2026-10-24: clocks go back in Europe on the 25th
    for _ in range(400):
        now = next_morning(AccountId(UUID(int=42)), zone_named(zone), now)
        there = datetime.fromtimestamp(now / 1000, ZoneInfo(zone))
        assert (there.hour, there.minute) == (9, 42)
        days.append(there.date())
    assert [(later - day).days for day, later in pairwise(days)] == [1] * 399


def test_a_zone_that_nobody_knows_is_utc() -> None:
    assert zone_named("Mars/Olympus") is UTC


# The texts


@pytest.mark.parametrize("locale", ["fr", "en"])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_what_is_said_is_short_and_puts_no_pressure(rule: Rule, locale: str) -> None:
    for said in (rule.text, rule.meaning):
        text = said.to(locale, name="Léa")
        assert len(text) < 330
        assert "{" not in text
        assert not re.search(r"[!?;:]|\bsimple|\bfacile|\bsécuris|\btu\b|\bdevez\b|\bmust\b|\bshould\b", text)


# The document


def test_the_document_has_the_rules_as_they_are() -> None:
    document = DOCUMENT.read_text("utf-8")
    lines = re.findall(r"^\| `([a-z-]+)` \| (.*?) \| (.*?) \| (.*?) \| (.*?) \|$", document, re.MULTILINE)
    assert lines == [
        (
            rule.name,
            rule.meaning.en,
            length(rule.after),
            length(rule.worth),
            "goes by itself" if rule.is_automatic else "suggested",
        )
        for rule in RULES
    ]
    for rule in RULES:
        assert rule.text.fr in document
        assert rule.text.en in document


def length(ms: int) -> str:
    if not ms:
        return "at once"
    count, unit = (ms // DAY, "day") if ms >= DAY else (ms // HOUR, "hour")
    return f"{count} {unit}{'s' if count > 1 else ''}"
