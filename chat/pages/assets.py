"""Serves what the browser loads: the pages, once per language, and the modules, styles and images that they use.

Everything is read, rendered and compressed once, at startup, and served from memory: a page needs no disk access, and a file
that is missing at startup does not exist. The pages contain no personal data; their modules fetch it from the JSON routes.

The pages refer to their files by URLs that contain one version for all of them (`/static/VERSION/elements/…`): a browser
caches those for good, requests none of them twice, and a tab never mixes two versions. A tab older than the service gets the
current file at its old URL, so that late loads still succeed.
"""

import gzip
import hashlib
import json
import mimetypes
import posixpath
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from chat.http.cookies import cookie_of
from chat.http.headers import POLICY
from chat.pages.words import PREFERENCE, Words, add_words, choose, say, static_folder
from storage.accounts.accounts import LANGUAGES

__all__ = ["HEADERS", "Shelf", "add_pages", "language_of"]

# Where a role is at home; all others at the dashboard.
HOMES: Final = {None: "/sign-in", "member": "/member", "administrator": "/mail"}
# Pages that belong to no feature.
PAGES: Final = {"/accessibility": "accessibility.html", "/offline": "offline.html"}
ENTRY: Final = "-page.js"
STYLES: Final = "/static/styles.css"
LATE_STYLES: Final = "/static/styles/late/"
WORKER: Final = "/worker.js"
OFFLINE: Final = "/offline"
ICON: Final = "/static/images/icon.svg"
NOT_FOUND: Final = "not-found.html"
# A static import or re-export, on one line or on several.
IMPORT: Final = re.compile(r'^(?:import|export)\s+(?:[^"\';=()]*?\bfrom\s*)?"(\.[^"]+)"', re.MULTILINE)
REMARK: Final = re.compile(rb"^[ \t]*/\*.*?\*/", re.MULTILINE | re.DOTALL)
FOLDERS: Final = ("elements", "models", "helpers", "styles", "images")

# The only Trusted Types policy: a service worker's URL can be passed in no other way. Injected code gains nothing by it:
# it returns a single URL, our own WORKER, and cannot be created twice (static/models/shell/shell.js).
WORKER_POLICY: Final = "ailo-worker"

CONTENT_POLICY: Final = "; ".join([
    "default-src 'none'",
    *(f"{kind}-src 'self'" for kind in ("script", "style", "img", "font", "connect", "manifest", "worker")),
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    f"trusted-types {WORKER_POLICY}",
])  # fmt: skip

HEADERS: Final = {**POLICY, "Cache-Control": "no-cache", "Content-Security-Policy": CONTENT_POLICY}

FOR_GOOD: Final = "public, max-age=31536000, immutable"

RoleOf = Callable[[web.Request], Awaitable[str | None]]


def add_pages(
    app: web.Application,
    pages: Mapping[str, str],
    role_of: RoleOf,
    folders: Sequence[Path] = (),
    rails: Mapping[str, Sequence[object]] | None = None,
) -> "Shelf":
    """Add the features' pages (their templates, by path) and all files to the application.

    `role_of` returns the role of the account making a request, None when signed out; `folders` are laid out like `static/`
    and add to it, translations included; `rails` are the places that a page shows beside it, by path. Returns the shelf, for
    pages that are rendered for one reader."""
    add_words(folders)
    shelf = Shelf([static_folder(), *folders], {**PAGES, **pages}, rails)
    app.middlewares.append(shelf.answer_kindly)
    app.router.add_get("/", partial(_send_home, role_of))
    for path in shelf.paths:
        app.router.add_get(path, partial(_answer_page, shelf, path))
    for path, asset in shelf.assets.items():
        app.router.add_get(path, partial(_answer_asset, asset))
    app.router.add_get("/static/{version:[0-9a-f]{12}}/{path:.+}", partial(_answer_versioned, shelf))
    return shelf


async def _send_home(role_of: RoleOf, request: web.Request) -> web.StreamResponse:
    role = await role_of(request)
    home = HOMES.get(role, "/dashboard")
    return web.Response(status=303, headers={**HEADERS, "Cache-Control": "no-store", "Location": home})


async def _answer_page(shelf: "Shelf", path: str, request: web.Request) -> web.StreamResponse:
    return shelf.pages[path, language_of(request)].answer(request)


async def _answer_asset(asset: "Asset", request: web.Request) -> web.StreamResponse:
    return asset.answer(request)


