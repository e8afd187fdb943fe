"""What one fit minimizes, over which rows, and what measures it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from dlcli.config.values.class_weights import weights_by_name
from dlcli.config.values.loss import HUBER
from dlcli.engine.arrays import FloatArray
from dlcli.linear.data.rows import Held, Rows
from dlcli.linear.data.table_data import TableData, TableElsewhere, row_blocks
from dlcli.linear.losses.families import family_of
from dlcli.linear.metrics import ClassRows, class_metrics, metrics_by_blocks
from dlcli.linear.objectives.glm import RowObjective
from dlcli.linear.objectives.least_squares import LeastSquares, SpanUnits, Standardizer
from dlcli.linear.objectives.loss import (
    Kind,
    Loss,
    log_softmax,
    loss_of,
    of_classes,
    of_family,
    of_huber,
    of_quantile,
    quantile_of,
    threshold_of,
)
from dlcli.linear.objectives.make import make_objective
from dlcli.linear.objectives.moments import Moments
from dlcli.linear.objectives.responses import Responses
from dlcli.linear.objectives.row_space import row_basis
from dlcli.linear.objectives.stored_rows import AnyRows, RowsElsewhere
from dlcli.linear.plan import Plan
from dlcli.linear.start.point import StartPoint

if TYPE_CHECKING:
    from dlcli.linear.evaluation.deviance import DevianceSums
    from dlcli.linear.evaluation.huber import HuberSums
    from dlcli.linear.losses.pinball import PinballSums

SECOND_ORDER = ("newton", "lbfgs")
Validate = Callable[[FloatArray], Mapping[str, float]]


@dataclass(frozen=True)
class RowProblem:
    """Training and validation rows, Z = [1, (X - shift) / scale] (n, p), and their responses.

    ``objective`` is over the training rows (None for the exact solver, whose rows stay in the data's units);
    ``scored`` is over the validation rows and ``watched`` over those that the reports measure, both for classes.
    ``factors`` (k,): how many times as much the rows of each class count in training, None for once. ``squares`` is
    least squares on the training rows, where rows and parameters are in coordinates of their span.
    """

    kind: Kind
    Z: AnyRows
    responses: Responses
    objective: RowObjective | None
    Z_val: AnyRows | None = None
    responses_val: Responses | None = None
    scored: RowObjective | None = None
    watched: RowObjective | None = None
    squares: LeastSquares | None = None
    factors: FloatArray | None = None

    def metrics(self, theta: FloatArray) -> dict[str, dict[str, float]]:
        """Metrics of theta (p, k) on the training rows, and on the validation rows if there are any."""
        measure = _class_metrics if of_classes(self.kind) else partial(_number_metrics, self.kind)
        parts = {"train": measure(self.Z, self.responses, theta)}
        if self.Z_val is not None and self.responses_val is not None:
            parts["val"] = measure(self.Z_val, self.responses_val, theta)
        return parts


def _class_metrics(Z: AnyRows, responses: Responses, theta: FloatArray) -> dict[str, float]:
    if isinstance(Z, RowsElsewhere):
        return Z.metrics(theta)
    if isinstance(Z, np.ndarray) and responses.in_memory:
        every = responses[:]
        return class_metrics(log_softmax(every.shifted(Z @ theta)), every.y, every.weights)

    def blocks() -> Iterator[ClassRows]:
        for block in row_blocks(len(responses)):
            own = responses[block]
            yield log_softmax(own.shifted(Z[block] @ theta)), own.y, own.weights

    return metrics_by_blocks(blocks, max(theta.shape[1], 2))


def sums_of_numbers(kind: Kind) -> "PinballSums | HuberSums | DevianceSums":
    """What measures scores of numbers by a loss of the rows."""
    # Each where it is needed: a plain fit starts without them.
    if of_quantile(kind):
        from dlcli.linear.losses.pinball import Pinball, PinballSums

        return PinballSums(Pinball(quantile_of(kind)))
    if of_huber(kind):
        from dlcli.linear.evaluation.huber import HuberSums
        from dlcli.linear.losses.huber import Huber

        return HuberSums(Huber(threshold_of(kind)))
    from dlcli.linear.evaluation.deviance import DevianceSums

    return DevianceSums(family_of(kind))


def _number_metrics(kind: Kind, Z: AnyRows, responses: Responses, theta: FloatArray) -> dict[str, float]:
    sums = sums_of_numbers(kind)
    for block in row_blocks(len(responses)):
        own = responses[block]
        sums.add(own.y, own.shifted(Z[block] @ theta)[:, 0], own.weights)
    return sums.metrics()


@dataclass(frozen=True)
class FitProblem:
    """What one fit minimizes and what measures it; ``rows`` where the method needs them.

    ``factors`` (k,): how many times as much the rows of each class count in training, None for once. ``squares`` is
    least squares on the training rows, whose eigenvalues every method uses. ``scored`` and ``watched``
    are the moments of the rows ``held``, None where there are none. ``start`` is where it starts, None for 0.
    """

    plan: Plan
    data: TableData
    kind: Kind
    squares: LeastSquares
    rows: RowProblem | None
    held: Held
    scored: Moments | None
    watched: Moments | None
    start: StartPoint | None = None

    @property
    def observations(self) -> float:
        """How many independent rows those trained on stand for: see ``Weighting``."""
        return self.plan.columns.weighting.observations(self.squares.moments)

    @property
    def beginning(self) -> FloatArray | None:
        """The parameters (p, k) that it starts from; None for 0.

        Of a family the model of the intercept alone: from 0, means may be far from the data's, or there are none. Of
        Huber's loss, whose gradient doesn't grow with the distance, the median.
        """
        if self.start is None:
            if self.rows is None or self.rows.objective is None:
                return None
            if not (of_huber(self.kind) or of_family(self.kind)):
                return None
            from dlcli.linear.start.null import median_start, null_start

            if of_huber(self.kind):
                return median_start(self.rows.objective, intercept=self.squares.units.intercept)
            return null_start(self.rows.objective, self.squares)
        return self.start.theta(self.data.names, self.row_squares, whole=self.plan.penalty.l1 > 0)

    @property
    def units(self) -> Standardizer:
        """What takes parameters to the data's units."""
        return self.row_squares.units

    @property
    def row_squares(self) -> LeastSquares:
        """Least squares in the coordinates of the parameters."""
        return self.rows.squares if self.rows is not None and self.rows.squares is not None else self.squares

    def class_counts(self) -> FloatArray:
        """How much the training rows of each class weigh, (classes,)."""
        assert self.rows is not None
        return _class_counts(self.data, self.rows.responses)

    @property
    def class_bend(self) -> float:
        """How many times as large the curvature may be as it is without the factors of classes."""
        factors = self.rows.factors if self.rows is not None else None
        if factors is None:
            return 1.0
        counts = self.class_counts()
        return float(factors.max() * counts.sum() / (factors @ counts))

    @property
    def validate(self) -> Validate | None:
        """Measures parameters on the rows that are watched."""
        return _validation(self.squares, self.watched, self.rows.watched if self.rows else None)

    @property
    def score(self) -> Validate | None:
        """Measures parameters on the rows that score the fit."""
        return _validation(self.squares, self.scored, self.rows.scored if self.rows else None)


def _validation(squares: LeastSquares, held: Moments | None, objective: RowObjective | None) -> Validate | None:
    if held is None:
        return None
    if objective is not None:
        return lambda theta: {"loss": objective.loss(theta)}
    return lambda theta: {"loss": squares.loss(theta[:, 0], held)}


def kind_of(planned: Kind, data: TableData) -> Kind:
    """The loss of a plan; of classes, by how many there are."""
    target = data.schema.target
    assert target is not None
    return planned if not of_classes(planned) else "logistic" if len(target.levels) == 2 else "softmax"


def spans_rows(plan: Plan, squares: LeastSquares) -> bool:
    """Whether training is to be in the span of the rows.

    The penalty must be the same in all directions, and the solver go the same way in any coordinates.
    """
    return plan.optimizer in SECOND_ORDER and squares.moments.wide and not plan.penalty.l1


def _with_alpha(kind: Kind, objective_of: Callable[[Kind], RowObjective], squares: LeastSquares) -> Kind:
    from dlcli.linear.start.alternating import with_alpha
    from dlcli.linear.start.null import null_start

    link = loss_of(kind).link
    assert link is not None
    return with_alpha(objective_of, link, null_start(objective_of(Loss("poisson", None, link).kind), squares))


def _class_counts(data: TableData, responses: Responses) -> FloatArray:
    target = data.schema.target
    assert target is not None
    if isinstance(data.reread, TableElsewhere):
        return data.class_counts(len(target.levels))
    counts = np.zeros(len(target.levels))
    for block in row_blocks(len(responses)):
        counts += responses[block].class_counts(len(counts))
    return counts


def _factors(plan: Plan, data: TableData, rows: Rows) -> FloatArray | None:
    """What the rows of each class count in training, (k,): balanced, all classes weigh the same, and as much as before.

    As in scikit-learn. None for once.
    """
    given, target = plan.columns.weighting.classes, data.schema.target
    if given is None or target is None or not target.levels:
        return None
    named = weights_by_name(given)
    if named is not None:
        return np.array([named.get(level, 1.0) for level in target.levels])
    counts = _class_counts(data, rows.responses)
    return np.asarray(np.divide(counts.sum(), len(counts) * counts, out=np.ones(len(counts)), where=counts > 0))


def free_of_units(plan: Plan, kind: Kind) -> bool:
    """Whether the units of training don't show in the result: then they are those that lose no digits."""
    return plan.optimizer in SECOND_ORDER or of_quantile(kind)


def row_problem(
    plan: Plan, data: TableData, rows: Rows, squares: LeastSquares, kind: Kind, device: str
) -> RowProblem:  # fmt: skip
    """The objective over the training rows, and one over the validation rows if there are any."""
    target = data.schema.target
    outputs = len(target.levels) if target and kind == "softmax" else 1
    units, in_span = squares.units, None
    if spans_rows(plan, squares):
        assert isinstance(rows.Z, np.ndarray)
        basis = row_basis(rows.Z[:, int(units.intercept) :])
        coordinates = rows.Z[:, int(units.intercept) :] @ basis
        own = rows.responses[:]
        columns = np.column_stack([own.y, coordinates])
        rows, units = rows.turned(basis, int(units.intercept)), SpanUnits.span(basis, units)
        in_span = LeastSquares(Moments.of(columns, weights=own.weights), units, squares.l2)
    # Second-order methods train on standardized columns whatever is asked: only the penalty is in the data's units.
    elsewhere = free_of_units(plan, kind) and not plan.columns.standardize and in_span is None
    slopes = 1 / units.scale if elsewhere else np.ones(len(units.scale))
    penalty = plan.penalty.weighted(np.concatenate([np.zeros(int(units.intercept)), slopes]))
    if plan.optimizer == "exact" and kind == "mse":
        return RowProblem(kind, rows.Z, rows.responses, None)

    def objective(Z: AnyRows, responses: Responses) -> RowObjective:
        return make_objective(Z, responses, kind, outputs, penalty, device=device)

    if (asked := loss_of(kind)).name == "negative-binomial" and asked.parameter is None:
        kind = _with_alpha(kind, lambda one: make_objective(rows.Z, rows.responses, one, 1, penalty), squares)
    if asked.name == HUBER:
        from dlcli.linear.huber.scale import with_scale

        assert asked.parameter is not None
        kind = with_scale(lambda one: make_objective(rows.Z, rows.responses, one, 1, penalty), asked.parameter)
    factors = _factors(plan, data, rows)
    training = objective(rows.Z, rows.responses if factors is None else rows.responses.of_classes(factors))
    if kind == "mse":  # measured by moments
        return RowProblem(kind, rows.Z, rows.responses, training)
    scored = objective(*rows.scored) if rows.scored else None
    watched = scored if rows.watched is rows.scored else objective(*rows.watched) if rows.watched else None
    Z_val, responses_val = rows.scored or (None, None)
    return RowProblem(kind, rows.Z, rows.responses, training, Z_val, responses_val, scored, watched, in_span, factors)
