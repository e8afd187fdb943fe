"""What a search tells while it works."""

from typing import TYPE_CHECKING, Protocol

from dlcli.engine.progress import Progress, Silent
from dlcli.search.records import Record

if TYPE_CHECKING:
    pass


class SearchProgress(Progress, Protocol):
    """Receives what happens during a search."""

    def search(self, title: str, names: tuple[str, ...], metric: str, larger: bool, runs: int | None) -> None:
        """A search of so many runs begins."""

    def known(self, records: list[Record]) -> None:
        """Trials that ended before this process began, or elsewhere: the best may be one of them."""

    def trial(self, record: Record, progress: float) -> None:
        """A trial has ended; ``progress`` is the share of the search that is done."""


class SilentSearch(Silent):
    """Shows nothing."""

    def search(self, title: str, names: tuple[str, ...], metric: str, larger: bool, runs: int | None) -> None:
        """Ignore."""

    def known(self, records: list[Record]) -> None:
        """Ignore."""

    def trial(self, record: Record, progress: float) -> None:
        """Ignore."""
