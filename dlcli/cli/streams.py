"""Standard output and standard error that never interrupt the work: what can't be written is remembered."""

import errno
import io
import os
import sys
import time
import warnings
from typing import Any

from dlcli.errors import ExitCode


class Sink(io.RawIOBase):
    """Passes bytes on to ``raw`` until that fails; from then on they are dropped, ``error`` saying why.

    A reader that has gone or a disk that is full must neither end a training before it is saved nor turn a check that
    failed into another exit code, whoever prints: this project, Rich or Typer.
    """

    def __init__(self, raw: Any) -> None:
        self.raw = raw
        self.error: OSError | None = None

    def writable(self) -> bool:
        """Always."""
        return True

    def fileno(self) -> int:
        """The descriptor below."""
        return int(self.raw.fileno())

    def isatty(self) -> bool:
        """Whether a terminal is below."""
        return bool(self.raw.isatty())

    def write(self, data: Any) -> int:
        """All of ``data``, or nothing any more."""
        size = len(memoryview(data).cast("B"))
        written = 0
        while self.error is None and written < size:
            try:
                count = self.raw.write(memoryview(data).cast("B")[written:])
            except OSError as error:
                self.error = error
            else:
                written += count or 0
                if count is None:  # a pipe that is full, and that another program has set not to wait
                    time.sleep(0.01)
        return size


closed: set[str] = set()  # the standard streams that the process was started without


def guard() -> None:
    """Put a Sink below stdout and stderr, and escape what their encoding lacks; for a process of its own."""
    if not sys.warnoptions:
        # Python's warnings name lines of code, and are for those who write it: a fit that diverges does overflow.
        warnings.simplefilter("ignore")
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # Else the next file that is opened, a model perhaps, would get this number, and what libraries print.
            os.open(os.devnull, os.O_RDWR)
            closed.add(name)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8")  # noqa: SIM115
    for number, name in enumerate(("stdout", "stderr"), 1):
        stream = getattr(sys, name)
        encoding = stream.encoding if stream is not None else "utf-8"
        if os.name == "nt" and stream is not None:
            below = getattr(stream.buffer, "raw", stream.buffer)  # a console has its own way to Unicode
        else:
            # Of stderr a copy: where libraries in C print their own lines, dlcli.images.formats.depth turns 2 off.
            below = open(os.dup(2) if number == 2 else 1, "wb", buffering=0, closefd=False)  # noqa: SIM115
        sink = Sink(below)
        buffered = io.BufferedWriter(sink)
        text = io.TextIOWrapper(
            buffered, encoding, errors="backslashreplace", line_buffering=name == "stderr" or sink.isatty()
        )
        setattr(sys, name, text)


def settled(code: int) -> int:
    """The exit code after all that was printed has gone out: 2 where the result of a command did not arrive.

    A reader that has left early (``head``) has what it wanted, and a code that says more than 0 stands.
    """
    failure: OSError | None = None
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        sink = getattr(getattr(stream, "buffer", None), "raw", None)
        if stream is sys.stdout and isinstance(sink, Sink):
            failure = sink.error
    gone = isinstance(failure, BrokenPipeError) or (os.name == "nt" and failure and failure.errno == errno.EINVAL)
    if failure is None or gone:
        return code
    reason = failure.strerror or str(failure)
    print(f"dlcli: stdout cannot be written: {reason}: free some space; what was saved stands", file=sys.stderr)
    sys.stderr.flush()
    return code or int(ExitCode.USAGE)
