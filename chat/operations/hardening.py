"""What the process asks of the system before it holds a secret."""

import ctypes
import os
import resource

PR_GET_DUMPABLE, PR_SET_DUMPABLE = 3, 4


def keep_memory_private() -> bool:
    """No core dump, and no other process of the same user looks into this one's memory (prctl(2)); whether it is so.

    RLIMIT_CORE alone does not hold where the system pipes its core dumps to a program (core(5)).
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    library = ctypes.CDLL(None)
    library.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    return int(library.prctl(PR_GET_DUMPABLE, 0, 0, 0, 0)) == 0


def have_standard_streams() -> None:
    """Let no file take the number of a standard stream that was closed before we began: it would be written into."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
