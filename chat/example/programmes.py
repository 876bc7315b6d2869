"""The programmes of the example, with people half-way through them: what came before today counts as received."""

from collections.abc import Iterable
from pathlib import Path

from chat.ailo import Ailo
from chat.example.cast import Figure
from chat.programmes.folders import read_folder
from chat.programmes.importing import read_course
from chat.programmes.programmes import Programmes
from storage.accounts import preferences
from storage.accounts.accounts import Account
from storage.accounts.preferences import Preferences
from storage.engine.database import Transaction
from storage.errors import Stalled
from storage.programmes import enrolments, following, programmes
from storage.programmes.enrolments import AT_ONCE, Outcome, State
from storage.programmes.following import Person

__all__ = ["follow", "import_all", "say_what_they_chose"]


async def import_all(ailo: Ailo, folders: Iterable[Path]) -> list[str]:
    """Import every directory and publish it; return the programmes' names."""
    rules = Programmes(ailo.store)
    courses = [read_course(read_folder(folder)) for folder in folders]
    return [(await rules.import_(course, is_draft=False)).programme.name for course in courses]


async def say_what_they_chose(ailo: Ailo, account: Account, figure: Figure) -> None:
    """Note what a figure said about managing people, and which e-mails they want, if they said anything."""
    chosen = Preferences(manages=figure.manages, letters=figure.letters)
    if chosen != Preferences():
        await ailo.store.database.write(lambda tx: preferences.keep(tx, ailo.store.guard, account.id, chosen))


async def follow(ailo: Ailo, name: str, account: Account, figure: Figure, now: int) -> None:
    """Have somebody who was just enrolled, some days ago by the store's clock, receive what came until ``now``."""
    if not await Programmes(ailo.store).enrol(name, account.id):
        raise Stalled("somebody of the example already follows a programme")
    person = Person(account.time_zone, figure.manages)
    await ailo.store.database.write(lambda tx: _receive(tx, ailo, name, account, person, now))


async def _receive(tx: Transaction, ailo: Ailo, name: str, account: Account, person: Person, now: int) -> None:
    guard = ailo.store.guard
    one, programme = await enrolments.find(tx, guard, account.id, name), await programmes.find(tx, guard, name)
    if one is None or programme is None:
        raise Stalled("an enrolment of the example is missing")
    plan = await programmes.plan(tx, guard, name, programme.published)
    left = following.upcoming(one, plan, person)
    while left and max(left[0].at, one.enrolled_at) <= now:
        placed, *left = left
        await enrolments.note(tx, one, placed.lesson.key, Outcome.LETTER, max(placed.at, one.enrolled_at))
        one = one.past(placed)
    await enrolments.move(tx, guard, one if left else one.moved(State.FINISHED, now), AT_ONCE if left else None)
