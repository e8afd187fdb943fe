"""The report of a network's training."""

from typing import Any

import torch

from dlcli.engine.loop import Step
from dlcli.networks.data.load import TrainingImages
from dlcli.networks.training.advice import shortcomings
from dlcli.networks.training.problem import Problem
from dlcli.networks.training.record import Outcome
from dlcli.networks.training.validation import ClassValidation, RestorationValidation
from dlcli.reports.document import base_report, environment

MATRIX_CLASSES = 100  # the report holds a confusion matrix up to this many classes


def make_report(outcome: Outcome, images: TrainingImages, device: str, seconds: float) -> dict[str, Any]:
    """The document of report.json."""
    last, best, plan, problem = outcome.last, outcome.best, outcome.plan, outcome.problem
    report = base_report("train-deconv", outcome.run, device, plan.batches.seed)
    report |= {
        "seconds": seconds,
        "steps": last.step,
        "status": last.status,
        "reason": last.reason,
        "signal": last.signum or None,
        "task": outcome.about.task,
        "arch": outcome.about.arch,
        "weights": outcome.weights,
        "optimizer": plan.optimizer.name,
        "lr": plan.optimizer.lr,
        "batch_size": outcome.batch_size,
        "loss": plan.loss,
        "images": {"train": len(images.train), "val": len(images.val) if images.val else 0},
        "fingerprint": outcome.about.data,
        "too_small_images": len(images.train) - problem.counts.train,
        "crop": plan.batches.side,
        "validation": _validation(problem),
        "skipped_images": sum(len(s.skipped) for s in (images.train, images.train_inputs) if s is not None),
        "skipped_steps": outcome.skipped_steps,
        "images_per_second": outcome.images_seen / last.seconds if last.seconds else None,
        "best_step": best.step,
        "metrics": _metrics(best),
        "last": {"step": last.step, "metrics": _metrics(last)},
        "warnings": [*problem.warnings, *shortcomings(outcome)],
        "environment": environment(plan.execution.device) | {"threads": torch.get_num_threads()},
    }
    if images.train.classes and outcome.about.task == "classify":
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


def summary_rows(report: dict[str, Any]) -> list[list[str]]:
    """Rows of the summary table: metrics by the images measured."""
    metrics = report["metrics"]
    names = list(dict.fromkeys(name for part in metrics.values() for name in part))
    return [
        [name.replace("_", " "), *("" if part.get(name) is None else f"{part[name]:.6g}" for part in metrics.values())]
        for name in names
        if not (name == "log_loss" and "loss" in metrics["train"])
    ]
