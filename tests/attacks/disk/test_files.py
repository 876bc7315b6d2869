"""What Ailo writes goes only where it belongs: through no link, over no other file, into no folder that others may change."""

import asyncio
import os
import shutil
import stat
from pathlib import Path

import pytest

from storage.files import make_folders, put_in_place, remove_unfinished, unfinished, write_private
from storage.rekeying.rotation import Rotation
from storage.store import open_store
from tests.attacks.operator.commands import LEA, begin, begin_cheap, left, refused, run_ailo, told
from tests.flows.service import Service
from tests.people import House, settings_in

PRECIOUS = b"precious"


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder that others may write to, too."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


def guessed(path: Path, pid: int) -> Path:
    """The predictable temporary name that files once had."""
    return path.with_name(f".{path.name}.{pid}.new")


# Links in the way


@pytest.mark.parametrize("replace", [True, False])
def test_a_link_under_a_foreseen_name_is_not_followed(tmp_path: Path, shared: Path, *, replace: bool) -> None:
    victim = tmp_path / "ailo.sqlite"
    victim.write_bytes(PRECIOUS)
    guessed(shared / "request", os.getpid()).symlink_to(victim)
    write_private(shared / "request", b"request", replace=replace)
    assert victim.read_bytes() == PRECIOUS
    assert (shared / "request").read_bytes() == b"request"


async def test_a_request_into_a_shared_folder_overwrites_nothing(tmp_path: Path, shared: Path) -> None:
    await begin_cheap(tmp_path)
    told(run_ailo(tmp_path, *LEA))
    victim = tmp_path / "data" / "ailo.sqlite"
    before = victim.read_bytes()
    for pid in range(os.getpid(), os.getpid() + 3000):
        guessed(shared / "request", pid).symlink_to(victim)
    done = run_ailo(tmp_path, "recover", "request", str(shared / "request"), "--new-officer")
    assert told(done).splitlines()[0] == str(shared / "request")
    assert victim.read_bytes()[:100] == before[:100]
    assert victim.read_bytes().startswith(b"SQLite format 3")
    assert (shared / "request").read_bytes().startswith(b"{")
    assert told(run_ailo(tmp_path, "check")) == "All is well."


@pytest.mark.parametrize("kind", ["file", "link", "dangling link", "folder"])
async def test_what_stands_under_a_named_file_stays(tmp_path: Path, shared: Path, kind: str) -> None:
    officer = await begin_cheap(tmp_path)
    victim, request = tmp_path / "victim", shared / "request"
    told(run_ailo(tmp_path, "recover", "request", str(shared / "asked"), "--new-officer"))
    if kind != "dangling link":
        victim.write_bytes(PRECIOUS)
    match kind:
        case "file":
            shutil.copy(victim, request)
        case "folder":
            request.mkdir()
        case _:
            request.symlink_to(victim)
    before = left(tmp_path)
    key = officer.private_key.hex()
    for command in (
        ["recover", "request", str(request), "--new-officer"],
        ["recover", "answer", str(shared / "asked"), str(request)],
        ["recover", "keyring", str(tmp_path / "data" / "root.sealed"), str(request)],
    ):
        assert key not in refused(run_ailo(tmp_path, *command))
    assert left(tmp_path) == before
    assert not victim.exists() or victim.read_bytes() == PRECIOUS


async def test_a_backup_into_a_prepared_folder_overwrites_nothing(tmp_path: Path, shared: Path) -> None:
    await begin_cheap(tmp_path)
    victim = tmp_path / "victim"
    victim.write_bytes(PRECIOUS)
    (shared / "ailo.new").symlink_to(victim)
    told(run_ailo(tmp_path, "backup", str(shared)))
    assert victim.read_bytes() == PRECIOUS
    assert stat.S_IMODE((shared / "ailo.sqlite").stat().st_mode) == 0o600
    for name in ("ailo.sqlite", "root.sealed"):
        other = tmp_path / f"for {name}"
        other.mkdir()
        (other / name).symlink_to(victim)
        refused(run_ailo(tmp_path, "backup", str(other)))
        assert left(other) == [name]
    assert victim.read_bytes() == PRECIOUS


