"""``dlcli train-deconv``: parses, runs the task, shows the result."""

import typer

from dlcli.cli import process
from dlcli.cli.console import Console, duration
from dlcli.cli.options import command_function
from dlcli.config.base import Config
from dlcli.config.train_deconv import TrainDeconvConfig

DOC = """Train a network of convolutions and deconvolutions that restores or classifies images.

With no DATA it learns to denoise, on images generated on the fly.

Examples:

- `dlcli train-deconv` – denoise, on the built-in images, in about a minute

- `dlcli train-deconv photos/ --sigma 25 --minutes 10` – denoise your own kind of photographs

- `dlcli train-deconv photos/ --task deblur --blur motion:15:30` – or `--task upscale --scale 2`, `--task inpaint`

- `dlcli train-deconv scans/ clean/ --task pairs` – learn from pairs of files of the same name

- `dlcli train-deconv mnist/ --task classify --minutes 5` – class folders, or MNIST's IDX files

- `dlcli train-deconv --resume runs/train-deconv-001` – go on after an interruption
"""


def run(config: Config) -> None:
    """Train and show."""
    assert isinstance(config, TrainDeconvConfig)
    process.prepare()
    from dlcli.networks.training.report import summary_rows
    from dlcli.tasks.train_deconv import train_deconv

    console = Console(quiet=config.quiet, json_output=config.json_output)
    report = train_deconv(config, console)
    if config.json_output:
        console.document(report)
    elif not config.quiet:
        console.line(f"step {report['best_step']:,}, whose weights are saved")
        console.table(["", *report["metrics"]], summary_rows(report))
        console.line("")
        console.line(
            f"{report['status']} after {report['steps']:,} steps ({report['reason']}), "
            f"{duration(report['seconds'])}; saved in {report['run']}"
        )
    if report["signal"]:
        raise typer.Exit(128 + report["signal"])


CONFIG = TrainDeconvConfig
command = command_function(TrainDeconvConfig, run, DOC)
