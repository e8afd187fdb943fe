"""Whether other programs hold the cores that this process wants."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dlcli.images.cache import usable_cores

BUSY = 0.25  # of the time in which threads could have run, spent waiting for a core


@dataclass
class Cores:
    """Whether this process gets the cores that it wants; ``threads`` are those that it computes with."""

    threads: int

    def __post_init__(self) -> None:
        self.told = self.threads > usable_cores()  # its own threads wait for each other
        self.ran, self.waited = _scheduled()

    def busy(self) -> str | None:
        """A line, once, where other programs have had the cores since the beginning."""
        ran, waited = _scheduled()
        ran, waited = ran - self.ran, waited - self.waited
        share = waited / (ran + waited) if ran + waited > 0 else 0.0
        if self.told or share < BUSY:
            return None
        self.told = True
        return f"other programs use the cores, too: threads waited for one in {share:.0%} of the time"


def _scheduled() -> tuple[float, float]:
    """Seconds for which this process's threads ran, and for which they were ready to and had no core.

    Zeros where the system doesn't say: all but Linux.
    """
    ran = waited = 0
    for path in Path("/proc/self/task").glob("*/schedstat"):
        with suppress(OSError, ValueError):  # a thread that has just ended
            numbers = path.read_text().split()
            ran, waited = ran + int(numbers[0]), waited + int(numbers[1])
    return ran / 1e9, waited / 1e9
