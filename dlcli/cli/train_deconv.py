"""``dlcli train-deconv``."""

from typing import TYPE_CHECKING

from dlcli.cli.command import Command
from dlcli.cli.console import Console
from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.text import counted, duration

if TYPE_CHECKING:
    from dlcli.reports.train_deconv import TrainDeconvReport

DOC = """Train a network of convolutions and deconvolutions that restores or classifies images.

Without DATA, it learns to denoise images that are generated on the fly.

Examples:

- `dlcli train-deconv` – denoise the built-in images, in about a minute

- `dlcli train-deconv photos/ --sigma 25 --minutes 10` – denoise your own kind of photographs

- `dlcli train-deconv photos/ --task deblur --blur motion:15:30` – or `--task upscale --scale 2`, `--task inpaint`,
  `--task dejpeg`

- `dlcli train-deconv scans/ clean/ --task pairs` – learn from pairs of files with equal names

- `dlcli train-deconv mnist/ --task classify --minutes 5` – class folders, or MNIST's IDX files

- `dlcli train-deconv --resume runs/train-deconv-001` – continue after an interruption
"""


class TrainDeconv(Command[TrainDeconvConfig, Console, "TrainDeconvReport"]):
    """Networks of convolutions and deconvolutions."""

    config = TrainDeconvConfig
    console = Console
    doc = DOC
    shared_by_ranks = True

    def work(self, config: TrainDeconvConfig, console: Console) -> "TrainDeconvReport":
        """Train."""
        from dlcli.tasks.train_deconv import train_deconv

        return train_deconv(config, console)

    def show(self, report: "TrainDeconvReport", _config: TrainDeconvConfig, console: Console, /) -> None:
        """The metrics of the saved weights, and how the training ended."""
        show_metrics(report, console)
        console.line("")
        console.line(ended(report))


def show_metrics(report: "TrainDeconvReport", console: Console) -> None:
    """Those of the saved weights, in all and of each class."""
    from dlcli.reports.summary import CLASS_HEAD, EIGHT_BITS, cells, class_rows, luminance_note, metric_rows

    console.line(f"saved weights: those of step {report.best_step:,}")
    hidden = "log_loss" if "loss" in report.metrics["train"] else ""
    labels = {name: name.replace("_", " ") for part in report.metrics.values() for name in part}
    if report.validation and report.validation.psnr_range not in (None, EIGHT_BITS):
        labels |= {"psnr": f"psnr (range {report.validation.psnr_range:.4g})"}
    if report.validation and (told := luminance_note(report.validation.psnr_of)):
        console.line(told)
    columns = [cells(part) for part in report.metrics.values()]
    console.table(["", *report.metrics], metric_rows(columns, hidden=hidden, labels=labels))
    if report.per_class:
        console.line("")
        console.table(CLASS_HEAD, class_rows(report.per_class))


def ended(report: "TrainDeconvReport") -> str:
    """How the training ended, in a line."""
    return (
        f"{report.status} after {counted(report.steps, 'step')} ({report.reason}), "
        f"{duration(report.seconds)}; saved in {report.run}"
    )


COMMAND = TrainDeconv()
