"""Who opens what with earlier and later copies of the data, the root key and one more secret: as said in docs/security.md.

Each thief tries everything they have on each copy; what one copy yields is tried on the next.
"""

from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from storage.accounts import accounts, sessions
from storage.accounts.sessions import Session
from storage.crypto.keyholes import Cookie, guard_session
from storage.ids import ThreadId
from storage.staff import canned_replies, notes
from tests.attacks.disk.thief import Thief, steal
from tests.people import DAY, House, Person, StoppedClock
from tests.storage.deeds import begin_own, bring_in, keyhole_of, make_code, renew


@dataclass
class Scene:
    """Léa writes with Claire and Sam."""

    house: House
    thread: ThreadId
    folder: Path

    def steal(self) -> Thief:
        settings = self.house.store.settings
        return steal(settings.data, settings.keys, self.folder / f"stolen-{uuid4()}")

    async def write(self, *texts: str) -> None:
        await begin_own(self.house, self.house.lea, self.thread)
        for text in texts:
            await self.house.post(self.house.lea, self.thread, text)


@pytest.fixture
async def scene(house: House, tmp_path: Path) -> Scene:
    """Claire took the thread over from the service, so the grants of its second epoch are hers."""
    scene = Scene(house, await house.open_thread(house.lea, house.claire, house.sam), tmp_path)
    await begin_own(house, house.claire, scene.thread)
    await scene.write("un", "deux")
    return scene


def all_that_opens(*copies: Thief, passwords: list[str] | None = None, cookies: list[bytes] | None = None) -> set[str]:
    """The messages read by trying everything on each copy, the oldest first; what one copy yields is tried on the next."""
    loot: set[bytes] = set()
    read: set[str] = set()
    for thief in copies:
        thief.passwords, thief.cookies, thief.loot = passwords or [], cookies or [], thief.loot | loot
        thief.try_everything()
        loot |= {secret for kind in ("keyhole", "grant") for secret in thief.opened.get(kind, set())}
        read |= thief.messages
    return read


# Somebody who left


async def test_a_leavers_password_opens_nothing_in_a_later_copy(scene: Scene) -> None:
    await scene.house.leave(scene.thread, scene.house.sam)
    await scene.write("trois")
    assert all_that_opens(scene.steal(), passwords=[scene.house.sam.password]) == set()


async def test_a_leavers_password_opens_in_a_later_copy_the_epochs_that_they_began(scene: Scene) -> None:
    await scene.house.leave(scene.thread, scene.house.claire)
    await scene.write("trois")
    assert all_that_opens(scene.steal(), passwords=[scene.house.claire.password]) == {"un", "deux"}


async def test_a_leaver_with_a_copy_of_before_reads_what_was_before(scene: Scene) -> None:
    before = scene.steal()
    await scene.house.leave(scene.thread, scene.house.sam)
    await scene.write("trois")
    assert all_that_opens(before, scene.steal(), passwords=[scene.house.sam.password]) == {"un", "deux"}


async def test_who_came_back_from_now_on_reads_nothing_of_between(scene: Scene) -> None:
    house = scene.house
    await house.leave(scene.thread, house.sam)
    await scene.write("trois")
    await bring_in(house, house.lea, scene.thread, house.sam)
    await scene.write("quatre")
    assert all_that_opens(scene.steal(), passwords=[house.sam.password]) == {"quatre"}


# Somebody with an old password


async def test_an_old_password_opens_nothing_after_a_renewal(scene: Scene) -> None:
    old = scene.house.lea
    await renew(scene.house, old)
    await scene.write("trois")
    assert all_that_opens(scene.steal(), passwords=[old.password]) == set()


@pytest.mark.parametrize("name", ["lea", "claire", "sam"])
async def test_an_old_password_with_a_copy_of_before_opens_nothing_of_after_a_renewal(scene: Scene, name: str) -> None:
    before, old = scene.steal(), getattr(scene.house, name)
    await renew(scene.house, old)
    await scene.house.post(scene.house.claire, scene.thread, "trois")
    assert all_that_opens(before, scene.steal(), passwords=[old.password]) == {"un", "deux"}


async def test_a_new_password_opens_all_of_before_and_after(scene: Scene) -> None:
    new = await renew(scene.house, scene.house.lea)
    await scene.write("trois")
    assert all_that_opens(scene.steal(), passwords=[new.password]) == {"un", "deux", "trois"}


async def change_password(scene: Scene, one: Person, password: str) -> None:
    """An ordinary change: the new password wraps the same key."""
    new = Person(one.role, one.email, one.first_name, one.last_name, password, one.key)
    row, store = keyhole_of(scene.house, new), scene.house.store
    await store.database.write(lambda tx: accounts.keep_keyhole(tx, one.id, "password", row, store.clock()))


async def test_an_old_password_opens_nothing_after_an_ordinary_change(scene: Scene) -> None:
    await change_password(scene, scene.house.lea, "un tout autre mot")
    await scene.write("trois")
    assert all_that_opens(scene.steal(), passwords=[scene.house.lea.password]) == set()


async def test_an_old_password_with_a_copy_of_before_an_ordinary_change_opens_all(scene: Scene) -> None:
    """The key is the same: hence the page asks whether somebody may know the old password, and then renews the key."""
    before = scene.steal()
    await change_password(scene, scene.house.lea, "un tout autre mot")
    await scene.write("trois")
    assert all_that_opens(before, scene.steal(), passwords=[scene.house.lea.password]) == {"un", "deux", "trois"}


# Somebody with an old recovery code


async def test_a_recovery_code_opens_ones_threads(scene: Scene) -> None:
    thief = scene.steal()
    code = await make_code(scene.house, scene.house.lea)
    thief.codes, later = [code], scene.steal()
    later.codes = [code]
    assert (all_that_opens(thief), all_that_opens(later)) == (set(), {"un", "deux"})


