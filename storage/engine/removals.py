"""Which statements remove something that must not be found again: recognised by their text, so that no caller can forget to say.

Every statement that deletes or overwrites counts, unless it is known to touch nothing but numbers and times.
"""

import re
from functools import lru_cache

# Rows without keys, texts or names: state of threads, who takes part and has read what, who follows what, what is due, what is
# being relinked.
HARMLESS_TABLES = frozenset({
    "threads", "participants", "unread_owed", "relinking", "broken_chains", "programmes", "enrolments", "encouragements",
    "encouragement_looks",
})  # fmt: skip
# In these tables only the named column holds such content: an update that does not touch it removes nothing.
KEPT_IN = {"letters": "facts", "push_subscriptions": "body"}

_COMMENTS = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_KEEPS = {"select", "create", "pragma", "begin", "commit", "values", "explain"}
_OVERWRITES = re.compile(r"\bdo\s+update\b|\binsert\s+or\s+replace\b")
_TABLE = re.compile(r"\b(?:delete\s+from|update|into|table)\s+(?:if\s+exists\s+)?\"?(\w+)")


@lru_cache(1024)
def removes(sql: str) -> bool:
    """Whether a statement may remove a key, a text or a name from the database."""
    plain = _COMMENTS.sub(" ", sql).strip().lower()
    verb = plain.partition(" ")[0]
    if verb in _KEEPS or (verb == "insert" and not _OVERWRITES.search(plain)):
        return False
    found = _TABLE.search(plain)
    table = found.group(1) if found else ""
    if verb == "update" and (kept := KEPT_IN.get(table)):
        return re.search(rf"\b{kept}\b", plain) is not None
    return table not in HARMLESS_TABLES
