"""Searches files for a text in every form in which it may have been left behind."""

import re
import zlib
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from quopri import encodestring
from urllib.parse import quote

GZIP = re.compile(rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]")


def forms(text: str) -> dict[str, bytes]:
    """The text in each form in which a file may contain it, by the name of the form."""
    raw = text.encode()
    found = {
        "raw": raw,
        "latin-1": text.encode("latin-1"),
        "utf-16-le": text.encode("utf-16-le"),
        "utf-16-be": text.encode("utf-16-be"),
        "hex": raw.hex().encode(),
        "quoted-printable": encodestring(raw).replace(b"=\n", b""),
        "percent": quote(text).encode(),
        "json": text.encode("ascii", "backslashreplace"),
    }
    for shift in range(3):
        found |= {f"base64-{shift}": _middle(b64encode, raw, shift), f"base64url-{shift}": _middle(urlsafe_b64encode, raw, shift)}
    return found


def _middle(encode: Callable[[bytes], bytes], raw: bytes, shift: int) -> bytes:
    """The part of the base64 that does not depend on what surrounds the text, at this alignment."""
    encoded = encode(bytes(shift) + raw)
    return encoded[4 if shift else 0 : len(bytes(shift) + raw) // 3 * 4]


def traces(text: str, content: bytes) -> set[str]:
    """The forms in which some bytes contain a text, gunzipped or not, broken into lines or not."""
    return {name for name, form in forms(text).items() if any(form.lower() in one for one in _views(content))}


def _views(content: bytes) -> list[bytes]:
    """Everything to search, in lower case: an address is case-folded before it is stored."""
    found = []
    for one in (content, *_unzipped(content)):
        found += [one.lower(), re.sub(rb"=?\r?\n[ \t]?", b"", one).lower()]
    return found


def _unzipped(content: bytes) -> Iterator[bytes]:
    for match in GZIP.finditer(content):
        opener = zlib.decompressobj(wbits=47)
        try:
            yield opener.decompress(content[match.start() :], 1 << 24)
        except zlib.error:
            continue


def files_with(text: str, *folders: Path) -> dict[str, set[str]]:
    """Each file under these folders whose name or content contains a text: its path, and the forms found in its content."""
    found: dict[str, set[str]] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            held = traces(text, path.read_bytes()) if path.is_file() and not path.is_socket() else set()
            if held or traces(text, path.name.encode()):
                found[str(path.relative_to(folder))] = held
    return found
