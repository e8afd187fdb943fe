"""``dlcli predict``: parses and runs the task."""

import typer

from dlcli.cli import process, streams
from dlcli.cli.console import Console
from dlcli.cli.options import command_function
from dlcli.config.base import Config
from dlcli.config.evaluate import PredictConfig
from dlcli.errors import DlcliError, ExitCode
from dlcli.text import listed

DOC = """Write the predictions of a saved model, in input order.

One row of output for each row of input: `prediction` (`NA` where a value is missing), and for classes the probability
of each. A network restores each image and keeps its name, format, pages, frames, depth, transparency, colour profile,
resolution and EXIF, or says what it can't; or it classifies, with one row for each image.

Examples:

- `dlcli predict runs/fit-linear-001 new.csv > predictions.csv`

- `dlcli predict runs/fit-linear-001 'part-*.parquet' --out predictions.parquet`

- `dlcli predict runs/train-deconv-001 photos/ --out restored/`
"""


def run(config: Config) -> None:
    """Predict."""
    assert isinstance(config, PredictConfig)
    process.prepare(config.threads)
    from dlcli.tasks.predict import predict

    if config.out is None and "stdout" in streams.closed:
        raise DlcliError("stdout is closed, and the predictions go there", "add --out FILE")
    console = Console(quiet=config.quiet, json_output=config.json_output)
    report = predict(config, console)
    if config.json_output:
        console.document(report)
    elif config.out is not None and not config.quiet:
        if "rows" in report:
            console.line(f"{report['rows']:,} predictions in {report['out']}")
        else:
            console.line(f"{report['images']:,} images in {report['out']}")
            if report["skipped"]:
                console.line(f"skipped {len(report['skipped']):,}")
    if report.get("unwritten"):
        console.failures([f"could not be written: {listed(report['unwritten'])}"])
        raise typer.Exit(int(ExitCode.USAGE))


CONFIG = PredictConfig
command = command_function(PredictConfig, run, DOC)
