"""The stranger's path: whatever collects the parts of all features finds those of one added folder."""

import asyncio
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from unittest.mock import ANY

import pytest

from chat import features
from chat.client.remote import Client, ClientRefused
from delivery.letters.kinds import kinds
from delivery.worker import jobs
from storage.families import guarded, tables
from storage.maintenance.check import check_all
from storage.store import open_store
from tests import access_matrix
from tests.flows.service import ROOT, Service, Visit, running
from tests.greetings.attached import attached
from tests.people import settings_in

ATTACH = "import sys\nsys.path.insert(0, {root!r})\nfrom tests.greetings.attached import attach\nattach()\n"


@pytest.fixture(autouse=True)
def feature() -> Iterator[None]:
    with attached():
        yield


@pytest.fixture
async def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Service]:
    """A service whose interpreter finds the folder as well."""
    (tmp_path / "sitecustomize.py").write_text(ATTACH.format(root=str(ROOT)))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    async with running(tmp_path / "house", GREETING="Soyez les bienvenus.") as service:
        yield service


@pytest.fixture
async def visit(service: Service) -> AsyncIterator[Visit]:
    visit = Visit(service)
    yield visit
    await visit.close()


async def test_its_routes_are_for_its_roles(visit: Visit) -> None:
    claire, lea = await visit.client("claire"), await visit.client("lea")
    assert (await claire.get("/api/greeting"))["text"] == "Soyez les bienvenus."
    await claire.ask("PUT", "/api/greeting", {"text": "Bonjour à tous !"})
    assert (await claire.get("/api/greeting"))["text"] == "Bonjour à tous !"
    for method in ("GET", "PUT"):
        with pytest.raises(ClientRefused) as refused:
            await lea.ask(method, "/api/greeting", {"text": "…"})
        assert refused.value.status == 404


async def test_its_refusal_has_its_own_code_and_sentence(visit: Visit) -> None:
    claire = await visit.client("claire")
    headers = {"Origin": claire.origin}
    async with claire.http.put(f"{claire.origin}/api/greeting", json={"text": "Oh ! Ah !"}, headers=headers) as answer:
        assert answer.status == 409
        assert (await answer.json())["error"] == {"code": "too_warm", "message": "C’est trop chaleureux."}


async def test_its_page_and_its_module_are_served(visit: Visit) -> None:
    client = await visit.client("lea")
    async with client.http.get(f"{client.origin}/greetings") as page:
        text = await page.text()
    assert "<greetings-page>" in text
    async with client.http.get(f"{client.origin}/static/elements/greetings/greetings-page.js") as module:
        assert module.status == 200


async def form(client: Client, method: str = "GET", **fields: str) -> tuple[int, str]:
    """What the framed page answers, once redirects were followed."""
    headers = {"Origin": client.origin, "Accept": "text/html"}
    url = f"{client.origin}/greeting"
    async with client.http.request(method, url, data=fields or None, headers=headers) as answer:
        return answer.status, await answer.text()


async def test_its_framed_page_is_in_the_navigation_of_its_roles(visit: Visit) -> None:
    claire, lea = await visit.client("claire"), await visit.client("lea")
    for path in ("/greeting", "/overview", "/dashboard"):
        async with claire.http.get(f"{claire.origin}{path}") as answer:
            places = r'<li(?![^>]* hidden)[^>]*><a class="rail__link" href="(/[a-z/]+)"'
            links = re.findall(places, await answer.text())
        assert links[:3] == ["/dashboard", "/greeting", "/overview"]
    async with lea.http.get(f"{lea.origin}/member") as answer:
        assert 'href="/greeting"' not in await answer.text()
    assert (await form(lea))[0] == (await form(lea, "POST", text="Bonjour."))[0] == 404


async def test_its_form_keeps_what_was_typed_until_it_is_fine(visit: Visit) -> None:
    claire = await visit.client("claire")
    status, page = await form(claire, "POST", text="Oh ! Ah ! <b>")
    assert status == 422
    assert "C’est trop chaleureux." in page
    assert "Oh ! Ah ! &lt;b&gt;</textarea>" in page
    assert await form(claire, "POST", text=" ") == (422, ANY)
    status, page = await form(claire, "POST", text="Soyez chez vous.")
    assert (status, page.count("Votre mot d’accueil est gardé."), page.count("Soyez chez vous.")) == (200, 1, 1)
    assert "Votre mot d’accueil est gardé." not in (await form(claire))[1]


async def test_its_words_are_said_in_english(visit: Visit) -> None:
    claire = await visit.client("claire")
    await claire.ask("PATCH", "/api/account/settings", {"locale": "en"})
    headers = {"Origin": claire.origin}
    async with claire.http.get(f"{claire.origin}/greetings") as page:
        assert "<title>A word of welcome</title>" in await page.text()
    async with claire.http.put(f"{claire.origin}/api/greeting", json={"text": "Oh ! Ah !"}, headers=headers) as answer:
        assert (await answer.json())["error"]["message"] == "That is too warm."


async def test_its_command_reaches_the_service_and_its_job_writes_its_letter(visit: Visit) -> None:
    await visit.arrive("claire")
    command = [sys.executable, "-m", "chat", "greeting", "set", visit.ids["claire"], "Bonsoir."]
    environment = visit.service.environment | {"PYTHONPATH": os.environ["PYTHONPATH"]}
    done = await asyncio.to_thread(
        subprocess.run, command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("Said.\n", "")
    box = visit.service.data / "mail" / "new"
    async with asyncio.timeout(20):
        while not (letters := [path.read_text() for path in box.glob("*")] if box.is_dir() else []):
            await asyncio.to_thread(visit.service.data.stat)
    assert "Il est bleu." in letters[0]
    assert f"To: {visit.address('claire')}" in letters[0]


async def test_its_table_is_made_and_looked_after(service: Service, visit: Visit) -> None:
    await (await visit.client("claire")).ask("PUT", "/api/greeting", {"text": "Bonjour."})
    await service.stop()
    assert "greetings" in tables()
    assert "greetings" in {column.table for column in guarded()}
    with closing(sqlite3.connect(service.data / "ailo.sqlite")) as plain:
        plain.execute("insert into greetings select zeroblob(16), body, due_at from greetings")
        plain.commit()
    async with open_store(settings_in(service.folder)) as store:
        found = await check_all(store)
    assert "1 greetings whose account does not exist" in found
    assert "greetings.body: 1 failed verification" in found


def test_it_is_in_every_list_and_gone_with_its_folder() -> None:
    rows = access_matrix.rows()
    assert {"GET /api/greeting", "PUT /api/greeting"} <= {row.name for row in rows["Routes"]}
    assert {"/greetings", "/greeting"} <= {row.name for row in rows["Pages"]}
    assert "`ailo greeting set`" in access_matrix.text()
    assert "greeting" in kinds()
    assert "greet_one" in {job.__name__ for job in jobs()}
    assert "AILO_GREETING" in {setting.name for card in features.cards() for setting in card.settings}
