"""One training batch, as the sources of batches make it and the losses take it."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """One batch on the device: what the network gets, what a residual is subtracted from, and what it should give."""

    input: Tensor
    base: Tensor | None
    target: Tensor


Batches = Callable[[int, int], Batch]  # (step, batch size) -> batch; the same arguments give the same batch
