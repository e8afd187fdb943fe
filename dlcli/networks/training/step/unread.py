"""Steps on a GPU whose results the host doesn't read: it would wait for the GPU, which would then wait for it.

Whether loss and gradient are finite decides on the device what becomes of a step; the losses are read later, many at a
time. A learning rate is a number on the device, too, so that one captured step serves all.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from dlcli.networks.data.batch import Batch
from dlcli.networks.optim.average import AveragedWeights, share_of_average
from dlcli.networks.training.step.bad_steps import MAX_BAD_STEPS, BadSteps
from dlcli.networks.training.step.gradient import LossGradient
from dlcli.networks.training.step.graph import GraphedStep, Pace
from dlcli.networks.training.step.meter import LossMeter

READ, PLAIN = 3, 8  # first steps of a process that are read, and then taken without a graph: all memory is had by then
LEAST_STEPS, LEAST_SECONDS = 200, 10.0  # of a run that is worth a graph, whose capture takes some tenths of a second
TRIES = 3  # at a graph, where the batch that was to prove it was a bad one
KEPT = 512  # losses that may wait on the device to be read


@dataclass(frozen=True)
class StepParts:
    """What a step works with, and what is told of it: as in ``NetworkSolver``. ``warnings`` are for the user."""

    gradient: LossGradient
    optimizers: Sequence[torch.optim.Optimizer]
    average: AveragedWeights | None
    meter: LossMeter
    bad_steps: BadSteps
    warnings: list[str]


class UnreadSteps:
    """Takes the steps of a solver after the first few, ``pending`` of which haven't been read.

    Where one can't be taken, as memory ran out, ``failed`` says so: the solver then goes on by steps that are read,
    which know what to do.
    """

    def __init__(self, parts: StepParts) -> None:
        self.parts, self.weights = parts, parts.gradient.weights
        device = self.weights.flat.device
        self._losses = torch.zeros(KEPT, device=device)  # nan of a bad step
        self._place = torch.zeros(1, dtype=torch.int64, device=device)  # of the next one
        self._bad_in_a_row = torch.zeros((), device=device)
        self._ended = torch.zeros((), dtype=torch.bool, device=device)
        self._share = torch.zeros((), device=device)
        self._pace = Pace(device)
        settings = parts.gradient.settings
        worth = settings.steps >= LEAST_STEPS and (settings.seconds or LEAST_SECONDS) >= LEAST_SECONDS
        self._tries = TRIES if worth else 0
        self._graph: GraphedStep | None = None
        self._changed: list[Tensor] = []
        self._kept: list[Tensor] = []
        self.taken, self.pending, self.failed = 0, 0, False

    @property
    def full(self) -> bool:
        """Whether the losses must be read before the next step."""
        return self.pending >= KEPT

    @property
    def graphed(self) -> bool:
        """Whether steps are taken by a graph."""
        return self._graph is not None

    def take(self, make: Callable[[], Batch], step: int) -> bool:
        """A step, the ``step``th from 1 on, on the batch that is made; false, and nothing has changed, if it failed."""
        self._begin()
        try:
            self._share.fill_(share_of_average(self.parts.gradient.settings.ema, step))
            self._run(make(), step)
        except RuntimeError as error:
            self.failed, self._graph = True, None
            reason = _reason(error)
            self.parts.warnings.append(f"from here on the GPU is waited for in each step, which is slower: {reason}")
            return False
        self.taken += 1
        self.pending += 1
        self._pace.step()
        return True

    def settle(self) -> int:
        """Tell what the steps since the last call came to; waits for the device.

        How many of them came after the end of a run that failed: they changed nothing, and don't count.
        """
        if not self.pending:
            return 0
        losses = self._losses[: self.pending].tolist()
        self._place.zero_()
        self.pending = 0
        for number, loss in enumerate(losses, 1):
            self.parts.bad_steps.count(good=math.isfinite(loss))
            if math.isfinite(loss):
                self.parts.meter.add(loss)
            if not self.parts.bad_steps.termination.running:
                return len(losses) - number
        return 0

    def _begin(self) -> None:
        """Have the learning rates on the device, once the optimizers have their state."""
        if self._changed:
            return
        device = self.weights.flat.device
        self._bad_in_a_row.fill_(self.parts.bad_steps.in_a_row)
        for optimizer in self.parts.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = torch.tensor(float(group["lr"]), device=device)
                if "fused" in group:  # the others read the rate
                    group["fused"], group["foreach"] = True, False
        average = [] if self.parts.average is None else [self.parts.average.vector]
        states = [v for o in self.parts.optimizers for s in o.state.values() for v in s.values() if torch.is_tensor(v)]
        self._changed = [self.weights.flat.detach(), *average, *states]
        self._kept = [tensor.clone() for tensor in self._changed]

    def _run(self, batch: Batch, step: int) -> None:
        if self._tries and self.taken >= PLAIN:
            self._capture(batch, step)
        self.parts.gradient.seed(step - 1)
        if self._graph is not None and self._graph.fits(batch):
            self._graph(batch)
            return
        try:
            self._body(batch)
        except RuntimeError:
            torch._foreach_copy_(self._changed, self._kept)
            self.weights.sync()
            raise

    def _capture(self, batch: Batch, step: int) -> None:
        def prepare() -> None:
            self.weights.sync()  # the copy that is computed with isn't among what is put back
            self.parts.gradient.seed(step - 1)

        self._tries -= 1
        changed = [*self._changed, self._losses, self._place, self._bad_in_a_row, self._ended]
        try:
            with _capturable(self.parts.optimizers):
                graph = GraphedStep(self._body, prepare, batch, changed)
        except Exception as error:  # whatever it is, the step itself is sound
            self._tries = 0
            self.parts.warnings.append(f"steps are no CUDA graph, which would start them faster: {_reason(error)}")
        else:
            if graph.proven:
                self._graph, self._tries = graph, 0
        self.weights.sync()

    def _body(self, batch: Batch) -> None:
        torch._foreach_copy_(self._kept, self._changed)
        loss = self.parts.gradient.differentiate(batch).detach()
        self.weights.even_gradient()
        good = self._is_good(loss)
        for optimizer in self.parts.optimizers:
            optimizer.step()
        self.weights.even_weights()
        with torch.no_grad():
            if self.parts.average is not None:
                self.parts.average.vector.lerp_(self.weights.flat.detach(), self._share)
            for tensor, kept in zip(self._changed, self._kept, strict=True):
                torch.where(good, tensor, kept, out=tensor)
            self.weights.sync()
            self._note(loss, good)

    @torch.no_grad()
    def _is_good(self, loss: Tensor) -> Tensor:
        """Whether loss and gradient are finite, and the run hasn't failed; the gradient is clipped."""
        gradient, clip = self.weights.gradient, self.parts.gradient.settings.clip
        if clip is None:
            finite = gradient.isfinite().all()
        else:
            norm = gradient.norm()
            finite = norm.isfinite()
            gradient.mul_((clip / (norm + 1e-6)).clamp(max=1.0))
        return finite & loss.isfinite() & ~self._ended

    def _note(self, loss: Tensor, good: Tensor) -> None:
        noted = torch.where(good, loss.float(), torch.full_like(self._share, math.nan))
        self._losses.index_copy_(0, self._place, noted.view(1))
        self._place.add_(1)
        self._bad_in_a_row.add_(1).mul_(~good)
        self._ended.logical_or_(self._bad_in_a_row >= MAX_BAD_STEPS)


@contextmanager
def _capturable(optimizers: Sequence[torch.optim.Optimizer]) -> Iterator[None]:
    """Within, torch's optimizers know that they may be captured; elsewhere they would warn of it."""
    groups = [g for optimizer in optimizers for g in optimizer.param_groups if "capturable" in g]
    for group in groups:
        group["capturable"] = group["lr"].device.type == "cuda"
    warned = [getattr(optimizer, "_warned_capturable_if_run_uncaptured", False) for optimizer in optimizers]
    for optimizer in optimizers:  # of the one step without a graph that a graph is compared with
        vars(optimizer)["_warned_capturable_if_run_uncaptured"] = True
    try:
        yield
    finally:
        for group in groups:
            group["capturable"] = False
        for optimizer, was in zip(optimizers, warned, strict=True):
            vars(optimizer)["_warned_capturable_if_run_uncaptured"] = was


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