def test_a_file_system_without_links_takes_them(tmp_path: Path) -> None:
    """Such as FAT, on the USB stick that carries a request."""
    begin(tmp_path)
    without = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=link,linkat", "-e", "inject=link,linkat:error=EPERM")
    if shutil.which("strace") is None:
        pytest.skip("needs strace, which CI has")
    request = tmp_path / "request"
    told(run_ailo(tmp_path, "recover", "request", str(request), "--new-officer", before=without))
    assert request.read_bytes().startswith(b"{")
    assert "already exists" in refused(run_ailo(tmp_path, "recover", "request", str(request), "--new-officer", before=without))
    told(run_ailo(tmp_path, "backup", str(tmp_path / "backup"), before=without))
    assert left(tmp_path / "backup") == ["ailo.sqlite", "root.sealed"]
    assert not [name for name in left(tmp_path) if name.endswith(".new")]


# What a killed process left


async def test_what_was_left_half_written_goes_at_the_next_start(house: House, tmp_path: Path) -> None:
    """It may contain a key that was dropped since, or rows that were removed."""
    settings = house.store.settings
    others = settings.keys.with_name("other.json")
    for path in (settings.keys, settings.peppers, settings.sealed_keyring):
        unfinished(path).write_bytes(PRECIOUS)
        guessed(path, 4711).write_bytes(PRECIOUS)
    copy = unfinished(settings.database)
    copy.mkdir()
    (copy / "ailo.sqlite").write_bytes(PRECIOUS)
    unfinished(others).write_bytes(PRECIOUS)
    for path in (settings.keys, settings.peppers, settings.sealed_keyring, settings.database):
        remove_unfinished(path)
    assert [name for name in left(tmp_path) if name.endswith(".new")] == [
        f"keys/{one.name}" for one in settings.keys.parent.glob(".other*")
    ]


async def test_a_start_sweeps_them(tmp_path: Path) -> None:
    await begin_cheap(tmp_path)
    unfinished(tmp_path / "keys" / "root.json").write_bytes(PRECIOUS)
    unfinished(tmp_path / "data" / "ailo.sqlite").mkdir()
    async with open_store(settings_in(tmp_path)):
        assert not [name for name in left(tmp_path) if name.endswith(".new")]


def test_a_finished_file_never_takes_anothers_name(tmp_path: Path) -> None:
    (tmp_path / "new").write_bytes(b"new")
    (tmp_path / "there").write_bytes(PRECIOUS)
    with pytest.raises(FileExistsError):
        put_in_place(tmp_path / "new", tmp_path / "there")
    assert (tmp_path / "there").read_bytes() == PRECIOUS


# Folders


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_folders_are_their_owners_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        made = make_folders(tmp_path / "a" / "b" / "c")
    finally:
        os.umask(before)
    assert made == [tmp_path / "a", tmp_path / "a" / "b", tmp_path / "a" / "b" / "c"]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in made} == {0o700}


@pytest.mark.parametrize("has_server", [True, False])
async def test_the_folders_above_a_backup_are_its_owners_alone(tmp_path: Path, *, has_server: bool) -> None:
    await begin_cheap(tmp_path)
    service = Service(tmp_path)
    if has_server:
        service.start()
    before = os.umask(0)
    try:
        told(run_ailo(tmp_path, "backup", "a/b/c"))
    finally:
        os.umask(before)
        service.close()
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a", "a/b", "a/b/c")} == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a/b/c").iterdir()} == {0o600}


def test_the_folders_above_an_installation_are_its_owners_alone(tmp_path: Path) -> None:
    places = {"AILO_DATA": str(tmp_path / "a/b/data"), "AILO_KEYS": str(tmp_path / "k/l/root.json")}
    before = os.umask(0)
    try:
        told(run_ailo(tmp_path, "init", settings=places))
    finally:
        os.umask(before)
    folders = ("a", "a/b", "a/b/data", "k", "k/l")
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in folders} == {0o700}


@pytest.mark.parametrize("place", ["data", "keys", "data/ailo.sqlite", "data/root.sealed"])
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
async def test_what_others_may_change_is_refused(tmp_path: Path, place: str, mode: int) -> None:
    await begin_cheap(tmp_path)
    (tmp_path / place).chmod(mode)
    for command in ("serve", "check", "backup x"):
        line = refused(run_ailo(tmp_path, *command.split()))
        assert "can be changed by other users: run `chmod" in line
    await asyncio.to_thread(os.system, line.split("`")[1])
    assert told(run_ailo(tmp_path, "check")) == "All is well."


