"""Memory while networks train: what is freed is kept for the next step, and errors that mean there is none left."""

import ctypes
import os
import sys
from pathlib import Path

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h
KEPT_BYTES = 2**30


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
    """Bytes of memory that can still be used, or a huge number where the system doesn't say."""
    try:
        text = Path("/proc/meminfo").read_text()
        return int(text.split("MemAvailable:")[1].split()[0]) * 1024
    except (OSError, IndexError, ValueError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return 1 << 62
