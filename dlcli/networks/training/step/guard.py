"""Computing on a batch although memory may run out, or compiled code fail."""

from collections.abc import Callable

import torch

from dlcli.errors import DlcliError, ExitCode
from dlcli.memory import is_out_of_memory
from dlcli.networks.data.batch import Batch, Batches
from dlcli.networks.training.step.gradient import LossGradient
from dlcli.networks.training.step.shares import Shares

REASON = 200  # letters of a compiler's that are told
UNTOLD = "API call failed"  # what compiled code says when torch refuses it something


class BatchGuard:
    """Makes the batches, of ``batch_size`` images, which is halved when memory runs out; ``warnings`` tell of it.

    Several ranks take a share of each batch.
    """

    def __init__(self, batches: Batches, batch_size: int, gradient: LossGradient) -> None:
        self.batches, self.batch_size, self.gradient = batches, batch_size, gradient
        self.shares = Shares(gradient.settings.ranks, gradient.weights)
        self.warnings: list[str] = []
        self._has_compiled = False

    def loss_of(self, step: int) -> float | None:
        """Loss of the batch of ``step``, whose gradient is computed, or None as from ``_tried``."""
        return self._agreed(lambda batch: self.gradient.backward(batch, step), step, gradient=True)

    def first_loss(self) -> float:
        """Loss of the first batch, without a gradient."""
        while (first := self._agreed(self.gradient.measure, 0, gradient=False)) is None:
            pass
        return first

    def _agreed(self, function: Callable[[Batch], float], step: int, *, gradient: bool) -> float | None:
        """``_tried`` by all ranks, of which each has its share: what one couldn't compute none of them has."""
        size = self.batch_size
        loss = self._tried(function, step)
        loss, smaller = self.shares.add(loss, size, smaller=self.batch_size < size, gradient=gradient)
        if smaller and self.batch_size == size:
            self._halve_batch()
        return loss

    def _tried(self, function: Callable[[Batch], float], step: int) -> float | None:
        """``function`` of the batch of ``step``, or None where memory ran out: the batch is then half as large.

        None, too, where nothing can be compiled here, or compiled code failed and doesn't say why: Python, which does,
        takes its place. Raises DlcliError when memory runs out for a single image.
        """
        mine = None
        try:
            mine = self.shares.of(self.batches(step, self.batch_size))
            if mine is None:
                return self.gradient.clear()
            loss = function(mine)
            self._has_compiled = self.gradient.compiled
            return loss
        except Exception as error:  # compilers fail in many ways, some of which are no RuntimeError
            if mine is not None and self._left_compiling(error):
                return None
            if not (isinstance(error, RuntimeError) and is_out_of_memory(error)):
                raise
        if self.batch_size == 1:
            raise DlcliError(
                "out of memory with a batch of one image", "give a smaller --crop, or fewer --filters",
                ExitCode.TRAINING_FAILED,
            )  # fmt: skip
        self._halve_batch()
        return None

    def _left_compiling(self, error: Exception) -> bool:
        """Whether to go on by Python, as there is no compiler, or what it made fails."""
        if not self.gradient.compiled:
            return False
        told = not isinstance(error, RuntimeError) or UNTOLD not in str(error)
        if told and (self._has_compiled or (isinstance(error, RuntimeError) and is_out_of_memory(error))):
            return False
        self.gradient.use_python()
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:REASON]
        self.warnings.append(
            f"the network can't be compiled here, so --compile is off: {reason}"
            if told
            else "a compiled step failed, so --compile is off from here on"
        )
        return True

    def _halve_batch(self) -> None:
        self.batch_size //= 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.warnings.append(f"out of memory: the batch size is now {self.batch_size}")
