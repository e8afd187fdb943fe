"""``dlcli fit-linear`` as a function: config in, report out."""

import time
from typing import Any

import numpy as np

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.data.demos import LineExample
from dlcli.data.names import printable
from dlcli.data.table import Table
from dlcli.engine.device import describe_device, gram_on, pick_device
from dlcli.engine.loop import Step
from dlcli.errors import DlcliError, ExitCode
from dlcli.models.linear import Kind, LinearModel
from dlcli.runs import directory
from dlcli.runs.report import base_report, environment
from dlcli.tasks.linear_data import VALIDATION, ChunkSource, Gathered, Split, gather
from dlcli.tasks.linear_fit import Fit, Plan, fit, make_plan
from dlcli.tasks.linear_report import coefficient_entries
from dlcli.tasks.progress import Progress, Report, Silent
from dlcli.tasks.tables import read_options

TOO_WIDE = 20_000


def fit_linear(config: FitLinearConfig, progress: Progress | None = None) -> Report:
    """Fit a linear, logistic or softmax regression and write its run directory.

    Returns the report, the document of report.json. Raises DlcliError: exit code 2 for bad data or settings, 4
    when training diverges.
    """
    start = time.monotonic()
    progress = progress or Silent()
    run = directory.RunDirectory("fit-linear", config.out, config.force)
    table = open_table(config)
    kind = problem_kind(config, table, progress)
    plan = make_plan(config, kind, demo=not config.data)
    device = pick_device(config.device)
    data = gather(
        table,
        Split(config.val, config.cv or 0, config.seed),
        classes=kind != "mse",
        keep_rows=plan.keep_rows,
        fill_means=config.missing == "mean",
        gram=gram_on(device),
    )
    device = pick_device(config.device, data.rows * len(data.fill)) if plan.keep_rows else device
    for text in table.warnings:
        progress.warn(text)
    if table.dropped:
        progress.note(f"dropped {table.dropped:,} rows with missing values; {data.rows:,} are left")
    usable, keep = check(config, data, kind, progress)
    run.path.mkdir(exist_ok=True)  # a folder that can't be made is said before training, not after
    result = train(config, plan, usable, device, run, progress)
    folds = cross_validate(config, plan, usable, device, progress) if config.cv else None
    report = make_report(config, data, keep, result, folds, run, device, time.monotonic() - start)
    save(config, data, keep, result, report, run)
    if result.last.status == "diverged":
        raise diverged(config, result, report)
    return report


def open_table(config: FitLinearConfig) -> ChunkSource:
    """The table to read, or the built-in example."""
    if not config.data:
        if config.target not in (None, "y"):
            raise DlcliError(
                f"--target {config.target}: no DATA was given, and the built-in example predicts y",
                "give a file",
            )
        return LineExample(config.seed)
    return Table.open(
        config.data, config.target, read_options(config, config.features, config.drop),
        class_target=config.loss == "cross-entropy",
    )  # fmt: skip


def problem_kind(config: FitLinearConfig, table: Any, progress: Progress) -> Kind:
    """Least squares or classes; two classes are told from more once the data are read."""
    if table.target.kind == "number":
        if config.loss == "cross-entropy" and not config.data:
            raise DlcliError("--loss cross-entropy: the built-in example predicts a number", "give a table of classes")
        return "softmax" if config.loss == "cross-entropy" else "mse"
    if config.loss == "cross-entropy" or (config.loss == "auto" and table.target.kind != "number"):
        return "softmax"
    name = printable(table.target.name)
    raise DlcliError(
        f"--loss mse: the target {name!r} holds {table.target.kind} values, expected numbers",
        "use --loss cross-entropy, or choose another --target",
    )


