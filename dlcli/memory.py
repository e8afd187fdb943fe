"""How much memory there is and what of it data may take; how freed memory is kept, errors that mean there is none."""

import ctypes
import os
import sys
from pathlib import Path

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h
KEPT_BYTES = 2**30
SHARE_FOR_ROWS, MOST_FOR_ROWS = 1 / 8, 512 << 20  # of the memory, for the rows of a table: a fit needs some copies
SHARE_FOR_GPU = 1 / 2


def keep_freed_memory() -> None:
    """Make glibc keep the memory that a step frees for the next one, up to 1 GiB, instead of giving it back.

    It otherwise asks the system for thousands of pages in every step, and clearing them takes a tenth of its time.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        for setting in (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD):
            mallopt(setting, KEPT_BYTES)


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether torch means that memory ran out, on a GPU or on the CPU."""
    import torch

    # The words of Windows and of Linux; and all that oneDNN says, which doesn't fail otherwise in a step like others.
    words = ("not enough memory", "can't allocate memory")
    onednn = ("could not create a primitive", "could not execute a primitive")
    told = any(word in str(error) for word in words) or str(error) in onednn
    return isinstance(error, torch.OutOfMemoryError) or told


def available_memory() -> int:
    """Bytes of memory that can still be used, or a huge number where the system doesn't say.

    Of a container, no more than it may use.
    """
    return min(_of_the_machine(), _of_the_container())


def _of_the_container(root: Path = Path("/sys/fs/cgroup")) -> int:
    """What is left of a limit on the process's control group; a huge number where there is none."""
    try:
        limit, used = (root / "memory.max").read_text().strip(), int((root / "memory.current").read_text())
        cached = dict(line.split() for line in (root / "memory.stat").read_text().splitlines())
        return 1 << 62 if limit == "max" else max(int(limit) - used + int(cached.get("inactive_file", 0)), 0)
    except (OSError, ValueError):
        return 1 << 62


def _of_the_machine() -> int:
    try:
        text = Path("/proc/meminfo").read_text()
        return int(text.split("MemAvailable:")[1].split()[0]) * 1024
    except (OSError, IndexError, ValueError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return 1 << 62


def room_for_rows(device: str = "cpu") -> int:
    """Bytes that the rows of a table may take in memory: beyond them they are read from a file again and again.

    From the disk's cache that takes hardly longer, and whatever else runs on the machine keeps its memory. For a GPU,
    which has to have all rows at once, they may take half of it.
    """
    share, most = (SHARE_FOR_ROWS, MOST_FOR_ROWS) if device == "cpu" else (SHARE_FOR_GPU, 1 << 62)
    return min(int(share * available_memory()), most)
