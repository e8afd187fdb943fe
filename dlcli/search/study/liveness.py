"""Which worker runs a trial, and whether that worker is alive."""

import datetime
import os
import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optuna.storages import RDBStorage
    from optuna.trial import Trial

NAMELESS = 60.0  # seconds after which a trial that was claimed without a word is taken for lost


def this_worker() -> str:
    """HOST:PID:START of this process; the start tells it from a later process of the same number."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}"


def _started(pid: int) -> str:
    """When a process started, in the kernel's ticks since boot; empty where that can't be read."""
    try:
        # The second field, the name in brackets, may itself hold spaces and brackets.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _exists(pid: int) -> bool:
    if sys.platform == "win32":
        return True  # asking by signal would end the process there
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def is_dead(worker: str, begun: datetime.datetime | None) -> bool:
    """Whether a worker of this machine has died. Workers of other machines count as alive."""
    if not worker:
        return begun is not None and (datetime.datetime.now() - begun).total_seconds() > NAMELESS
    host, _, rest = worker.rpartition(":")[0].rpartition(":")
    start = worker.rpartition(":")[2]
    if host != socket.gethostname() or not rest.isdigit():
        return False
    return not _exists(int(rest)) or _started(int(rest)) != start


class Heartbeat:
    """Tells the database at intervals that this process still works on its trials."""

    def __init__(self, storage: "RDBStorage", seconds: float) -> None:
        self.storage, self.seconds = storage, seconds
        self._trials: set[int] = set()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True, name="heartbeat")
        self._thread.start()

    def add(self, trial: "Trial") -> None:
        """Begin with a trial; the first heartbeat is sent at once."""
        with self._lock:
            self._trials.add(trial._trial_id)
        self.storage.record_heartbeat(trial._trial_id)

    def remove(self, trial: "Trial") -> None:
        """The trial is ending."""
        with self._lock:
            self._trials.discard(trial._trial_id)

    def close(self) -> None:
        """Stop the heartbeat."""
        self._over.set()

    def _beat(self) -> None:
        while not self._over.wait(self.seconds):
            with self._lock:
                trials = list(self._trials)
            for trial in trials:
                try:
                    self.storage.record_heartbeat(trial)
                except Exception:
                    # A database that is away for a moment is no reason to end the training.
                    break
