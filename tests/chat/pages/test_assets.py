"""The pages and their files: what is served, under which policy and in which language, and what is not found."""

import gzip
import json
import re
from collections.abc import AsyncIterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from chat import features
from chat.pages.assets import add_pages, imports_in

STATIC = Path(__file__).parents[3] / "static"
PAGES = ["/sign-in", "/member", "/dashboard"]
PLAIN_PAGES = ["/accessibility", "/offline"]
SOURCES = sorted(file for file in STATIC.rglob("*.*") if file.suffix in {".html", ".js", ".css"})

Client = TestClient[web.Request, web.Application]


@pytest_asyncio.fixture
async def client() -> AsyncIterator[Client]:
    """A client of the pages alone; the header X-Role gives the role of the requester."""

    async def role_of(request: web.Request) -> str | None:
        return request.headers.get("X-Role")

    async def refuse(request: web.Request) -> web.Response:
        raise web.HTTPNotFound(text=f"{request.path}: no such thing")

    app = web.Application()
    app.router.add_get("/api/nothing", refuse)
    add_pages(app, features.pages(), role_of, rails=features.rails())
    async with TestClient(TestServer(app), auto_decompress=False) as found:
        yield found


@pytest.mark.parametrize(
    ("role", "home"),
    [
        (None, "/sign-in"),
        ("member", "/member"),
        ("professional", "/dashboard"),
        ("companion", "/dashboard"),
        ("administrator", "/mail"),
        ("client", "/dashboard"),
    ],
)
async def test_everybody_is_sent_where_they_belong(client: Client, role: str | None, home: str) -> None:
    answer = await client.get("/", headers={"X-Role": role} if role else {}, allow_redirects=False)
    assert (answer.status, answer.headers["Location"], answer.headers["Cache-Control"]) == (303, home, "no-store")


@pytest.mark.parametrize(
    "path", [*PAGES, *PLAIN_PAGES, "/static/elements/shell/member-page.js", "/favicon.ico", "/static/words/en.json", "/worker.js"]
)
async def test_everything_is_served_under_the_policy(client: Client, path: str) -> None:
    answer = await client.get(path)
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "microphone=()" in answer.headers["Permissions-Policy"]


async def test_the_content_policy_allows_nothing_else(client: Client) -> None:
    policy = (await client.get("/sign-in")).headers["Content-Security-Policy"].split("; ")
    assert policy[0] == "default-src 'none'"
    assert {part.split(" ", 1)[1] for part in policy if "-src" in part} == {"'none'", "'self'"}
    assert {"base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'"} <= set(policy)
    assert {"require-trusted-types-for 'script'", "trusted-types ailo-worker"} <= set(policy)
    assert {"worker-src 'self'", "manifest-src 'self'"} <= set(policy)


def test_one_module_makes_the_one_policy_of_trusted_types() -> None:
    makers = [file.name for file in SOURCES if "createPolicy" in file.read_text()]
    assert makers == ["shell.js"]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/sign-in", "text/html; charset=utf-8"),
        ("/static/elements/shell/member-page.js", "text/javascript; charset=utf-8"),
        ("/static/styles/colors.css", "text/css; charset=utf-8"),
        ("/static/images/icon.svg", "image/svg+xml"),
        ("/manifest.webmanifest", "application/manifest+json"),
        ("/favicon.ico", "image/x-icon"),
        ("/worker.js", "text/javascript; charset=utf-8"),
        ("/static/words/en.json", "application/json; charset=utf-8"),
    ],
)
async def test_everything_says_what_it_is(client: Client, path: str, kind: str) -> None:
    assert (await client.get(path)).headers["Content-Type"] == kind


async def test_what_a_browser_has_is_not_sent_again(client: Client) -> None:
    tag = (await client.get("/static/styles/colors.css")).headers["ETag"]
    answer = await client.get("/static/styles/colors.css", headers={"If-None-Match": tag})
    assert (answer.status, await answer.read(), answer.headers["ETag"]) == (304, b"", tag)


async def test_what_has_changed_is_sent_again(client: Client) -> None:
    answer = await client.get("/static/styles/colors.css", headers={"If-None-Match": '"another"'})
    assert answer.status == 200


