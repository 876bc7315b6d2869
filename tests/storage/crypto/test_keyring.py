"""The root keyring's file: who may read it, and the error messages when something is wrong with it."""

import json
import os
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from storage.crypto import keyring
from storage.crypto.keyring import create, load
from storage.crypto.primitives import key_id
from storage.errors import KeyringRefused
from storage.files import write_private

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    create(tmp_path / "keys" / "root.json")
    return tmp_path / "keys" / "root.json"


def rewrite(path: Path, change: Change) -> None:
    content = json.loads(path.read_bytes())
    change(content)
    path.write_text(json.dumps(content))


def test_a_keyring_reads_back_as_made(tmp_path: Path) -> None:
    made = create(tmp_path / "root.json")
    assert load(tmp_path / "root.json") == made
    assert made.by_id[made.newest.id] == made.newest
    assert not made.is_example


def test_the_example_is_marked_as_such(tmp_path: Path) -> None:
    create(tmp_path / "root.json", is_example=True)
    assert load(tmp_path / "root.json").is_example


def test_two_keyrings_have_no_key_in_common(tmp_path: Path) -> None:
    one, other = create(tmp_path / "one.json"), create(tmp_path / "other.json")
    secrets = [(ring.index_key, key.guarding, key.authentication, key.linking) for ring in (one, other) for key in [ring.newest]]
    assert len({part for keys in secrets for part in keys}) == 8


def test_the_newest_key_writes_and_all_read(path: Path) -> None:
    first = load(path).newest.id
    rewrite(path, lambda content: content["keys"].append(keyring._fresh_entry()))
    ring = load(path)
    assert set(ring.by_id) == {first, ring.newest.id}
    assert ring.newest.id != first


def test_only_its_owner_may_read_it_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        create(tmp_path / "keys" / "root.json")
    finally:
        os.umask(before)
    assert (tmp_path / "keys" / "root.json").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700


def test_a_keyring_that_is_there_is_left_as_it_is(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(KeyringRefused, match="already"):
        create(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == ["root.json"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602])
def test_a_keyring_that_others_may_touch_is_refused(path: Path, mode: int) -> None:
    path.chmod(mode)
    with pytest.raises(KeyringRefused, match="chmod 600"):
        load(path)


def test_a_missing_keyring_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(KeyringRefused, match="ailo init"):
        load(tmp_path / "root.json")


def test_an_unreadable_keyring_says_to_check_its_rights(tmp_path: Path) -> None:
    (tmp_path / "root.json").mkdir()
    with pytest.raises(KeyringRefused, match="check its owner and permissions"):
        load(tmp_path / "root.json")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"{}", b"\xff\xfe", b'{"format": 1}'])
def test_what_is_no_keyring_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(KeyringRefused, match="restore a copy"):
        load(path)


def put(*names: str | int, value: object) -> Change:
    def change(content: Any) -> None:
        for name in names[:-1]:
            content = content[name]
        content[names[-1]] = value

    return change


SHORT = b64encode(b"short").decode()


@pytest.mark.parametrize(
    "change",
    [
        put("format", value="ailo root keyring 2"),
        put("keys", value=[]),
        put("keys", value=None),
        put("keys", 0, "id", value="00" * 8),
        put("keys", 0, "key", value="?"),
        put("keys", 0, "key", value=b64encode(bytes(32)).decode()),
        put("keys", 0, value={"id": key_id(b"short").hex(), "key": SHORT, "made_at": 0}),
        put("index_key", value=SHORT),
        lambda content: content.pop("index_key"),
        lambda content: content.pop("example"),
    ],
)
def test_a_damaged_keyring_is_refused(path: Path, change: Change) -> None:
    rewrite(path, change)
    with pytest.raises(KeyringRefused, match="is damaged"):
        load(path)


def test_no_refusal_repeats_a_key(path: Path) -> None:
    secret = json.loads(path.read_bytes())["keys"][0]["key"]
    rewrite(path, put("index_key", value=SHORT))
    with pytest.raises(KeyringRefused) as caught:
        load(path)
    assert secret not in repr(caught.value)
    assert caught.value.__cause__ is None


def test_nothing_secret_is_in_a_repr(path: Path) -> None:
    ring = load(path)
    assert repr(ring.index_key) not in repr([ring, ring.newest])
    assert repr(ring.newest.guarding) not in repr([ring, ring.newest])


def test_a_private_file_is_replaced_whole(path: Path) -> None:
    write_private(path, b"new", replace=True)
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_failed_write_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError

    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError):
        write_private(path, b"new", replace=True)
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == ["root.json"]
