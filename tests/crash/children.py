"""Runs of dlcli in forked processes, which can be killed at a moment or at one of their writes.

A fork of a process that has imported torch already starts in milliseconds. The parent must not compute anything with
torch: its threads would not exist in the children.
"""

import builtins
import ctypes
import io
import json
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIMIT = 60.0  # seconds after which a run counts as hanging
PARENT_DIES = 1  # PR_SET_PDEATHSIG of prctl
WRITES = ("replace", "rename", "unlink", "remove", "mkdir")


@dataclass(frozen=True)
class Ended:
    """How a run ended: its exit code (negative: the signal), its messages, how long it took, its points of writing."""

    code: int
    errors: str
    seconds: float
    points: int
    delay: float = 0.0  # from the signal to the end


@dataclass(frozen=True)
class Blow:
    """What is done to a run: a signal after ``seconds``, or SIGKILL at the ``point``-th point of its writing."""

    seconds: float | None = None
    point: int | None = None
    signum: int = signal.SIGKILL

    def __str__(self) -> str:
        what = signal.Signals(self.signum).name
        return f"{what} at point {self.point}" if self.seconds is None else f"{what} after {self.seconds:.3f} s"


def prepare() -> None:
    """Import what every run needs, once."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    import safetensors.numpy  # noqa: F401
    import torch
    import torch._dynamo  # the optimizers do

    import dlcli.cli.train_deconv
    import dlcli.tasks.train_deconv  # noqa: F401
    from dlcli.reports.charts import confusion, line, sheets

    torch.set_num_threads(1)
    # Half of a tiny run would go into drawing: what would be drawn is written instead.
    for name in ("class_sheet", "sample_sheet"):
        setattr(sheets, name, _undrawn)
    vars(line)["loss_chart"] = vars(confusion)["confusion_chart"] = _Undrawn


def _undrawn(*arguments: Any, **options: Any) -> bytes:
    return json.dumps([arguments, options], default=lambda v: v.tolist() if hasattr(v, "tolist") else vars(v)).encode()


class _Undrawn:
    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._bytes = _undrawn(*arguments, **options)

    def to_bytes(self) -> bytes:
        return self._bytes


def run(arguments: Sequence[str], folder: Path, blow: Blow | None = None) -> Ended:
    """Run ``dlcli`` with these arguments in ``folder``, in a fork of this process."""
    sys.stdout.flush()
    sys.stderr.flush()
    begin = time.monotonic()
    pid = os.fork()
    if not pid:
        try:
            os._exit(_child(arguments, folder, blow))
        except BaseException:
            traceback.print_exc()
            os._exit(99)
    code, delay = _wait(pid, begin, blow)
    count = folder / "points.txt"
    points = int(count.read_text()) if count.exists() else 0
    count.unlink(missing_ok=True)
    errors = (folder / "stderr.txt").read_text(errors="replace") if (folder / "stderr.txt").exists() else ""
    return Ended(code, errors, time.monotonic() - begin, points, delay)


def _wait(pid: int, begin: float, blow: Blow | None) -> tuple[int, float]:
    handle = os.pidfd_open(pid)
    struck = begin
    try:
        timer = None if blow is None else blow.seconds
        if timer is not None and not select.select([handle], [], [], max(0.0, begin + timer - time.monotonic()))[0]:
            assert blow is not None
            os.kill(pid, blow.signum)
            struck = time.monotonic()
        if not select.select([handle], [], [], LIMIT)[0]:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return -999, LIMIT
    finally:
        os.close(handle)
    delay = time.monotonic() - struck
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), delay


def _child(arguments: Sequence[str], folder: Path, blow: Blow | None) -> int:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PARENT_DIES, signal.SIGKILL)
    os.chdir(folder)
    for number, name in ((1, "stdout.txt"), (2, "stderr.txt")):
        handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, number)
        os.close(handle)
    points = Points(0 if blow is None else blow.point or 0)
    points.install()
    from dlcli.cli.app import run as run_app

    code = run_app(list(arguments))
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    points.open("points.txt", "w").write(str(points.count))
    return code


class Points:
    """Counts the points of writing of this process, and ends it at one of them.

    A point lies before each call that changes a file or folder, and in the middle of each write, of which half is
    then in the file. What is written to the streams is no point.
    """

    def __init__(self, last: int) -> None:
        self.count, self.last = 0, last
        self.open = io.open

    def pass_one(self) -> None:
        self.count += 1
        if self.count == self.last:
            os.kill(os.getpid(), signal.SIGKILL)

    def install(self) -> None:
        for name in WRITES:
            setattr(os, name, self._before(getattr(os, name)))
        # A kill loses nothing of what the system holds, and waiting for the disk would be a third of the time.
        os.fsync = self._before(lambda handle: None)
        io.open = builtins.open = self._opened

    def _before(self, function: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            self.pass_one()
            return function(*arguments, **options)

        return call

    def _opened(self, file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if not set(mode) & set("wax+"):
            return self.open(file, mode, *arguments, **options)
        self.pass_one()
        return _Halved(self.open(file, mode, *arguments, **options), self)


class _Halved:
    """A stream of which a write may end in the middle."""

    def __init__(self, stream: Any, points: Points) -> None:
        self._stream, self._points = stream, points

    def write(self, data: Any) -> int:
        half = len(data) // 2
        self._points.pass_one()
        self._stream.write(data[:half])
        if self._points.count + 1 == self._points.last:
            self._stream.flush()
        self._points.pass_one()
        self._stream.write(data[half:])
        return len(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __enter__(self) -> "_Halved":
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.close()
