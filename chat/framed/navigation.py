"""Where one can go: the places that the features declare, as a rail beside every page of a role; on a phone a bar below it.

A number beside a place is how much waits there for this very reader.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from chat.auth.routing import Roles
from chat.auth.sign_in import SignedIn

__all__ = ["Navigation", "Place", "Shown", "rail_of_shell"]

# On a phone at most this many places stand in the bar, or one fewer and "more".
MOST_IN_BAR = 4
# A larger number says no more than this one.
MOST_COUNTED = 99
NO_GUESTS = Roles(0)


@dataclass(frozen=True)
class Place:
    """A place to go, declared on a feature's card.

    ``label`` is a French ``sentence`` of one or two words; ``icon`` is a drawing: the ``d`` of an SVG path on a grid of 24 × 24.
    A lower ``order`` comes first, and the first place of a role is where it is at home. ``guests`` may open the page, too, but
    do not have it in their navigation. ``count`` says how much waits there for a reader.
    """

    path: str
    label: str
    icon: str
    roles: Roles
    order: int
    guests: Roles = NO_GUESTS
    count: Callable[[Any, SignedIn], Awaitable[int]] | None = None


@dataclass(frozen=True)
class Shown:
    """A place as one page shows it. ``is_rest``: on a phone it is behind "more"."""

    place: Place
    is_here: bool
    is_rest: bool
    is_hidden: bool = False
    count: int = 0

    @property
    def news(self) -> str:
        """How much waits there, as it is shown: empty for nothing."""
        return "" if not self.count else str(self.count) if self.count <= MOST_COUNTED else f"{MOST_COUNTED}+"

    @property
    def roles(self) -> str:
        """The roles that have it in their navigation, for the script of a page that is the same for several."""
        return " ".join(role.name.lower() for role in self.place.roles if role.name)


class Navigation:
    """The places of all features, each with the card that declares it."""

    def __init__(self, places: Iterable[tuple[Place, Any]] = ()) -> None:
        self._places = sorted(places, key=lambda pair: pair[0].order)

    async def of(self, reader: SignedIn, path: str) -> list[Shown]:
        """The places of a reader's role, seen from the page at ``path``, with what waits in each."""
        role = reader.unlocked.account.role
        own = [(place, card) for place, card in self._places if place.roles.has(role)]
        here = is_here([place for place, _ in own], path)
        return [
            Shown(place, place.path == here, is_rest, count=await place.count(card, reader) if place.count else 0)
            for (place, card), is_rest in zip(own, rests(len(own)), strict=True)
        ]


def is_here(places: Sequence[Place], path: str) -> str | None:
    """The path of the place that a page is, or is part of."""
    return max((place.path for place in places if f"{path}/".startswith(f"{place.path}/")), key=len, default=None)


def rests(many: int) -> list[bool]:
    """For each of ``many`` places, whether it is behind "more" on a phone."""
    return [many > MOST_IN_BAR and at >= MOST_IN_BAR - 1 for at in range(many)]


def rail_of_shell(places: Iterable[Place], path: str) -> list[Shown]:
    """The places that a page shell shows, which is the same for all: those of the roles it is for, and hidden ones of its guests.

    The page's script shows and hides them once it knows who is there. Empty for a shell that is no place of anybody.
    """
    known = sorted(places, key=lambda place: place.order)
    shell = next((place for place in known if place.path == path), None)
    if shell is None:
        return []
    own = [place for place in known if place.roles & shell.roles]
    theirs = [place for place in known if place.roles & shell.guests and place not in own]
    shown = [
        # What only some of the shell's roles have is hidden, too, until it is known who is there.
        Shown(place, place is shell, is_rest, is_hidden=shell.roles not in place.roles)
        for place, is_rest in zip(own, rests(len(own)), strict=True)
    ] + [
        Shown(place, is_here=False, is_rest=is_rest, is_hidden=True)
        for place, is_rest in zip(theirs, rests(len(theirs)), strict=True)
    ]
    return sorted(shown, key=lambda one: one.place.order)