def check(config: FitLinearConfig, data: Gathered, kind: Kind, progress: Progress) -> tuple[Gathered, np.ndarray]:
    """Refuse what can't be fitted, warn of constant and duplicate columns; returns the data without constants.

    The second value holds the positions of the columns kept.
    """
    names = data.schema.encoded_names
    moments = data.merged(data.training_groups())
    if moments.count < 2:
        raise DlcliError(f"only {moments.count} row to train on, expected at least 2", "give more rows")
    if len(names) > TOO_WIDE and kind == "mse":
        raise DlcliError(f"{len(names):,} columns, expected at most {TOO_WIDE:,}", "use --features or --drop")
    variance = np.diag(moments.scatter)[1:] / moments.count
    # A column whose spread is within the rounding of its mean is constant.
    constant = variance <= (4 * np.finfo(float).eps * np.abs(moments.mean[1:])) ** 2
    keep = np.flatnonzero(~constant) if config.intercept else np.arange(len(names))
    for i in np.flatnonzero(constant) if config.intercept else []:
        progress.warn(f"column {printable(names[i])!r} is constant: its coefficient is 0")
    usable = data.columns(keep)
    if len(keep) == 0 and not config.intercept:
        raise DlcliError("there is nothing to learn: no feature column and no intercept", "give a feature column")
    _warn_duplicates([names[i] for i in keep], usable.merged(usable.training_groups()).scatter, progress)
    width = len(keep) + int(config.intercept)
    if moments.count < width and not (config.l1 or config.l2):
        raise DlcliError(
            f"{moments.count} rows can't determine {width} coefficients",
            "add --l2 0.1, or fewer columns, or rows",
        )
    if kind == "softmax":
        _check_classes(config, data)
    return usable, keep


def _warn_duplicates(names: list[str], scatter: np.ndarray, progress: Progress) -> None:
    spread = np.sqrt(np.diag(scatter)[1:])
    spread[spread == 0] = 1.0
    correlation = np.triu(np.abs(scatter[1:, 1:] / np.outer(spread, spread)), 1)
    seen: set[int] = set()
    for i, j in np.argwhere(correlation > 1 - 1e-14):
        if j not in seen:
            seen.add(int(j))
            progress.warn(f"columns {printable(names[i])!r} and {printable(names[j])!r} are duplicates up to scale")


def _check_classes(config: FitLinearConfig, data: Gathered) -> None:
    assert data.schema.target is not None
    assert data.y is not None
    assert data.groups is not None
    name, levels = printable(data.schema.target.name), data.schema.target.levels
    if len(levels) < 2:
        only = f" ({printable(levels[0])!r})" if levels else ""
        raise DlcliError(f"target {name!r} has only one class{only}, expected at least two", "give more rows")
    counts = np.bincount(data.y.astype(np.int64), minlength=len(levels))
    if config.cv and counts.min() < config.cv:
        rare = printable(levels[int(np.argmin(counts))])
        raise DlcliError(
            f"--cv {config.cv}: class {rare!r} of {name!r} has only {counts.min()} rows",
            f"use --cv {max(2, counts.min())} or fewer folds",
        )


def train(
    config: FitLinearConfig,
    plan: Plan,
    data: Gathered,
    device: str,
    run: directory.RunDirectory,
    progress: Progress,
) -> Fit:
    """Train on all training rows; each report goes to metrics.jsonl and to ``progress``."""
    held = [VALIDATION] if VALIDATION in data.moments else []
    if config.val and not held:
        raise DlcliError(f"--val {config.val} holds out no row of {data.rows}", "give a larger fraction or more rows")

    def on_step(step: Step) -> None:
        run.append_metrics(
            {
                "step": step.step,
                "loss": step.loss,
                "val_loss": step.val_loss,
                "lr": step.lr,
                "gradient_norm": step.gradient_norm,
                "seconds": step.seconds,
            }
        )
        progress.step(step)

    try:
        return fit(config, plan, data, data.training_groups(), held, device, progress, on_step)
    finally:
        progress.end()


def cross_validate(
    config: FitLinearConfig, plan: Plan, data: Gathered, device: str, progress: Progress
) -> list[dict[str, float]]:
    """Validation metrics of each fold."""
    folds = data.training_groups()
    if len(folds) < (config.cv or 0):
        raise DlcliError(f"--cv {config.cv}: only {data.rows} rows", "use fewer folds")
    quiet = Silent()
    results = []
    for fold in folds:
        rest = [g for g in folds if g != fold]
        results.append(fit(config, plan, data, rest, [fold], device, quiet, lambda step: None).metrics["val"])
    return results


