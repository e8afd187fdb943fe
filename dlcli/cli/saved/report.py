"""``dlcli report``."""

from typing import TYPE_CHECKING

from dlcli.cli.command import Command
from dlcli.cli.console import Console
from dlcli.config.saved.report import ReportConfig
from dlcli.text import listed

if TYPE_CHECKING:
    from dlcli.reports.saved.report import PageReport

DOC = """Show a run on one HTML page, or compare several; or print Markdown for a pull request.

The page is one file that loads nothing from anywhere: settings, data, metrics, curves, coefficients, samples with a
slider between before and after, and what was warned of. Of several runs it has the metrics side by side, every setting
that differs and only those, curves over each other, and coefficients beside each other.

Examples:

- `dlcli report runs/fit-linear-001`

- `dlcli report runs/fit-linear-001 runs/fit-linear-002 --out comparison.html`

- `dlcli report runs/* --markdown | gh pr comment --body-file -`
"""


class ReportCommand(Command[ReportConfig, Console, "PageReport"]):
    """Showing runs."""

    config = ReportConfig
    console = Console
    doc = DOC

    def work(self, config: ReportConfig, _console: Console) -> "PageReport":
        """Write the page."""
        from dlcli.tasks.report import make_report

        return make_report(config)

    def show(self, report: "PageReport", config: ReportConfig, console: Console, /) -> None:
        """The Markdown, or where the page is."""
        if config.markdown:
            for line in report.markdown.splitlines():
                console.command(line)
            return
        if report.differing:
            console.line(f"settings that differ: {listed(report.differing)}")
        console.line(f"{report.bytes or 0:,} bytes in {report.out}")


COMMAND = ReportCommand()
