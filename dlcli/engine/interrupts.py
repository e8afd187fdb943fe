"""Ctrl-C and SIGTERM wait for the end of a step, so that what is saved is never half a step."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from dlcli.errors import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM)
SLICE = 0.1  # seconds of training between two looks at whether a signal has come

_waiting: list[tuple[int, float]] = []  # the signal that was noted, and when (time.monotonic)


def waiting() -> tuple[int, float]:
    """The signal that was noted, 0 for none, and for how many seconds it has waited."""
    return (_waiting[0][0], time.monotonic() - _waiting[0][1]) if _waiting else (0, 0.0)


@contextmanager
def telling(left: Callable[[], str]) -> Iterator[None]:
    """A signal that ends what is within says by ``left`` what there is of the work by then."""
    try:
        yield
    except Interrupted as interrupt:
        interrupt.left = interrupt.left or left()
        raise


@contextmanager
def deferred_signals() -> Iterator[Callable[[], None]]:
    """Within, the first signal is only noted; the function given raises Interrupted for it when called.

    A second signal ends the process at once. Outside the main thread, where Python allows no handlers, nothing
    changes.
    """
    noted: list[int] = []

    def note(signum: int, _frame: FrameType | None) -> None:
        noted.append(signum)
        _waiting[:] = [(signum, time.monotonic())]
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)

    def check() -> None:
        if noted:
            raise Interrupted(noted[0])

    if threading.current_thread() is not threading.main_thread():
        yield check
        return
    before = [signal.signal(number, note) for number in SIGNALS]
    try:
        yield check
    finally:
        _waiting.clear()  # the next run in this process has had none
        if not noted:  # after the first signal the default handlers stay: a second one ends the process
            for number, handler in zip(SIGNALS, before, strict=True):
                signal.signal(number, handler)
