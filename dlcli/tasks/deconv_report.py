"""The report and the pictures of a network's training."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from dlcli.engine.loop import Step
from dlcli.runs import directory
from dlcli.runs.plots import Line, line_chart
from dlcli.runs.report import base_report, environment
from dlcli.runs.sheets import class_sheet, confusion_chart, sample_sheet
from dlcli.tasks.deconv_data import TrainingImages
from dlcli.tasks.deconv_problem import Problem
from dlcli.tasks.deconv_validation import ClassValidation, RestorationValidation

if TYPE_CHECKING:
    from dlcli.tasks.train_deconv import Training

CLASS_SAMPLES = 40
MATRIX_CLASSES = 100  # the report holds a confusion matrix up to this many classes


def make_report(training: "Training", images: TrainingImages, device: str, seconds: float) -> dict[str, Any]:
    """The document of report.json."""
    last, best, plan = training.last, training.best_step, training.plan
    report = base_report("train-deconv", str(training.run.path), device, training.config.seed)
    metrics: dict[str, dict[str, float]] = {"train": {"loss": last.loss}}
    if best.val_loss is not None:
        metrics["val"] = {"loss": best.val_loss, **best.metrics}
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
        "skipped_images": sum(len(s.skipped) for s in (images.train, images.train_inputs) if s is not None),
        "skipped_steps": training.solver.skipped,
        "images_per_second": seen / last.seconds if last.seconds else None,
        "best_step": best.step,
        "metrics": metrics,
        "environment": environment(training.device) | {"threads": torch.get_num_threads()},
    }
    if images.train.classes and training.config.task == "classify":
        report["classes"] = list(images.train.classes)
        validate = training.problem.validate
        if isinstance(validate, ClassValidation) and len(images.train.classes) <= MATRIX_CLASSES:
            report["confusion"] = validate.confusion().tolist()
    return report


def write_pictures(run: directory.RunDirectory, steps: list[Step], problem: Problem) -> None:
    """Refresh the loss curve and the sheet of validation images."""
    numbers = [s.step for s in steps]
    lines = [Line("training", numbers, [s.loss for s in steps])]
    if steps[0].val_loss is not None:
        lines.append(Line("validation", numbers, [s.val_loss or float("nan") for s in steps]))
    chart = line_chart(lines, title="Loss", x_label="step", log_y=True)
    run.write(f"{directory.PLOTS}/loss.png", chart)
    validate = problem.validate
    if isinstance(validate, RestorationValidation):
        rows = [(flat(s.input), flat(s.output), flat(s.target)) for s in validate.shown]
        run.write(f"{directory.PLOTS}/samples.png", sample_sheet(rows, [s.caption for s in validate.shown]))
    if isinstance(validate, ClassValidation):
        run.write(f"{directory.PLOTS}/confusion.png", confusion_chart(validate.confusion(), validate.pictures.classes))
        run.write(f"{directory.PLOTS}/samples.png", _classified(validate))


def flat(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 1) as (H, W), which is how pictures are drawn; colour as it is."""
    return pixels[..., 0] if pixels.shape[-1] == 1 else pixels


def _classified(validate: ClassValidation) -> bytes:
    """Classified images: the wrong ones first."""
    guesses = validate.scores.argmax(1)
    order = np.argsort(guesses == validate.labels, kind="stable")[:CLASS_SAMPLES]
    classes = validate.pictures.classes
    return class_sheet(
        [flat(validate.pictures.pixels(int(i))) for i in order],
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
