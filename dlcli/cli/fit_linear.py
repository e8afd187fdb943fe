"""``dlcli fit-linear``: parses, runs the task, shows the result."""

import typer

from dlcli.cli import process
from dlcli.cli.console import Console, duration
from dlcli.cli.options import command_function
from dlcli.config.base import Config
from dlcli.config.fit_linear import FitLinearConfig

DOC = """Fit linear, logistic or softmax regression by gradient descent.

With no DATA, the built-in example: 100 points on y = 3x + 2 with noise.

Examples:

- `dlcli fit-linear` – the built-in example

- `dlcli fit-linear wine.csv --target quality` – least squares by full-batch gradient descent

- `dlcli fit-linear wine.csv --target quality --optimizer exact` – least squares to the last digit

- `dlcli fit-linear iris.csv --target species --cv 5` – classes, cross-validated

- `dlcli fit-linear 'part-*.parquet' --target y --l1 0.01 --val 0.2 --early-stop 5`

- `zcat logs.csv.gz | dlcli fit-linear - --target ms --missing drop --json`
"""


def run(config: Config) -> None:
    """Fit and show."""
    assert isinstance(config, FitLinearConfig)
    process.prepare()
    from dlcli.linear.summary import coefficient_rows, parts, summary_rows
    from dlcli.tasks.fit_linear import fit_linear

    console = Console(quiet=config.quiet, json_output=config.json_output)
    report = fit_linear(config, console)
    if config.json_output:
        console.document(report)
    elif not config.quiet:
        console.table(*coefficient_rows(report))
        if report["std_error_reason"]:
            console.line(f"no std errors: {report['std_error_reason']}")
        console.line("")
        console.table(["", *parts(report)], summary_rows(report))
        console.line("")
        kept = f"weights of step {report['kept_step']:,} kept; " if report["selected_on"] else ""
        console.line(
            f"{report['status']} after {report['steps']:,} steps ({report['reason']}), "
            f"{duration(report['seconds'])}; {kept}saved in {report['run']}"
        )
    if report["signal"]:
        raise typer.Exit(128 + report["signal"])


CONFIG = FitLinearConfig
command = command_function(FitLinearConfig, run, DOC)
