"""Names a browser and its system in two words, for the list of one's own sessions. Nothing else of a device is kept.

The words come from these tables alone, never from what the browser says of itself: nothing that tells one machine from another.
"""

import re

LONGEST = 500

# The first that fits: most browsers name others too.
BROWSERS = (
    ("Edge", r"Edg(e|A|iOS)?/"),
    ("Opera", r"OPR/|Opera"),
    ("Samsung Internet", r"SamsungBrowser/"),
    ("Firefox", r"(Firefox|FxiOS)/"),
    ("Chrome", r"(Chrome|CriOS|Chromium)/"),
    ("Safari", r"Version/\d.* Safari/"),
    ("ailo chat", r"^ailo$"),
)
SYSTEMS = (
    ("iPhone", r"iPhone"),
    ("iPad", r"iPad"),
    ("Android", r"Android"),
    ("ChromeOS", r"CrOS"),
    ("Windows", r"Windows"),
    ("macOS", r"Macintosh|Mac OS X"),
    ("Linux", r"Linux|X11"),
)


def device_of(user_agent: str) -> str:
    """ "Firefox, Linux", or the half of it that is known, or nothing."""
    said = user_agent[:LONGEST]
    return ", ".join(name for name in (_first(BROWSERS, said), _first(SYSTEMS, said)) if name)


def _first(known: tuple[tuple[str, str], ...], said: str) -> str:
    return next((name for name, pattern in known if re.search(pattern, said)), "")
