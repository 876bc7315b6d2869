"""What the process asks of the system before it holds a secret."""

import ctypes
import os
import resource

PR_GET_DUMPABLE, PR_SET_DUMPABLE = 3, 4


def keep_memory_private() -> bool:
    """Prevent core dumps, and access to this process's memory by the same user's others (prctl(2)); return whether it worked.

    RLIMIT_CORE alone has no effect where the system pipes core dumps to a program (core(5)).
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    library = ctypes.CDLL(None)
    library.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    return int(library.prctl(PR_GET_DUMPABLE, 0, 0, 0, 0)) == 0


def have_standard_streams() -> None:
    """Let no file take the descriptor of a standard stream that was closed before we started: output would go into it."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
