"""The report of a network's training."""

import torch

from dlcli.engine.loop import Step
from dlcli.networks.data.load import TrainingImages
from dlcli.networks.training.advice import shortcomings
from dlcli.networks.training.record import Outcome
from dlcli.networks.training.validation.classes import qualities_of
from dlcli.reports.document import Fingerprint, environment
from dlcli.reports.head import Ended, training_head
from dlcli.reports.train_deconv import HeldOutPart, ImageCounts, LastStep, TrainDeconvReport

MATRIX_CLASSES = 100  # the report holds a confusion matrix up to this many classes


def make_report(outcome: Outcome, images: TrainingImages, device: str, seconds: float) -> TrainDeconvReport:
    """The document of report.json."""
    last, best, plan, problem = outcome.last, outcome.best, outcome.plan, outcome.problem
    classes = images.train.classes if outcome.about.task == "classify" else ()
    validate = problem.validate
    confusion = validate.confusion() if validate and classes else None
    ended = Ended(last.step, last.status, last.reason, last.signum)
    return TrainDeconvReport(
        **training_head(outcome.run, device, plan.batches.seed, seconds, ended),
        command="train-deconv",
        task=outcome.about.task,
        noise=outcome.about.noise or None,
        arch=outcome.about.arch,
        weights=outcome.weights,
        optimizer=plan.optimizer.name,
        lr=plan.optimizer.lr,
        batch_size=outcome.batch_size,
        loss=plan.loss,
        images=ImageCounts(train=len(images.train), val=len(images.val) if images.val else 0),
        fingerprint=Fingerprint.model_validate(outcome.about.data),
        too_small_images=len(images.train) - problem.counts.train,
        crop=plan.batches.side,
        held_out_parts=_parts(images),
        validation=validate.summary(problem.selects, problem.counts.lent) if validate else None,
        skipped_images=sum(len(s.skipped) for s in (images.train, images.train_inputs) if s is not None),
        skipped_steps=outcome.skipped_steps,
        images_per_second=outcome.images_seen / last.seconds if last.seconds else None,
        best_step=best.step,
        metrics=_metrics(best),
        last=LastStep(step=last.step, metrics=_metrics(last)),
        warnings=[*problem.warnings, *outcome.warnings, *shortcomings(outcome)],
        environment=environment(plan.execution.device, torch.get_num_threads()),
        start=problem.start,
        classes=list(classes) or None,
        confusion=confusion.counts.tolist() if confusion and len(classes) <= MATRIX_CLASSES else None,
        per_class=qualities_of(confusion) if confusion else None,
    )


def _parts(images: TrainingImages) -> list[HeldOutPart] | None:
    """What is held out of each image, where they are few."""
    if images.parts is None:
        return None
    held = zip(images.train.names, images.parts.held, strict=True)
    return [HeldOutPart(name=name, left=b.left, top=b.top, width=b.width, height=b.height) for name, b in held]


def _metrics(step: Step) -> dict[str, dict[str, float]]:
    """Those of one report: its training loss, and what validation found with the same weights."""
    found = {"train": {"loss": step.loss}}
    return found if step.val_loss is None else found | {"val": {"loss": step.val_loss, **step.metrics}}
