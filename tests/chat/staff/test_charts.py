"""Charts: a pure function of figures; every number is in its place, whatever the figures."""

import re
from datetime import date, timedelta
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.staff import charts
from chat.staff.charts import DAY, HOUR, MINUTE, MOST_LINES, NARROW, WIDE, Place, count_scale, duration, wait_scale
from chat.staff.overview import DAYS
from chat.staff.overview import Day as Figures

SVG = "{http://www.w3.org/2000/svg}"
COUNTS, WAITS = st.integers(0, 10**7), st.integers(0, 4000 * DAY)


def days(received: int = 0, sent: int = 0, *waits: int) -> list[Figures]:
    """Fifteen days, with all figures on the last."""
    first = date(2026, 11, 9)
    found = [Figures(first + timedelta(days=at)) for at in range(DAYS)]
    found[-1] = Figures(found[-1].date, received, sent, list(waits))
    return found


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


def heights(svg: str, kind: str) -> list[float]:
    bars = [bar for bar in parsed(svg).iter(f"{SVG}rect") if kind in bar.attrib["class"]]
    return [float(bar.attrib["height"]) for bar in bars]


@pytest.mark.parametrize("place", [WIDE, NARROW])
@given(received=COUNTS, sent=COUNTS)
def test_bars_are_as_high_as_their_numbers(place: Place, received: int, sent: int) -> None:
    svg = charts.messages(days(received, sent), "fr", place)
    most = place.floor - charts.TOP
    for kind, value in (("received", received), ("sent", sent)):
        drawn = heights(svg, kind)
        assert len(drawn) == (value > 0)
        expected = value / count_scale(max(received, sent)).top * most
        assert all(abs(height - max(1.5, expected)) < 0.11 and height <= most + 0.1 for height in drawn)


@given(st.lists(WAITS, min_size=1, max_size=9))
def test_the_longest_wait_is_never_below_the_median(waits: list[int]) -> None:
    (point,) = parsed(charts.waits(days(0, 0, *waits), "fr", WIDE)).iter(f"{SVG}circle")
    high = WIDE.floor - float(point.attrib["cy"])
    assert all(height <= max(high, 1.5) + 0.11 for height in heights(charts.waits(days(0, 0, *waits), "fr", WIDE), "usual"))
    assert float(point.attrib["cy"]) >= charts.TOP - 0.1


@given(COUNTS)
def test_the_lines_hold_the_highest_bar(maximum: int) -> None:
    scale = count_scale(maximum)
    assert 1 <= scale.steps <= MOST_LINES
    assert maximum <= scale.top
    assert scale.top - scale.step < max(maximum, 1)


@given(WAITS)
def test_the_lines_hold_the_longest_wait(longest: int) -> None:
    scale = wait_scale(longest)
    assert 1 <= scale.steps <= MOST_LINES
    assert longest <= scale.top


def test_it_says_what_it_shows() -> None:
    svg = parsed(charts.messages(days(3, 1), "en", WIDE))
    title, words = svg.find(f"{SVG}title"), svg.find(f"{SVG}desc")
    assert title is not None
    assert words is not None
    assert (title.text, title.attrib["id"]) == ("Messages per day", svg.attrib["aria-labelledby"])
    assert words.text == "3 received and 1 sent, from 9 November to 23 November. The table shows the same numbers."
    assert svg.attrib["role"] == "img"


def test_no_style_is_written_into_it() -> None:
    """The content security policy would block it."""
    drawn = charts.messages(days(3, 1), "fr", WIDE) + charts.waits(days(3, 1, HOUR), "fr", NARROW)
    assert re.findall(r"style|script|href|url\(", drawn) == []


@pytest.mark.parametrize(
    ("ms", "french", "english"),
    [
        (0, "0 min", "0 min"),
        (29_999, "0 min", "0 min"),
        (30_000, "1 min", "1 min"),
        (59.6 * MINUTE, "1 h", "1 h"),
        (3 * HOUR + 5 * MINUTE, "3 h 05", "3 h 05 min"),
        (47 * HOUR, "47 h", "47 h"),
        (2 * DAY, "2 j", "2 d"),
        (2 * DAY + 4 * HOUR, "2 j 4 h", "2 d 4 h"),
        (3 * DAY - MINUTE, "3 j", "3 d"),
    ],
)
def test_a_wait_is_told_as_people_say_it(ms: float, french: str, english: str) -> None:
    assert (duration(ms, "fr").replace("\u202f", " "), duration(ms, "en")) == (french, english)
