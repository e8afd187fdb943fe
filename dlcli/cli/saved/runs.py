"""``dlcli runs``."""

import math
import shutil
import sys
from typing import TYPE_CHECKING

from dlcli.cli.command import Command
from dlcli.cli.console import Console, fitting, print_texts
from dlcli.config.saved.runs import RunsConfig
from dlcli.text import counted, duration, printable_path

if TYPE_CHECKING:
    from dlcli.reports.saved.runs import RunEntry, RunsReport

DAY = 86_400.0
HEAD = ["run", "command", "status", "metric", "steps", "age", "data"]
LEAST = ["command", "steps", "data"]  # where there is no room, the first first

DOC = """List runs: how each ended, its main metric, steps, age and data.

Those that run, were killed or are broken are listed, too. With `--sort` the metric that is named is shown, the best
run first.

Examples:

- `dlcli runs`

- `dlcli runs experiments/ --sort val.loss`

- `dlcli runs --sort psnr --json | jq '.runs[0].run'`
"""


class Runs(Command[RunsConfig, Console, "RunsReport"]):
    """Listing runs."""

    config = RunsConfig
    console = Console
    doc = DOC

    def work(self, config: RunsConfig, _console: Console) -> "RunsReport":
        """List."""
        from dlcli.tasks.runs import list_runs

        return list_runs(config)

    def show(self, report: "RunsReport", _config: RunsConfig, console: Console, /) -> None:
        """A table; below it what is wrong with those that are broken."""
        rows = [
            [
                printable_path(one.run), one.command, one.status, _metric(one),
                "" if one.steps is None else f"{one.steps:,}", age(one.age), _data(one.data),
            ]
            for one in report.runs
        ]  # fmt: skip
        table = [HEAD, *rows]
        if sys.stdout.isatty():
            table = fitting(table, LEAST, shutil.get_terminal_size().columns)
        print_texts(table[0], table[1:], sys.stdout)
        if broken := [one for one in report.runs if one.status == "broken"]:
            console.line("")
            for one in broken:
                console.line(f"{printable_path(one.run)}: {one.reason}")
        if report.others:
            console.note(f"{counted(report.others, 'other folder')} in {report.folder}: no run")


def age(seconds: float) -> str:
    """How long ago.

    >>> age(42), age(200_000)
    ('42s', '2d 07h')
    """
    if seconds < 60:
        return f"{seconds:.0f}s"
    if seconds < DAY:
        return duration(seconds)
    return f"{int(seconds // DAY)}d {int(seconds % DAY // 3600):02d}h"


def _metric(one: "RunEntry") -> str:
    return f"{one.metric} {one.value:.5g}" if one.metric and not math.isnan(one.value) else ""


def _data(names: list[str]) -> str:
    """The first file's name, and how many more there are."""
    if not names:
        return ""
    first = names[0].rstrip("/").rpartition("/")[2] or names[0]
    return first + (f" and {len(names) - 1:,} more" if len(names) > 1 else "")


COMMAND = Runs()