async def _answer_versioned(shelf: "Shelf", request: web.Request) -> web.StreamResponse:
    """Serve a file at a versioned URL: cached for good at the current version, the current file as a stand-in at any other."""
    asset = shelf.assets.get(f"/static/{request.match_info['path']}")
    if asset is None:
        raise web.HTTPNotFound
    answer = asset.answer(request)
    if request.match_info["version"] == shelf.version:
        answer.headers["Cache-Control"] = FOR_GOOD
    return answer


def language_of(request: web.Request) -> str:
    """The language in which to serve a page for this request."""
    return choose(request.headers.get("Accept-Language"), cookie_of(request, PREFERENCE))


@dataclass(frozen=True)
class Asset:
    """A file to serve: its bytes, plain and compressed, and their type."""

    body: bytes
    kind: str
    varies: str = "Accept-Encoding"
    language: str | None = None
    tag: str = field(init=False)
    packed: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tag", hashlib.blake2b(self.body, digest_size=16).hexdigest())
        object.__setattr__(self, "packed", gzip.compress(self.body, mtime=0))

    def answer(self, request: web.Request, status: int = 200) -> web.Response:
        """Answer 304 if the browser has this version already, else the bytes, compressed if it accepts gzip."""
        # The tag is weak: the plain and the compressed bytes share it.
        headers = {**HEADERS, "ETag": f'W/"{self.tag}"', "Vary": self.varies}
        if self.language:
            headers["Content-Language"] = self.language
        if status == 200 and self._is_known_to(request):
            return web.Response(status=304, headers=headers)
        headers["Content-Type"] = self.kind
        if "gzip" not in request.headers.get("Accept-Encoding", "") or len(self.packed) >= len(self.body):
            return web.Response(status=status, body=self.body, headers=headers)
        return web.Response(status=status, body=self.packed, headers={**headers, "Content-Encoding": "gzip"})

    def _is_known_to(self, request: web.Request) -> bool:
        # Not parsed by aiohttp, which creates an object for each of the thousand tags that fit into the header.
        known = request.headers.get("If-None-Match", "")
        return known.strip() == "*" or f'"{self.tag}"' in known


class Shelf:
    """Everything that the browser may load, by path, and the pages by path and language."""

    def __init__(
        self, folders: Sequence[Path], pages: Mapping[str, str], rails: Mapping[str, Sequence[object]] | None = None
    ) -> None:
        self._folders = folders
        self.paths = pages.keys()
        files = self._read_files()
        self.assets = {**files, STYLES: self._join_styles(files)}
        self.assets |= self._read_words()
        self.version = self._find_version()
        self._environments = {language: self._environment(language) for language in LANGUAGES}
        self.pages = {
            (path, language): self._render(template, language, (rails or {}).get(path, ()))
            for path, template in {**pages, NOT_FOUND: NOT_FOUND}.items()
            for language in LANGUAGES
        }
        self.assets[WORKER] = self._make_worker()

    def at(self, path: str) -> str:
        """The versioned URL of a file."""
        return path.replace("/static/", f"/static/{self.version}/", 1)

    @web.middleware
    async def answer_kindly(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a request for an unknown page with a page that says so; programs' requests (below /api/, say) keep their 404."""
        try:
            return await handler(request)
        except web.HTTPNotFound:
            if request.method not in ("GET", "HEAD", "POST") or "text/html" not in request.headers.get("Accept", ""):
                raise
            if request.path.startswith("/api/"):
                raise
            return self.pages[NOT_FOUND, language_of(request)].answer(request, status=404)

    def _read_files(self) -> dict[str, Asset]:
        found = {}
        for folder, name in product(self._folders, FOLDERS):
            for file in sorted((folder / name).rglob("*.*")):
                path = f"/static/{file.relative_to(folder).as_posix()}"
                found[path] = Asset(_without_remarks(file), _kind_of(file))
        for name in ("favicon.ico", "manifest.webmanifest"):
            file = self._folders[0] / "images" / name
            found[f"/{name}"] = Asset(file.read_bytes(), _kind_of(file))
        return found

    def _read_words(self) -> dict[str, Asset]:
        """Collect the sentences used in the modules, those of modules loaded later in a file of their own; the pages are
        translated when rendered."""
        kind, found = "application/json; charset=utf-8", {}
        modules = {path for path in self.assets if path.endswith(".js")}
        at_once = {module for entry in modules if entry.endswith(ENTRY) for module in self._modules_behind(entry)}
        for code in LANGUAGES:
            spoken = Words.of(code).for_pages(self._text_of(at_once))
            more = Words.of(code).for_pages(self._text_of(modules - at_once))
            found[f"/static/words/{code}.json"] = Asset(_to_json(spoken), kind)
            found[f"/static/words/{code}-more.json"] = Asset(_to_json({key: more[key] for key in more.keys() - spoken}), kind)
        return found

    def _text_of(self, modules: set[str]) -> str:
        return "".join(self.assets[path].body.decode() for path in modules)

    def _find_version(self) -> str:
        """Compute twelve hex digits that change with any file."""
        tags = "".join(f"{path} {self.assets[path].tag} " for path in sorted(self.assets))
        return hashlib.blake2b(tags.encode(), digest_size=6).hexdigest()

    def _make_worker(self) -> Asset:
        """Prepend to the service worker the list of the shell's files: modules, words, styles, the icon, the offline page.

        A change in any of them changes the worker's source, which is how a browser detects a new version."""
        spoken = [f"/static/words/{code}{part}.json" for code in LANGUAGES[1:] for part in ("", "-more")]
        parts = [path for path in self.assets if path.endswith(".js") or path.startswith(LATE_STYLES)]
        shell = {
            "root": self.at("/static/"),
            "paths": [self.at(path) for path in sorted([*parts, *spoken, STYLES, ICON])],
            "offline": OFFLINE,
            "pages": [self.pages[OFFLINE, language].tag for language in LANGUAGES],
            "told": {language: say(language, "Nouvelle réponse") for language in LANGUAGES},
        }
        source = (self._folders[0] / "worker.js").read_bytes()
        return Asset(b"const SHELL = " + _to_json(shell) + b"\n" + source, "text/javascript; charset=utf-8")

    def _join_styles(self, files: Mapping[str, Asset]) -> Asset:
        """Join all style sheets into one, which compresses far better; the layers come first, as they set the cascade's order.

        Those in `late` stay separate: a module applies them when it is opened (static/helpers/late-styles.js)."""
        paths = [path for path in files if path.startswith("/static/styles/") and not path.startswith(LATE_STYLES)]
        paths.sort(key=lambda path: (not path.endswith("/layers.css"), path))
        return Asset(b"".join(files[path].body for path in paths), "text/css; charset=utf-8")

    def _render(self, template: str, language: str, rail: Sequence[object]) -> Asset:
        body = self.template(template, language).render(rail=rail).encode()
        return Asset(body, "text/html; charset=utf-8", varies="Accept-Encoding, Accept-Language, Cookie", language=language)

    def template(self, name: str, language: str) -> Template:
        """The template of a page, in a language."""
        return self._environments[language].get_template(name)

    def _environment(self, language: str) -> Environment:
        words = Words.of(language)
        pages = Environment(
            loader=FileSystemLoader([folder / "pages" for folder in self._folders]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        pages.globals.update(_=words.translate, language=language, modules=self._modules_behind, styles=STYLES, at=self.at)
        return pages

    def _modules_behind(self, path: str) -> list[str]:
        """List every module that one imports, directly or not, itself first, so that a page can request them all at once."""
        found, waiting = [], [path]
        while waiting:
            found.append(waiting.pop())
            waiting += [module for module in self._imports_of(found[-1]) if module not in (*found, *waiting)]
        return found

    def _imports_of(self, path: str) -> list[str]:
        names = imports_in(self.assets[path].body.decode())
        return [posixpath.normpath(posixpath.join(posixpath.dirname(path), name)) for name in names]


def imports_in(source: str) -> list[str]:
    """The relative paths that a module imports statically, in order; `import(…)` loads its own later, on demand."""
    return IMPORT.findall(source)


def _without_remarks(file: Path) -> bytes:
    """Read a file, and strip comments that begin a line: they would be a fifth of a page's weight.

    Their lines stay, empty, so that the line numbers in a stack trace match the file."""
    body = file.read_bytes()
    if file.suffix not in (".js", ".css"):
        return body
    return REMARK.sub(lambda remark: b"\n" * remark.group().count(b"\n"), body)


def _kind_of(file: Path) -> str:
    known = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2"}
    known |= {".webmanifest": "application/manifest+json", ".ico": "image/x-icon"}
    kind = known.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


def _to_json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
