"""Setup of the process before any heavy import: signals, and how threads wait."""

import os
import signal
from types import FrameType

from dlcli.errors import Interrupted

# OpenMP's own variable, and those of its implementations (GNU; LLVM and Intel), each of which says how threads wait.
WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY")
SPINS = "10000"  # of GNU's library, in place of its 300000: about half a millisecond


def prepare(threads: int | None = None) -> None:
    """Set up signals and threads; ``threads`` limits those that read tables.

    Processes that torchrun started share the cores of their host.

    Ctrl-C and SIGTERM: the first stops the work and saves what there is, the second ends at once.

    NumPy's BLAS gets one thread: the matrices here are thin blocks, which it can't split well, while its waiting
    threads take the cores from the CSV parser (2.5 s became 6 to 18 s on two busy cores). A user's own
    OPENBLAS_NUM_THREADS stands. Must run before NumPy is imported.

    OpenMP's threads sleep where they have to wait, see ``wait_passively``.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.pop("MPLBACKEND", None)  # charts are drawn without one, and a wrong name would fail the import
    neighbors = os.environ.get("LOCAL_WORLD_SIZE", "1")  # processes of this run on this host, as torchrun says
    if threads is not None:
        os.environ["POLARS_MAX_THREADS"] = str(threads)  # read once, as polars is loaded
    elif neighbors.isdecimal() and int(neighbors) > 1:
        os.environ.setdefault("POLARS_MAX_THREADS", str(max(1, (os.cpu_count() or 1) // int(neighbors))))
    wait_passively()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, _handle)


def wait_passively() -> None:
    """Have OpenMP's threads sleep, after a short spin, while they wait for each other; before torch is imported.

    A thread that spins holds a core until the scheduler takes it away. Where other programs want the cores too, that
    is the very core which the thread it waits for would need: `benchmarks/busy.py` measures what that costs. A spin
    that covers the gaps between two operations costs little there, and without it an idle machine loses 9%. What the
    user has set stands. The OpenMP library reads its variables once, as it is loaded.
    """
    if not any(name in os.environ for name in WAITING):
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
        os.environ["GOMP_SPINCOUNT"] = SPINS


def _handle(signum: int, _frame: FrameType | None) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    raise Interrupted(signum)
