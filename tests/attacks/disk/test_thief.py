"""A stolen disk, root key and backups reveal no word: a thief tries everything they have on copies of the files.

Each test that finds nothing has a counterpart where the same thief, given one more secret, finds everything.
"""

import json
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from storage.accounts import preferences, sessions
from storage.accounts.preferences import Letters, Preferences
from storage.accounts.sessions import About, Session, guard_about
from storage.crypto.guarding import Guard
from storage.crypto.keyholes import Cookie, guard_session
from storage.crypto.keyring import create
from storage.ids import ThreadId
from storage.mail.letters import Letter, write
from storage.maintenance import backup
from storage.staff import practices
from storage.staff.practices import Practice
from tests.attacks.disk.thief import Thief, steal
from tests.people import DAY, House, Person, StoppedClock

BEFORE, AFTER = {"avant un", "avant deux"}, {"après un", "après deux"}


CHOSEN = Preferences(letters=Letters(quiet_from=21 * 60, quiet_to=7 * 60))
SAID = Practice(48, None, "En congé.")


@dataclass
class Scene:
    """A thread that Sam left midway; Léa is signed in; a letter is waiting."""

    house: House
    thread: ThreadId
    cookie: Cookie
    folder: Path

    def steal(self, *, with_keys: bool = True) -> Thief:
        settings = self.house.store.settings
        to = self.folder / f"stolen-{uuid4()}"
        return steal(settings.data, settings.keys if with_keys else None, to)


async def sign_in(house: House, one: Person) -> Cookie:
    store, cookie = house.store, Cookie.fresh()
    now = store.clock()
    pepper_id, pepper = store.peppers.current(now)
    body = guard_session(store.guard, cookie, pepper, one.key, now + 30 * DAY)
    about = guard_about(store.guard, cookie.session, one.id, now, About("Firefox, Linux", now))
    session = Session(cookie.session, one.id, one.key.generation, pepper_id, body, now, now + 30 * DAY, about)
    await store.database.write(lambda tx: sessions.begin(tx, session))
    return cookie


@pytest.fixture
async def joined(house: House, tmp_path: Path) -> Scene:
    """Sam still takes part."""
    thread = await house.open_thread(house.lea, house.claire, house.sam)
    await house.post(house.lea, thread, "avant un")
    await house.post(house.claire, thread, "avant deux")
    letter = Letter(uuid4(), house.lea.id, "reply", "x/1", {"thread": "x"}, "one@ailo.test", 0)
    await house.store.database.write(lambda tx: write(tx, house.store.guard, letter, 0))
    await house.store.database.write(lambda tx: preferences.keep(tx, house.store.guard, house.lea.id, CHOSEN))
    await house.store.database.write(lambda tx: practices.keep(tx, house.store.guard, house.claire.id, SAID))
    return Scene(house, thread, await sign_in(house, house.lea), tmp_path)


@pytest.fixture
async def scene(joined: Scene) -> Scene:
    """Sam has left, and the others went on."""
    house = joined.house
    await house.leave(joined.thread, house.sam)
    await house.post(house.lea, joined.thread, "après un")
    await house.post(house.claire, joined.thread, "après deux")
    return joined


async def test_disk_and_root_key_open_no_word(scene: Scene) -> None:
    thief = scene.steal().try_everything()
    assert set(thief.opened) == {"guarded"}


async def test_disk_and_root_key_open_what_is_guarded(scene: Scene) -> None:
    """The root key opens what the service uses unattended: names, addresses, what people chose. See docs/security.md."""
    opened = scene.steal().try_everything().opened["guarded"]
    assert {"Léa".encode(), b"lea@ailo.test", msgspec.json.encode(CHOSEN), msgspec.json.encode(SAID)} <= opened
    assert any(b"Firefox, Linux" in plain for plain in opened)


async def test_the_disk_alone_opens_nothing(scene: Scene) -> None:
    assert scene.steal(with_keys=False).try_everything().opened == {}


async def test_a_foreign_keyring_opens_nothing(scene: Scene) -> None:
    thief = scene.steal(with_keys=False)
    thief.keyring = create(scene.folder / "foreign.json")
    thief.passwords = [scene.house.lea.password]
    assert thief.try_everything().opened == {}


async def test_without_the_keyring_no_address_is_found(scene: Scene) -> None:
    thief, guard = scene.steal(with_keys=False), Guard(create(scene.folder / "foreign.json"))
    indexes = {row["address_index"] for row in thief.rows("accounts")}
    assert guard.address_index("lea@ailo.test") not in indexes
    assert scene.house.store.guard.address_index("lea@ailo.test") in indexes


async def test_a_backup_and_root_key_open_no_word(scene: Scene) -> None:
    copy = await backup.copy(scene.house.store, scene.folder / "backup")
    thief = steal(copy.parent, scene.house.store.settings.keys, scene.folder / "stolen")
    assert set(thief.try_everything().opened) == {"guarded"}


