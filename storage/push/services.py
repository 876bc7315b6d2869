"""Which push services may be asked to deliver. A browser names the address, so anything else would let it aim our requests."""

import re

__all__ = ["KNOWN", "LONGEST", "host_of"]

# The push services of the browsers that people use: Chrome and its kin, Firefox, Edge, Safari. `*.` stands for any name below.
KNOWN = frozenset(
    {
        "fcm.googleapis.com",
        "updates.push.services.mozilla.com",
        "*.push.services.mozilla.com",
        "*.notify.windows.com",
        "web.push.apple.com",
        "*.push.apple.com",
    }
)
# Real ones have some 200 to 600 characters.
LONGEST = 2000
# Stricter than a URL may be: two programs that read one differently cannot disagree about the host of this.
_ENDPOINT = re.compile(r"https://((?:[a-z0-9-]+\.)*[a-z0-9-]+)(?::(\d{1,5}))?/[!$-\[\]-~]*", re.ASCII)


def host_of(endpoint: str, more: frozenset[str] = frozenset()) -> str | None:
    """The host of an endpoint, with its port if it is not 443; None unless it is known, or one of ``more``."""
    found = _ENDPOINT.fullmatch(endpoint) if len(endpoint) <= LONGEST else None
    if found is None:
        return None
    name, port = found[1], found[2]
    host = name if port in {None, "443"} else f"{name}:{port}"
    names = {host, *(f"*.{host[dot + 1 :]}" for dot, character in enumerate(name) if character == ".")}
    return host if names & (KNOWN | more) else None
