"""How a search is shown while it runs: a table that fills and re-sorts, or a line for each trial."""

import math
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dlcli.cli.console import Console, fitting
from dlcli.text import duration

if TYPE_CHECKING:
    from rich.console import Group

    from dlcli.search.ranking import Choice
    from dlcli.search.records import Record

VISIBLE = 12  # trials that the live table shows


class SearchConsole(Console):
    """A console that follows a search."""

    def __init__(self, *, quiet: bool = False, json_output: bool = False) -> None:
        super().__init__(quiet=quiet, json_output=json_output)
        self.names: tuple[str, ...] = ()
        self.metric, self.larger = "", False
        self.runs: int | None = None
        self.ended = 0
        self._records: dict[int, Record] = {}
        self._best: int | None = None
        self._table: _TrialTable | None = None

    def search(self, title: str, names: tuple[str, ...], metric: str, larger: bool, runs: int | None) -> None:
        """A search begins."""
        self.names, self.metric, self.larger, self.runs = names, metric, larger, runs
        if self.live_allowed:
            self._table = _TrialTable(title, self)
        elif not self.quiet:
            self.note(title)

    def trial(self, record: "Record", progress: float) -> None:
        """A trial has ended."""
        self.ended += 1
        mark = self._mark(record)
        if self._table:
            self._table.add(record, progress)
        elif not self.quiet:
            of = f" of {self.runs}" if self.runs and self.ended <= self.runs else ""  # a study may grow meanwhile
            params = "  ".join(f"{name} {self.value(record.params[name])}" for name in self.names)
            value = f"{self.metric} {self.value(record.value)}" if math.isfinite(record.value) else record.state
            seconds = duration(record.outcome.seconds) if record.outcome else ""
            state = f"  {record.state}" if record.state == "pruned" else ""
            line = f"trial {record.number}  {params}  {value}{state}{mark}  {seconds}"
            print(f"{line}  (run {self.ended}{of})", file=sys.stderr, flush=True)

    def known(self, records: "Sequence[Record]") -> None:
        """Trials that ended before this process began, or elsewhere."""
        if self._table:
            self._table.records.extend(record for record in records if record.ended)
        before = self._best
        self._chosen(records)
        if self.ended and self._best != before and not self.quiet:
            self.note(f"best: trial {self._best}, run elsewhere")

    def _chosen(self, records: "Sequence[Record]") -> "Choice":
        """The best trial of those trained in full, the ``records`` among them, and what is tied with it."""
        from dlcli.search.ranking import choose

        if self.names != ("seed",):
            self._records |= {r.number: r for r in records if r.state == "complete" and math.isfinite(r.value)}
        choice = choose(list(self._records.values()), larger=self.larger)
        self._best = choice.best.number if choice.best else None
        return choice

    def _mark(self, record: "Record") -> str:
        """Whether the trial is the best so far of those trained in full, or tied with it; or which one is it now."""
        before, choice = self._best, self._chosen([record])
        if self._best == record.number:
            return "  best"
        if self._best != before:
            return f"  best: trial {self._best}"
        return f"  tied with trial {self._best}" if record.number in choice.marks else ""

    def end(self) -> None:
        """The search has ended."""
        if self._table:
            self._table.close()
            self._table = None
        super().end()

    @staticmethod
    def value(value: object) -> str:
        """A value of an option or a metric as a table shows it."""
        if value is None:
            return "-"
        return f"{value:.6g}" if isinstance(value, float) else str(value)


class _TrialTable:
    """The best trials so far and the time left, redrawn in place on stderr."""

    def __init__(self, title: str, console: SearchConsole) -> None:
        from rich.console import Console as RichConsole
        from rich.live import Live

        self.title, self.console = title, console
        self.records: list[Record] = []
        self.progress = 0.0
        self.begin = time.monotonic()
        # Transient: the last table is the result of the command, on stdout.
        self.live = Live(console=RichConsole(stderr=True), refresh_per_second=4, transient=True)
        self.live.start()
        self.live.update(self._drawn())

    def add(self, record: "Record", progress: float) -> None:
        self.records = [r for r in self.records if r.number != record.number] + [record]
        self.progress = progress
        self.live.update(self._drawn())

    def close(self) -> None:
        self.live.stop()

    def _drawn(self) -> "Group":
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        from dlcli.search.ranking import choose

        choice = choose(self.records, larger=self.console.larger)
        best = choice.order
        ranked = set(map(id, best))
        rest = [r for r in self.records if id(r) not in ranked]
        shown = [*best, *rest][:VISIBLE]
        names = ("trial", *self.console.names, self.console.metric, "state", "time")
        marks = choice.marks
        rows = [self._cells(record, marks.get(record.number, "")) for record in shown]
        cells = fitting([names, *rows], ("time", "state", "trial"), self.live.console.width)
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in cells[0]:
            table.add_column(Text(name), justify="right", no_wrap=True)
        for record, row in zip(shown, cells[1:], strict=True):
            table.add_row(*map(Text, row), style="bold" if best and record is best[0] else "")
        return Group(Text(self.title, style="bold"), table, Text(self._time_left()))

    def _cells(self, record: "Record", mark: str) -> list[str]:
        params = [self.console.value(record.params[name]) for name in self.console.names]
        seconds = duration(record.outcome.seconds) if record.outcome else ""
        value = self.console.value(record.value) if math.isfinite(record.value) else "-"
        state = f"{record.state}, {mark}" if mark else record.state
        return [str(record.number), *params, value, state, seconds]

    def _time_left(self) -> str:
        of = f" of {self.console.runs:,}" if self.console.runs else ""
        text = f"{self.console.ended:,}{of} runs"
        if not 0 < self.progress < 1:
            return text
        passed = time.monotonic() - self.begin
        return f"{text}, {duration(passed * (1 - self.progress) / self.progress)} left"
