"""What the sections of cuda.py share: the options, and the clock and the memory of a device."""

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import torch

from dlcli.images.dead_leaves import dead_leaves


@dataclass(frozen=True)
class Setting:
    """Where and how much is measured, and ``until`` when (time.time).

    ``quick``: that everything runs, not how fast; ``minutes`` of the training.
    """

    device: str
    quick: bool
    minutes: float
    rows: int
    set12: Path | None
    photographs: Path | None
    work: Path
    until: float

    @property
    def sizes(self) -> dict[str, int]:
        """Options that make a training small enough for --quick."""
        return {"batch_size": 2, "crop": 32} if self.quick else {}

    @property
    def seconds(self) -> float:
        """How long one thing is timed."""
        return 0.02 if self.quick else 1.0

    @property
    def stretch(self) -> int:
        """Steps of dlcli's that are taken at a time, as its loop does; those before a CUDA graph are fewer."""
        return 2 if self.quick else 200

    def left(self) -> float:
        """Seconds until the section must be done."""
        return self.until - time.time()

    def leaves(self, channels: int) -> str:
        """Generated images, as a .npy file."""
        path = self.work / f"leaves-{channels}.npy"
        if not path.exists():
            count, side = (6, 48) if self.quick else (120, 180)
            made = dead_leaves(count, side, 0, channels)
            np.save(path, np.stack([made.pixels(i) for i in range(count)]))
        return str(path)

    @property
    def on_gpu(self) -> bool:
        """Whether the device is a GPU."""
        return self.device.startswith("cuda")

    def wait(self) -> None:
        """Until the device has done all that it was given."""
        if self.on_gpu:
            torch.cuda.synchronize(self.device)

    def reset_peak(self) -> None:
        """Begin a new peak of memory."""
        if self.on_gpu:
            torch.cuda.reset_peak_memory_stats(self.device)

    def peak(self) -> str:
        """The most memory that torch held on the GPU since ``reset_peak``, and that the process ever had."""
        host = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        there = f"{torch.cuda.max_memory_reserved(self.device) / 2**30:.2f} GiB on the GPU, " if self.on_gpu else ""
        return f"{there}{host:.2f} GiB of the process"

    def seconds_of(self, step: Callable[[], object], seconds: float, warm_up: int = 3) -> float:
        """Seconds of a step: the median of stretches of steps, at whose ends the device is waited for."""
        for _ in range(warm_up):
            step()
        self.wait()
        begin = time.perf_counter()
        step()
        self.wait()
        each = max(time.perf_counter() - begin, 1e-6)
        stretch = max(1, min(200, int(seconds / 8 / each)))
        found: list[float] = []
        end = time.perf_counter() + seconds
        while len(found) < (1 if self.quick else 3) or time.perf_counter() < end:
            begin = time.perf_counter()
            for _ in range(stretch):
                step()
            self.wait()
            found.append((time.perf_counter() - begin) / stretch)
        return median(found)