def make_report(
    config: FitLinearConfig,
    data: Gathered,
    keep: np.ndarray,
    result: Fit,
    folds: list[dict[str, float]] | None,
    run: directory.RunDirectory,
    device: str,
    seconds: float,
) -> Report:
    """The document of report.json."""
    target = data.schema.target
    assert target is not None
    coefficients, errors = expanded(data, keep, result)
    report = base_report("fit-linear", str(run.path), describe_device(device), config.seed)
    report |= {
        "seconds": seconds,
        "steps": result.last.step,
        "status": result.last.status,
        "reason": result.last.reason,
        "signal": result.last.signum or None,
        "loss": "mse" if result.kind == "mse" else "cross-entropy",
        "optimizer": result.optimizer,
        "lr": result.lr,
        "target": target.name,
        "rows": data.rows,
        "metrics": result.metrics,
        "coefficients": coefficient_entries(
            data.schema.encoded_names,
            target.levels,
            result.intercept if config.intercept else None,
            coefficients,
            errors,
        ),
        "residual_sd": result.residual_sd,
        "r2": result.metrics["train"].get("r2"),
        "condition_number": result.condition_number,
        "largest_stable_lr": result.largest_stable_lr,
        "environment": environment(device),
    }
    if target.levels:
        report["classes"] = list(target.levels)
    if folds:
        names = folds[0]
        report["cv"] = {
            "folds": len(folds),
            "metrics": {
                name: {
                    "mean": float(np.mean([f[name] for f in folds])),
                    "sd": float(np.std([f[name] for f in folds], ddof=1)),
                    "each": [f[name] for f in folds],
                }
                for name in names
            },
        }
    return report


def expanded(data: Gathered, keep: np.ndarray, result: Fit) -> tuple[np.ndarray, np.ndarray | None]:
    """Coefficients (d, k) and standard errors (1 + d, k) of all columns; 0 and nan for those left out."""
    d, k = len(data.schema.encoded_names), result.coefficients.shape[1]
    coefficients = np.zeros((d, k))
    coefficients[keep] = result.coefficients
    if result.std_errors is None:
        return coefficients, None
    errors = np.full((1 + d, k), np.nan)
    errors[0], errors[1 + keep] = result.std_errors[0], result.std_errors[1:]
    return coefficients, errors


def save(
    config: FitLinearConfig,
    data: Gathered,
    keep: np.ndarray,
    result: Fit,
    report: Report,
    run: directory.RunDirectory,
) -> None:
    """Write config, model, picture and report. A diverged run gets no model."""
    from dlcli.runs.plots import Line, line_chart

    run.write(directory.CONFIG, config.to_toml())
    if result.last.status != "diverged":
        settings = {
            "missing": config.missing,
            "intercept": config.intercept,
            "missing_value": list(config.missing_value),
        }
        coefficients, _ = expanded(data, keep, result)
        model = LinearModel(result.kind, coefficients, result.intercept, data.fill, data.schema.to_json(), settings)
        run.write(directory.MODEL, model.to_bytes())
    steps = [s.step for s in result.steps]
    lines = [Line("training", steps, [s.loss for s in result.steps])]
    if result.steps[0].val_loss is not None:
        lines.append(Line("validation", steps, [s.val_loss or float("nan") for s in result.steps]))
    title = "Loss: " + ("mean squared error" if result.kind == "mse" else "cross-entropy")
    chart = line_chart(lines, title=title, x_label="step", log_y=True)
    run.write(f"{directory.PLOTS}/loss.png", chart)
    run.write(directory.REPORT, directory.to_json(report) + "\n")


def diverged(config: FitLinearConfig, result: Fit, report: Report) -> DlcliError:
    """The error of a run that diverged, with a rate that does not."""
    stable = result.largest_stable_lr
    remedy = "use --lr auto" if stable is None else f"use --lr auto, or a rate below {stable:.4g}"
    return DlcliError(
        f"training diverged at step {result.last.step} with learning rate {result.lr:.4g} ({result.last.reason})",
        remedy,
        ExitCode.TRAINING_FAILED,
    )
