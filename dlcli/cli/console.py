"""All output: a live table on a terminal, plain lines in a pipe, JSON with --json."""

import os
import re
import shutil
import sys
import textwrap
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TextIO

from dlcli.text import counted, duration, one_line, printable, printable_path

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live

    from dlcli.engine.loop import Step
    from dlcli.engine.progress import Result

VISIBLE_REPORTS = 12
BETWEEN_LINES = 10.0  # seconds between two lines on how far a task is, where there is no terminal
GAP = 2  # characters between two columns
LEAST_TEXT = 16  # characters in a line of a folded text, at least
FURTHER = ("balanced_accuracy", "macro_f1")  # metrics that are shown where there is room, and at the end
NAME_WIDTH, NARROW_NAME_WIDTH = 24, 12  # of a table's first column, at least, where names are longer; on a terminal


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if value == value else "-"


def fitted(text: str, stream: TextIO) -> str:
    """``text`` as it is; on a terminal broken at spaces, where the terminal would else break within words.

    An option stays with its value, and a quoted word whole: they are to be copied.
    """
    if not stream.isatty():
        return text
    width = shutil.get_terminal_size().columns
    whole = re.sub(r"(?<!\S)'[^'\n]*'|(?<!\S)--[a-z][a-z-]* (?=\S)", lambda found: found[0].replace(" ", "\0"), text)
    return textwrap.fill(whole, width, break_long_words=False, break_on_hyphens=False).replace("\0", " ")


def fitting(rows: Sequence[Sequence[str]], least: Sequence[str], width: int) -> list[list[str]]:
    """The table ``rows``, headings first, without those of its ``least`` important columns that don't fit."""
    from rich.cells import cell_len

    columns = [list(column) for column in zip(*rows, strict=True)]
    for heading in least:
        if sum(max(map(cell_len, column)) + GAP for column in columns) - GAP <= width:
            break
        columns = [column for column in columns if column[0] != heading]
    return [list(row) for row in zip(*columns, strict=True)]


def _padded(value: float | None, digits: int) -> str:
    """A number of so many digits for a column: 21.90 below 22.54.

    >>> [_padded(value, 4) for value in (22.54, 21.9, 0.489, 1234.0)]
    ['22.54', '21.90', '0.4890', '1234']
    """
    if value is None:
        return ""
    return f"{value:#.{digits}g}".rstrip(".") if value == value else "-"


def _measured(step: "Step") -> dict[str, float]:
    """The metrics that a line shows: the inputs' own never change, and the log-loss is the loss."""
    return {n: v for n, v in step.metrics.items() if not n.startswith("input_") and n not in ("log_loss", *FURTHER)}


