"""The tracker of a run while it goes, by the name that ``--log-to`` has."""

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dlcli.errors import DlcliError
from dlcli.runs.directory import RunDirectory, UnwrittenRun

if TYPE_CHECKING:
    from dlcli.runs.trackers.base import Tracker

Warn = Callable[[str], None]


def check_installed(to: str) -> None:
    """Raises DlcliError where the package that ``--log-to`` takes isn't installed: before anything is read."""
    if to != "none" and importlib.util.find_spec(to) is None:
        raise DlcliError(f"--log-to {to} takes the package {to}, which is not installed", f"pip install 'dlcli[{to}]'")


@contextmanager
def tracked(to: str, run: RunDirectory, warn: Warn, resumed: bool = False) -> Iterator[None]:
    """Write the reports of ``run`` also to ``to``, and with the end of the block all else of it.

    Raises DlcliError where it can't begin; later failures are warned of, and the run goes on.
    """
    if to == "none" or isinstance(run, UnwrittenRun):
        yield
        return
    check_installed(to)
    run.tracker = tracker = _opened(to, run, warn, resumed)
    try:
        yield
    finally:
        run.tracker = None
        tracker.end(run.path)


def _opened(to: str, run: RunDirectory, warn: Warn, resumed: bool) -> "Tracker":
    if to == "tensorboard":
        from dlcli.runs.trackers.tensorboard import TensorBoard

        return TensorBoard(run.path, resumed, warn)
    from dlcli.runs.trackers.mlflow import MLflow

    return MLflow(run, resumed, warn)
