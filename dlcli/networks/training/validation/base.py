"""What every measurement of a network on held-out images answers, and how it is made."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dlcli.networks.training.settings import ExecutionSettings
from dlcli.reports.train_deconv import ValidationSummary


@dataclass(frozen=True)
class Confusion:
    """Counts (K, K): rows are true classes, columns the classes found."""

    classes: tuple[str, ...]
    counts: NDArray[np.int64]


class Validation(Protocol):
    """Measures a network on the same images at each report, and remembers what the saved weights gave.

    ``count`` images are measured. ``has_kept``: the saved weights are among what was measured; ``is_news``: they have
    not been drawn yet.
    """

    count: int
    has_kept: bool
    is_news: bool

    def __call__(self, state: dict[str, Tensor], /) -> dict[str, float]:
        """Every metric, by name, with the weights ``state``."""

    def keep(self) -> None:
        """The latest measurement is that of the weights that are saved."""

    def scope(self, held: int, /) -> str:
        """In brackets, what of the ``held`` images is measured; empty where that is all."""

    def summary(self, selects: bool, lent: int, /) -> ValidationSummary:
        """Its part of the report: ``selects`` says whether the saved weights were chosen by it, ``lent`` how many
        images have a part held out while the rest trains.
        """

    def confusion(self) -> Confusion | None:
        """Which classes are taken for one another; None where there are no classes."""

    def shortcomings(self, task: str, /) -> list[str]:
        """Lines on what the saved weights don't do, and what would help."""

    def sheet(self) -> bytes:
        """What the saved weights make of some of the images, as a PNG."""

    def mistakes_sheet(self) -> bytes | None:
        """The images of which they are most wrongly sure, as a PNG; None where there are none."""


@contextmanager
def inference(execution: ExecutionSettings) -> Iterator[None]:
    """No gradients, and bfloat16 where the training has it."""
    kind = execution.device.partition(":")[0]
    with torch.inference_mode(), torch.autocast(kind, torch.bfloat16, execution.half):
        yield
