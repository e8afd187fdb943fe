"""Standard output and standard error that never interrupt the work: a failure to write is recorded instead."""

import errno
import io
import os
import sys
import time
import warnings
from typing import TYPE_CHECKING, Protocol

from dlcli.errors import ExitCode

if TYPE_CHECKING:
    from typing_extensions import Buffer


class Writable(Protocol):
    """The binary stream below a Sink."""

    def write(self, data: memoryview, /) -> int | None:
        """Write some of ``data``; how many bytes, or None where the stream would block."""

    def fileno(self) -> int:
        """The descriptor."""

    def isatty(self) -> bool:
        """Whether it is a terminal."""


class Sink(io.RawIOBase):
    """Passes bytes on to ``raw`` until that fails; later bytes are dropped, and ``error`` keeps the reason.

    A closed pipe (``head``) or a full disk must not end a training before it is saved, nor change the exit code of a
    failed check, whether the text comes from this project, Rich or Typer.
    """

    def __init__(self, raw: Writable) -> None:
        self.raw = raw
        self.error: OSError | None = None

    def writable(self) -> bool:
        """Always true."""
        return True

    def fileno(self) -> int:
        """The descriptor below."""
        return int(self.raw.fileno())

    def isatty(self) -> bool:
        """Whether a terminal is below."""
        return bool(self.raw.isatty())

    def write(self, data: "Buffer") -> int:
        """Write all of ``data``, or drop it after an error; returns its size in bytes."""
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
    """Put a Sink below stdout and stderr, and escape characters that their encoding lacks. Once per process."""
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
    """The exit code once all output is flushed: 2 if the command's result could not be written.

    A pipe that was closed early (``head``) is no failure, and a code other than 0 is kept.
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
    print(f"dlcli: cannot write to stdout: {reason}: free some space; what was saved is complete", file=sys.stderr)
    sys.stderr.flush()
    return code or int(ExitCode.USAGE)
