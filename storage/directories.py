"""The locations of the keys and of the data: whether other users may touch them, and whether one contains the other."""

import os
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

from storage.files import is_writable_by_others
from storage.settings import StorageSettings


def faults(settings: StorageSettings) -> list[str]:
    """What is wrong with the locations of the keys and of the data, a sentence each that says what to do."""
    return [*faults_of_keys(settings), *_faults_of_data(settings), *_links_to_keys(settings)]


def faults_of_keys(settings: StorageSettings) -> list[str]:
    """The same for the folder of the keys alone, and for the folder that the keyring is a link to."""
    folders = dict.fromkeys((settings.keys.parent.resolve(), settings.keys.resolve().parent))
    return [fault for folder in folders for fault in _folder_fault(folder, "The folder of the keys")]


def _faults_of_data(settings: StorageSettings) -> Iterator[str]:
    yield from _folder_fault(settings.data, "The data directory")
    for path in (settings.database, settings.sealed_keyring):
        if path.exists() and is_writable_by_others(path.stat().st_mode):
            yield f"{path} can be changed by other users: run `chmod 600 {shlex.quote(str(path))}`."


def _folder_fault(folder: Path, what: str) -> Iterator[str]:
    if not folder.exists():
        return
    mode = folder.stat().st_mode
    if is_writable_by_others(mode):
        advice = "use a folder of its own" if mode & stat.S_ISVTX else f"run `chmod 700 {shlex.quote(str(folder))}`"
        yield f"{what}, {folder}, can be changed by other users: {advice}."


def _links_to_keys(settings: StorageSettings) -> Iterator[str]:
    """Another name for the keyring, of whatever kind, through which a copy of the data would include the keys."""
    if not settings.keys.exists() or not settings.data.is_dir():
        return
    places = [settings.keys.stat(), settings.keys.parent.stat()]
    for entry in settings.data.iterdir():
        if entry.exists() and any(os.path.samestat(entry.stat(), place) for place in places):
            yield f"{entry} leads to the keys: a copy of the data must not include them. Remove that link."
