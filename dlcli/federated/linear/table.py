"""The rows of a table that stay with clients, as the server sees them: sums over all of them."""

import math

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.federated.linear.bins import BINS, area_of
from dlcli.federated.linear.indicators import largest
from dlcli.linear.diagnostics.aliased import OnOthers
from dlcli.linear.metrics import mean_of_known, ranked_classes
from dlcli.linear.objectives.glm import Sums
from dlcli.linear.objectives.loss import Kind
from dlcli.linear.objectives.penalty import WeightedPenalty
from dlcli.linear.shared.part import Asked, SharedObjective, SharedPart, SharedTable
from dlcli.linear.solvers.separable.margins import Margins, Question
from dlcli.linear.solvers.separable.proof import UnprovenError


class FederatedTable(SharedTable):
    """The table, of which each client has rows."""

    def columns(self, keep: IntArray) -> "FederatedTable":
        """The same for some of the columns."""
        return FederatedTable(self.crew, self.kept[keep])

    def distances(self, on: OnOthers, fill: FloatArray, groups: list[int]) -> tuple[FloatArray, FloatArray, int]:
        """See ``OnOthers.distances``; the sizes are known to a factor of two, and told the larger."""
        arrays = {name: np.ascontiguousarray(value) for name, value in vars(on).items()}
        found = self.crew.total("distances", {"columns": self.kept, "fill": fill, **arrays}, groups=groups)
        m = len(on.dependent)
        sizes = np.array([2 * largest(counts) for counts in found[m + 1 :].reshape(m, -1)])
        return found[:m], sizes, round(float(found[m]))

    def part(self, name: str, shape: tuple[int, ...]) -> "FederatedPart":
        """The rows of a part."""
        return FederatedPart(self.crew, name, shape)


class FederatedPart(SharedPart):
    """The rows of a part, "train", "scored" or "watched", of ``shape`` (n, p)."""

    def objective(
        self, kind: Kind, outputs: int, penalty: WeightedPenalty, device: str, factors: FloatArray | None
    ) -> "FederatedObjective":
        """The objective over them."""
        return FederatedObjective(self, kind, outputs, penalty, Asked(device, factors))

    def metrics(self, theta: FloatArray) -> dict[str, float]:
        """Metrics of classes of parameters theta (p, k); the area is from counts in bins."""
        theta = np.ascontiguousarray(theta)
        loss, right, total = self.crew.total("scores", {"theta": theta}, part=self.name)
        classes = max(theta.shape[1], 2)
        counts = self.crew.total("ranks", {"theta": theta}, part=self.name, classes=classes)
        areas = [area_of(one) for one in counts.reshape(len(ranked_classes(classes)), 2, BINS)]
        log_loss = float(loss / total)
        return {
            "loss": log_loss, "log_loss": log_loss, "accuracy": float(right / total), "auc": mean_of_known(areas)
        }  # fmt: skip


class FederatedObjective(SharedObjective):
    """An objective over the rows of a part; what would take rows to know is known as far as sums tell."""

    thins = False

    def _all_sums(self, theta: FloatArray, hessian: bool, offset: bool = True) -> Sums:
        found = self._crew.total("sums", {"theta": theta}, part=self._name, hessian=hessian, offset=offset)
        size, second = theta.size, theta.size**2 * hessian
        gradient, H = found[1 : 1 + size].reshape(theta.shape), found[1 + size : 1 + size + second]
        wrong, reach = found[1 + size + second], largest(found[2 + size + second :])
        if not math.isfinite(float(found[0])):
            reach = math.inf
        return Sums(
            float(found[0]), gradient, H.reshape(size, size) if hessian else None, reach if wrong < 0.5 else -reach,
            reach,
        )  # fmt: skip

    def constraints(self, question: Question) -> Margins:
        """On which sides a direction puts rows, as far as three answers of yes or no tell: no rows are sent.

        Raises UnprovenError where rows are wanted.
        """
        if question.candidate is None:
            raise UnprovenError
        candidate = np.ascontiguousarray(question.candidate)
        broken, met, right = self._crew.total("sides", {"candidate": candidate}, part=self._name)
        worst = -1.0 if broken > 0.5 else 0.0 if met > 0.5 else 1.0
        size = candidate.size
        return Margins(0, np.zeros(size), worst, float(right > 0.5), np.zeros(0), np.zeros((0, size)))
