"""What a new version means for somebody half-way: nobody is shifted, and nothing comes twice."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import Damaged
from storage.programmes.plans import Audience, Plan, carried_over
from tests.storage.programmes.courses import lesson, on_mondays, plan, weekly


def keys(found: Plan, reached: str, *, manages: bool | None = None) -> list[str]:
    return [one.key for one in found.to_come(manages, reached)]


def rest(old: Plan, new: Plan, reached: str, *received: str) -> list[str]:
    """What still comes after a new version."""
    return keys(new, carried_over(old, new, reached, received or (reached,)))


@pytest.mark.parametrize("made", [weekly, on_mondays])
def test_a_lesson_put_between_comes_only_to_those_who_are_not_past_it(made: Callable[..., Plan]) -> None:
    old, new = made("a", "b", "c"), made("a", "x", "b", "y", "c")
    assert rest(old, new, "b", "a", "b") == ["y", "c"]
    assert rest(old, new, "a") == ["x", "b", "y", "c"]


@pytest.mark.parametrize("made", [weekly, on_mondays])
def test_a_lesson_renamed_in_its_place_does_not_come_again(made: Callable[..., Plan]) -> None:
    old, new = made("a", "b", "c"), made("a", "bb", "c")
    assert rest(old, new, "b", "a", "b") == ["c"]
    assert rest(old, new, "a") == ["bb", "c"]


@pytest.mark.parametrize("made", [weekly, on_mondays])
def test_a_lesson_removed_takes_none_of_the_others_along(made: Callable[..., Plan]) -> None:
    """Its number is then that of the next one, which is not taken for it."""
    old, new = made("a", "b", "c"), made("a", "c")
    assert rest(old, new, "b", "a", "b") == ["c"]
    assert rest(old, new, "a") == ["c"]


def test_a_lesson_that_moves_does_not_come_again() -> None:
    assert rest(weekly("a", "b", "c", "d"), weekly("c", "b", "d", "a"), "b", "a", "b") == []
    assert rest(weekly("a", "b", "c", "d"), weekly("b", "a", "d", "c"), "b", "a", "b") == ["d", "c"]


def test_an_entirely_new_text_goes_on_after_the_point_that_was_reached() -> None:
    assert rest(weekly("a", "b", "c"), weekly("x", "y", "z"), "b", "a", "b") == ["z"]
    assert rest(weekly("a"), plan(lesson(1, "x", 30)), "a") == ["x"]


@given(st.data(), st.permutations(list("abcdefgh")), st.permutations(list("abcdefgh")), st.sampled_from([weekly, on_mondays]))
def test_nothing_comes_twice_whatever_the_new_version_is(
    data: st.DataObject, first: list[str], second: list[str], made: Callable[..., Plan]
) -> None:
    old = made(*first[: data.draw(st.integers(1, 8))])
    new = made(*second[: data.draw(st.integers(1, 8))])
    reached = data.draw(st.sampled_from(old.lessons)).key
    received = {one.key for one in old.lessons[: old.place(reached) + 1]}
    coming = rest(old, new, reached, *received)
    assert not received & set(coming)
    kept = [key for key in coming if old.has(key)]
    after_all = [one.key for one in new.lessons if one.key in kept]
    assert kept == after_all, "in the order of the new version"


def test_two_new_versions_in_a_row_are_as_safe_as_one() -> None:
    one, two, three = weekly("a", "b", "c"), weekly("a", "bb", "c"), weekly("a", "b", "c", "d")
    reached = carried_over(one, two, "b", ["a", "b"])
    assert reached == "bb"
    assert rest(two, three, reached, "a", "b") == ["c", "d"]


# Two audiences

TWO = plan(
    lesson(1, "a", 0),
    lesson(2, "non", 7, audience="others"),
    lesson(2, "non-managers", 7, audience="managers"),
    lesson(3, "c", 14),
)  # fmt: skip


def test_who_has_not_said_whether_they_manage_gets_what_the_others_get() -> None:
    assert keys(TWO, "") == keys(TWO, "", manages=False) == ["a", "non", "c"]
    assert keys(TWO, "", manages=True) == ["a", "non-managers", "c"]


def test_whoever_changes_between_gets_no_variant_of_what_they_had() -> None:
    assert keys(TWO, "non", manages=True) == keys(TWO, "non-managers", manages=False) == ["c"]
    assert keys(TWO, "a", manages=True) == ["non-managers", "c"]


def test_a_step_is_counted_among_those_that_one_gets() -> None:
    assert [TWO.step(key, False) for key in ("a", "non", "c")] == [(1, 3), (2, 3), (3, 3)]
    assert TWO.step("non", True) == TWO.step("non-managers", True) == (2, 3)


def test_a_lesson_that_its_version_lacks_is_damage() -> None:
    with pytest.raises(Damaged):
        TWO.to_come(None, "z")


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [("managers", "others", False), ("managers", "managers", True), ("everybody", "others", True), ("others", "everybody", True)],
)
def test_audiences_meet_unless_they_exclude_one_another(one: str, other: str, meet: bool) -> None:
    assert Audience(one).meets(Audience(other)) is meet
