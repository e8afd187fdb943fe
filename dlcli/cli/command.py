"""What all commands do in the same way: parse, prepare the process, work, show the result, choose the exit code."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

import typer

from dlcli.cli import process
from dlcli.cli.console import Console
from dlcli.config.common import OutputOptions
from dlcli.engine.interrupts import telling
from dlcli.engine.ranks import Ranks, launched
from dlcli.errors import DlcliError

if TYPE_CHECKING:
    from dlcli.reports.document import Report

ConfigT = TypeVar("ConfigT", bound=OutputOptions)
ConsoleT = TypeVar("ConsoleT", bound=Console)
DRAWING = "the result is saved, and charts may be missing"  # they come last
ReportT = TypeVar("ReportT", bound="Report")


class Command(ABC, Generic[ConfigT, ConsoleT, ReportT]):
    """One command: its options, its help text, its work, and how the result is shown.

    A module of a command is imported only when that command runs. What it needs beyond options and console is
    imported within ``work`` and ``show``: after ``process.prepare``, which must come before NumPy and torch.
    """

    config: type[ConfigT]
    console: type[ConsoleT]
    doc: str
    # Whether options may stand behind arguments.
    interspersed: ClassVar[bool] = True
    # Whether several processes that torchrun started do its work together.
    shared_by_ranks: ClassVar[bool] = False

    def run(self, config: ConfigT) -> None:
        """Do the work, show its result, and exit with the code that the result asks for."""
        process.prepare(config.reading_threads)
        ranks = launched()
        self._check(ranks)
        # Of several processes one prints; errors are told by the one that has them.
        quiet, json_output = config.quiet or not ranks.leads, config.json_output and ranks.leads
        console = self.console(quiet=quiet, json_output=json_output)
        console.show = lambda report: self.show(report, config, console)
        with telling(lambda: DRAWING if console.has_shown else ""):
            report = self.work(config, console)
        console.result(report)
        code, failures = self.outcome(report)
        console.failures(failures)
        if code:
            raise typer.Exit(code)

    def _check(self, ranks: Ranks) -> None:
        """Raises DlcliError where torchrun started several processes of a command that is one."""
        if ranks.count > 1 and not self.shared_by_ranks:
            name = self.config.command
            raise DlcliError(
                f"dlcli {name} is one process, and torchrun started {ranks.count}",
                "run it without torchrun" + (", as often as you like on one --study" if name == "tune-lr" else ""),
            )

    @abstractmethod
    def work(self, config: ConfigT, console: ConsoleT) -> ReportT:
        """Run the task; returns its report. A task that draws charts has its result shown before them."""

    @abstractmethod
    def show(self, report: ReportT, config: ConfigT, console: ConsoleT, /) -> None:
        """Print the report for a person, on stdout."""

    def outcome(self, report: ReportT) -> tuple[int, list[str]]:
        """The exit code, and what failed, which is printed on stderr even with --quiet.

        Here: 128 and the signal's number if one interrupted the work, else 0.
        """
        return (128 + report.interrupted_by if report.interrupted_by else 0), []
