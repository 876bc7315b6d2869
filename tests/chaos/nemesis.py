"""The faults that strike the service. Each is over when its function returns: the service then runs again, without the fault."""

import asyncio
import os
import random
import resource
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path

from tests.chaos.people import Correspondent
from tests.flows.service import Service

FAKETIME = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)
SHIFTS = ("-2h", "+6h", "-40s", "+3d")


class Nemesis:
    """The faults that this machine can produce, against one service. ``disk`` is a separate file system, if there is one."""

    def __init__(self, service: Service, people: Sequence[Correspondent], disk: Path | None, chance: random.Random) -> None:
        self.service, self.people, self.disk, self.chance = service, people, disk, chance
        self.done: Counter[str] = Counter()
        self.kills = 0
        self.skipped: list[str] = []

    def faults(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """The faults other than a plain kill, by name; ``skipped`` reports those that are not available here."""
        found: dict[str, Callable[[], Awaitable[None]]] = {"pause": self.pause, "cut": self.cut}
        found["full disk" if self.disk else "no file may grow"] = self.fill if self.disk else self.limit
        if shutil.which("strace"):
            found |= {"sync fails": self.fail_sync, "killed at the sync": self.kill_at_sync, "slow syncs": self.slow_syncs}
        else:
            self.skipped.append("syncs that fail, that kill, that are slow: there is no strace here")
        if FAKETIME:
            found["clock shift"] = self.shift_clock
        else:
            self.skipped.append("clock shifts: there is no libfaketime here")
        return found

    async def kill(self) -> None:
        """A kill -9 at any instant, and a restart."""
        await self.service.kill()
        self.kills += 1
        await self._start()

    async def pause(self) -> None:
        """SIGSTOP, and some time later SIGCONT."""
        self.service.signal(signal.SIGSTOP)
        await asyncio.sleep(self.chance.uniform(0.1, 1.5))
        self.service.signal(signal.SIGCONT)

    async def cut(self) -> None:
        """Half of the connections break in the middle of a frame."""
        for one in self.people:
            if self.chance.random() < 0.5:
                one.cut()

    async def fill(self) -> None:
        """For a while the disk is completely full."""
        assert self.disk
        ballast = self.disk / "ballast"
        with ballast.open("wb", buffering=0) as file:
            free = os.statvfs(self.disk)
            with suppress(OSError):
                os.posix_fallocate(file.fileno(), 0, (free.f_bavail - 1) * free.f_bsize)
            with suppress(OSError):
                while file.write(bytes(4096)):
                    pass
        await asyncio.sleep(self.chance.uniform(0.2, 1.0))
        ballast.unlink()

    async def limit(self) -> None:
        """For a while no file may grow beyond the log's present size, as under a quota."""
        assert self.service.process
        size = (self.service.data / "ailo.sqlite-wal").stat().st_size
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.prlimit(self.service.process.pid, resource.RLIMIT_FSIZE, (size, hard))
        await asyncio.sleep(self.chance.uniform(0.2, 1.0))
        resource.prlimit(self.service.process.pid, resource.RLIMIT_FSIZE, (hard, hard))

    async def fail_sync(self) -> None:
        """A sync of the log fails with EIO; later ones would succeed. The service must end by itself, with code 1."""
        await self._kill_to_start(*self._strace(f"error=EIO:when={self.chance.randint(5, 40)}"))
        assert await self.service.ended() == 1, "a failed sync did not end the service"
        self.service.close()
        await self._start()

    async def kill_at_sync(self) -> None:
        """The service is killed when the transaction is in the log, before the sync and any answer."""
        await self._kill_to_start(*self._strace(f"signal=SIGKILL:when={self.chance.randint(5, 40)}"))
        assert await self.service.ended() == -signal.SIGKILL
        self.kills += 1
        self.service.close()
        await self._start()

    async def slow_syncs(self) -> None:
        """Each sync of the log takes a tenth of a second longer; then the service is killed."""
        await self._kill_to_start(*self._strace("delay_enter=100000"))
        await asyncio.sleep(self.chance.uniform(0.5, 2.0))
        await self.kill()

    async def shift_clock(self) -> None:
        """The wall clock jumps twice while the service runs."""
        file = self.service.folder / "faketime"
        await asyncio.to_thread(file.write_text, "+0")
        faked = {
            "LD_PRELOAD": FAKETIME,
            "FAKETIME_TIMESTAMP_FILE": file,
            "FAKETIME_NO_CACHE": 1,
            "FAKETIME_DONT_FAKE_MONOTONIC": 1,
        }
        await self._kill_to_start("env", *(f"{name}={value}" for name, value in faked.items()))
        for shift in self.chance.sample(SHIFTS, 2):
            await asyncio.to_thread(file.write_text, shift)
            await asyncio.sleep(self.chance.uniform(0.2, 0.8))
        await self.kill()

    def _strace(self, fault: str) -> list[str]:
        log = self.service.data / "ailo.sqlite-wal"
        quiet = ["-D", "-f", "-qq", "-o", "/dev/null", "-P", str(log)]
        return ["strace", *quiet, "-e", "trace=fsync,fdatasync", "-e", f"inject=fsync,fdatasync:{fault}"]

    async def _kill_to_start(self, *before: str) -> None:
        await self.service.kill()
        self.kills += 1
        await self._start(*before)

    async def _start(self, *before: str) -> None:
        await asyncio.to_thread(self.service.start, *before)


def small_disk(folder: Path, megabytes: int) -> bool:
    """Mount a separate small file system over a folder; return False if that is not permitted."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "ailo-chaos", str(folder)]
    return shutil.which("mount") is not None and not subprocess.run(mount, check=False, capture_output=True).returncode


def take_down(folder: Path) -> None:
    """Undo ``small_disk``."""
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
