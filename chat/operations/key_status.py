"""The state of the root keyring, in words for a terminal and as facts for a script."""

from datetime import UTC, datetime
from typing import Any

from storage.rekeying.rotation import KeyStatus, Status


def told(status: Status) -> str:
    """A line for each key, and a sentence on what may be done."""
    return "\n".join([*(line for key in status.keys for line in _lines(key)), "", *_sentences(status)])


def _lines(key: KeyStatus) -> list[str]:
    newest = ", newest: it protects everything new" if key.is_newest else ""
    uses = [f"    {how_many:>8}  {kind}" for kind, how_many in sorted(key.uses.items())]
    return [f"{key.id.hex()}  made {_day(key)}{newest}", *(uses or ["    protects nothing"])]


def _day(key: KeyStatus) -> str:
    return datetime.fromtimestamp(key.made_at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _sentences(status: Status) -> list[str]:
    older = [key for key in status.keys if not key.is_newest]
    left = sum(key.uses.total() for key in older)
    said = []
    if status.is_rotating:
        said.append(f"A rotation is in progress: {left} values have yet to be brought under the newest key.")
    elif left:
        said.append(f"{left} values failed verification and keep their older keys: run `ailo check`, and restore a backup.")
    if status.broken_threads:
        said.append(f"{status.broken_threads} conversations contain messages that failed verification: run `ailo check`.")
    if unknown := status.unknown.total():
        said.append(f"{unknown} values name a key that is not in the keyring, and cannot be opened.")
    said += [_droppable(key) for key in older if key.may_be_dropped]
    return said or ["Everything is under the newest key."]


def _droppable(key: KeyStatus) -> str:
    return (
        f"Nothing needs key {key.id.hex()} any more: `ailo keys drop {key.id.hex()}` removes it. Backups made while it was in "
        "use still need it: keep it offline with them, unless the recovery officer can open the copy in each of them."
    )


def facts(status: Status) -> dict[str, Any]:
    """The same for a script."""
    return {
        "keys": [
            {
                "id": key.id.hex(),
                "made_at": datetime.fromtimestamp(key.made_at, UTC).isoformat(),
                "newest": key.is_newest,
                "uses": dict(sorted(key.uses.items())),
                "total": key.uses.total(),
                "may_be_dropped": key.may_be_dropped,
            }
            for key in status.keys
        ],
        "rotating": status.is_rotating,
        "broken_threads": status.broken_threads,
        "unknown": status.unknown.total(),
    }
