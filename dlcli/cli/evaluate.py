"""``dlcli eval``: parses, runs the task, shows the result."""

import typer

from dlcli.cli import process
from dlcli.cli.console import Console
from dlcli.cli.options import command_function
from dlcli.config.base import Config
from dlcli.config.evaluate import EvalConfig
from dlcli.errors import ExitCode

DOC = """Measure a saved model, and fail a CI job when a check does not hold.

With no DATA, measures on the data that the run was trained on. A check is METRIC, one of `>= <= > < ==`, and a
number; one that fails gives exit code 3.

Examples:

- `dlcli eval runs/fit-linear-001 new.csv`

- `dlcli eval runs/fit-linear-001 new.csv --check 'r2>=0.9' --check 'rmse<0.5'`

- `dlcli eval runs/fit-linear-001 new.csv --json | jq .metrics.test.accuracy`
"""


def run(config: Config) -> None:
    """Measure and show."""
    assert isinstance(config, EvalConfig)
    process.prepare()
    from dlcli.tasks.evaluate import evaluate

    console = Console(quiet=config.quiet, json_output=config.json_output)
    report = evaluate(config, console)
    if config.json_output:
        console.document(report)
    elif not config.quiet:
        rows = [[name, f"{value:.8g}"] for name, value in report["metrics"]["test"].items() if value is not None]
        console.table(["metric", f"{report['rows']:,} rows"], rows)
        for check in report["checks"]:
            console.line(check["text"])
    failed = [check for check in report["checks"] if not check["holds"]]
    if failed:
        console.failures([check["text"] for check in failed])
        raise typer.Exit(int(ExitCode.CHECK_FAILED))


CONFIG = EvalConfig
command = command_function(EvalConfig, run, DOC)
