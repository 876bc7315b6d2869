"""Commit first, tell after: a sync of the log lies between a message's last write and the first frame about it."""

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.flows.service import Service, Visit

CALLS = "openat,write,pwrite64,pwritev,fsync,fdatasync,sendto,sendmsg,writev"

has_strace = shutil.which("strace") is not None and sys.platform == "linux"


@pytest.mark.skipif(not has_strace and not os.environ.get("CI"), reason="needs strace, which CI has")
async def test_the_answer_comes_after_the_sync(tmp_path: Path) -> None:
    service = Service(tmp_path)
    await service.build()
    trace = tmp_path / "trace"
    service.start("strace", "-D", "-f", "-y", "-s", "300", "-o", str(trace), "-e", f"trace={CALLS}")
    try:
        visit = Visit(service)
        thread = await visit.thread("lea", "claire")
        lea, claire = await visit.wire("lea"), await visit.wire("claire")
        for seq in range(1, 6):
            sent = await lea.send(thread, f"message {seq}")
            assert sent["seq"] == seq
            await claire.wait_for("message", seq=seq)
        await visit.close()
        await service.stop()
    finally:
        service.close()
    events = [kind for line in trace.read_text(errors="replace").splitlines() if (kind := event(line))]
    tellings = [at for at, kind in enumerate(events) if kind.startswith("tell")]
    assert len(tellings) == 10
    for seq, first in zip(range(1, 6), tellings[::2], strict=True):
        before = [kind for kind in events[:first] if not kind.startswith("tell")]
        assert before[-1] == "sync", f"message {seq} was told of before its sync"
        assert "write" in before[-3:], f"message {seq} was told of before it was written"


def event(line: str) -> str | None:
    """What a line of the trace shows: a write to the log, a completed sync of it, a frame about a message, or none of these."""
    call = re.search(r"\b(pwrite64|write|pwritev|fsync|fdatasync|sendto|sendmsg|writev)\(", line)
    resumed = re.search(r"<\.\.\. (fsync|fdatasync) resumed>", line)
    if resumed:
        return "sync"
    if call is None:
        return None
    name = call.group(1)
    if "-wal>" in line and name in {"pwrite64", "write", "pwritev"}:
        return "write"
    if "-wal>" in line and name in {"fsync", "fdatasync"} and "unfinished" not in line:
        return "sync"
    if name in {"sendto", "sendmsg", "write", "writev"} and re.search(r'\\"type\\":\\"(sent|message)\\"', line):
        return "tell"
    return None
