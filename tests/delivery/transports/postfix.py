"""A real Postfix, from files that were unpacked and not installed: with its own settings and queue, in a folder of its own.

`./dev` unpacks the package. Nothing of Postfix is set up on this machine: three accounts that every Debian has stand for its own.
"""

import asyncio
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

UNPACKED = Path(sys.prefix) / "postfix"
HOST = "127.0.0.1"
OWNER, GROUP, NOBODY = "daemon", "mail", "nobody"
STOP_SECONDS = 10
needed = pytest.mark.skipif(
    not os.environ.get("CI") and (os.geteuid() != 0 or not UNPACKED.is_dir()), reason="needs root and Postfix, which CI has"
)

# As in Postfix's own master.cf, none of it in a changed root.
SERVICES = """
{host}:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
lmtp unix - - n - - lmtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def program(name: str) -> str:
    """A program of Postfix, unpacked or installed."""
    found = shutil.which(name, path=os.pathsep.join([str(UNPACKED / "usr" / "sbin"), os.environ["PATH"], "/usr/sbin"]))
    assert found, f"there is no {name} here: `./dev` unpacks it"
    return found


def environment() -> dict[str, str]:
    """Postfix's own libraries lie beside its programs, wherever those were unpacked."""
    return {**os.environ, "LD_LIBRARY_PATH": str(Path(program("smtp-sink")).parent.parent / "lib" / "postfix")}


class Postfix:
    """A running one. ``port`` takes mails by SMTP; ``log`` is what it said so far."""

    def __init__(self, settings: Path, port: int, process: asyncio.subprocess.Process) -> None:
        self._settings, self.port, self._process = settings, port, process
        self.log: list[str] = []

    async def says(self, pattern: str) -> str:
        """Wait until its log has a line with this in it; return the first one."""
        for line in self.log:
            if re.search(pattern, line):
                return line
        assert self._process.stdout
        while raw := await self._process.stdout.readline():
            self.log.append(raw.decode().rstrip())
            if re.search(pattern, self.log[-1]):
                return self.log[-1]
        raise AssertionError("\n".join(["Postfix has ended", *self.log]))

    async def flush(self) -> None:
        """Have it try at once whatever waits in its queue."""
        asked = await asyncio.create_subprocess_exec(program("postqueue"), "-c", str(self._settings), "-f", env=environment())
        assert await asked.wait() == 0

    async def stop(self) -> None:
        """End it and all its processes."""
        for how in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, how)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.communicate(), STOP_SECONDS)
                return


@asynccontextmanager
async def running(port: int, **settings: str) -> AsyncIterator[Postfix]:
    """A Postfix with these settings of main.cf. Its folder must be open to the accounts it runs as, which a test's is not."""
    with tempfile.TemporaryDirectory(prefix="ailo-postfix-") as name:
        folder = Path(name)
        await asyncio.to_thread(_prepare, folder, port, settings)
        master = Path(program("postqueue")).parent.parent / "lib" / "postfix" / "sbin" / "master"
        process = await asyncio.create_subprocess_exec(
            str(master), "-c", str(folder / "etc"), "-s",
            env=environment(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        postfix = Postfix(folder / "etc", port, process)
        try:
            await postfix.says("daemon started")
            yield postfix
        finally:
            await postfix.stop()


def _prepare(folder: Path, port: int, settings: Mapping[str, str]) -> None:
    folder.chmod(0o755)
    (folder / "etc").mkdir()
    (folder / "etc" / "master.cf").write_text(SERVICES.format(host=HOST, port=port))
    (folder / "etc" / "main.cf").write_text("".join(f"{key} = {value}\n" for key, value in {**_own(folder), **settings}.items()))
    private = [f"queue/{one}" for one in ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming")]
    private += [f"queue/{one}" for one in ("private", "saved", "trace")]
    (folder / "queue" / "pid").mkdir(parents=True)
    for one in (*private, "data"):
        _make(folder / one, 0o700)
    _make(folder / "queue" / "public", 0o710, GROUP)
    _make(folder / "queue" / "maildrop", 0o730, GROUP)


def _make(folder: Path, mode: int, group: str | None = None) -> None:
    folder.mkdir()
    folder.chmod(mode)
    shutil.chown(folder, OWNER, group)


def _own(folder: Path) -> dict[str, str]:
    """What follows from where it lies and whom it runs as; and that it asks no name server."""
    programs = Path(program("postqueue")).parent.parent
    return {
        "compatibility_level": "3.6",
        "queue_directory": str(folder / "queue"),
        "data_directory": str(folder / "data"),
        "daemon_directory": str(programs / "lib" / "postfix" / "sbin"),
        "command_directory": str(programs / "sbin"),
        "shlib_directory": str(programs / "lib" / "postfix"),
        "mail_owner": OWNER,
        "setgid_group": GROUP,
        "default_privs": NOBODY,
        "import_environment": "MAIL_CONFIG LD_LIBRARY_PATH",
        "export_environment": "MAIL_CONFIG LD_LIBRARY_PATH",
        "maillog_file": "/dev/stdout",
        "inet_protocols": "ipv4",
        "disable_dns_lookups": "yes",
        "smtpd_peername_lookup": "no",
        "mydestination": "",
        "local_recipient_maps": "",
        "alias_maps": "",
        "alias_database": "",
        # Should a mail come to rest in the queue just after it was flushed.
        "queue_run_delay": "1s",
        "minimal_backoff_time": "1s",
    }
