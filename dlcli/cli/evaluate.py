"""``dlcli eval``: parses, runs the task, shows the result."""

from typing import Any

import typer

from dlcli.cli import process
from dlcli.cli.console import Console
from dlcli.cli.options import command_function
from dlcli.config.base import Config
from dlcli.config.evaluate import EvalConfig
from dlcli.errors import ExitCode

SHOWN = 20  # images that the table lists, unless --worst says otherwise

DOC = """Measure a saved model, and fail a CI job when a check does not hold.

With no DATA, measures on what training held out of its own data, or says that it held nothing out. A check is METRIC,
one of `>= <= > < ==`, and a number; one that fails gives exit code 3.

A network is measured on clean images, each degraded as in training (pairs: two folders, inputs and targets; classify:
class folders): `psnr`, `ssim`, `input_psnr`, `input_ssim`, or `accuracy`, `log_loss`. PSNR and SSIM are those of
8-bit images; of upscaled ones the luminance counts, without a border of SCALE pixels.

Examples:

- `dlcli eval runs/fit-linear-001 new.csv`

- `dlcli eval runs/fit-linear-001 new.csv --check 'r2>=0.9' --check 'rmse<0.5'`

- `dlcli eval runs/fit-linear-001 new.csv --json | jq .metrics.test.accuracy`

- `dlcli eval runs/train-deconv-001 photos/ --check 'psnr>=29'`

- `dlcli eval runs/train-deconv-001 photos/ --compare` – beside the classical methods of scikit-image
"""


def run(config: Config) -> None:
    """Measure and show."""
    assert isinstance(config, EvalConfig)
    process.prepare(config.threads)
    from dlcli.linear.report import UNCENTERED
    from dlcli.tasks.evaluate import evaluate

    console = Console(quiet=config.quiet, json_output=config.json_output)
    report = evaluate(config, console)
    if config.json_output:
        console.document(report)
    elif not config.quiet:
        if "per_image" in report:
            _show_images(report, console, config.worst)
        else:
            count = f"{report['rows']:,} rows" if "rows" in report else f"{report['images']:,} images"
            count += f" {_shown(report['data'])}"
            labels = {"r2": UNCENTERED} if report.get("r2_uncentered") else {}
            found = report["metrics"]["test"].items()
            rows = [[labels.get(name, name), f"{value:.8g}"] for name, value in found if value is not None]
            console.table(["metric", count], rows)
        for check in report["checks"]:
            console.line(check["text"])
    failed = [check for check in report["checks"] if not check["holds"]]
    if failed:
        console.failures([check["text"] for check in failed])
        raise typer.Exit(int(ExitCode.CHECK_FAILED))


def _show_images(report: dict[str, Any], console: Console, worst: int | None) -> None:
    """A table by image, and one of the methods compared."""
    rows, test = report["per_image"], report["metrics"]["test"]
    if worst:
        rows = sorted(rows, key=lambda row: row["psnr"])
    shown = [[row["name"], *_cells(row)] for row in rows[: worst or SHOWN]]
    if len(rows) > len(shown):
        shown.append([f"... {len(rows) - len(shown):,} more", "", "", ""])
    shown.append([f"mean of {report['images']:,} images {_shown(report['data'])}", *_cells(test)])
    console.table(["", "input psnr", "psnr", "ssim"], shown)
    if "compare" in report:
        console.line("")
        compared = {
            "input": {"psnr": test["input_psnr"], "ssim": test["input_ssim"], "seconds": None},
            "network": {"psnr": test["psnr"], "ssim": test["ssim"], "seconds": report["seconds_per_image"]},
            **report["compare"],
        }
        methods = [
            [name, f"{m['psnr']:.2f}", f"{m['ssim']:.4f}", "" if m["seconds"] is None else f"{m['seconds']:.3g}"]
            for name, m in compared.items()
        ]
        console.table([f"mean of {report['images']:,} images", "psnr", "ssim", "s / image"], methods)


def _shown(data: dict[str, Any]) -> str:
    from dlcli.reports.measured_on import MeasuredOn

    return MeasuredOn(tuple(data["paths"]), data["part"], data["selected_on"]).shown


def _cells(row: dict[str, float]) -> list[str]:
    return [f"{row['input_psnr']:.2f}", f"{row['psnr']:.2f}", f"{row['ssim']:.4f}"]


CONFIG = EvalConfig
command = command_function(EvalConfig, run, DOC)
