"""Text from elsewhere, fit for a terminal: what moves the cursor, hides, or turns the direction of writing is not printed.

Names and messages may hold any character. A control sequence would write over what stands on the screen; a mark of direction
would show the end of a line before its beginning (Unicode Standard Annex 9; "Trojan Source", 2021).
"""

import unicodedata

LONGEST = 120
REPLACED = "\N{REPLACEMENT CHARACTER}"
# Letters and marks that show nothing, though they count as printable: the fillers of Hangul, Khmer's inherent vowels.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")


def printable(text: str, longest: int = LONGEST) -> str:
    """One line of ``text``, at most ``longest`` characters: white space as one blank, the rest as ``visible``."""
    line = " ".join(visible(text).split())
    return line if len(line) <= longest else line[:longest] + "…"


def printable_lines(text: str, indent: str = "") -> str:
    """A text of several lines, those after the first indented: none can look like a line of ours."""
    return f"\n{indent}".join(visible(line) for line in text.splitlines())


def visible(text: str) -> str:
    """Invisible marks are left out, other white space is a blank, and what else is not printable shows as U+FFFD."""
    return "".join(map(_shown, text))


def _shown(one: str) -> str:
    if one in _BLANK or unicodedata.category(one) == "Cf":
        return ""
    if one.isprintable():
        return one
    return " " if one.isspace() else REPLACED
