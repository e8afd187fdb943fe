"""How far a prediction is, for whoever waits: files, frames, megapixels a second, and the time that is left."""

import threading
import time
from dataclasses import dataclass, field

from dlcli.engine.progress import Progress, Silent
from dlcli.text import counted, duration

EVERY = 0.5  # seconds between two lines


@dataclass
class Meter:
    """Counts what threads have done of ``files``, and tells ``progress``.

    ``within`` is where each thread is in its file: frames done, of how many, and pixels of the next one.
    """

    progress: Progress = field(default_factory=Silent)
    files: int = 0
    done: int = 0
    written: int = 0
    pixels: int = 0
    partly: dict[int, float] = field(default_factory=dict)
    within: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    frames: str = ""
    start: float = field(default_factory=time.monotonic)
    told: float = field(default_factory=time.monotonic)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, count: int) -> None:
        """This thread begins a file of so many frames."""
        with self.lock:
            self.within[threading.get_ident()] = 0, count, 0

    def part(self, number: int, count: int, pixels: int) -> None:
        """It has restored so many of ``count`` parts of a frame, this one of ``pixels``."""
        if count == 1:
            return
        with self.lock:
            thread = threading.get_ident()
            done, frames, known = self.within.get(thread, (0, 1, 0))
            self.within[thread] = done, frames, known + pixels
            self.pixels += pixels
            self.partly[thread] = (done + number / count) / frames
            self.frames = f", part {number:,} of {count:,}" + (f" of frame {done + 1:,}" if frames > 1 else "")
            self._tell()

    def frame(self, number: int, count: int, pixels: int) -> None:
        """This thread has restored so many of a file's ``count`` frames, the last of ``pixels``."""
        with self.lock:
            thread = threading.get_ident()
            known = self.within.get(thread, (0, count, 0))[2]
            self.within[thread] = number, count, 0
            self.pixels += pixels - known
            self.partly[thread] = number / count
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
        self.progress.reached(f"{self.done:,} of {counted(self.files, 'file')}{self.frames}, {speed}{left}")
