"""All output: a live table on a terminal, plain lines in a pipe, JSON with --json."""

import os
import re
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TextIO

from dlcli.cli.terminal.live import LiveTable, measured, short
from dlcli.text import duration, one_line, printable, printable_path

if TYPE_CHECKING:
    from rich.live import Live

    from dlcli.engine.loop import Step
    from dlcli.engine.progress import Result

BETWEEN_LINES = 10.0  # seconds between two lines on how far a task is, where there is no terminal
GAP = 2  # characters between two columns
LEAST_TEXT = 16  # characters in a line of a folded text, at least
NAME_WIDTH, NARROW_NAME_WIDTH = 24, 12  # of a table's first column, at least, where names are longer; on a terminal


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


class Console:
    """Progress and messages on stderr, results on stdout."""

    def __init__(self, *, quiet: bool = False, json_output: bool = False) -> None:
        self.quiet, self.json_output = quiet, json_output
        self.live_allowed = not quiet and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._live: LiveTable | None = None
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
            self._live = LiveTable(printable_path(title), steps, has_validation, seconds)
        elif not self.quiet:
            self._message(title)

    def step(self, step: "Step") -> None:
        """One report: a row of the live table, or a plain line."""
        if self._live:
            self._live.add(step)
        elif not self.quiet:
            validation = f"  val_loss {short(step.val_loss)}" if step.val_loss is not None else ""
            metrics = "".join(f"  {name} {value:.4g}" for name, value in measured(step).items())
            print(
                f"step {step.step}  loss {short(step.loss)}{validation}{metrics}  lr {short(step.lr)}  "
                f"gradient_norm {short(step.gradient_norm)}  {duration(step.seconds)}",
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
    if widths[-1] <= rest:  # nothing is folded, which needs no Rich, whose tables take 0.5 ms a row
        console.print(Text(_aligned(columns, columns, widths), style="bold"))
        file.write("".join(f"{_aligned(columns, row, widths)}\n" for row in rows))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        last = number == len(columns) - 1
        width = min(widths[-1], rest) if last else widths[number]
        table.add_column(column, width=width, no_wrap=not last, justify="right" if column == "missing" else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)


def _aligned(columns: Sequence[str], row: Sequence[str], widths: Sequence[int]) -> str:
    """A row of texts with each cell in its place."""
    from rich.cells import cell_len

    cells = []
    for column, cell, width in zip(columns, row, widths, strict=True):
        space = " " * (width - cell_len(cell))
        cells.append(space + cell if column == "missing" else cell + space)
    return (" " * GAP).join(cells)


def _as_line(columns: Sequence[str], row: Sequence[str], width: int) -> str:
    """A row of texts as a paragraph: the first, what the others are by the names of their columns, then the last."""
    named = zip(columns[1:-1], row[1:-1], strict=True)
    parts = ", ".join(f"{name} {cell}" for name, cell in named if cell) + (f"; {row[-1]}" if row[-1] else "")
    return textwrap.fill(
        f"{row[0]}: {parts}", width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )
