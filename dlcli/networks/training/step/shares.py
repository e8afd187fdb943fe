"""A batch in shares: each rank computes on some of its images, and what all found is added up."""

from dlcli.engine.ranks import Ranks
from dlcli.networks.data.batch import Batch
from dlcli.networks.optim.flat_parameters import BEHIND, FlatParameters


class Shares:
    """The ranks' shares of a batch; ``weights`` hold the gradient of this one's."""

    def __init__(self, ranks: Ranks, weights: FlatParameters) -> None:
        self.ranks, self.weights = ranks, weights

    def of(self, batch: Batch) -> Batch | None:
        """This rank's images of ``batch``; None where there are more ranks than images.

        Each rank makes the whole batch, for the same random numbers: 0.4% of a default step of one thread.
        """
        if self.ranks.count == 1:
            return batch
        mine = self.ranks.slice_of(len(batch.target))
        if mine.stop == mine.start:
            return None
        return Batch(batch.input[mine], None if batch.base is None else batch.base[mine], batch.target[mine])

    def add(self, loss: float | None, size: int, *, smaller: bool, gradient: bool) -> tuple[float | None, bool]:
        """The loss of a whole batch of ``size`` images from the mean ``loss`` of each share, and its gradient likewise.

        None where any rank has None, which couldn't compute it. The other answer is whether any asks for a
        ``smaller`` batch.
        """
        if self.ranks.count == 1:
            return loss, smaller
        mine = self.ranks.slice_of(size)
        share = (mine.stop - mine.start) / size
        sums = self.weights.to_add if gradient else self.weights.to_add.new_zeros(BEHIND)
        if gradient:
            self.weights.gradient.mul_(share)
        sums[-BEHIND:] = sums.new_tensor([0.0 if loss is None else loss * share, loss is None, smaller])
        self.ranks.add_(sums)
        total, failed, asked = sums[-BEHIND:].tolist()
        return None if failed else total, asked > 0
