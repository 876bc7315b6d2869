"""Rotating the root key: everything is brought to the new key, and everything opens, whatever interrupts it."""

import re
import shutil
from importlib.resources import files
from itertools import count
from pathlib import Path
from uuid import UUID

import pytest

from chat.operations.key_status import told
from storage.crypto import keyring, keyring_copy
from storage.crypto.guarding import Guarded
from storage.crypto.keyholes import Cookie, Opening, open_session, unguard_password
from storage.errors import Damaged, KeyringRefused
from storage.families import guarded
from storage.ids import AccountId
from storage.installation import push_key
from storage.push import subscriptions
from storage.push.subscriptions import Subscription
from storage.rekeying import key_use, reguarding, relinking
from storage.rekeying.rotation import Rotation
from storage.store import Store, open_store
from tests.people import House, StoppedClock, open_house, opened_again, settings_in
from tests.storage.rekeying.turning import Countdown, add_by_service, assert_all_opens, fill, rotate_until_crash


async def rotated(house: House) -> Rotation:
    """Turn to a new key and finish the rotation."""
    rotation = Rotation(house.store)
    assert await rotation.turn()
    await rotation.finish()
    return rotation


async def test_after_a_rotation_only_the_newest_key_keeps_anything(house: House) -> None:
    await fill(house)
    status = await (await rotated(house)).status()
    old, newest = status.keys
    assert (old.is_newest, old.uses.total(), old.may_be_dropped) == (False, 0, True)
    assert newest.is_newest
    kept = {"messages.link", "sessions.body", "sessions.about", "preferences.body", "practices.body", "letters.facts"}
    assert {*kept, "threads.head"} <= set(newest.uses)
    assert not (status.is_rotating)
    assert not (status.unknown)
    assert not (status.broken_threads)


async def test_after_a_rotation_everything_opens(house: House) -> None:
    one, two, _ = await fill(house)
    await rotated(house)
    await assert_all_opens(house.store)
    assert await house.texts(house.claire, one) == [f"un {number}" for number in range(5)]
    assert await house.texts(house.karim, two) == ["deux"]


async def test_between_the_turn_and_its_end_both_keys_read(house: House) -> None:
    one, *_ = await fill(house)
    rotation = Rotation(house.store)
    await rotation.turn()
    await house.post(house.claire, one, "entre les deux")
    await assert_all_opens(house.store)
    status = await rotation.status()
    assert status.is_rotating
    assert all(key.uses for key in status.keys)


@pytest.mark.parametrize("does", ["finish", "turn"])
async def test_what_was_counted_during_a_rotation_is_no_damage(house: House, monkeypatch: pytest.MonkeyPatch, does: str) -> None:
    """A count takes a while. A rotation that ends or begins meanwhile leaves older keys in it: they are not for ever."""
    await fill(house)
    rotation = Rotation(house.store)
    if does == "finish":
        await rotation.turn()
    count_use = key_use.count

    async def count_and_go_on(store: Store) -> key_use.KeyUse:
        use = await count_use(store)
        await getattr(rotation, does)()
        return use

    monkeypatch.setattr(key_use, "count", count_and_go_on)
    status = await rotation.status()
    assert status.keys[0].uses
    assert status.is_rotating
    assert "failed verification" not in told(status)


async def test_the_mark_of_the_example_and_the_addresses_stay(house: House) -> None:
    before = house.store.guard.address_index("lea@ailo.test")
    await rotated(house)
    loaded = keyring.load(house.store.settings.keys)
    assert loaded.is_example
    assert house.store.guard.address_index("lea@ailo.test") == before
    assert loaded.newest.id == house.store.guard.keyring.newest.id
    assert house.store.settings.keys.stat().st_mode & 0o777 == 0o600


async def test_push_goes_on_as_before(house: House) -> None:
    """With another key of its own, push services would let the service tell no browser that subscribed before."""
    store, given = house.store, Subscription("https://fcm.googleapis.com/1", b"\4" * 65, b"a" * 16)
    await store.database.write(lambda tx: subscriptions.keep(tx, store.guard, house.lea.id, bytes(32), given, 1))
    before = await store.database.read(lambda reader: push_key(reader, store.guard))
    old, newest = (await (await rotated(house)).status()).keys
    assert (old.uses.total(), newest.uses["push_subscriptions.body"]) == (0, 1)
    assert await store.database.read(lambda reader: push_key(reader, store.guard)) == before
    assert not await store.database.write(lambda tx: subscriptions.keep(tx, store.guard, house.lea.id, bytes(32), given, 1))


