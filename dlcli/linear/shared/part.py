"""Rows that several processes have, as the one that leads sees them: never a row itself, only sums over them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.linear.data.table_data import TableElsewhere
from dlcli.linear.metrics import CLASSES, area_under_curve, mean_of_known, ranked_classes
from dlcli.linear.objectives.glm import RowObjective, Sums
from dlcli.linear.objectives.least_squares import Standardizer
from dlcli.linear.objectives.loss import Kind
from dlcli.linear.objectives.penalty import WeightedPenalty
from dlcli.linear.objectives.stored_rows import RowsElsewhere
from dlcli.linear.shared.crew import Asks
from dlcli.linear.solvers.separable.margins import Margins, Question, together


@dataclass(frozen=True)
class SharedTable(TableElsewhere):
    """The rows of a table, of which each process has a share; ``kept`` are the columns that are left of it."""

    crew: Asks
    kept: IntArray

    def columns(self, keep: IntArray) -> "SharedTable":
        """The same for some of the columns."""
        return SharedTable(self.crew, self.kept[keep])

    def class_counts(self, classes: int, groups: Sequence[int] | None = None) -> FloatArray:
        """See ``TableData.class_counts``."""
        chosen = None if groups is None else list(groups)
        return self.crew.total("counts", classes=classes, groups=chosen)

    def squared_residuals(
        self, intercept: float, coefficients: FloatArray, fill: FloatArray, groups: list[int]
    ) -> tuple[float, float]:  # fmt: skip
        """See ``TableData.squared_residuals``."""
        arrays = {"kept": self.kept, "coefficients": np.ascontiguousarray(coefficients), "fill": fill}
        total, count = self.crew.total("residuals", arrays, intercept=intercept, groups=groups)
        return float(total), float(count)

    def standardized(
        self, fill: FloatArray, units: Standardizer, trained: list[int], held: list[list[int]], in_place: bool
    ) -> None:  # fmt: skip
        """Have all put the rows of some groups into training ``units``."""
        arrays = {"kept": self.kept, "fill": fill, "shift": units.shift, "scale": units.scale}
        self.crew.total("rows", arrays, trained=trained, held=held, intercept=units.intercept, in_place=in_place)

    def part(self, name: str, shape: tuple[int, ...]) -> "SharedPart":
        """The rows of a part."""
        return SharedPart(self.crew, name, shape)


class SharedPart(RowsElsewhere):
    """The rows of a part, "train", "scored" or "watched", of ``shape`` (n, p)."""

    def __init__(self, crew: Asks, name: str, shape: tuple[int, ...]) -> None:
        self.crew, self.name, self.shape = crew, name, shape

    def objective(
        self, kind: Kind, outputs: int, penalty: WeightedPenalty, device: str, factors: FloatArray | None
    ) -> "SharedObjective":
        """The objective over them."""
        return SharedObjective(self, kind, outputs, penalty, Asked(device, factors))

    def metrics(self, theta: FloatArray) -> dict[str, float]:
        """Metrics of classes of parameters theta (p, k)."""
        scores = _SharedScores(self, np.ascontiguousarray(theta))
        return {metric.name: metric.compute(scores) for metric in CLASSES}

    def loss_deviation(self, theta: FloatArray, mean: float) -> float:
        """The standard deviation of the rows' losses, which have this mean."""
        squares, off, total = self.crew.total("spread", {"theta": theta}, part=self.name, center=mean)
        return math.sqrt(max(squares - off**2 / total, 0.0) / max(total - 1, 1.0))


class _SharedScores:
    """The classes' probabilities on the rows of a part."""

    def __init__(self, part: SharedPart, theta: FloatArray) -> None:
        self._part, self._theta = part, theta
        loss, right, total = part.crew.total("scores", {"theta": theta}, part=part.name)
        self.log_loss, self._accuracy = float(loss / total), float(right / total)

    def accuracy(self) -> float:
        """The share of rows whose most probable class is the true one."""
        return self._accuracy

    def auc(self) -> float:
        """Area under the ROC curve; for several classes the macro average of one-against-rest."""
        return mean_of_known([self._auc_of(c) for c in ranked_classes(max(self._theta.shape[1], 2))])

    def _auc_of(self, c: int) -> float:
        parts = self._part.crew.every("order", {"theta": self._theta}, part=self._part.name, c=c)
        rows = np.concatenate([np.frombuffer(data, np.float64).reshape(-1, 3) for data in parts])
        return area_under_curve(rows[:, 1], rows[:, 0], None if (rows[:, 2] == 1).all() else rows[:, 2])


