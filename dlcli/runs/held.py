"""Whether a process is at work in a run directory: a lock on the folder itself, which ends with that process.

It leaves no file, and no kill leaves it behind.
"""

import contextlib
import os
import sys
import time
from pathlib import Path

if sys.platform != "win32":
    import fcntl

TRIES = 3  # one who looks holds the lock for some microseconds


class Hold:
    """Says that this process works in ``folder``, from now until it is closed or forgotten, or the process ends.

    Where folders can't be locked (Windows, some network file systems) nothing is said.
    """

    def __init__(self, folder: Path) -> None:
        self._handle = -1
        if sys.platform == "win32":
            return
        with contextlib.suppress(OSError):
            self._handle = os.open(folder, os.O_RDONLY)
        for _ in range(TRIES if self._handle >= 0 else 0):
            try:
                fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except OSError:
                time.sleep(0.001)

    def close(self) -> None:
        """Say so no longer."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def __del__(self) -> None:
        self.close()


def is_held(folder: Path) -> bool | None:
    """Whether a process works in ``folder``; None where that can't be told."""
    if sys.platform == "win32":
        return None
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    finally:
        os.close(handle)
    return False
