"""The rows that one process has of a table, and what it answers about them: sums, which the processes add up."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from dlcli.engine.arrays import AnyArray, FloatArray, IntArray
from dlcli.engine.ranks import Ranks
from dlcli.linear.data.rows import Rows, standardized_rows
from dlcli.linear.data.table_data import TableData
from dlcli.linear.metrics import ClassScores, ordering
from dlcli.linear.objectives.glm import RowObjective
from dlcli.linear.objectives.least_squares import Standardizer
from dlcli.linear.objectives.loss import log_softmax
from dlcli.linear.objectives.make import make_objective
from dlcli.linear.objectives.penalty import Penalty
from dlcli.linear.solvers.separable.margins import Question

Arrays = dict[str, AnyArray]
AT_ONCE = 1 << 16  # rows whose scores are computed at once


@dataclass
class Share:
    """One process's rows: ``data`` has those only, and the moments of all.

    ``numbers`` (n,) are theirs among all rows, ``groups`` the groups of all rows (None: all in group 0). Every answer
    is an array that is to be added up, or bytes that are to be gathered.
    """

    data: TableData
    numbers: IntArray
    groups: IntArray | None
    ranks: Ranks
    _rows: Rows | None = None
    _trained: list[int] = field(default_factory=list)
    _objectives: dict[str, RowObjective] = field(default_factory=dict)
    _places: IntArray | None = None

    def answer(self, asked: str, arrays: Arrays, meta: dict[str, Any]) -> FloatArray | bytes:
        """What process 0 has ``asked`` all for."""
        found: FloatArray | bytes = getattr(self, f"on_{asked}")(arrays, **meta)
        return found

    def on_rows(
        self, arrays: Arrays, trained: list[int], held: list[list[int]], intercept: bool, in_place: bool
    ) -> FloatArray:  # fmt: skip
        """Put rows into training units; those of before are let go."""
        self._rows, self._objectives, self._trained, self._places = None, {}, trained, None
        view = replace(self.data.columns(arrays["kept"]), fill=arrays["fill"])
        units = Standardizer(arrays["shift"], arrays["scale"], intercept)
        self._rows = standardized_rows(view, trained, (held[0], held[1]), units, exact=False, in_place=in_place)
        return np.zeros(1)

    def on_objective(self, arrays: Arrays, part: str, kind: Any, outputs: int, device: str, every: int) -> FloatArray:
        """Take an objective over the rows of a part, or over each of so many; without penalties."""
        Z, responses = self._part(part)
        if "factors" in arrays:
            responses = responses.of_classes(arrays["factors"])
        if every > 1:
            Z, responses = np.ascontiguousarray(Z[::every]), responses[::every]
        device = f"{device}:{self.ranks.local_rank}" if device == "cuda" else device
        penalty = Penalty().weighted(np.zeros(Z.shape[1]))
        self._objectives[f"{part}/{every}"] = make_objective(Z, responses, kind, outputs, penalty, device=device)
        found = self._objectives[f"{part}/{every}"]
        return np.array([float(found.rows), found.total])

    def on_sums(self, arrays: Arrays, part: str, hessian: bool, offset: bool) -> FloatArray:
        """Loss, gradient, Hessian; and the margins, each in a place of this process's."""
        sums = self._objectives[part]._all_sums(arrays["theta"], hessian, offset)
        ends = np.zeros((2, self.ranks.count))
        ends[:, self.ranks.rank] = sums.margin, sums.reach
        second = np.zeros(0) if sums.hessian is None else sums.hessian.ravel()
        return np.concatenate([[sums.loss], sums.gradient.ravel(), second, ends.ravel()])

    def on_constraints(self, arrays: Arrays, part: str, stride: int, most: int) -> bytes:
        """See ``RowObjective.constraints``."""
        question = Question(arrays["settled"], arrays.get("candidate"), stride, most)
        return self._objectives[part].constraints(question).packed().tobytes()

    def on_squares(self, _: Arrays, part: str) -> FloatArray:
        """Sums of squares of each column."""
        return self._summed(part, (self._objectives[part].shape[0],), lambda o: o.mean_squares())

    def on_fourths(self, arrays: Arrays, part: str) -> FloatArray:
        """See ``RowObjective.fourth_moments``."""
        basis = arrays.get("basis")
        size = self._objectives[part].shape[0] if basis is None else basis.shape[1]
        objective = self._objectives[part]
        if not objective.rows:
            return np.zeros((size, size))
        return objective.fourth_moments(basis) * objective.rows * objective.mean_weight**2

    def on_product(self, arrays: Arrays, part: str) -> FloatArray:
        """See ``RowObjective.hessian_product``."""
        theta = arrays["theta"]
        return self._summed(part, theta.shape, lambda o: o.hessian_product(theta, arrays["V"]))

    def on_curvatures(self, arrays: Arrays, part: str) -> FloatArray:
        """See ``RowObjective.curvatures``."""
        return self._summed(part, arrays["theta"].shape, lambda o: o.curvatures(arrays["theta"]))

    def on_batch(self, arrays: Arrays, part: str) -> FloatArray:
        """The sum of the gradients over those of a batch's rows that are here."""
        places, rows = self._numbered(), arrays["rows"]
        at = np.searchsorted(places, rows)
        here = np.flatnonzero((at < len(places)) & (places[np.minimum(at, len(places) - 1)] == rows))
        if not len(here):
            return np.zeros(arrays["theta"].shape)
        keep = arrays["keep"][here] if "keep" in arrays else None
        objective = self._objectives[part]
        return objective.batch_gradient(arrays["theta"], at[here], keep) * (len(here) * objective.mean_weight)

    def on_counts(self, _: Arrays, classes: int, groups: list[int] | None) -> FloatArray:
        """How much the training rows of each class weigh, in all groups or in some."""
        return self.data.class_counts(classes, groups)

    def on_residuals(self, arrays: Arrays, intercept: float, groups: list[int]) -> FloatArray:
        """The sum of squared residuals, and the rows' weight."""
        view = replace(self.data.columns(arrays["kept"]), fill=arrays["fill"])
        return np.array(view.squared_residuals(intercept, arrays["coefficients"], groups))

    def on_scores(self, arrays: Arrays, part: str) -> FloatArray:
        """Sums of the losses, of what is classified right, and of the weights."""
        total = np.zeros(3)
        for logs, codes, weights in self._scores(part, arrays["theta"]):
            scores = ClassScores(logs, codes, weights)
            total += scores.total * np.array([scores.log_loss, scores.accuracy(), 1.0])
        return total

    def on_spread(self, arrays: Arrays, part: str, center: float) -> FloatArray:
        """The sum of squares of the losses about a center, of the losses about it, and of the weights."""
        total = np.zeros(3)
        for logs, codes, weights in self._scores(part, arrays["theta"]):
            away = -logs[np.arange(len(codes)), codes] - center
            own = np.ones(len(codes)) if weights is None else weights
            total += [own @ away**2, own @ away, own.sum()]
        return total

    def on_order(self, arrays: Arrays, part: str, c: int) -> bytes:
        """What orders the rows of a part as the probability of class c does, which are of it, and their weights."""
        found = [np.zeros((0, 3))]
        for logs, codes, weights in self._scores(part, arrays["theta"]):
            own = np.ones(len(codes)) if weights is None else weights
            found.append(np.column_stack([ordering(logs, c), codes == c, own]))
        return np.concatenate(found).tobytes()

    def _part(self, part: str) -> tuple[Any, Any]:
        assert self._rows is not None
        rows = self._rows
        found = {"train": (rows.Z, rows.responses), "scored": rows.scored, "watched": rows.watched}
        chosen = found[part]
        assert chosen is not None
        return chosen

    def _scores(self, part: str, theta: FloatArray) -> Any:
        Z, responses = self._part(part)
        for start in range(0, len(responses), AT_ONCE):
            block = slice(start, start + AT_ONCE)
            own = responses[block]
            yield log_softmax(own.shifted(Z[block] @ theta)), own.y.astype(np.int64), own.weights

    def _summed(self, part: str, shape: tuple[int, ...], mean: Any) -> FloatArray:
        """A mean over the rows here, (shape,), as a sum."""
        objective = self._objectives[part]
        found: FloatArray = mean(objective) * objective.total if objective.rows else np.zeros(shape)
        return found

    def _numbered(self) -> IntArray:
        """The places of the training rows here among all training rows, (n,) and ascending."""
        if self._places is None:
            if self.groups is None:
                self._places = self.numbers
            else:
                chosen = np.isin(self.groups, self._trained)
                here = self.numbers[chosen[self.numbers]]
                self._places = np.cumsum(chosen)[here] - 1
        return self._places
