"""Progress of a search."""

from collections.abc import Sequence
from typing import Protocol

from dlcli.engine.progress import Progress, Silent
from dlcli.search.records import Record


class Watcher(Protocol):
    """Gets each record as it ends."""

    def trial(self, record: Record, progress: float) -> None:
        """A trial has ended; ``progress`` is the share of the whole search that is done, as far as that is known."""


class SearchProgress(Progress, Watcher, Protocol):
    """Receives what happens during a search; the console shows it, a Python caller may ignore it."""

    def search(self, title: str, names: tuple[str, ...], metric: str, larger: bool, runs: int | None) -> None:
        """A search of so many runs begins."""

    def known(self, records: Sequence[Record]) -> None:
        """Trials that ended before this process began, or elsewhere: the best may be one of them."""


class IgnoredTrials:
    """Shows nothing of trials: the parent process reads them from the study."""

    def trial(self, record: Record, progress: float) -> None:
        """Ignore."""


class SilentSearch(IgnoredTrials, Silent):
    """Shows nothing."""

    def search(self, title: str, names: tuple[str, ...], metric: str, larger: bool, runs: int | None) -> None:
        """Ignore."""

    def known(self, records: Sequence[Record]) -> None:
        """Ignore."""