# With one more secret


async def test_the_officers_key_opens_every_message(scene: Scene) -> None:
    thief = scene.steal(with_keys=False)
    thief.loot = {scene.house.officer.private_key}
    assert thief.try_everything().messages == BEFORE | AFTER


async def test_a_password_opens_ones_own_threads(scene: Scene) -> None:
    thief = scene.steal()
    thief.passwords = [scene.house.lea.password]
    assert thief.try_everything().messages == BEFORE | AFTER


async def test_a_password_opens_no_others_thread(scene: Scene) -> None:
    thief = scene.steal()
    thief.passwords = [scene.house.karim.password, scene.house.ada.password]
    opened = thief.try_everything().opened
    assert scene.house.karim.key.private_key in opened["keyhole"]
    assert not {"message", "grant"} & set(opened)


async def test_a_password_without_the_root_key_opens_nothing(scene: Scene) -> None:
    thief = scene.steal(with_keys=False)
    thief.passwords = [scene.house.lea.password]
    assert thief.try_everything().opened == {}


async def test_a_cookie_and_its_pepper_open_ones_own_threads(scene: Scene) -> None:
    thief = scene.steal()
    thief.cookies = [scene.cookie.secret]
    assert thief.try_everything().messages == BEFORE | AFTER


async def test_a_cookie_without_its_pepper_opens_nothing(scene: Scene) -> None:
    thief = scene.steal()
    thief.cookies, thief.peppers = [scene.cookie.secret], []
    assert set(thief.try_everything().opened) == {"guarded"}


async def test_an_old_cookie_opens_nothing_once_its_pepper_is_forgotten(scene: Scene, stopped_clock: StoppedClock) -> None:
    old = await backup.copy(scene.house.store, scene.folder / "backup")
    for _ in range(7):
        stopped_clock.advance(7 * DAY)
        scene.house.store.peppers.current(stopped_clock())
    thief = steal(old.parent, scene.house.store.settings.keys, scene.folder / "stolen")
    thief.cookies = [scene.cookie.secret]
    assert thief.peppers
    assert set(thief.try_everything().opened) == {"guarded"}


async def test_a_cookie_opens_nothing_after_signing_out(scene: Scene) -> None:
    await scene.house.store.database.write(lambda tx: sessions.end(tx, scene.cookie.session))
    thief = scene.steal()
    thief.cookies = [scene.cookie.secret]
    assert set(thief.try_everything().opened) == {"guarded"}


# People who leave, and people who were never there


async def test_a_leaver_opened_all_while_there(joined: Scene) -> None:
    thief = joined.steal()
    thief.passwords = [joined.house.sam.password]
    assert thief.try_everything().messages == BEFORE


async def test_a_leavers_key_opens_nothing_that_came_after(scene: Scene) -> None:
    thief = scene.steal()
    thief.loot, thief.passwords = {scene.house.sam.key.private_key}, [scene.house.sam.password]
    assert not thief.try_everything().messages & AFTER


async def test_a_leaver_with_an_old_copy_opens_nothing_that_came_after(joined: Scene) -> None:
    """The secrets of the epochs in which they took part, taken at the time, do not lead to later ones."""
    house, old = joined.house, joined.steal()
    old.passwords = [house.sam.password]
    taken = old.try_everything().opened
    await house.leave(joined.thread, house.sam)
    await house.post(house.lea, joined.thread, "après un")
    thief = joined.steal()
    thief.loot = {secret for kind in ("grant", "keyhole") for secret in taken[kind]}
    assert thief.loot
    assert thief.try_everything().messages == BEFORE


async def test_a_members_own_key_opens_only_their_threads(scene: Scene) -> None:
    other = await scene.house.open_thread(scene.house.karim, scene.house.thomas)
    await scene.house.post(scene.house.karim, other, "secret de Karim")
    thief = scene.steal()
    thief.loot = {scene.house.lea.key.private_key, scene.house.claire.key.private_key}
    assert thief.try_everything().messages == BEFORE | AFTER


async def test_the_files_hold_no_plaintext(scene: Scene) -> None:
    for path in scene.house.store.settings.data.rglob("*"):
        if path.is_file():
            assert not any(text.encode() in path.read_bytes() for text in (BEFORE | AFTER))


async def test_the_peppers_are_in_no_backup(scene: Scene) -> None:
    copy = await backup.copy(scene.house.store, scene.folder / "backup")
    peppers = json.loads(scene.house.store.settings.peppers.read_bytes())
    raw = copy.read_bytes()
    assert not list(copy.parent.glob("*.json"))
    assert not any(content.encode() in raw or b64decode(content) in raw for _, content in peppers.values())
