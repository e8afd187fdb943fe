"""A step as a CUDA graph: the same kernels, which one call starts instead of some hundred."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields

import torch
from torch import Tensor

from dlcli.networks.data.batch import Batch

ALIKE = 0.2  # of a step's length: how far a replayed step may be from the same step without a graph


class GraphedStep:
    """``body`` on batches of one shape, captured once; raises RuntimeError where that fails or computes another step.

    ``changed`` are the tensors that a step changes, the weights first: they are as before when it has been captured,
    and when that failed. ``prepare`` is called before each step and isn't captured. ``proven`` says that the step that
    was compared moved the weights: one of a bad batch doesn't, and proves nothing.
    """

    def __init__(
        self, body: Callable[[Batch], None], prepare: Callable[[], None], batch: Batch, changed: Sequence[Tensor]
    ) -> None:
        self.batch = _copied(batch)
        before = [tensor.clone() for tensor in changed]
        try:
            prepare()
            body(self.batch)
            expected = changed[0].clone()
            _restore(changed, before)
            self._replay = captured(lambda: body(self.batch), changed[0].device)
            _restore(changed, before)
            prepare()
            self._replay()
            step, off = float((expected - before[0]).norm()), float((changed[0] - expected).norm())
        finally:
            _restore(changed, before)
        # One look at a result, once in a run: a graph that computed something else must not go on in silence.
        if not off <= ALIKE * step:
            raise RuntimeError(f"a captured step differs from the step itself by {off:.2g}, its length is {step:.2g}")
        self.proven = step > 0

    def fits(self, batch: Batch) -> bool:
        """Whether the batch has the shapes that were captured."""
        mine, theirs = _tensors(self.batch), _tensors(batch)
        return mine.keys() == theirs.keys() and all(theirs[name].shape == mine[name].shape for name in mine)

    def __call__(self, batch: Batch) -> None:
        """The step on this batch, which ``fits``."""
        given, copied = _tensors(batch), set[int]()
        for name, there in _tensors(self.batch).items():
            if there.data_ptr() not in copied:
                there.copy_(given[name])
                copied.add(there.data_ptr())
        self._replay()


def captured(work: Callable[[], None], device: torch.device) -> Callable[[], None]:
    """What starts the kernels of ``work`` again. On a CPU, where there are no graphs, ``work`` itself."""
    if device.type != "cuda":
        return work
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.device(device), torch.cuda.graph(graph):
        work()
    return graph.replay


@contextmanager
def fixed_shapes(device: torch.device) -> Iterator[None]:
    """Within, cuDNN times its algorithms once for each convolution: batches are all alike. On a CPU, nothing."""
    flags, before = torch.backends.cudnn, torch.backends.cudnn.benchmark
    flags.benchmark = before or device.type == "cuda"
    try:
        yield
    finally:
        flags.benchmark = before


class Pace:
    """Keeps the host a few steps ahead of a GPU, and no further: time limits must hold."""

    AHEAD = 4

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.events: list[torch.cuda.Event] = []

    def step(self) -> None:
        """A step was given to the GPU."""
        if self.device.type != "cuda":
            return
        # One that blocks leaves the processor to the thread that cuts crops.
        event = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
        event.record(torch.cuda.current_stream(self.device))
        self.events.append(event)
        if len(self.events) > self.AHEAD:
            self.events.pop(0).synchronize()


def _tensors(batch: Batch) -> dict[str, Tensor]:
    return {field.name: value for field in fields(batch) if (value := getattr(batch, field.name)) is not None}


def _copied(batch: Batch) -> Batch:
    """The batch in memory of its own; parts that are one tensor stay one."""
    inputs, base = batch.input.clone(), batch.base
    if base is None:
        return Batch(inputs, None, batch.target.clone())
    same = base.data_ptr() == batch.input.data_ptr() and base.shape == batch.input.shape
    return Batch(inputs, inputs if same else base.clone(), batch.target.clone())


def _restore(tensors: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    torch._foreach_copy_(list(tensors), list(values))
