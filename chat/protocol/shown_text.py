"""Short user-supplied texts that others see next to their own: names, absence notes, titles.

Bidirectional control characters (Unicode Standard Annex 9) affect the text around the one that contains them, and invisible
characters make two texts look the same. Messages are stored as sent: the pages isolate each of them.
"""

import unicodedata

# The directional formatting characters of UAX 9, section 2.
TURNS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
# Format characters that some scripts need: the zero-width joiner and non-joiner.
JOINERS = "\u200c\u200d"
# Characters that Unicode classes as letters or symbols but that render as blank.
BLANKS = "\u115f\u1160\u2800\u3164\uffa0"

_without_turns = str.maketrans("", "", TURNS)


def without_turns(text: str) -> str:
    """A text without directional formatting characters."""
    return text.translate(_without_turns)


def without_hidden(text: str) -> str:
    """A text in NFC without format characters, except the joiners."""
    plain = "".join(one for one in text if one in JOINERS or unicodedata.category(one) != "Cf")
    return unicodedata.normalize("NFC", plain)


def is_name(text: str) -> bool:
    """Whether a text has a letter, number or pictograph, and starts with a visible character, not with a combining mark."""
    has_sign = any(_may_name(unicodedata.category(one)) and one not in BLANKS for one in text)
    return has_sign and is_seen(text[0])


def _may_name(category: str) -> bool:
    return category[0] in "LN" or category == "So"


def is_seen(text: str) -> bool:
    """Whether a text has any visible character: a letter, a number, punctuation or a symbol."""
    return any(unicodedata.category(one)[0] in "LNPS" and one not in BLANKS for one in text)