async def test_a_spent_code_opens_nothing_of_after(scene: Scene) -> None:
    code = await make_code(scene.house, scene.house.lea)
    before = scene.steal()
    await renew(scene.house, scene.house.lea)
    await scene.write("trois")
    after = scene.steal()
    before.codes = after.codes = [code]
    assert all_that_opens(after) == set()
    assert all_that_opens(before, after) == {"un", "deux"}


async def test_a_code_that_was_replaced_opens_nothing(scene: Scene) -> None:
    code = await make_code(scene.house, scene.house.lea)
    await make_code(scene.house, scene.house.lea)
    thief = scene.steal()
    thief.codes = [code]
    assert all_that_opens(thief) == set()


# Somebody with an old cookie


async def sign_in(house: House, one: Person) -> Cookie:
    store, cookie = house.store, Cookie.fresh()
    now = store.clock()
    pepper_id, pepper = store.peppers.current(now)
    body = guard_session(store.guard, cookie, pepper, one.key, now + 30 * DAY)
    session = Session(cookie.session, one.id, one.key.generation, pepper_id, body, now, now + 30 * DAY)
    await store.database.write(lambda tx: sessions.begin(tx, session))
    return cookie


async def test_an_old_cookie_opens_nothing_of_after_a_renewal(scene: Scene) -> None:
    cookie = await sign_in(scene.house, scene.house.lea)
    before = scene.steal()
    await renew(scene.house, scene.house.lea)
    await scene.write("trois")
    after = scene.steal()
    assert all_that_opens(after, cookies=[cookie.secret]) == set()
    assert all_that_opens(before, after, cookies=[cookie.secret]) == {"un", "deux"}


async def test_a_cookie_of_before_opens_nothing_once_its_pepper_is_forgotten(scene: Scene, stopped_clock: StoppedClock) -> None:
    """Although the disk was copied while the cookie was valid: a backup never contains the peppers."""
    cookie = await sign_in(scene.house, scene.house.lea)
    backup = scene.steal()
    for _ in range(7):
        stopped_clock.advance(7 * DAY)
        scene.house.store.peppers.current(stopped_clock())
    now = scene.steal()
    backup.peppers = now.peppers
    assert all_that_opens(backup, now, cookies=[cookie.secret]) == set()


# Somebody who came later


async def test_a_newcomer_from_now_on_opens_nothing_of_before(scene: Scene) -> None:
    house, before = scene.house, scene.steal()
    await bring_in(house, house.claire, scene.thread, house.thomas)
    await scene.write("trois")
    assert all_that_opens(before, scene.steal(), passwords=[house.thomas.password]) == {"trois"}


async def test_a_newcomer_with_the_whole_history_opens_all(scene: Scene) -> None:
    house = scene.house
    await bring_in(house, house.claire, scene.thread, house.thomas, whole=True)
    assert all_that_opens(scene.steal(), passwords=[house.thomas.password]) == {"un", "deux"}


# Private notes


async def noted(scene: Scene) -> Thief:
    claire = scene.house.claire
    await scene.house.store.database.write(lambda tx: notes.write(tx, claire.key, scene.thread, "à revoir", 0))
    return scene.steal()


def notes_of(thief: Thief) -> set[bytes]:
    return {plain.rstrip(b"\0")[:-1] for plain in thief.try_everything().opened.get("note", set())}


async def test_a_note_opens_to_its_author(scene: Scene) -> None:
    thief = await noted(scene)
    thief.passwords = [scene.house.claire.password]
    assert notes_of(thief) == {"à revoir".encode()}


async def test_a_note_opens_to_nobody_else_not_even_the_officer(scene: Scene) -> None:
    thief, house = await noted(scene), scene.house
    thief.passwords = [house.lea.password, house.sam.password, house.ada.password]
    thief.loot = {house.officer.private_key}
    assert notes_of(thief) == set()
    assert thief.messages == {"un", "deux"}


async def test_a_note_opens_to_no_old_key_after_a_renewal(scene: Scene) -> None:
    await noted(scene)
    old = scene.house.claire
    await renew(scene.house, old)
    thief = scene.steal()
    thief.loot, thief.passwords = {old.key.private_key}, [old.password]
    assert notes_of(thief) == set()


# Canned replies


async def with_replies(scene: Scene) -> Thief:
    claire = scene.house.claire
    kept = canned_replies.Kept(1, "merci de votre confiance")
    await scene.house.store.database.write(lambda tx: canned_replies.write(tx, claire.key, kept, 0))
    return scene.steal()


def replies_of(thief: Thief) -> set[bytes]:
    return {plain.rstrip(b"\0")[:-1] for plain in thief.try_everything().opened.get("replies", set())}


async def test_replies_open_to_their_author(scene: Scene) -> None:
    thief = await with_replies(scene)
    thief.passwords = [scene.house.claire.password]
    assert replies_of(thief) == {b"merci de votre confiance"}


async def test_replies_open_to_nobody_else_not_even_the_officer(scene: Scene) -> None:
    """Nor with the root key, which the thief has: it guards none of them."""
    thief, house = await with_replies(scene), scene.house
    thief.passwords = [house.lea.password, house.sam.password, house.ada.password]
    thief.loot = {house.officer.private_key}
    assert replies_of(thief) == set()
    assert thief.messages == {"un", "deux"}


async def test_replies_open_to_no_old_key_after_a_renewal(scene: Scene) -> None:
    await with_replies(scene)
    old = scene.house.claire
    await renew(scene.house, old)
    thief = scene.steal()
    thief.loot, thief.passwords = {old.key.private_key}, [old.password]
    assert replies_of(thief) == set()
