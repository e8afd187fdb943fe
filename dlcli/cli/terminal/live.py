"""The last reports of a training and the time left, redrawn in place."""

from collections import deque
from typing import TYPE_CHECKING

from dlcli.text import counted, duration

if TYPE_CHECKING:
    from rich.console import Group

    from dlcli.engine.loop import Step

VISIBLE_REPORTS = 12
FURTHER = ("balanced_accuracy", "macro_f1")  # metrics that are shown where there is room, and at the end


def short(value: float | None) -> str:
    """Six digits; "" for None."""
    if value is None:
        return ""
    return f"{value:.6g}" if value == value else "-"


def padded(value: float | None, digits: int) -> str:
    """A number of so many digits for a column: 21.90 below 22.54.

    >>> [padded(value, 4) for value in (22.54, 21.9, 0.489, 1234.0)]
    ['22.54', '21.90', '0.4890', '1234']
    """
    if value is None:
        return ""
    return f"{value:#.{digits}g}".rstrip(".") if value == value else "-"


def measured(step: "Step") -> dict[str, float]:
    """The metrics that a line shows: the inputs' own never change, and the log-loss is the loss."""
    return {n: v for n, v in step.metrics.items() if not n.startswith("input_") and n not in ("log_loss", *FURTHER)}


class LiveTable:
    """The last reports and the time left, redrawn in place on stderr."""

    def __init__(self, title: str, steps: int | None, has_validation: bool, seconds: float | None) -> None:
        from rich.console import Console as RichConsole
        from rich.live import Live

        self.title, self.steps, self.has_validation, self.seconds = title, steps, has_validation, seconds
        self.reports: deque[Step] = deque(maxlen=VISIBLE_REPORTS)
        self.live = Live(console=RichConsole(stderr=True), refresh_per_second=8, transient=False)
        self.live.start()
        self.live.update(self._table())  # the first report may take a while

    def add(self, step: "Step") -> None:
        """One more report."""
        if self.reports and self.reports[-1].step == step.step:
            self.reports.pop()  # a signal during a report is answered by another one of the same step
        self.reports.append(step)
        self.live.update(self._table())

    def close(self) -> None:
        """The last one is shown."""
        self.live.stop()

    def _table(self) -> "Group":
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        title = Text(self.title, style="bold")
        if not self.reports:
            return Group(title)
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in self._columns():
            table.add_column(column[0], justify="right", no_wrap=True)
        for cells in zip(*(column[1:] for column in self._columns()), strict=True):
            table.add_row(*cells)
        return Group(title, table, Text(self._time_left()))

    def _columns(self) -> list[list[str]]:
        """The columns that fit the terminal, each with its heading first. They are never cut: a cut number misleads."""
        reports = list(self.reports)
        columns = [["step", *(f"{s.step:,}" for s in reports)], ["loss", *(padded(s.loss, 6) for s in reports)]]
        if self.has_validation:
            columns.append(["val loss", *(padded(s.val_loss, 6) for s in reports)])
        columns += [[name, *(padded(s.metrics[name], 4) for s in reports)] for name in measured(reports[-1])]
        columns.append(["lr", *(short(s.lr) for s in reports)])
        gradients = [f"{s.gradient_norm:.2e}" if s.gradient_norm == s.gradient_norm else "-" for s in reports]
        columns.append(["gradient norm", *gradients])
        further = [name for name in FURTHER if name in reports[-1].metrics]
        columns += [[name.replace("_", " "), *(padded(s.metrics[name], 4) for s in reports)] for name in further]
        while len(columns) > 2 and sum(max(map(len, c)) + 2 for c in columns) - 2 > self.live.console.width:
            columns.pop()
        return columns

    def _time_left(self) -> str:
        last = self.reports[-1]
        if last.status:
            return f"{last.status} after {counted(last.step, 'step')}, {duration(last.seconds)} ({last.reason})"
        rate = last.step / last.seconds if last.seconds else 0.0
        speed = f"{rate:,.0f} steps/s" if rate >= 100 else f"{rate:.3g} steps/s"
        if self.steps is None:
            return f"{speed}, {duration(max((self.seconds or 0.0) - last.seconds, 0.0))} left"
        if not rate:
            return f"of {counted(self.steps, 'step')}"
        return f"{speed}, at most {duration((self.steps - last.step) / rate)} left"
