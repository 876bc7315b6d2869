"""Reads a cookie of a request.

Not by the library, which makes an object of each cookie that there is: whoever sends 8 kB of them would hold the event loop
for up to 20 ms. The values that the service sets need no quoting (RFC 6265 section 4.1.1).
"""

import re
from functools import cache

from aiohttp import web


def cookie_of(request: web.BaseRequest, name: str) -> str:
    """The value of a cookie; empty where there is none. Of several with one name, the first."""
    found = _pattern(name).search(request.headers.get("Cookie", ""))
    return found[1].strip().strip('"') if found else ""


@cache
def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?:^|;)[ \t]*{re.escape(name)}[ \t]*=([^;]*)")