@dataclass(frozen=True)
class Asked:
    """Where an objective is, ``factors`` of its classes (see ``Responses``), and over each of how many rows."""

    device: str
    factors: FloatArray | None = None
    every: int = 1


class SharedObjective(RowObjective):
    """An objective over the rows of a part, or over about each of ``every`` of them."""

    def __init__(self, part: SharedPart, kind: Kind, outputs: int, penalty: WeightedPenalty, asked: "Asked") -> None:
        super().__init__(np.empty((0, part.shape[1])), np.empty(0), kind, outputs, penalty)
        self._part, self._outputs, self._asked = part, outputs, asked
        self._name, self._crew = f"{part.name}/{asked.every}", part.crew
        arrays = {} if asked.factors is None else {"factors": asked.factors}
        rows = self._crew.total(
            "objective", arrays, part=part.name, kind=kind, outputs=outputs, device=asked.device, every=asked.every
        )  # fmt: skip
        self.rows, self.total = int(rows[0]), float(rows[1])

    def thinned(self, every: int) -> "SharedObjective":
        """The objective over about each of ``every`` rows."""
        return SharedObjective(
            self._part, self.kind, self._outputs, self.penalties, replace(self._asked, every=every)
        )  # fmt: skip

    def _all_sums(self, theta: FloatArray, hessian: bool, offset: bool = True) -> Sums:
        found = self._crew.total("sums", {"theta": theta}, part=self._name, hessian=hessian, offset=offset)
        size, second = theta.size, theta.size**2 * hessian
        gradient, H = found[1 : 1 + size].reshape(theta.shape), found[1 + size : 1 + size + second]
        margins, reach = found[1 + size + second :].reshape(2, -1)
        return Sums(
            float(found[0]), gradient, H.reshape(size, size) if hessian else None, float(margins.min()),
            float(reach.max()),
        )  # fmt: skip

    def constraints(self, question: Question) -> Margins:
        """What the rows of all processes answer."""
        arrays = {"settled": question.settled}
        if question.candidate is not None:
            arrays["candidate"] = np.ascontiguousarray(question.candidate)
        parts = self._crew.every(
            "constraints", arrays, part=self._name, stride=question.stride, most=question.most
        )  # fmt: skip
        size = self.shape[0] * self.shape[1]
        answers = [Margins.unpacked(np.frombuffer(data, np.float64), size) for data in parts]
        return together(answers, self.shape, question)

    def mean_squares(self) -> FloatArray:
        """Mean of z^2 over the rows, (p,)."""
        return self._crew.total("squares", part=self._name) / self.total

    def fourth_moments(self, basis: FloatArray | None = None) -> FloatArray:
        """Mean of |z|^2 zz' over the rows."""
        arrays = {} if basis is None else {"basis": np.ascontiguousarray(basis)}
        return self._crew.total("fourths", arrays, part=self._name) / (self.rows * self.mean_weight**2)

    def hessian_product(self, theta: FloatArray, V: FloatArray) -> FloatArray:
        """The Hessian of the smooth part times V, both (p, k)."""
        found = self._crew.total("product", {"theta": theta, "V": V}, part=self._name)
        return found / self.total + self.l2 * self.penalized**2 * V

    def curvatures(self, theta: FloatArray) -> FloatArray:
        """The diagonal of the Hessian of the smooth part, (p, k)."""
        found = self._crew.total("curvatures", {"theta": theta}, part=self._name)
        return found / self.total + self.l2 * self.penalized**2

    def batch_gradient(self, theta: FloatArray, rows: IntArray, keep: FloatArray | None) -> FloatArray:
        """Gradient of the smooth part over some rows."""
        arrays = {"theta": theta, "rows": rows} | ({} if keep is None else {"keep": keep})
        found = self._crew.total("batch", arrays, part=self._name)
        return found / (len(rows) * self.mean_weight) + self.l2 * self.penalized**2 * theta
