"""The bench's own parts: it reports no figures for a run that lost or duplicated a message, and a run of one second works."""

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from chat.ailo import open_ailo
from chat.auth.sign_in import Attempt
from storage.maintenance.check import check_all
from tests.load import live
from tests.load.figures import middle, percentile, table, warnings
from tests.load.micro import planning
from tests.load.picture import Point, picture
from tests.load.population import PASSWORD, Person, furnished, serving
from tests.load.traffic import Side, Two, check, fresh_id, pace, saturate


def spoken() -> Two:
    """A pair who wrote to each other in turn, without a fault: numbers 11 to 16."""
    two = Two(Side(), Side(), base=10)
    for seq in range(11, 17):
        side = two.sides[seq % 2]
        side.send(0.0)
        id_ = list(side.sent)[-1]
        side.acknowledged.append((id_, seq))
        side.other.took(id_, seq)
    return two


def test_a_sound_history_passes() -> None:
    check([spoken(), spoken()])


def lose(two: Two) -> None:
    two.one.received.pop()


def lose_an_acknowledgement(two: Two) -> None:
    two.one.acknowledged.pop()


def double(two: Two) -> None:
    two.two.received.append(two.two.received[-1])


def acknowledge_twice(two: Two) -> None:
    two.two.acknowledged.append(two.two.acknowledged[-1])


def invent(two: Two) -> None:
    two.one.received.append((fresh_id(), 17))


def reorder(two: Two) -> None:
    two.one.received.reverse()


def number_differently(two: Two) -> None:
    id_, seq = two.one.received[-1]
    two.one.received[-1] = (id_, seq + 1)


def leave_a_gap(two: Two) -> None:
    id_, _ = two.one.received[-1]
    two.one.received[-1] = two.two.acknowledged[-1] = (id_, 99)


def deliver_what_was_refused(two: Two) -> None:
    two.one.refused.add(next(iter(two.one.sent)))


def test_what_was_refused_need_not_arrive() -> None:
    two = spoken()
    two.one.send(0.0)
    two.one.was_refused(list(two.one.sent)[-1])
    assert two.is_done
    check([two])


@pytest.mark.parametrize(
    "break_it",
    [
        lose,
        lose_an_acknowledgement,
        double,
        acknowledge_twice,
        invent,
        reorder,
        number_differently,
        leave_a_gap,
        deliver_what_was_refused,
    ],
)
def test_a_broken_history_gives_no_figures(break_it: Callable[[Two], None]) -> None:
    broken = spoken()
    break_it(broken)
    with pytest.raises(SystemExit, match="no figures"):
        check([spoken(), broken])


async def test_a_second_of_load_gives_figures_and_only_of_who_is_signed_in(tmp_path: Path) -> None:
    async with furnished(tmp_path, 2) as (settings, pairs):
        with serving(settings, None) as (port, pid):
            async with live.conversing(port, pairs, {}) as twos:
                saturated = await saturate(pid, twos, window=2, seconds=0.4, warm=0.1)
                paced = await pace(pid, twos, rate=50, seconds=0.4, warm=0.1)
            with pytest.raises(SystemExit, match="turned away"):
                await live.signed_in(port, Person(pairs[0].member.id, "ailo=none"), lambda _: None)
            page = await live.pages(port, pid, [live.newest_page(pairs[0])] * 3, warm=1)
    assert saturated["messages"] > 10
    assert (paced["messages"], page["times"]) == (20, 3)
    assert 0 < paced["p50_ms"] <= paced["p99_ms"] <= paced["max_ms"]
    assert "server_cpu" in table({"saturated": saturated})


async def test_a_planned_day_gives_figures_if_no_lesson_was_lost(tmp_path: Path) -> None:
    (figures,) = (await planning.measure(tmp_path, 250)).values()
    assert figures["per_cpu_s"] > 0


def test_percentiles_and_the_middle_run() -> None:
    assert percentile([], 0.5) == 0.0
    assert percentile([0.001 * number for number in range(100)], 0.99) == 99.0
    assert middle([{"a": 3.0, "b": 1.0}, {"a": 1.0, "b": 2.0}, {"a": 2.0, "b": 3.0}], "a") == {"a": 2.0, "b": 3.0}


def test_a_busy_generator_is_told() -> None:
    assert warnings({"calm": {"generator_cpu": 0.5}, "busy": {"generator_cpu": 0.97}}) == [
        "busy: the generator was busy 0.97 of its core: the figure may be its own limit"
    ]


def test_the_picture_is_well_formed() -> None:
    drawn = picture([Point(250, 0.9, 2.1), Point(1000, 1.0, 7.5), Point(8000, 4.0, 140.0)], "saturated at 9 000/s")
    root = ET.fromstring(drawn)
    assert root.tag.endswith("svg")
    assert "8000/s: p50 4 ms, p99 140 ms" in drawn
    assert "prefers-color-scheme: dark" in drawn


async def test_the_people_of_a_furnished_house_are_real(tmp_path: Path) -> None:
    async with furnished(tmp_path, 2) as (settings, pairs), open_ailo(settings) as ailo:
        granted = await ailo.sign_ins.sign_in(Attempt("m1@example.test", PASSWORD, "", "192.0.2.1"))
        assert granted.account.id == pairs[1].member.id
        assert await check_all(ailo.store) == []