async def test_a_session_and_a_password_still_open(house: House) -> None:
    await fill(house)
    await rotated(house)
    (row,) = await house.select("select * from sessions")
    pepper = house.store.peppers.find(row["pepper"])
    assert pepper
    opening = Opening(house.lea.id, 1, house.lea.key.public_key)
    opened = open_session(house.store.guard, Cookie(b"c" * 32), pepper, row["body"], opening, row["expires_at"])
    assert opened.private_key == house.lea.key.private_key
    for row in await house.select("select * from keyholes"):
        unguard_password(house.store.guard, row["body"], row_account(row["account"]), row["profile"], row["generation"])


def row_account(raw: bytes) -> AccountId:
    return AccountId(UUID(bytes=raw))


async def test_what_the_service_wrote_is_guarded_anew_with_its_link(house: House) -> None:
    one, *_ = await fill(house)
    before = await add_by_service(house, one)
    await house.post(house.lea, one, "merci")
    rotation = await rotated(house)
    after = (await house.rows(one))[before.seq - 1]
    assert after.is_linked
    assert after.body[1:9] == house.store.guard.keyring.newest.id
    assert (await rotation.status()).keys[-1].uses["messages.body"] == 1
    await assert_all_opens(house.store)


async def test_all_goes_along_the_primary_key_in_batches(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reguarding, "BATCH", 2)
    monkeypatch.setattr(relinking, "CHUNK", 2)
    await fill(house)
    assert (await (await rotated(house)).status()).keys[0].may_be_dropped
    await assert_all_opens(house.store)


async def test_what_was_done_is_not_written_again(house: House) -> None:
    await fill(house)
    rotation = await rotated(house)
    before = await house.select("select * from accounts")
    await rotation.finish()
    assert [step async for step in rotation.steps()] == []
    assert [dict(row) for row in await house.select("select * from accounts")] == [dict(row) for row in before]


async def test_a_second_turn_waits_for_the_first(house: House) -> None:
    await fill(house)
    rotation = Rotation(house.store)
    assert await rotation.turn()
    assert not await rotation.turn()
    await rotation.finish()
    assert await rotation.turn()
    await rotation.finish()
    assert [key.may_be_dropped for key in (await rotation.status()).keys] == [True, True, False]


async def test_another_keyring_in_the_place_of_ours_is_refused(house: House) -> None:
    path = house.store.settings.keys
    path.unlink()
    keyring.create(path)
    with pytest.raises(KeyringRefused, match="not the one in use"):
        await Rotation(house.store).turn()


# What cannot be brought to the new key


@pytest.mark.parametrize(
    ("table", "column"), [("accounts", "email"), ("accounts", "proof"), ("epochs", "proof"), ("letters", "facts")]
)
async def test_a_damaged_value_is_left_and_counted(
    house: House, caplog: pytest.LogCaptureFixture, table: str, column: str
) -> None:
    await fill(house)
    await house.spoil(f"update {table} set {column} = substr({column}, 1, 40)")
    before = [row[column] for row in await house.select(f"select {column} from {table}")]
    status = await (await rotated(house)).status()
    assert [row[column] for row in await house.select(f"select {column} from {table}")] == before
    assert status.keys[0].uses == {f"{table}.{column}": len(before)}
    assert f"alert: a value of {table}.{column}" in caplog.text


@pytest.mark.parametrize("planted", [7, "a text", b"", b"short", None])
async def test_what_is_no_value_at_all_stops_nothing(house: House, planted: bytes | str | int | None) -> None:
    await fill(house)
    if planted is not None:
        await house.spoil("update letters set facts = :planted", planted=planted)
    await house.spoil("update accounts set role = 7 where id = :id", id=house.ada.id.bytes)
    status = await (await rotated(house)).status()
    assert status.keys[0].uses == {"accounts.proof": 1}
    assert status.unknown.total() == (planted is not None)


async def test_what_is_null_is_nothing_to_bring_along(house: House, caplog: pytest.LogCaptureFixture) -> None:
    await house.spoil("insert into recoveries (request, asked_at) values (x'01', 0)")
    status = await (await rotated(house)).status()
    assert (status.keys[0].uses.total(), status.unknown.total(), caplog.text) == (0, 0, "")


# Dropping keys


