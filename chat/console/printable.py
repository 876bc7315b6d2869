"""Makes untrusted text safe for a terminal: control, invisible and bidirectional formatting characters are not printed.

Names and messages may contain any character. A control sequence could overwrite what is on the screen; a directional mark could
show the end of a line before its beginning (Unicode Standard Annex 9; "Trojan Source", 2021).
"""

import unicodedata

LONGEST = 120
REPLACED = "\N{REPLACEMENT CHARACTER}"
# Letters and marks that count as printable but render as blank: the Hangul fillers, Khmer's inherent vowels.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")


def printable(text: str, longest: int = LONGEST) -> str:
    """``text`` as one line of at most ``longest`` characters: runs of white space become one space, the rest as ``visible``."""
    line = " ".join(visible(text).split())
    return line if len(line) <= longest else line[:longest] + "…"


def printable_lines(text: str, indent: str = "") -> str:
    """A text of several lines, indented after the first, so that none can look like a line of our own."""
    return f"\n{indent}".join(visible(line) for line in text.splitlines())


def visible(text: str) -> str:
    """``text`` without invisible characters, with white space as spaces, and anything else unprintable as U+FFFD."""
    return "".join(map(_shown, text))


def _shown(one: str) -> str:
    if one in _BLANK or unicodedata.category(one) == "Cf":
        return ""
    if one.isprintable():
        return one
    return " " if one.isspace() else REPLACED
