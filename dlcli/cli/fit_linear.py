"""``dlcli fit-linear``."""

import sys
from typing import TYPE_CHECKING

from dlcli.cli.command import Command
from dlcli.cli.console import Console, print_texts
from dlcli.config.fit_linear import FitLinearConfig
from dlcli.text import counted

if TYPE_CHECKING:
    from dlcli.reports.columns import DryRunReport
    from dlcli.reports.fit_linear import FitLinearReport

DOC = """Fit linear, logistic or softmax regression by gradient descent.

Without DATA, it fits the built-in example: 100 points on y = 3x + 2 with noise uniform on [0, 1) (so the
intercept is near 2.5).

Examples:

- `dlcli fit-linear` – the built-in example

- `dlcli fit-linear wine.csv --target quality` – least squares by full-batch gradient descent

- `dlcli fit-linear wine.csv --target quality --optimizer exact` – least squares to the last digit

- `dlcli fit-linear iris.csv --target species --cv 5` – classes, cross-validated

- `dlcli fit-linear homes.csv --formula 'log(price) ~ log(area)*town + bs(age, 5)'` – terms as in R

- `dlcli fit-linear 'part-*.parquet' --target y --l1 0.01 --val 0.2 --early-stop 5`

- `zcat logs.csv.gz | dlcli fit-linear - --target ms --missing drop --json`
"""


class FitLinear(Command[FitLinearConfig, Console, "FitLinearReport | DryRunReport"]):
    """Linear, logistic and softmax regression."""

    config = FitLinearConfig
    console = Console
    doc = DOC
    shared_by_ranks = True

    def work(self, config: FitLinearConfig, console: Console) -> "FitLinearReport | DryRunReport":
        """Fit, or look at the table only."""
        from dlcli.tasks.fit_linear import dry_run, fit_linear

        return dry_run(config) if config.dry_run else fit_linear(config, console)

    def show(self, report: "FitLinearReport | DryRunReport", _config: FitLinearConfig, console: Console, /) -> None:
        """The coefficients, the metrics, and how the fit ended; or the columns of a table."""
        from dlcli.reports.columns import DryRunReport

        if isinstance(report, DryRunReport):
            _show_columns(report, console)
            return
        from dlcli.linear.summary import ShownTable, shown

        for part in shown(report):
            if isinstance(part, ShownTable):
                console.table(part.head, part.rows, part.title)
            else:
                console.line(part)


def _show_columns(report: "DryRunReport", console: Console) -> None:
    """Every column, what had to be decided, and the command that says it."""
    from dlcli.reports.columns import HEADER, column_rows

    console.line(f"{', '.join(report.data)}: {report.rows:,} rows, {len(report.columns):,} columns")
    console.line("")
    print_texts(HEADER, column_rows(report.columns), sys.stdout)
    for title, lines in (
        (f"terms make of these {counted(len(report.terms or ()), 'column')}:", report.terms or []),
        ("decided (--strict refuses it):", [one.what for one in report.decisions]),
        ("warnings:", report.problems),
    ):
        if lines:
            console.line("")
            console.line(title)
            for line in lines:
                console.line(f"- {line}")
    console.line("")
    console.command(report.next)


COMMAND = FitLinear()
