"""Whether a mail is proven to be from an address, by what our own relay says of it (RFC 8601).

Only the relay saw the connection, and only it can check: it says ``dmarc=pass`` for the domain in From (RFC 7489), on top of
the mail. It must take away what came in under its own name (RFC 8601, section 5); should one be left, the relay's own still
stands above it. Counted are the topmost Authentication-Results with the relay's name, one after the other, since some relays
add one for each method: down to a result of another name, or a Received, which begins what another hop wrote. Results of other
names above them say nothing. Among those that count, each result of DMARC must be a pass for the author's domain: any other
refuses, be it ``fail``, ``none``, unreadable, or of another domain.
"""

import re
import unicodedata
from collections.abc import Iterator
from itertools import dropwhile, takewhile

from delivery.inbound.headers import Headers, pieces
from storage.crypto.guarding import normalised_address

__all__ = ["is_proven"]

_SIMPLE = re.compile(r"[\w.@+-]*")
_DOT_IN_NAME = re.compile(r" ?\. ?(?=[\w-]+=)")  # between the two halves of a property's name
_ODD = "?"  # stands for a result that proves nothing; no domain


def is_proven(headers: Headers, address: str, authserv_id: str) -> bool:
    """Whether this mail's one author is ``address``, and the relay called ``authserv_id`` says that this is true."""
    author = headers.author
    if author is None or not authserv_id or not _are_same(author, address):
        return False
    domain = author.rpartition("@")[2]
    found = [one for results in _ours(headers, authserv_id) for one in _proven_domains(results)]
    return bool(found) and all(_are_same(f"@{one}", f"@{domain}") for one in found)


def _are_same(one: str, other: str) -> bool:
    try:
        return normalised_address(one) == normalised_address(other)
    except ValueError:
        return False


def _ours(headers: Headers, authserv_id: str) -> Iterator[list[str]]:
    """The results in each field that counts, as the module says. One that cannot be read ends the search as a refusal."""
    hops = ((name, _flat(value)) for name, value in headers.fields if name in {"authentication-results", "received"})
    of_ours = dropwhile(lambda hop: not _may_be_of(hop, authserv_id), hops)
    for _, flat in takewhile(lambda hop: _may_be_of(hop, authserv_id), of_ours):
        yield _results(flat)


def _may_be_of(hop: tuple[str, str | None], authserv_id: str) -> bool:
    """Whether these are results of this relay; True as well if nobody can say whose they are. Only ASCII letters have case."""
    name, flat = hop
    if name == "received":
        return False
    found = None if flat is None else flat.partition(";")[0].partition(" ")[0].strip('"')
    return found is None or _lower(found) == _lower(authserv_id)


def _lower(text: str) -> bytes:
    return text.encode("utf-8", "replace").lower()


def _results(flat: str | None) -> list[str]:
    """The results of one field: `method=result property=value …` each. Of an unknown version (or unreadable), an odd one."""
    named, *results = ["", "dmarc"] if flat is None else flat.split(";")
    version = named.partition(" ")[2]
    return results if version in {"", "1"} else ["dmarc"]


def _flat(value: str) -> str | None:
    """A field without comments and needless spaces (RFC 8601, section 2.2); None if it cannot be read.

    A quoted string with anything but letters, digits and the signs of an address loses its content, which nobody needs.
    """
    found = pieces(value)
    if found is None:
        return None
    flat = " ".join("".join(_bare(piece) for piece in found).split())
    for sign in ";=/":
        flat = flat.replace(f" {sign}", sign).replace(f"{sign} ", sign)
    return _DOT_IN_NAME.sub(".", flat)


def _bare(piece: str) -> str:
    if piece[0] == "(":
        return " "
    return '""' if piece[0] == '"' and not _SIMPLE.fullmatch(piece[1:-1]) else piece


def _proven_domains(results: list[str]) -> Iterator[str]:
    """For each result that speaks of DMARC: the domain for which it is a pass, or what equals no domain."""
    for result in results:
        words = result.split(" ")
        if any(_method(word) == "dmarc" for word in words):
            yield _passed(words) if _is_pass(words[0]) else _ODD


def _method(word: str) -> str:
    return word.partition("=")[0].partition("/")[0].lower()


def _is_pass(word: str) -> bool:
    return word.lower() in {"dmarc=pass", "dmarc/1=pass"}


def _passed(words: list[str]) -> str:
    """The one ``header.from`` after `dmarc=pass`, where nothing but `name=value` may stand."""
    found = [word.split("=") for word in words[1:]]
    if any(len(pair) != 2 or _method(pair[0]) == "dmarc" for pair in found):
        return _ODD
    domains = [value for name, value in found if name.lower() == "header.from"]
    return _unquoted(domains[0]) if len(domains) == 1 else _ODD


def _unquoted(value: str) -> str:
    """A domain without its quotation marks; an odd one if it has invisible characters, or such as IDNA maps to plain ones."""
    bare = value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
    is_plain = bare.isprintable() and unicodedata.is_normalized("NFKC", bare) and "\u3002" not in bare
    return bare if is_plain else _ODD