async def test_who_takes_gzip_gets_gzip(client: Client) -> None:
    plain = await client.get("/member", headers={"Accept-Encoding": "identity"})
    packed = await client.get("/member", headers={"Accept-Encoding": "gzip, br"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(await packed.read()) == await plain.read()


async def test_the_cookie_chooses_the_language(client: Client) -> None:
    headers = {"Accept-Language": "fr", "Cookie": "ailo-language=en", "Accept-Encoding": "identity"}
    assert '<html lang="en">' in await (await client.get("/sign-in", headers=headers)).text()


async def test_the_browser_chooses_before_any_cookie(client: Client) -> None:
    headers = {"Accept-Language": "en-GB", "Accept-Encoding": "identity"}
    answer = await client.get("/sign-in", headers=headers)
    assert "Good to see you again" in await answer.text()
    assert "Accept-Language" in answer.headers["Vary"]


async def test_a_language_has_a_tag_of_its_own(client: Client) -> None:
    tags = {(await client.get("/member", headers={"Accept-Language": code})).headers["ETag"] for code in ("fr", "en")}
    assert len(tags) == 2


@pytest.mark.parametrize("path", ["/nowhere", "/static/nothing.js", "/static/words/xx.json", "/static/%2e%2e/chat/pages.py"])
async def test_an_unknown_page_is_answered_kindly(client: Client, path: str) -> None:
    answer = await client.get(path, headers={"Accept": "text/html", "Accept-Encoding": "identity"})
    assert answer.status == 404
    assert "Cette page n’existe pas" in await answer.text()
    assert "Content-Security-Policy" in answer.headers


async def test_programs_keep_their_own_answer(client: Client) -> None:
    answer = await client.get("/api/nothing", headers={"Accept": "text/html"})
    assert (answer.status, await answer.text()) == (404, "/api/nothing: no such thing")


async def test_what_has_its_version_in_its_address_is_kept_for_good(client: Client) -> None:
    page = await (await client.get("/sign-in", headers={"Accept-Encoding": "identity"})).text()
    paths = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    assert len(paths) > 5
    for path in paths:
        assert (await client.get(path)).headers["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize(
    "path", ["elements/conversations/log/message-log.js", "models/conversations/history.js", "styles/base.css"]
)
async def test_remarks_are_not_sent_but_their_lines_are(client: Client, path: str) -> None:
    sent = await (await client.get(f"/static/{path}", headers={"Accept-Encoding": "identity"})).text()
    written = (STATIC / path).read_text()
    assert "/*" not in sent
    kept = [line for line in sent.splitlines() if line.strip()]
    places = {line: number for number, line in enumerate(written.splitlines())}
    assert all(sent.splitlines()[places[line]] == line for line in kept if written.count(line) == 1)


async def test_an_older_tab_still_gets_what_it_loads_late(client: Client) -> None:
    present = await client.get("/static/elements/conversations/sheets/search-sheet.js")
    older = await client.get("/static/0123456789ab/elements/conversations/sheets/search-sheet.js")
    assert (older.status, older.headers["Cache-Control"]) == (200, "no-cache")
    assert await older.read() == await present.read()
    assert (await client.get("/static/0123456789ab/elements/never-was.js")).status == 404


async def test_the_worker_is_told_of_every_version(client: Client) -> None:
    source = await (await client.get("/worker.js", headers={"Accept-Encoding": "identity"})).text()
    shell = json.loads(source.splitlines()[0].removeprefix("const SHELL = "))
    page = await (await client.get("/member", headers={"Accept-Encoding": "identity"})).text()
    modules = set(re.findall(r'rel="modulepreload" href="([^"]+)"', page))
    assert modules <= set(shell["paths"])
    assert all(path.startswith(shell["root"]) for path in shell["paths"])
    assert [(await client.get(path)).status for path in [*shell["paths"], shell["offline"]]] == [200] * (len(shell["paths"]) + 1)


@pytest.mark.parametrize("language", ["fr", "en"])
async def test_the_page_of_no_network_has_the_numbers_of_help(client: Client, language: str) -> None:
    answer = await client.get("/offline", headers={"Accept-Encoding": "identity", "Accept-Language": language})
    assert answer.headers["Content-Language"] == language
    page = await answer.text()
    assert [number for number in ("3114", "15", "112") if f'href="tel:{number}"' in page] == ["3114", "15", "112"]


@pytest.mark.parametrize("path", ["/static/pages/member.html", "/static/words/en/pages.po", "/pages/layout.html"])
async def test_sources_of_pages_are_not_served(client: Client, path: str) -> None:
    assert (await client.get(path)).status == 404


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_asks_for_all_its_modules_at_once(client: Client, path: str) -> None:
    page = await (await client.get(path, headers={"Accept-Encoding": "identity"})).text()
    modules = re.findall(r'rel="modulepreload" href="([^"]+)"', page)
    assert {"/helpers/words/words.js", "/models/accounts/session.js"} <= {
        re.sub(r"^/static/[0-9a-f]{12}", "", module) for module in modules
    }
    assert [(await client.get(module)).status for module in modules] == [200] * len(modules)


@pytest.mark.parametrize(
    ("source", "paths"),
    [
        ('import "./a.js"\n', ["./a.js"]),
        ('import { a } from "../b/a.js"\nimport { b } from "./b.js"\n', ["../b/a.js", "./b.js"]),
        ('import {\n  a,\n  b,\n} from "./a.js"\nimport "./b.js"\n', ["./a.js", "./b.js"]),
        ('import a, {\n  b as c,\n} from "./a.js";\n', ["./a.js"]),
        ('export { a } from "./a.js"\nexport * from "./b.js"\n', ["./a.js", "./b.js"]),
        ('export const a = "./a.js"\nexport function b() {\n  return "./b.js"\n}\n', []),
        ('  const { a } = await import("./a.js")\nimport("./b.js")\n', []),
        ('import x from "elsewhere"\n', []),
    ],
)
def test_the_preload_list_reads_every_static_import(source: str, paths: list[str]) -> None:
    assert imports_in(source) == paths


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("language", ["fr", "en"])
async def test_a_page_weighs_less_than_sixty_kilobytes(client: Client, path: str, language: str) -> None:
    page = await (await client.get(path, headers={"Accept-Encoding": "identity", "Accept-Language": language})).text()
    paths = [path, *set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page))]
    paths = [path for path in paths if not path.endswith(".png")]  # An icon for the home screen is not part of the page.
    sizes = [len(await (await client.get(path, headers={"Accept-Encoding": "gzip"})).read()) for path in paths]
    assert sum(sizes) < 60_000


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: file.name)
def test_no_source_reaches_outside(file: Path) -> None:
    without_names = file.read_text().replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://|(?:src|href)=\"//|@import", without_names)