class Console:
    """Progress and messages on stderr, results on stdout."""

    def __init__(self, *, quiet: bool = False, json_output: bool = False) -> None:
        self.quiet, self.json_output = quiet, json_output
        self.live_allowed = not quiet and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._live: _LiveTable | None = None
        self.show: Callable[[Any], None] = lambda _report: None  # as tables, in the way of each command
        self.has_shown = False
        self._line: Live | None = None
        self._told = time.monotonic()

    def note(self, text: str) -> None:
        """A fact worth knowing, on stderr."""
        if not self.quiet:
            self._message(text)

    def warn(self, text: str) -> None:
        """A warning, on stderr."""
        if not self.quiet:
            self._message(f"warning: {text}")

    def _message(self, text: str) -> None:
        print(fitted("dlcli: " + one_line(text), sys.stderr), file=sys.stderr)

    def failures(self, texts: Sequence[str]) -> None:
        """Checks that do not hold, on stderr even when quiet: a CI log must say why the job failed."""
        for text in texts:
            self._message(text)

    def listing(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table of texts on stderr."""
        if not self.quiet:
            print_texts(columns, rows, sys.stderr)

    def reached(self, text: str) -> None:
        """How far a task is: a line that replaces itself on a terminal, elsewhere one at times; "" at the end."""
        if self.live_allowed:
            self._live_line(text)
        elif not self.quiet and text and time.monotonic() - self._told > BETWEEN_LINES:
            self._told = time.monotonic()
            self._message(text)

    def _live_line(self, text: str) -> None:
        from rich.console import Console as RichConsole
        from rich.live import Live
        from rich.text import Text

        if self._line is None and text:
            self._line = Live(console=RichConsole(stderr=True), refresh_per_second=8, transient=True)
            self._line.start()
        if self._line is not None:
            self._line.update(Text(text))
        if self._line is not None and not text:
            self._line.stop()
            self._line = None

    def begin(self, title: str, steps: int | None, has_validation: bool, seconds: float | None = None) -> None:
        """Training begins; it takes so many steps, or seconds."""
        if self.live_allowed:
            self._live = _LiveTable(printable_path(title), steps, has_validation, seconds)
        elif not self.quiet:
            self._message(title)

    def step(self, step: "Step") -> None:
        """One report: a row of the live table, or a plain line."""
        if self._live:
            self._live.add(step)
        elif not self.quiet:
            validation = f"  val_loss {_number(step.val_loss)}" if step.val_loss is not None else ""
            measured = "".join(f"  {name} {value:.4g}" for name, value in _measured(step).items())
            print(
                f"step {step.step}  loss {_number(step.loss)}{validation}{measured}  lr {_number(step.lr)}  "
                f"gradient_norm {_number(step.gradient_norm)}  {duration(step.seconds)}",
                file=sys.stderr,
                flush=True,
            )

    def end(self) -> None:
        """Training has ended."""
        if self._live:
            self._live.close()
            self._live = None

    def result(self, report: "Result") -> None:
        """Print the result on stdout, once: before the charts are drawn, so that nobody waits for them."""
        if self.has_shown:
            return
        self.has_shown = True
        if self.json_output:
            self.document(report)
        elif not self.quiet:
            self.show(report)
        sys.stdout.flush()

    def document(self, report: "Result") -> None:
        """The report as JSON on stdout."""
        # What an encoding lacks is escaped as JSON escapes it, not as Python does.
        print(report.to_json(ascii_only=(sys.stdout.encoding or "").lower().replace("-", "") != "utf8"))

    def table(
        self, columns: Sequence[str], rows: Sequence[Sequence[str]], title: str = "", least: Sequence[str] = ()
    ) -> None:
        """A result table on stdout: first column text, the others numbers.

        On a terminal that is too narrow the ``least`` important columns are left out, the first of them first.
        """
        from rich.cells import cell_len
        from rich.console import Console as RichConsole
        from rich.table import Table
        from rich.text import Text

        console = RichConsole(file=sys.stdout, highlight=False)
        if least and sys.stdout.isatty():
            kept = fitting([columns, *rows], least, console.width)
            columns, rows = kept[0], kept[1:]
        table = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
        for number, column in enumerate(columns):
            # A number that is cut or folded can be misread; a name can't.
            justify: Literal["left", "right"] = "right" if number else "left"
            table.add_column(printable(column), justify=justify, overflow="fold", no_wrap=bool(number))
        for row in rows:
            # Text objects: names from data are shown as they are, never read as markup.
            table.add_row(*(Text(printable(cell)) for cell in row))
        widths = [max(map(cell_len, map(printable, cells))) for cells in zip(columns, *rows, strict=True)]
        name = min(widths[0], NARROW_NAME_WIDTH if sys.stdout.isatty() else NAME_WIDTH)
        # Rich would cut numbers to the width of the terminal, or to 80 characters where there is none.
        console.width = max(console.width, name + sum(width + GAP for width in widths[1:]))
        console.print(table)

    def facts(self, rows: Sequence[Sequence[str]]) -> None:
        """Names, each with a text beside it, on stdout; on a terminal that is folded between words."""
        name_width = max(len(row[0]) for row in rows) + GAP
        for name, text in rows:
            line = name.ljust(name_width) + printable_path(text)
            if sys.stdout.isatty():
                line = textwrap.fill(
                    line, shutil.get_terminal_size().columns, subsequent_indent=" " * name_width,
                    break_long_words=False, break_on_hyphens=False,
                )  # fmt: skip
            print(line)

    def line(self, text: str) -> None:
        """One line of the result on stdout."""
        print(fitted(text, sys.stdout))

    def command(self, text: str) -> None:
        """A command line on stdout, never broken: it is to be copied."""
        print(text)


def print_texts(columns: Sequence[str], rows: Sequence[Sequence[str]], file: TextIO) -> None:
    """A table of texts, its last column folded between words where the terminal is too narrow; else a line each.

    No word is broken: a folded text in a narrow column can't be read. Where there is no terminal lines stay whole.
    """
    from rich.cells import cell_len
    from rich.console import Console as RichConsole
    from rich.table import Table
    from rich.text import Text

    rows = [[printable_path(cell) for cell in row] for row in rows]
    console = RichConsole(file=file, highlight=False)
    if not file.isatty():
        console.width = 10_000
    widths = [max(map(cell_len, cells)) for cells in zip(columns, *rows, strict=True)]
    rest = console.width - sum(width + GAP for width in widths[:-1])
    words = max((cell_len(word) for row in rows for word in row[-1].split()), default=0)
    if widths[-1] > rest and rest < max(words, LEAST_TEXT):
        for row in rows:
            print(_as_line(columns, row, console.width), file=file)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        last = number == len(columns) - 1
        width = min(widths[-1], rest) if last else widths[number]
        table.add_column(column, width=width, no_wrap=not last, justify="right" if column == "missing" else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)


def _as_line(columns: Sequence[str], row: Sequence[str], width: int) -> str:
    """A row of texts as a paragraph: the first, what the others are by the names of their columns, then the last."""
    named = zip(columns[1:-1], row[1:-1], strict=True)
    parts = ", ".join(f"{name} {cell}" for name, cell in named if cell) + (f"; {row[-1]}" if row[-1] else "")
    return textwrap.fill(
        f"{row[0]}: {parts}", width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


class _LiveTable:
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
        if self.reports and self.reports[-1].step == step.step:
            self.reports.pop()  # a signal during a report is answered by another one of the same step
        self.reports.append(step)
        self.live.update(self._table())

    def close(self) -> None:
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
        columns = [["step", *(f"{s.step:,}" for s in reports)], ["loss", *(_padded(s.loss, 6) for s in reports)]]
        if self.has_validation:
            columns.append(["val loss", *(_padded(s.val_loss, 6) for s in reports)])
        columns += [[name, *(_padded(s.metrics[name], 4) for s in reports)] for name in _measured(reports[-1])]
        columns.append(["lr", *(_number(s.lr) for s in reports)])
        gradients = [f"{s.gradient_norm:.2e}" if s.gradient_norm == s.gradient_norm else "-" for s in reports]
        columns.append(["gradient norm", *gradients])
        further = [name for name in FURTHER if name in reports[-1].metrics]
        columns += [[name.replace("_", " "), *(_padded(s.metrics[name], 4) for s in reports)] for name in further]
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
