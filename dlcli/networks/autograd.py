"""The type of what torch hands to a function whose gradient is written out."""

from typing import Protocol

from torch import Tensor


class Context(Protocol):
    """What ``forward`` keeps for ``backward``."""

    saved_tensors: tuple[Tensor, ...]
    needs_input_grad: tuple[bool, ...]

    def save_for_backward(self, *tensors: Tensor) -> None:
        """Keep tensors, which come back as ``saved_tensors``."""
