"""Measuring a network that classifies."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dlcli.images.image_set import ImageSet
from dlcli.networks.data.split import stratified
from dlcli.networks.metrics import class_metrics, class_qualities, confusion_counts
from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.tensors import batch_to_tensor, squeeze_gray
from dlcli.networks.training.settings import ExecutionSettings
from dlcli.networks.training.validation.base import Confusion, inference
from dlcli.reports.train_deconv import ClassQuality, ValidationSummary

MAX_CLASS_IMAGES = 2000  # enough to rank two states of a network, and cheap beside the steps between two reports
SHOWN = 40  # images on a sheet


class ClassValidation:
    """Loss and accuracy on class images, with the confusion matrix of the call that was kept, else of the last."""

    def __init__(
        self, network: DeconvNet, image_set: ImageSet, execution: ExecutionSettings, limit: int | None
    ) -> None:
        """Measure ``image_set``, or about ``limit`` of them, of every class its share."""
        self.network, self.execution = network.eval(), execution
        assert image_set.labels is not None
        self.image_set = image_set if limit is None else image_set.subset(stratified(image_set.labels, limit))
        self.count = len(self.image_set)
        self.latest = self.kept = np.zeros((0, 0), np.float32)
        self.has_kept = self.is_news = False  # whether the saved weights were measured, and not been drawn yet
        assert self.image_set.labels is not None
        self.labels = self.image_set.labels

    def __call__(self, state: dict[str, Tensor] | None) -> dict[str, float]:
        """Every metric, with the weights ``state`` (None: as they are)."""
        if state is not None:
            self.network.load_state_dict(state)
        ranks = self.execution.ranks
        mine = ranks.slice_of(self.count)
        parts = [torch.zeros(0, len(self.image_set.classes))]
        for start in range(mine.start, mine.stop, 256):
            images = [self.image_set.pixels(i) for i in range(start, min(start + 256, mine.stop))]
            x = batch_to_tensor(np.ascontiguousarray(np.stack(images).transpose(0, 3, 1, 2)), self.execution.device)
            with inference(self.execution):
                parts.append(self.network(x).float().cpu())
        logs = torch.log_softmax(torch.cat(parts), dim=1).numpy()
        if ranks.count > 1:
            every = np.zeros((self.count, logs.shape[1]))
            every[mine] = logs
            logs = ranks.add_arrays(every).astype(np.float32)
        self.latest = logs
        return class_metrics(self.latest, self.labels)

    @property
    def scores(self) -> NDArray[np.float32]:
        """Logarithms of the classes' probabilities (N, K)."""
        return self.kept if len(self.kept) else self.latest

    def keep(self) -> None:
        """The latest measurement is that of the weights that are saved."""
        self.kept, self.has_kept, self.is_news = self.latest, True, True

    def scope(self, held: int) -> str:
        """How many of them, where not all."""
        return f" ({self.count:,} measured)" if self.count < held else ""

    def summary(self, selects: bool, _lent: int) -> ValidationSummary:
        """How many images were measured."""
        return ValidationSummary(selects=selects, measured=self.count)

    def confusion(self) -> Confusion:
        """Of the measurement that was kept, else of the latest."""
        classes = self.image_set.classes
        return Confusion(classes, confusion_counts(self.scores.argmax(1), self.labels, len(classes)))

    def shortcomings(self, _task: str) -> list[str]:
        """Where always saying the largest class would be right as often."""
        counts = self.confusion().counts
        if not counts.sum() or not len(self.kept):
            return []
        largest, right = int(counts.sum(axis=1).max()), int(counts.trace())
        if right > largest:
            return []
        return [
            f"the network is right on {right:,} of {int(counts.sum()):,} images held out, and always saying the "
            f"largest class would be on {largest:,}: give more steps, or more images"
        ]

    def sheet(self) -> bytes:
        """Images with their true and predicted classes, the wrong ones first."""
        right = self.scores.argmax(1) == self.labels
        return self._sheet(np.argsort(right, kind="stable")[:SHOWN].tolist())

    def mistakes(self) -> list[int]:
        """The images that are classified wrongly, by number, the most confident mistakes first."""
        wrong = np.flatnonzero(self.scores.argmax(1) != self.labels)
        found: list[int] = wrong[np.argsort(-self.scores.max(1)[wrong], kind="stable")].tolist()
        return found

    def mistakes_sheet(self) -> bytes | None:
        """The most confident mistakes with their true and predicted classes; None where there is none."""
        wrong = self.mistakes()[:SHOWN]
        return self._sheet(wrong) if wrong else None

    def _sheet(self, order: Sequence[int]) -> bytes:
        from dlcli.reports.charts.sheets import class_sheet

        guesses, classes = self.scores.argmax(1), self.image_set.classes
        return class_sheet(
            [squeeze_gray(self.image_set.pixels(i)) for i in order],
            [classes[self.labels[i]] for i in order],
            [classes[guesses[i]] for i in order],
            [float(np.exp(self.scores[i].max())) for i in order],
        )


def qualities_of(confusion: Confusion) -> list[ClassQuality]:
    """How well each class is found, as reports have it."""
    rows = zip(confusion.classes, confusion.counts.sum(axis=1), class_qualities(confusion.counts), strict=True)
    return [
        ClassQuality(name=name, images=int(images), precision=float(p), recall=float(r), f1=float(f1))
        for name, images, (p, r, f1) in rows
    ]
