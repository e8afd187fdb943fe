"""Ctrl-C and SIGTERM: the first stops the work and saves what there is, the second ends at once."""

import signal
from types import FrameType

from dlcli.errors import Interrupted


def install() -> None:
    """Turn SIGINT and SIGTERM into ``Interrupted``."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, _handle)


def _handle(signum: int, frame: FrameType | None) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    raise Interrupted(signum)
