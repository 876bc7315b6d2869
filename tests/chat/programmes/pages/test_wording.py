"""How days, hours and lessons are put into words, in both languages."""

from datetime import date, datetime

import pytest

from chat.programmes.pages.wording import as_html, beginning, day_of, hour_of, listed, minutes_to_read, weekday_of, when

TODAY = date(2026, 12, 1)


@pytest.mark.parametrize(
    ("day", "language", "words"),
    [
        (date(2026, 12, 8), "fr", "mardi 8 décembre"),
        (date(2027, 1, 5), "fr", "mardi 5 janvier 2027"),
        (date(2026, 12, 8), "en", "Tuesday 8 December"),
        (date(2027, 1, 5), "en", "Tuesday 5 January 2027"),
    ],
)
def test_a_day(day: date, language: str, words: str) -> None:
    assert day_of(day, TODAY, language).replace(",", "") == words


@pytest.mark.parametrize(
    ("minute", "french", "english"),
    [(0, "0 h", "0:00"), (540, "9 h", "9:00"), (750, "12 h 30", "12:30"), (1439, "23 h 59", "23:59")],
)
def test_an_hour(minute: int, french: str, english: str) -> None:
    assert hour_of(minute, "fr") == french.replace(" ", "\N{NO-BREAK SPACE}")
    assert hour_of(minute, "en") == english


def test_a_moment() -> None:
    wall = datetime(2026, 12, 8, 12, 30)  # noqa: DTZ001 (a wall clock has no zone)
    assert when(wall, TODAY, "fr") == "mardi 8 décembre à 12\N{NO-BREAK SPACE}h\N{NO-BREAK SPACE}30"
    assert when(wall, TODAY, "en").replace(",", "") == "Tuesday 8 December at 12:30"


def test_names_are_listed() -> None:
    assert listed(["Claire"], "fr") == "Claire"
    assert listed(["Claire", "Sam", "Thomas"], "fr") == "Claire, Sam et Thomas"


def test_weekdays() -> None:
    assert (weekday_of(0, "fr"), weekday_of(6, "en")) == ("lundi", "Sunday")


def test_a_lesson_begins_with_its_first_paragraph() -> None:
    assert beginning("Respirez *une\nfois* : **oui**.\n\nPuis.", "fr") == "Respirez une fois\N{NARROW NO-BREAK SPACE}: oui."
    assert beginning("", "fr") == ""


def test_html_in_a_lesson_is_shown_and_not_obeyed() -> None:
    assert "<script" not in as_html("<script>alert(1)</script>\n\n[x](javascript:alert(1)) <b>", "fr")
    assert "javascript:" not in as_html("[x](javascript:alert(1))", "fr").replace("(javascript:alert(1))", "")


def test_reading_takes_at_least_a_minute() -> None:
    assert [minutes_to_read("mot " * many) for many in (0, 1, 300, 1000)] == [1, 1, 2, 5]
