"""``dlcli eval``."""

from typing import TYPE_CHECKING

from dlcli.cli.command import Command
from dlcli.cli.console import Console
from dlcli.config.evaluate import EvalConfig
from dlcli.errors import ExitCode

if TYPE_CHECKING:
    from dlcli.reports.evaluate import ClassesEvaluated, EvalReport, ImageQuality, RestorationReport
    from dlcli.reports.saved.against import Against

SHOWN = 20  # images that the table lists, unless --worst says otherwise

DOC = """Measure a saved model, and fail a CI job if a check does not hold.

Without DATA, it measures on the validation data that training held out. A check is a metric, one of `>= <= > < ==`,
and a number; the exit code is 3 if one does not hold.

Of a table of numbers it measures `loss`, `rmse`, `mae`, `r2`, `median_absolute_error`, `deviance`, with `--quantile`
`pinball`; of classes `log_loss`, `accuracy`, `majority_accuracy`, `balanced_accuracy`, `mcc`, `brier`, `auc`,
`average_precision`, `deviance`, of two also `precision`, `recall`, `f1`, of more `macro_f1`, `weighted_f1` and so on.

A network is measured on clean images, each degraded as in training (pairs: two folders, inputs and targets; classify:
class folders): `psnr`, `ssim`, `input_psnr`, `input_ssim`, or `accuracy`, `balanced_accuracy`, `macro_f1`, `log_loss`.
PSNR and SSIM are computed on 8-bit images; of upscaled color the luminance counts, and no border of SCALE pixels.
`checkerboard` is how many gray levels apart the pixels of a flat image come out.

Examples:

- `dlcli eval runs/fit-linear-001 new.csv`

- `dlcli eval runs/fit-linear-001 new.csv --check 'r2>=0.9' --check 'rmse<0.5'`

- `dlcli eval runs/fit-linear-002 new.csv --against runs/fit-linear-001 --check 'rmse<=against'` – no worse than before?

- `dlcli eval runs/fit-linear-001 new.csv --json | jq .metrics.test.accuracy`

- `dlcli eval runs/fit-linear-001 --threshold max-f1` – of two classes: the threshold of the largest F1

- `dlcli eval runs/train-deconv-001 photos/ --check 'psnr>=29'`

- `dlcli eval runs/train-deconv-001 photos/ --compare` – beside the classical methods of scikit-image
"""


class Eval(Command[EvalConfig, Console, "EvalReport"]):
    """Measuring a saved model."""

    config = EvalConfig
    console = Console
    doc = DOC

    def work(self, config: EvalConfig, console: Console) -> "EvalReport":
        """Measure."""
        from dlcli.tasks.evaluate import evaluate

        return evaluate(config, console)

    def show(self, report: "EvalReport", config: EvalConfig, console: Console, /) -> None:
        """The metrics, by image where there are images to restore, and each check."""
        from dlcli.reports.evaluate import RestorationReport

        if isinstance(report, RestorationReport):
            _show_images(report, console, config.worst)
        else:
            _show_metrics(report, console)
        if report.against is not None:
            _show_against(report.against, report, console)
        for check in report.checks:
            console.line(check.text)

    def outcome(self, report: "EvalReport") -> tuple[int, list[str]]:
        """3 and the checks that do not hold, else 0."""
        failed = [check.text for check in report.checks if not check.holds]
        return (int(ExitCode.CHECK_FAILED) if failed else 0), failed


def _show_against(against: "Against", report: "EvalReport", console: Console) -> None:
    """Both models beside each other, and whether they differ by more than chance."""
    from dlcli.reports.saved.against import WORDS

    rows = [
        [
            name, f"{one.value:.6g}", f"{one.against:.6g}", f"{one.difference:+.4g}",
            "" if one.verdict == "unknown" else f"{one.low:+.4g} to {one.high:+.4g}", WORDS[one.verdict],
        ]
        for name, one in against.metrics.items()
    ]  # fmt: skip
    unit = "images" if hasattr(report, "images") else "rows"
    head = [f"{against.compared:,} {unit}", "this run", "against", "difference", "95% interval", "verdict"]
    console.line("")
    console.table(head, rows)


