"""Names a browser and its operating system in two words, for a user's list of sessions. Nothing else about a device is stored.

The words come only from these tables, never from the User-Agent itself: nothing that could identify a machine.
"""

import re

LONGEST = 500

# The first match wins: most browsers also name others.
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
    """A device's name such as "Firefox, Linux"; just one of the two if the other is unknown, or nothing."""
    said = user_agent[:LONGEST]
    return ", ".join(name for name in (_first(BROWSERS, said), _first(SYSTEMS, said)) if name)


def _first(known: tuple[tuple[str, str], ...], said: str) -> str:
    return next((name for name, pattern in known if re.search(pattern, said)), "")
