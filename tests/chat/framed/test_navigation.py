"""The places of a role: in their order, four at most in the bar of a phone, and hidden from others in a shell."""

import pytest

from chat import features
from chat.auth.routing import Roles
from chat.framed.navigation import Place, Shown, is_here, rail_of_shell, rests

STAFF, MEMBER, ADMINISTRATOR = Roles.STAFF, Roles.MEMBER, Roles.ADMINISTRATOR


def place(path: str, roles: Roles, order: int = 0, guests: Roles = Roles(0)) -> Place:  # noqa: B008 (a constant)
    return Place(path, path, "M0 0", roles, order, guests)


@pytest.mark.parametrize("many", range(1, 9))
def test_at_most_four_stand_in_the_bar(many: int) -> None:
    rest = rests(many)
    assert len(rest) == many
    assert rest.count(False) + (1 if any(rest) else 0) <= 4
    assert many > 4 or not any(rest)


@pytest.mark.parametrize(
    ("path", "here"),
    [("/mail", "/mail"), ("/mail/again", "/mail"), ("/mailbox", None), ("/mail/rules", "/mail/rules"), ("/", None)],
)
def test_a_page_is_part_of_the_closest_place(path: str, here: str | None) -> None:
    assert is_here([place("/mail", STAFF), place("/mail/rules", STAFF)], path) == here


def test_a_shell_shows_the_places_of_those_it_is_for() -> None:
    places = [
        place("/mail", ADMINISTRATOR, 20),
        place("/overview", STAFF, 90),
        place("/member", MEMBER),
        place("/dashboard", STAFF, 10, guests=ADMINISTRATOR),
    ]
    shown = rail_of_shell(places, "/dashboard")
    assert [(it.place.path, it.is_here, it.is_hidden) for it in shown] == [
        ("/dashboard", True, False),
        ("/mail", False, True),
        ("/overview", False, False),
    ]
    assert [it.place.path for it in rail_of_shell(places, "/member")] == ["/member"]
    assert rail_of_shell(places, "/sign-in") == []


def test_a_large_number_is_cut() -> None:
    assert [Shown(place("/a", STAFF), is_here=False, is_rest=False, count=n).news for n in (0, 1, 99, 100)] == [
        "",
        "1",
        "99",
        "99+",
    ]


def test_every_place_is_a_page_and_every_drawing_is_plain() -> None:
    places = [place for card in features.cards() for place in card.navigation]
    assert len({place.path for place in places}) == len(places)
    for one in places:
        assert one.path.startswith("/")
        assert set(one.icon) <= set("MmLlHhVvCcSsQqTtAaZz0123456789.,- ")
