"""``dlcli fit-linear`` as a function: config in, report out."""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.engine.device import describe_device, gram_on, pick_device
from dlcli.engine.loop import Step
from dlcli.engine.progress import Progress, Report, Silent
from dlcli.errors import DlcliError, ExitCode
from dlcli.linear.cache import Workspace
from dlcli.linear.data.gather import ChunkSource, Gathered, gather
from dlcli.linear.data.levels import note_of_classes
from dlcli.linear.data.scale import check_digits, expanded
from dlcli.linear.data.split import VALIDATION, Split
from dlcli.linear.diagnostics.advice import Ended, against_divergence
from dlcli.linear.diagnostics.checks import check
from dlcli.linear.fit import Fit, Held, fit
from dlcli.linear.model import Kind, LinearModel
from dlcli.linear.plan import Plan, make_plan
from dlcli.linear.report import coefficient_entries
from dlcli.reports.document import base_report, environment
from dlcli.runs import directory
from dlcli.tables.example import LineExample
from dlcli.tables.names import Hints, printable
from dlcli.tables.options import read_options
from dlcli.tables.table import Table


def fit_linear(config: FitLinearConfig, progress: Progress | None = None) -> Report:
    """Fit a linear, logistic or softmax regression and write its run directory.

    Returns the report, the document of report.json. Raises DlcliError: exit code 2 for bad data or settings, 4
    when training diverges.
    """
    start = time.monotonic()
    progress = progress or Silent()
    run = directory.RunDirectory("fit-linear", config.out, config.force)
    loaded = load(config, progress)
    plan, device = loaded.plan, loaded.device
    run.path.mkdir(exist_ok=True)  # a folder that can't be made is said before training, not after
    space = Workspace(loaded.usable, device, lasting=bool(config.cv))
    with ExitStack() as until_saved:
        result = train(config, plan, space, run, progress, until_saved)
        folds = cross_validate(config, plan, space) if config.cv else None
        report = make_report(config, loaded.data, loaded.keep, result, folds, run, device, time.monotonic() - start)
        save(config, loaded.data, loaded.keep, result, report, run)
    if result.last.status == "diverged":
        raise diverged(config, result)
    return report


@dataclass(frozen=True)
class Loaded:
    """A table that has been read and checked; ``usable`` has the columns ``keep`` of ``data``.

    ``files`` are the names of those that it was read from, and where they are.
    """

    kind: Kind
    plan: Plan
    data: Gathered
    usable: Gathered
    keep: np.ndarray
    device: str
    files: tuple[tuple[str, Path], ...] = ()


def load(config: FitLinearConfig, progress: Progress) -> Loaded:
    """Read the data and plan the training. Raises DlcliError."""
    table = open_table(config)
    kind = problem_kind(config, table, progress)
    plan = make_plan(config, kind, demo=not config.data)
    device = pick_device(config.device)
    data = gather(
        table,
        Split(config.val, config.cv or 0, config.seed_of_data),
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
    hints = Hints(tuple(table.columns)) if isinstance(table, Table) else None
    if isinstance(table, Table):
        check_digits(table, data.merged(data.training_groups()), data.names, progress)
    usable, keep = check(config, data, kind, progress, hints)
    if isinstance(table, Table) and table.target and kind == "mse" and config.loss == "auto":
        note_of_classes(table.target.name, table.target_values(), progress)
    return Loaded(kind, plan, data, usable, keep, device, getattr(table, "files", ()))


def open_table(config: FitLinearConfig) -> ChunkSource:
    """The table to read, or the built-in example."""
    if not config.data:
        if config.target not in (None, "y"):
            raise DlcliError(
                f"--target {config.target}: no DATA was given, and the built-in example predicts y",
                "give a file",
            )
        return LineExample(config.seed_of_data)
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


def train(
    config: FitLinearConfig,
    plan: Plan,
    space: Workspace,
    run: directory.RunDirectory,
    progress: Progress,
    until_saved: ExitStack,
) -> Fit:
    """Train on all training rows; each report goes to metrics.jsonl and to ``progress``."""
    held = held_out(config, space.data)
    groups = space.data.training_groups()

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
        return fit(config, plan, space, groups, Held(held, held), progress, on_step, until_saved)
    finally:
        progress.end()


def held_out(config: FitLinearConfig, data: Gathered) -> list[int]:
    """The groups of the validation rows. Raises DlcliError when there should be some and are none."""
    held = [VALIDATION] if VALIDATION in data.moments else []
    if config.val and not held:
        raise DlcliError(f"--val {config.val} holds out no row of {data.rows}", "give a larger fraction or more rows")
    return held


def folds_of(config: FitLinearConfig, data: Gathered) -> list[int]:
    """The groups that cross-validation holds out in turn. Raises DlcliError when there are too few rows."""
    folds = data.training_groups()
    if len(folds) < (config.cv or 0):
        raise DlcliError(f"--cv {config.cv}: only {data.rows} rows", "use fewer folds")
    return folds


def cross_validate(config: FitLinearConfig, plan: Plan, space: Workspace) -> list[dict[str, float]]:
    """Validation metrics of each fold, none of which has a say in how its model is trained or chosen."""
    folds = folds_of(config, space.data)
    watched = held_out(config, space.data)
    quiet = Silent()
    results = []
    for fold in folds:
        rest = [g for g in folds if g != fold]
        with ExitStack() as until_done:
            result = fit(
                config, plan, space, rest, Held(watched, [fold], fold=True), quiet, lambda step: None, until_done
            )
        results.append(result.metrics["val"])
    return results


def _spread(values: list[float]) -> float:
    """Standard deviation of a metric over folds; nan of folds that diverged."""
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.std(values, ddof=1))


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
        "kept_step": result.kept.step,
        "selected_on": "val.loss" if config.early_stop else None,
        "std_error_reason": result.no_errors or None,
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
        "r2_uncentered": result.kind == "mse" and not config.intercept,
        "condition_number": result.condition_number,
        "aliased": list(result.aliased),
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
                    "sd": _spread([f[name] for f in folds]),
                    "each": [f[name] for f in folds],
                }
                for name in names
            },
        }
    return report


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
        fill = data.fill if data.exponents is None else np.ldexp(data.fill, data.exponents)
        model = LinearModel(result.kind, coefficients, result.intercept, fill, data.schema.to_json(), settings)
        run.write(directory.MODEL, model.to_bytes())
    steps = [s.step for s in result.steps]
    lines = [Line("training", steps, [s.loss for s in result.steps])]
    if result.steps[0].val_loss is not None:
        lines.append(Line("validation", steps, [s.val_loss or float("nan") for s in result.steps]))
    if config.early_stop and result.kept.val_loss is not None:
        lines.append(Line(f"kept: step {result.kept.step:,}", [result.kept.step], [result.kept.val_loss]))
    title = "Loss: " + ("mean squared error" if result.kind == "mse" else "cross-entropy")
    chart = line_chart(lines, title=title, x_label="step", log_y=True)
    run.write(f"{directory.PLOTS}/loss.png", chart)
    run.write(directory.REPORT, directory.to_json(report) + "\n")


def diverged(config: FitLinearConfig, result: Fit) -> DlcliError:
    """The error of a run that diverged, with what helps."""
    rate = f" with learning rate {result.lr:.4g}" if np.isfinite(result.lr) else ""
    return DlcliError(
        f"training diverged at step {result.last.step}{rate} ({result.last.reason})",
        against_divergence(config, Ended.of(result)),
        ExitCode.TRAINING_FAILED,
    )
