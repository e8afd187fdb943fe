"""What a command sets up in its process before any heavy import: signals and BLAS threads."""

import os
import signal
from types import FrameType

from dlcli.errors import Interrupted


def prepare() -> None:
    """Ctrl-C and SIGTERM: the first stops the work and saves what there is, the second ends at once.

    NumPy's BLAS gets one thread: the matrices here are thin blocks, which it can't split well, while its waiting
    threads take the cores from the CSV parser (2.5 s became 6 to 18 s on two busy cores). A user's own
    OPENBLAS_NUM_THREADS stands. Must run before NumPy is imported.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, _handle)


def _handle(signum: int, frame: FrameType | None) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    raise Interrupted(signum)
