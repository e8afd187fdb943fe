"""``dlcli predict``."""

from typing import TYPE_CHECKING

from dlcli.cli import streams
from dlcli.cli.command import Command
from dlcli.cli.console import Console
from dlcli.config.evaluate import PredictConfig
from dlcli.errors import DlcliError, ExitCode
from dlcli.text import counted, listed

if TYPE_CHECKING:
    from dlcli.reports.predict import PredictReport

DOC = """Write the predictions of a saved model, in input order.

One row of output for each row of input: the columns that `--keep` names, `prediction` (`NA` where a value is missing),
and for classes the probability of each. A network that restores writes each image with its name, format, pages, frames,
depth, transparency, color profile, resolution and EXIF, and says what could not be kept; one that classifies writes one
row for each image.

Examples:

- `dlcli predict runs/fit-linear-001 new.csv > predictions.csv`

- `dlcli predict runs/fit-linear-001 'part-*.parquet' --out predictions.parquet`

- `dlcli predict runs/fit-linear-001 new.csv --keep id,name --out predictions.csv`

- `dlcli predict runs/train-deconv-001 photos/ --out restored/`

- `dlcli predict runs/train-deconv-001 photos/ --out restored/ --before-after sheet.png`

- `dlcli predict runs/train-deconv-001 - --out - < noisy.tif > clean.tif`
"""


class Predict(Command[PredictConfig, Console, "PredictReport"]):
    """Applying a saved model."""

    config = PredictConfig
    console = Console
    doc = DOC

    def work(self, config: PredictConfig, console: Console) -> "PredictReport":
        """Predict. Raises DlcliError if the predictions have nowhere to go."""
        from dlcli.tasks.predict import predict

        if (config.out is None or str(config.out) == "-") and "stdout" in streams.closed:
            raise DlcliError("stdout is closed, and the predictions go there", "add --out FILE")
        return predict(config, console)

    def show(self, report: "PredictReport", config: PredictConfig, console: Console, /) -> None:
        """How much was written; nothing if the predictions themselves went to stdout."""
        from dlcli.reports.predict import RestoredReport

        if config.out is None or str(config.out) == "-":
            return
        if isinstance(report, RestoredReport):
            beside = f"; before and after in {report.sheet}" if report.sheet else ""
            console.line(f"{counted(report.images, 'image')} in {report.out}{beside}")
            if report.skipped:
                console.line(f"skipped {len(report.skipped):,}")
        else:
            console.line(f"{counted(report.rows, 'prediction')} in {report.out}")

    def outcome(self, report: "PredictReport") -> tuple[int, list[str]]:
        """2 and the outputs that could not be written, else 0."""
        from dlcli.reports.predict import RestoredReport

        unwritten = report.unwritten if isinstance(report, RestoredReport) else []
        return (int(ExitCode.USAGE), [f"could not be written: {listed(unwritten)}"]) if unwritten else (0, [])


COMMAND = Predict()
