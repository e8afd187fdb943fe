"""``dlcli eval``."""

from typing import Any

from dlcli.cli.command import Command, Report
from dlcli.cli.console import Console
from dlcli.config.evaluate import EvalConfig
from dlcli.errors import ExitCode

SHOWN = 20  # images that the table lists, unless --worst says otherwise

DOC = """Measure a saved model, and fail a CI job if a check does not hold.

Without DATA, it measures on the validation data that training held out. A check is a metric, one of `>= <= > < ==`,
and a number; the exit code is 3 if one does not hold.

A network is measured on clean images, each degraded as in training (pairs: two folders, inputs and targets; classify:
class folders): `psnr`, `ssim`, `input_psnr`, `input_ssim`, or `accuracy`, `log_loss`. PSNR and SSIM are computed on
8-bit images; for upscale on the luminance, without a border of SCALE pixels.

Examples:

- `dlcli eval runs/fit-linear-001 new.csv`

- `dlcli eval runs/fit-linear-001 new.csv --check 'r2>=0.9' --check 'rmse<0.5'`

- `dlcli eval runs/fit-linear-001 new.csv --json | jq .metrics.test.accuracy`

- `dlcli eval runs/train-deconv-001 photos/ --check 'psnr>=29'`

- `dlcli eval runs/train-deconv-001 photos/ --compare` – beside the classical methods of scikit-image
"""


class Eval(Command[EvalConfig, Console]):
    """Measuring a saved model."""

    config = EvalConfig
    console = Console
    doc = DOC

    def work(self, config: EvalConfig, console: Console) -> Report:
        """Measure."""
        from dlcli.tasks.evaluate import evaluate

        return evaluate(config, console)

    def show(self, report: Report, config: EvalConfig, console: Console, /) -> None:
        """The metrics, by image where there are images to restore, and each check."""
        if "per_image" in report:
            _show_images(report, console, config.worst)
        else:
            _show_metrics(report, console)
        for check in report["checks"]:
            console.line(check["text"])

    def outcome(self, report: Report) -> tuple[int, list[str]]:
        """3 and the checks that do not hold, else 0."""
        failed = [check["text"] for check in report["checks"] if not check["holds"]]
        return (int(ExitCode.CHECK_FAILED) if failed else 0), failed


def _show_metrics(report: Report, console: Console) -> None:
    from dlcli.linear.report import UNCENTERED

    count = f"{report['rows']:,} rows" if "rows" in report else f"{report['images']:,} images"
    count += f" {_shown(report['data'])}"
    labels = {"r2": UNCENTERED} if report.get("r2_uncentered") else {}
    found = report["metrics"]["test"].items()
    rows = [[labels.get(name, name), f"{value:.8g}"] for name, value in found if value is not None]
    console.table(["metric", count], rows)


def _show_images(report: Report, console: Console, worst: int | None) -> None:
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


COMMAND = Eval()