@pytest.mark.parametrize("file", [file for file in SOURCES if file.suffix == ".html"], ids=lambda file: file.name)
def test_no_page_holds_code_or_styles(file: Path) -> None:
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", file.read_text())


@pytest.mark.parametrize("file", [file for file in SOURCES if file.suffix == ".js"], ids=lambda file: file.name)
def test_no_module_turns_text_into_markup(file: Path) -> None:
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(|new Function|\.cssText"
    assert not re.search(forbidden, file.read_text())


FLOORS = ["helpers", "models", "elements"]
MODULES = [file for file in SOURCES if file.suffix == ".js"]


def imported_by(file: Path) -> list[Path]:
    """Every module that a file imports, statically or on demand."""
    source = file.read_text()
    return [(file.parent / path).resolve() for path in imports_in(source) + re.findall(r'\bimport\("(\.[^"]+)"\)', source)]


def floor_of(file: Path) -> int:
    """The layer of a module. The worker, which is in no folder, may import nothing."""
    path = file.relative_to(STATIC.resolve())
    return FLOORS.index(path.parts[0]) if len(path.parts) > 1 else -1


@pytest.mark.parametrize("file", MODULES, ids=lambda file: file.name)
def test_no_module_imports_from_above(file: Path) -> None:
    assert [path for path in imported_by(file) if floor_of(path) > floor_of(file.resolve())] == []


def test_imports_on_demand_are_followed_too() -> None:
    page = STATIC / "elements/shell/correspondence-page.js"
    assert STATIC.resolve() / "elements/conversations/sheets/search-sheet.js" in imported_by(page)


def test_modules_import_in_no_circle() -> None:
    graph = {file.resolve(): {path.resolve() for path in imported_by(file)} for file in MODULES}
    assert tuple(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("file", sorted((STATIC / "models").rglob("*.js")), ids=lambda file: file.name)
def test_no_model_knows_the_page(file: Path) -> None:
    assert not re.search(r"\bdocument\b|\bwindow\b|HTMLElement|querySelector", file.read_text())
