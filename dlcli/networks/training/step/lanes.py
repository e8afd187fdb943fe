"""A batch in as many parts as there are threads, each differentiated by one of them.

Threads that share every operation wait for each other some hundred times in a step; with a part of the batch each,
they wait once. `benchmarks/busy.py` measures what that gives.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from dlcli.networks.data.batch import Batch
from dlcli.networks.lanes import MOST, lane_pool
from dlcli.networks.optim.flat_parameters import FlatParameters

# Products of a step, one for each weight and place: below the first number threads cost more than they give, and a lane
# is worth its while from the second on. One thread takes some 5 ms for the first, 25 for the second.
ONE_THREAD, PER_LANE = 5e7, 3e8


class Lanes:
    """How the threads of this process share the steps of a network: in lanes, each of which takes a part of a batch.

    Small networks are left to one thread, those between to the threads as torch uses them: in lanes Python's calls,
    one at a time, would take as long as the arithmetic. Which it is depends on the network, the batch and the number
    of threads alone, so the same number of threads gives the same bits.

    ``loss_of`` must be a mean over the images of a batch. ``products`` are those of a step; ``usable`` says whether it
    may be parted, which one that draws random numbers may not: lanes would mix them up.
    """

    def __init__(
        self, weights: FlatParameters, loss_of: Callable[[Batch], Tensor], products: float, *, usable: bool
    ) -> None:
        self.weights, self.loss_of, self.products, self.usable = weights, loss_of, products, usable
        self.threads = self.lanes = 1

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Within, this thread computes alone, beside the lanes, if there are any."""
        threads = torch.get_num_threads()
        lanes = int(min(threads, MOST, self.products / PER_LANE))
        if threads == 1 or (self.products >= ONE_THREAD and (lanes < 2 or not self.usable)):
            yield
            return
        self.threads, self.lanes = threads, max(lanes, 1)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            self.lanes = 1
            torch.set_num_threads(threads)

    def count(self, images: int) -> int:
        """In how many parts a batch of so many images is differentiated; 1: not by lanes."""
        return min(self.lanes, images)

    def backward(self, batch: Batch) -> Tensor:
        """The loss of the batch; its gradient goes into that of the weights."""
        images = len(batch.input)
        count = self.count(images)
        pool = lane_pool(count, self.threads // count)
        futures = [pool.submit(partial(self._part, part, len(part.input) / images)) for part in parts_of(batch, count)]
        wait(futures)  # all of them: after an error none must be left behind that still computes
        found = [future.result() for future in futures]
        self.weights.take([part.gradients for part in found])
        return torch.stack([part.loss for part in found]).sum()

    def _part(self, batch: Batch, share: float) -> "_Part":
        loss = self.loss_of(batch) * share
        return _Part(loss.detach(), self.weights.differentiated(loss))


class _Part(NamedTuple):
    loss: Tensor
    gradients: tuple[Tensor, ...]


def parts_of(batch: Batch, count: int) -> list[Batch]:
    """The batch cut into ``count`` parts, of as equal size as can be."""
    images = len(batch.input)
    edges = [images * i // count for i in range(count + 1)]
    return [
        Batch(batch.input[a:b], None if batch.base is None else batch.base[a:b], batch.target[a:b])
        for a, b in pairwise(edges)
    ]