def _show_metrics(report: "EvalReport", console: Console) -> None:
    from dlcli.reports.evaluate import ClassificationReport, TableEvalReport
    from dlcli.reports.summary import CLASS_HEAD, UNCENTERED, class_rows

    labels = UNCENTERED if isinstance(report, TableEvalReport) and report.r2_uncentered else {}
    rows = [[labels.get(name, name), f"{value:.8g}"] for name, value in report.metrics["test"].items()]
    console.table(["metric", f"{report.counted} {report.data.shown}"], rows)
    if isinstance(report, TableEvalReport) and report.classes is not None:
        _show_classes(report.classes, console)
    if isinstance(report, ClassificationReport) and report.per_class:
        console.line("")
        console.table(CLASS_HEAD, class_rows(report.per_class))


def _show_classes(classes: "ClassesEvaluated", console: Console) -> None:
    """Each class of a table, and what the metrics are of."""
    from dlcli.reports.summary import TABLE_CLASS_HEAD, measured_class_rows

    if classes.per_class:
        console.line("")
        console.table(TABLE_CLASS_HEAD, measured_class_rows(classes.per_class))
    if classes.positive is not None:
        console.line("")
        console.line(f"precision, recall, f1 and average_precision are of the class {classes.positive}")
    if classes.threshold is not None:
        here = ", selected on these very rows: on others F1 is less" if classes.threshold_selected_here else ""
        console.line(f"threshold {classes.threshold!r}{here}")


def _show_images(report: "RestorationReport", console: Console, worst: int | None) -> None:
    """A table by image, and one of the methods compared."""
    from dlcli.reports.evaluate import MethodQuality
    from dlcli.reports.summary import EIGHT_BITS, luminance_note

    rows, mean = report.per_image, report.overall
    if worst:
        rows = sorted(rows, key=lambda row: row.psnr)
    shown = [[row.name, *_cells(row)] for row in rows[: worst or SHOWN]]
    if len(rows) > len(shown):
        shown.append([f"... {len(rows) - len(shown):,} more", *([""] * len(_cells(mean)))])
    shown.append([mean.name, *_cells(mean)])
    errors = [] if mean.rmse is None else ["input rmse", "rmse"]
    console.table(["", "input psnr", "psnr", "ssim", *errors], shown)
    if report.psnr_range != EIGHT_BITS:
        console.line(f"psnr and ssim take a range of {report.psnr_range:.4g}")
    if told := luminance_note(report.psnr_of):
        console.line(told)
    grid = report.metrics["test"]["checkerboard"]
    console.line(f"checkerboard: pixels of a flat image come out {grid:.2g} of 255 levels apart")
    if report.compare is not None:
        console.line("")
        compared = {
            "input": MethodQuality(psnr=mean.input_psnr, ssim=mean.input_ssim, seconds=None),
            "network": MethodQuality(psnr=mean.psnr, ssim=mean.ssim, seconds=report.seconds_per_image),
            **report.compare,
        }
        methods = [
            [name, f"{m.psnr:.2f}", f"{m.ssim:.4f}", "" if m.seconds is None else f"{m.seconds:.3g}"]
            for name, m in compared.items()
        ]
        console.table([f"mean of {report.counted}", "psnr", "ssim", "s / image"], methods)


def _cells(row: "ImageQuality") -> list[str]:
    errors = [] if row.rmse is None or row.input_rmse is None else [f"{row.input_rmse:.4g}", f"{row.rmse:.4g}"]
    return [f"{row.input_psnr:.2f}", f"{row.psnr:.2f}", f"{row.ssim:.4f}", *errors]


COMMAND = Eval()
