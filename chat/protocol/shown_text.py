"""Short texts that people give and others see beside their own: names, words of absence, titles.

What turns the direction of writing (Unicode Standard Annex 9) reaches beyond the text that holds it, and what cannot be seen
makes two texts look the same. Messages are kept as they are sent: the pages set each apart.
"""

import unicodedata

# The explicit marks of direction of UAX 9, section 2.
TURNS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
# Formats that belong to the writing of some languages: the two joiners.
JOINERS = "\u200c\u200d"
# What Unicode counts as letters or symbols, and draws as nothing.
BLANKS = "\u115f\u1160\u2800\u3164\uffa0"

_without_turns = str.maketrans("", "", TURNS)


def without_turns(text: str) -> str:
    """A text without marks of direction."""
    return text.translate(_without_turns)


def without_hidden(text: str) -> str:
    """A text in NFC without format characters, but for joiners."""
    plain = "".join(one for one in text if one in JOINERS or unicodedata.category(one) != "Cf")
    return unicodedata.normalize("NFC", plain)


def is_name(text: str) -> bool:
    """Whether it has a letter, number or pictograph, and begins with something to be seen, which a mark alone is not."""
    has_sign = any(_may_name(unicodedata.category(one)) and one not in BLANKS for one in text)
    return has_sign and is_seen(text[0])


def _may_name(category: str) -> bool:
    return category[0] in "LN" or category == "So"


def is_seen(text: str) -> bool:
    """Whether there is anything to see in it: a letter, a number, a sign."""
    return any(unicodedata.category(one)[0] in "LNPS" and one not in BLANKS for one in text)
