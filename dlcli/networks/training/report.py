"""The report and the pictures of a network's training."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from dlcli.engine.loop import Step
from dlcli.networks.data.load import TrainingImages
from dlcli.networks.training.advice import shortcomings
from dlcli.networks.training.problem import Problem
from dlcli.networks.training.validation import ClassValidation, RestorationValidation
from dlcli.reports.document import base_report, environment
from dlcli.runs import directory
from dlcli.runs.plots import Line, line_chart
from dlcli.runs.sheets import class_sheet, confusion_chart, sample_sheet

if TYPE_CHECKING:
    from dlcli.networks.training.trainer import Training

CLASS_SAMPLES = 40
MATRIX_CLASSES = 100  # the report holds a confusion matrix up to this many classes


def make_report(training: "Training", images: TrainingImages, device: str, seconds: float) -> dict[str, Any]:
    """The document of report.json."""
    last, best, plan, problem = training.last, training.best_step, training.plan, training.problem
    report = base_report("train-deconv", str(training.run.path), device, training.config.seed)
    seen = training.solver.images_seen
    report |= {
        "seconds": seconds,
        "steps": last.step,
        "status": last.status,
        "reason": last.reason,
        "signal": last.signum or None,
        "task": training.config.task,
        "arch": training.config.arch,
        "weights": sum(p.numel() for p in training.network.parameters()),
        "optimizer": plan.optimizer,
        "lr": plan.lr,
        "batch_size": training.solver.batch_size,
        "loss": plan.loss,
        "images": {"train": len(images.train), "val": len(images.val) if images.val else 0},
        "fingerprint": training.data,
        "too_small_images": len(images.train) - problem.counts.train,
        "crop": plan.side,
        "validation": _validation(problem),
        "skipped_images": sum(len(s.skipped) for s in (images.train, images.train_inputs) if s is not None),
        "skipped_steps": training.solver.skipped,
        "images_per_second": seen / last.seconds if last.seconds else None,
        "best_step": best.step,
        "metrics": _metrics(best),
        "last": {"step": last.step, "metrics": _metrics(last)},
        "warnings": [*problem.warnings, *shortcomings(training)],
        "environment": environment(training.device) | {"threads": torch.get_num_threads()},
    }
    if images.train.classes and training.config.task == "classify":
        report["classes"] = list(images.train.classes)
        validate = problem.validate
        if isinstance(validate, ClassValidation) and len(images.train.classes) <= MATRIX_CLASSES:
            report["confusion"] = validate.confusion().tolist()
    return report


def _metrics(step: Step) -> dict[str, dict[str, float]]:
    """Those of one report: its training loss, and what validation found with the same weights."""
    found = {"train": {"loss": step.loss}}
    return found if step.val_loss is None else found | {"val": {"loss": step.val_loss, **step.metrics}}


def _validation(problem: Problem) -> dict[str, Any] | None:
    """What was measured, and whether the saved weights were chosen by it."""
    validate, counts = problem.validate, problem.counts
    if validate is None:
        return None
    found: dict[str, Any] = {"selects": problem.selects, "measured": validate.count}
    if isinstance(validate, RestorationValidation):
        found |= {"lent_by_training_images": counts.lent, "levels": validate.by_level()}
        found["unchanged"] = validate.unchanged()
    return found


def measure_saved(training: "Training") -> None:
    """Measure the saved weights where no report of this process did: those of a run that was taken up again."""
    validate = training.problem.validate
    if validate is not None and not validate.has_kept:
        validate(training.best)
        validate.keep()
        write_pictures(training.run, training.steps, training.problem)


def write_pictures(run: directory.RunDirectory, steps: list[Step], problem: Problem) -> None:
    """Refresh the loss curve and, where other weights were saved, the sheet of validation images that they restore."""
    numbers = [s.step for s in steps]
    lines = [Line("training", numbers, [s.loss for s in steps])]
    if steps[0].val_loss is not None:
        lines.append(Line("validation", numbers, [s.val_loss or float("nan") for s in steps]))
    chart = line_chart(lines, title="Loss", x_label="step", log_y=True)
    run.write(f"{directory.PLOTS}/loss.png", chart)
    validate = problem.validate
    if validate is None or not validate.has_kept or not validate.is_news:
        return
    validate.is_news = False
    if isinstance(validate, RestorationValidation):
        shown = validate.kept.shown if validate.kept else []
        rows = [(flat(s.input), flat(s.output), flat(s.target)) for s in shown]
        run.write(f"{directory.PLOTS}/samples.png", sample_sheet(rows, [s.caption for s in shown]))
    else:
        run.write(f"{directory.PLOTS}/confusion.png", confusion_chart(validate.confusion(), validate.image_set.classes))
        run.write(f"{directory.PLOTS}/samples.png", _classified(validate))


def flat(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 1) as (H, W), which is how pictures are drawn; color as it is."""
    return pixels[..., 0] if pixels.shape[-1] == 1 else pixels


def _classified(validate: ClassValidation) -> bytes:
    """Classified images: the wrong ones first."""
    guesses = validate.scores.argmax(1)
    order = np.argsort(guesses == validate.labels, kind="stable")[:CLASS_SAMPLES]
    classes = validate.image_set.classes
    return class_sheet(
        [flat(validate.image_set.pixels(int(i))) for i in order],
        [classes[validate.labels[i]] for i in order],
        [classes[guesses[i]] for i in order],
        [float(np.exp(validate.scores[i].max())) for i in order],
    )


def summary_rows(report: dict[str, Any]) -> list[list[str]]:
    """Rows of the summary table: metrics by the images measured."""
    metrics = report["metrics"]
    names = list(dict.fromkeys(name for part in metrics.values() for name in part))
    return [
        [name.replace("_", " "), *("" if part.get(name) is None else f"{part[name]:.6g}" for part in metrics.values())]
        for name in names
        if not (name == "log_loss" and "loss" in metrics["train"])
    ]