async def test_a_check_by_the_server_sees_a_folder_that_was_opened_since(tmp_path: Path) -> None:
    await begin_cheap(tmp_path)
    service = Service(tmp_path)
    service.start()
    try:
        (tmp_path / "keys").chmod(0o777)
        assert "chmod 700" in refused(run_ailo(tmp_path, "check"))
    finally:
        service.close()


def test_keys_are_made_in_no_folder_that_others_may_change(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys").chmod(0o777)
    assert "chmod 700" in refused(run_ailo(tmp_path, "init"))
    assert left(tmp_path) == ["keys"]


# The keys in the data


def keys_at(tmp_path: Path, path: str) -> dict[str, str]:
    return {"AILO_KEYS": str(tmp_path / path)}


async def test_a_link_in_the_data_to_the_keys_is_refused(tmp_path: Path) -> None:
    await begin_cheap(tmp_path)
    (tmp_path / "data" / "root.json").symlink_to(tmp_path / "keys" / "root.json")
    for command in ("check", "serve"):
        line = refused(run_ailo(tmp_path, command, settings=keys_at(tmp_path, "data/root.json")))
        assert "AILO_KEYS must be outside AILO_DATA" in line
    assert "leads to the keys" in refused(run_ailo(tmp_path, "check"))


@pytest.mark.parametrize("link", ["keys folder", "keys file", "dangling", "data folder"])
def test_links_into_the_data_are_refused(tmp_path: Path, link: str) -> None:
    (tmp_path / "data" / "inner").mkdir(parents=True)
    settings = keys_at(tmp_path, "keys/root.json")
    match link:
        case "keys folder":
            (tmp_path / "keys").symlink_to(tmp_path / "data" / "inner")
        case "keys file" | "dangling":
            (tmp_path / "keys").mkdir()
            (tmp_path / "keys" / "root.json").symlink_to(tmp_path / "data" / ("inner" if link == "keys file" else "root.json"))
        case "data folder":
            (tmp_path / "other").symlink_to(tmp_path / "data")
            settings = {"AILO_DATA": str(tmp_path / "other"), "AILO_KEYS": str(tmp_path / "data" / "inner" / "root.json")}
    assert "AILO_KEYS must be outside AILO_DATA" in refused(run_ailo(tmp_path, "init", settings=settings))
    assert not list((tmp_path / "data" / "inner").iterdir())


async def test_a_second_name_of_the_keyring_in_the_data_is_refused(tmp_path: Path) -> None:
    await begin_cheap(tmp_path)
    (tmp_path / "data" / "copy").hardlink_to(tmp_path / "keys" / "root.json")
    assert "leads to the keys" in refused(run_ailo(tmp_path, "check"))
    (tmp_path / "data" / "copy").unlink()
    (tmp_path / "data" / "copy").symlink_to(tmp_path / "keys")
    assert "leads to the keys" in refused(run_ailo(tmp_path, "check"))


# Secrets in files


@pytest.mark.parametrize(("mode", "is_taken"), [(0o600, True), (0o400, True), (0o644, False), (0o640, False), (0o602, False)])
async def test_a_secret_that_others_can_read_is_refused(tmp_path: Path, mode: int, *, is_taken: bool) -> None:
    await begin_cheap(tmp_path)
    secret = tmp_path / "smtp"
    secret.write_text("not an address of a relay: s3cret")
    secret.chmod(mode)
    settings = {"AILO_SMTP_FILE": str(secret), "AILO_MAIL_FROM": "a@ailo.test"}
    done = run_ailo(tmp_path, "serve", settings=settings)
    assert done.returncode == 1
    assert "s3cret" not in done.stderr
    assert ("chmod 600" not in done.stderr) == is_taken


async def test_what_is_replaced_by_root_stays_its_owners(house: House) -> None:
    """Otherwise, `keys rotate` by root without a server would leave a keyring that the service cannot read."""
    if os.geteuid():
        pytest.skip("only root can change an owner")
    settings = house.store.settings
    os.chown(settings.keys, 65534, 65534)
    assert await Rotation(house.store).turn()
    assert (settings.keys.stat().st_uid, stat.S_IMODE(settings.keys.stat().st_mode)) == (65534, 0o600)
