"""The Unix socket through which commands reach a running server."""

import asyncio
import stat
from pathlib import Path

import msgspec
import pytest

from chat.accounts.commands import AccountAdd
from chat.ailo import Ailo
from chat.core import Done
from chat.operations import control
from chat.operations.commands import Check
from storage.errors import Stalled
from tests.people import PASSWORD

ADD = AccountAdd("member", "zoe@ailo.test", "Zoé", "", "fr", PASSWORD)


async def test_the_running_server_carries_a_command_out(ailo: Ailo, tmp_path: Path) -> None:
    async with control.listening(tmp_path / "data", ailo):
        assert await control.ask(tmp_path / "data", Check()) == Done(0, "All is well.")


async def test_without_a_server_nobody_answers(ailo: Ailo, tmp_path: Path) -> None:
    async with control.listening(tmp_path / "data", ailo):
        pass
    assert await control.ask(tmp_path / "data", Check()) is None
    assert await control.ask(tmp_path / "nothing", Check()) is None


async def test_a_socket_left_behind_is_replaced(ailo: Ailo, tmp_path: Path) -> None:
    (tmp_path / "data" / control.NAME).touch()
    async with control.listening(tmp_path / "data", ailo):
        assert (await control.ask(tmp_path / "data", ADD) or Done(9)).code == 0


async def test_the_socket_is_its_owners_alone(ailo: Ailo, tmp_path: Path) -> None:
    async with control.listening(tmp_path / "data", ailo):
        assert stat.S_IMODE((tmp_path / "data" / control.NAME).stat().st_mode) == 0o600


async def test_a_deep_folder_is_no_hindrance(ailo: Ailo, tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    async with control.listening(deep, ailo):
        assert await control.ask(deep, Check()) == Done(0, "All is well.")


@pytest.mark.parametrize("said", [b"{\n", b'{"type":"no such command"}\n', b"\xff\n", b"[]\n"])
async def test_what_is_no_command_is_refused(ailo: Ailo, tmp_path: Path, said: bytes) -> None:
    async with control.listening(tmp_path, ailo):
        reader, writer = await asyncio.open_unix_connection(tmp_path / control.NAME)
        writer.write(said)
        assert msgspec.json.decode(await reader.readline(), type=Done).code == 2
        writer.close()
        await writer.wait_closed()


async def test_a_stalled_store_is_told(ailo: Ailo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise Stalled("the disk is full")

    async with control.listening(tmp_path, ailo):
        monkeypatch.setattr(ailo.store.database, "write", fail)
        done = await control.ask(tmp_path, ADD)
    assert done
    assert (done.code, "disk is full" in done.line) == (1, True)
