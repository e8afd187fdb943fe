"""The report of a network's training."""

from typing import TYPE_CHECKING, Any

import torch

from dlcli.engine.loop import Step
from dlcli.networks.data.load import TrainingImages
from dlcli.networks.training.advice import shortcomings
from dlcli.networks.training.problem import Problem
from dlcli.networks.training.validation import ClassValidation, RestorationValidation
from dlcli.reports.document import base_report, environment

if TYPE_CHECKING:
    from dlcli.networks.training.trainer import Training

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


def summary_rows(report: dict[str, Any]) -> list[list[str]]:
    """Rows of the summary table: metrics by the images measured."""
    metrics = report["metrics"]
    names = list(dict.fromkeys(name for part in metrics.values() for name in part))
    return [
        [name.replace("_", " "), *("" if part.get(name) is None else f"{part[name]:.6g}" for part in metrics.values())]
        for name in names
        if not (name == "log_loss" and "loss" in metrics["train"])
    ]