async def test_a_dropped_key_is_missed_by_nothing(tmp_path: Path, stopped_clock: StoppedClock) -> None:
    async with open_house(tmp_path, stopped_clock) as house:
        one, *_ = await fill(house)
        rotation = await rotated(house)
        old = (await rotation.status()).keys[0].id
        await rotation.drop(old)
        await assert_all_opens(house.store)
    assert old.hex() not in settings_in(tmp_path).keys.read_text()
    async with opened_again(tmp_path, stopped_clock, house) as again:
        await assert_all_opens(again.store)
        assert len(await again.texts(again.lea, one)) == 5


async def test_a_key_in_use_is_not_dropped(house: House) -> None:
    await fill(house)
    rotation = Rotation(house.store)
    old = house.store.guard.keyring.newest.id
    await rotation.turn()
    with pytest.raises(KeyringRefused, match="still protects"):
        await rotation.drop(old)
    assert old in keyring.load(house.store.settings.keys).by_id


async def test_neither_the_newest_key_nor_a_foreign_one_is_dropped(house: House) -> None:
    rotation = await rotated(house)
    with pytest.raises(KeyringRefused, match="newest"):
        await rotation.drop(house.store.guard.keyring.newest.id)
    with pytest.raises(KeyringRefused, match="no key with this id"):
        await rotation.drop(bytes(8))


# Crashes


@pytest.mark.parametrize("is_after", [False, True], ids=["before a write", "after a write"])
async def test_a_crash_at_any_write_leaves_all_readable(
    tmp_path: Path, stopped_clock: StoppedClock, monkeypatch: pytest.MonkeyPatch, *, is_after: bool
) -> None:
    monkeypatch.setattr(relinking, "CHUNK", 2)
    monkeypatch.setattr(reguarding, "BATCH", 5)
    async with open_house(tmp_path / "first", stopped_clock) as house:
        threads = await fill(house)
    for writes in count():
        folder = tmp_path / str(writes)
        shutil.copytree(tmp_path / "first", folder)
        async with opened_again(folder, stopped_clock, house) as before:
            if not await rotate_until_crash(before, monkeypatch, Countdown(writes, is_after=is_after)):
                break
        async with opened_again(folder, stopped_clock, house) as after:
            await assert_all_opens(after.store)
            await assert_the_officer_has_all_keys(after)
            await after.post(after.claire, threads[0], "toujours là")
            rotation = Rotation(after.store)
            await rotation.finish()
            await assert_all_opens(after.store)
            assert len(await after.texts(after.lea, threads[0])) == 6
            assert all(key.may_be_dropped for key in (await rotation.status()).keys[:-1])
    assert writes > 12


async def assert_the_officer_has_all_keys(house: House) -> None:
    """The copy may contain more keys than the keyring, never fewer."""
    settings = house.store.settings
    raw = keyring_copy.unseal(settings.sealed_keyring.read_bytes(), house.officer.private_key)
    assert keyring.parse(raw, settings.keys).by_id.keys() >= keyring.load(settings.keys).by_id.keys()


async def test_an_interrupted_rotation_goes_on_in_the_background(tmp_path: Path, stopped_clock: StoppedClock) -> None:
    async with open_house(tmp_path, stopped_clock) as house:
        await fill(house)
        await Rotation(house.store).turn()
    async with open_store(settings_in(tmp_path), stopped_clock) as store:
        rotation = Rotation(store)
        async with rotation.in_background():
            while not await rotation.is_finished():
                pass
        assert (await rotation.status()).keys[0].may_be_dropped


# Columns missing from the list


def test_every_column_that_a_root_key_keeps_is_in_the_list() -> None:
    """According to the comments in the schema, which mark each column that is guarded or authenticates something."""
    known = {(column.table, column.column) for column in guarded()}
    assert {
        found for step in sorted((files("storage.engine") / "schema").iterdir(), key=str) for found in kept_in(step.read_text())
    } <= known


def kept_in(step: str) -> set[tuple[str, str]]:
    found = set()
    for table, body in re.findall(r"create table (\w+) \((.*?)\n\)", step, re.DOTALL):
        found |= {
            (table, name) for name in re.findall(r"^    (\w+) bytea.*--.*\b(?:guarded|authenticates)\b", body, re.MULTILINE)
        }
    return found


def test_a_value_of_another_type_is_damaged(house: House) -> None:
    column = Guarded("letters", ("id",), "facts", lambda row: (row["id"],))
    with pytest.raises(Damaged):
        house.store.guard.renewed(column, {"id": b"", "facts": 7})
