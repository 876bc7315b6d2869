"""The `keys` and `recover keyring` commands: what they print, and that they can do nothing else."""

import io
import json
from pathlib import Path

import pytest

from chat import cli
from chat.ailo import Ailo
from chat.core import Done
from chat.operations.commands import KeysDrop, KeysRotate, KeysStatus, carry_out
from storage.crypto import keyring
from tests.chat.talk import Cast


def told(done: Done) -> str:
    assert done.code == 0
    return done.line


async def test_one_key_keeps_everything(ailo: Ailo, cast: Cast) -> None:
    said = told(await carry_out(ailo, KeysStatus()))
    assert "newest: it protects everything new" in said
    assert "  accounts.email" in said
    assert said.endswith("Everything is under the newest key.")


async def test_a_rotation_without_a_server_ends_before_it_answers(ailo: Ailo, cast: Cast) -> None:
    done = await carry_out(ailo, KeysRotate())
    assert done.facts
    assert (done.facts["added"], done.facts["rotating"]) == (True, False)
    assert [key["may_be_dropped"] for key in done.facts["keys"]] == [True, False]
    assert "Nothing needs key" in done.line


async def test_a_rotation_with_a_server_answers_at_once(ailo: Ailo, cast: Cast) -> None:
    async with ailo.rotation.in_background():
        done = await carry_out(ailo, KeysRotate())
        again = await carry_out(ailo, KeysRotate())
    assert "A rotation is in progress" in done.line
    assert again.facts
    assert not again.facts["added"]
    assert "no key was added" in again.line


async def test_an_unused_key_is_dropped_once(ailo: Ailo, cast: Cast) -> None:
    old = ailo.store.guard.keyring.newest.id.hex()
    await carry_out(ailo, KeysRotate())
    assert told(await carry_out(ailo, KeysDrop(old))) == "The key is no longer in the keyring."
    assert (await carry_out(ailo, KeysDrop(old))).code == 1
    assert old not in ailo.store.settings.keys.read_text()


@pytest.mark.parametrize(("id_", "code"), [("zz", 2), ("", 1), ("00" * 8, 1)])
async def test_what_is_no_key_of_ours_is_not_dropped(ailo: Ailo, id_: str, code: int) -> None:
    assert (await carry_out(ailo, KeysDrop(id_))).code == code


async def test_a_keyring_that_was_exchanged_stops_the_rotation(ailo: Ailo) -> None:
    ailo.store.settings.keys.unlink()
    keyring.create(ailo.store.settings.keys)
    done = await carry_out(ailo, KeysRotate())
    assert (done.code, "not the one in use" in done.line) == (1, True)


async def test_what_was_tampered_with_is_told(ailo: Ailo, cast: Cast) -> None:
    await ailo.store.database.write(lambda tx: tx.run("update accounts set email = substr(email, 1, 40)"))
    done = await carry_out(ailo, KeysRotate())
    assert "failed verification and keep their older keys" in done.line


# Recovering the keyring


class House:
    """What `ailo init` made in a folder."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._monkeypatch, self._capsys = folder, monkeypatch, capsys
        self.sealed, self.keys = folder / "data" / "root.sealed", folder / "keys" / "root.json"
        monkeypatch.setenv("AILO_DATA", str(folder / "data"))
        monkeypatch.setenv("AILO_KEYS", str(self.keys))
        assert cli.run(["init", "--json"]) == 0
        self.sheet: dict[str, str] = json.loads(capsys.readouterr().out)["recovery"]

    def recover(self, typed: str, out: Path, sealed: Path | None = None) -> tuple[int, str]:
        """Run the command; return its exit code and its output."""
        self._monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        code = cli.run(["recover", "keyring", str(sealed or self.sealed), str(out)])
        said = self._capsys.readouterr()
        return code, said.err if code else said.out


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> House:
    return House(tmp_path, monkeypatch, capsys)


def test_the_keyring_is_recovered_without_a_data_directory(house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AILO_DATA")
    monkeypatch.delenv("AILO_KEYS")
    code, said = house.recover(f"{house.sheet['key']} {house.sheet['check']}\n", tmp_path / "out.json")
    assert (code, said) == (0, f"{tmp_path / 'out.json'}\n")
    assert (tmp_path / "out.json").read_bytes() == house.keys.read_bytes()


def test_a_typing_error_is_told_from_a_wrong_key(house: House, tmp_path: Path) -> None:
    key, check = house.sheet["key"], house.sheet["check"]
    wrong = ("B" if key[0] != "B" else "C") + key[1:]
    assert "a character differs from the sheet" in house.recover(f"{wrong} {check}", tmp_path / "out.json")[1]
    code, said = house.recover(wrong, tmp_path / "out.json")
    assert (code, "another officer's key" in said, "compare it with the sheet" in said) == (1, True, True)
    assert not (tmp_path / "out.json").exists()


def test_nothing_is_overwritten(house: House) -> None:
    before = house.keys.read_bytes()
    code, said = house.recover(house.sheet["key"], house.keys)
    assert (code, "it was left unchanged" in said) == (1, True)
    assert house.keys.read_bytes() == before


def test_a_copy_that_is_missing_or_damaged_is_said(house: House, tmp_path: Path) -> None:
    assert house.recover(house.sheet["key"], tmp_path / "out", tmp_path / "none")[0] == 1
    house.sealed.write_bytes(house.sealed.read_bytes()[:-1])
    assert "altered" in house.recover(house.sheet["key"], tmp_path / "out")[1]
