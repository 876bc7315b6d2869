"""Nothing secret crosses a network unencrypted unless asked to, and no library with a known hole is accepted."""

import io
import os
import re
import sys
import tomllib
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from chat import cli
from chat.client.remote import ClientRefused, is_private_way, sign_in
from chat.console import typed
from chat.settings import ChatSettings
from storage.settings import Environment
from tests.flows.service import ROOT, Service
from tests.people import PASSWORD


@pytest.mark.parametrize(
    "origin",
    [
        "http://ailo.example.org",
        "HTTP://192.0.2.1:8080",
        "http://127.0.0.1.example.org",
        "http://127.0.0.1@ailo.example.org",
        "http://localhost\\@ailo.example.org",
        "http://0.0.0.0:8080",
        "//127.0.0.1",
        "ailo.example.org",
        "http://[::2]",
        "http://[",
    ],
)
def test_a_password_is_not_asked_for_to_be_sent_in_the_clear(
    origin: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.setattr(typed, "first_line", lambda: pytest.fail("the password was read"))
    assert cli.run(["chat", "--email", "lea@ailo.test", "--origin", origin]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("ailo: --origin is not https")


@pytest.mark.parametrize("origin", ["https://ailo.example.org", "http://127.0.0.1:8080", "http://localhost", "http://[::1]:80"])
def test_https_and_this_machine_are_private(origin: str) -> None:
    assert is_private_way(origin)


async def test_a_password_follows_no_redirection() -> None:
    seen: list[str] = []

    async def take(request: web.Request) -> web.Response:
        seen.append(await request.text())
        return web.json_response({})

    async def elsewhere(_: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect(str(thief.make_url("/api/session")))

    def serving(handler: object) -> TestServer:
        app = web.Application()
        app.router.add_post("/api/session", handler)  # type: ignore[arg-type]
        return TestServer(app)

    thief, service = serving(take), serving(elsewhere)
    async with thief, service:
        with pytest.raises(ClientRefused):
            async with sign_in(str(service.make_url("")).rstrip("/"), "lea@ailo.test", PASSWORD):
                pass
    assert seen == []


def warnings(**values: str) -> list[str]:
    return ChatSettings.from_environment(Environment({f"AILO_{name}": value for name, value in values.items()})).warnings()


def test_a_public_address_without_tls_is_warned_of() -> None:
    assert "AILO_ORIGIN is plain http" in warnings(ORIGIN="http://ailo.example.org")[0]
    assert "AILO_HOST is not a loopback address" in warnings(HOST="0.0.0.0")[0]
    assert warnings() == warnings(ORIGIN="http://localhost:9") == warnings(ORIGIN="http://[::1]:9") == []
    assert warnings(ORIGIN="https://ailo.example.org", HOST="0.0.0.0") == []


async def test_the_warning_is_in_the_log(tmp_path: Path) -> None:
    service = Service(tmp_path, ORIGIN="http://ailo.example.org")
    await service.build()
    service.start()
    try:
        assert "level=warning" in service.log
        assert "AILO_ORIGIN is plain http" in service.log
    finally:
        service.close()


# Libraries


def test_no_aiohttp_older_than_the_locked_one_is_let_in() -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    (locked,) = re.findall(r"^aiohttp==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert f"aiohttp>={locked},<4" in wanted


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-test.lock"])
def test_the_locks_name_no_registry(name: str) -> None:
    lock = (ROOT / name).read_text()
    assert not re.search(r"://|--(extra-)?index-url|--find-links", lock)
    assert os.linesep + "aiohttp==" in lock
