"""How far a prediction is, for whoever waits: files, frames, megapixels a second, and the time that is left."""

import threading
import time
from dataclasses import dataclass, field

from dlcli.engine.progress import Progress, Silent
from dlcli.text import duration

EVERY = 0.5  # seconds between two lines


@dataclass
class Meter:
    """Counts what threads have done of ``files``, and tells ``progress``."""

    progress: Progress = field(default_factory=Silent)
    files: int = 0
    done: int = 0
    written: int = 0
    pixels: int = 0
    partly: dict[int, float] = field(default_factory=dict)
    frames: str = ""
    start: float = field(default_factory=time.monotonic)
    told: float = field(default_factory=time.monotonic)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def frame(self, number: int, count: int, pixels: int) -> None:
        """This thread has restored so many of a file's ``count`` frames, the last of ``pixels``."""
        with self.lock:
            self.pixels += pixels
            self.partly[threading.get_ident()] = number / count
            self.frames = f", frame {number:,} of {count:,}" if count > 1 else ""
            self._tell()

    def wrote(self) -> None:
        """One file more is complete, whatever becomes of the rest."""
        with self.lock:
            self.written += 1

    def file(self) -> None:
        """One file more is done."""
        with self.lock:
            self.done += 1
            self._tell()

    def __enter__(self) -> "Meter":
        return self

    def __exit__(self, *_: object) -> None:
        """All are, or the work ends: the line is taken away."""
        with self.lock:
            self.progress.reached("")

    def _tell(self) -> None:
        now = time.monotonic()
        if now - self.told < EVERY:
            return
        self.told, seconds = now, now - self.start
        part = self.done + sum(share for share in self.partly.values() if share < 1)
        left = f", {duration(seconds * (self.files - part) / part)} left" if 0 < part < self.files else ""
        speed = f"{self.pixels / 1e6 / seconds:.3g} megapixels/s"
        self.progress.reached(f"{self.done:,} of {self.files:,} files{self.frames}, {speed}{left}")
