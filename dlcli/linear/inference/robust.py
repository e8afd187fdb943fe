"""Standard errors that hold where rows differ in variance, or hang together in clusters: one more pass over the rows.

The sandwich B M B of White (1980): B is the covariance of unit variance, M the sum of the outer products of the rows'
scores, for which MacKinnon and White (1985) have HC0 to HC3, and Liang and Zeger (1986) the sums over clusters.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.linear.data.gaps import fill_gaps
from dlcli.linear.data.table_data import row_blocks
from dlcli.linear.inference.covariance import Covariance
from dlcli.linear.inference.settings import Clusters, InferenceSettings
from dlcli.linear.losses.families import family_of
from dlcli.linear.objectives.loss import log_softmax, of_family
from dlcli.linear.objectives.responses import RowResponses
from dlcli.linear.objectives.room import check_room
from dlcli.linear.problem import FitProblem
from dlcli.linear.result import Fit

CELLS = 1 << 21  # numbers that are taken at once
TOO_MANY = "robust standard errors are computed for up to 1,000 coefficients"
LEVER = "a row alone determines its own prediction (leverage 1), so {} has no value: use --robust HC1"


def robust(problem: FitProblem, fit: Fit, settings: InferenceSettings) -> Fit:
    """The fit with the standard errors that were asked for, if it has any. Raises DlcliError without memory."""
    asked, verdict = settings.covariance, fit.verdict
    if verdict.std_errors is None:
        return fit
    if verdict.covariance is None:
        return replace(fit, verdict=replace(verdict, std_errors=None, no_errors=TOO_MANY))
    scores = _Scores(problem, fit, verdict.covariance, asked)
    if settings.clusters is not None:
        meat, correction, clusters = _of_clusters(scores, settings.clusters)
        if clusters < 2:
            none = f"all rows are in one cluster of '{settings.clusters.name}'"
            return replace(fit, verdict=replace(verdict, std_errors=None, covariance=None, no_errors=none))
        fit = replace(fit, clusters=clusters)
    else:
        meat, correction = _of_rows(scores), scores.rows / scores.freedom if asked == "HC1" else 1.0
    if not np.isfinite(meat).all():
        none = LEVER.format(asked)
        return replace(fit, verdict=replace(verdict, std_errors=None, covariance=None, no_errors=none))
    bread = scores.bread.matrix
    found = Covariance(bread @ meat @ bread * correction, scores.bread.center)
    errors = found.std_errors()
    errors[np.isnan(verdict.std_errors).all(axis=1)] = np.nan
    return replace(fit, verdict=replace(verdict, std_errors=errors, covariance=found))


@dataclass(frozen=True)
class _Scores:
    """The rows' scores at a fit, whose ``covariance`` is the classical one."""

    problem: FitProblem
    fit: Fit
    covariance: Covariance
    kind: str

    @property
    def rows(self) -> float:
        """How many independent rows those trained on stand for."""
        return self.problem.observations

    @property
    def freedom(self) -> float:
        """Rows less coefficients."""
        assert self.fit.likelihood is not None
        return self.fit.likelihood.df_residual

    @property
    def bread(self) -> Covariance:
        """The covariance for scores of unit variance."""
        likelihood = self.fit.likelihood
        assert likelihood is not None
        assert likelihood.dispersion is not None
        return self.covariance.times(1 / likelihood.dispersion)

    def blocks(self) -> Iterator[tuple[FloatArray, IntArray, FloatArray | None]]:
        """Scores (m, k (1 + d)) of blocks of training rows, and the rows' numbers (m,) among all that are kept.

        And how many rows (m,) with such scores each stands for; None for one.
        """
        precise = self.problem.plan.columns.weighting.precision
        model, bread = self.fit.model, self.bread
        middle = model.intercept + bread.center @ model.slopes
        step = max(1, CELLS // len(bread.matrix))
        for centered, responses, numbers in _centered(self.problem, bread.center):
            for start in range(0, len(responses), step):
                rows = slice(start, start + step)
                own = responses[rows]
                W = np.empty((len(own), bread.width))
                W[:, 0], W[:, 1:] = float(self.problem.units.intercept), centered[rows]
                predicted = own.shifted(W[:, 1:] @ model.slopes + middle)
                yield self._of_block(W, predicted, own), numbers[rows], None if precise else own.weights

    def _of_block(self, W: FloatArray, predicted: FloatArray, responses: RowResponses) -> FloatArray:
        kind, y = self.problem.kind, responses.y
        if of_family(kind):
            family = family_of(kind)
            errors, weight = family.terms(predicted[:, 0], y, False)[1][:, None], family.weights(predicted[:, 0])
        elif kind == "mse":
            errors, weight = predicted - y[:, None], np.ones(len(y))
        else:
            chances = np.exp(log_softmax(predicted))
            errors = chances - (y[:, None] == np.arange(chances.shape[1]))
            if kind == "logistic":
                errors, weight = errors[:, 1:], chances[:, 0] * chances[:, 1]
        precise = self.problem.plan.columns.weighting.precision
        if precise:  # of frequencies each of the rows that a row stands for has its own leverage
            weight = responses.weighted(weight)
        if self.kind in ("HC2", "HC3"):
            free = 1 - np.einsum("ij,ij->i", W @ self.bread.matrix, W) * weight
            errors = errors / np.where(free > 1e-10, free, 0.0)[:, None] ** (0.5 if self.kind == "HC2" else 1.0)
        if precise and responses.weights is not None:
            errors = errors * responses.weights[:, None]
        return np.asarray((errors[:, :, None] * W[:, None, :]).reshape(len(W), -1))


def _centered(problem: FitProblem, center: FloatArray) -> Iterator[tuple[FloatArray, RowResponses, IntArray]]:
    """Blocks of columns less their center (m, d), of responses, and of the rows' numbers (m,): the training rows."""
    data, rows, units = problem.data, problem.rows, problem.squares.units
    trained = data.training_groups()
    if rows is not None:
        chosen = None if data.groups is None else np.isin(data.groups, trained)
        numbers = np.arange(len(rows.responses)) if chosen is None else np.flatnonzero(chosen)
        first = int(problem.units.intercept)
        for block in row_blocks(len(rows.responses)):
            Z = rows.Z[block]
            centered = Z - center if problem.plan.optimizer == "exact" else Z[:, first:] * units.scale
            yield centered, rows.responses[block], numbers[block]
        return
    start = 0
    for X, responses, groups in data.passed_again():
        here = np.isin(groups, trained)
        X = X[here]
        fill_gaps(X, data.fill)
        yield X - center, responses.of_rows(here), start + np.flatnonzero(here)
        start += len(responses)


def _of_rows(scores: _Scores) -> FloatArray:
    size = len(scores.covariance.matrix)
    total = np.zeros((size, size))
    with np.errstate(divide="ignore", invalid="ignore"):
        for block, _, times in scores.blocks():
            total += block.T @ (block if times is None else block * times[:, None])
    return total


def _of_clusters(scores: _Scores, clusters: Clusters) -> tuple[FloatArray, float, int]:
    """The sum of outer products of the clusters' scores, its correction for few clusters, and how many there are."""
    size = len(scores.covariance.matrix)
    check_room(8 * clusters.count * size, f"{clusters.count:,} clusters", "use --robust HC1, or fewer columns")
    sums, there = np.zeros((clusters.count, size)), np.zeros(clusters.count, dtype=np.bool_)
    for block, numbers, times in scores.blocks():
        block = block if times is None else block * times[:, None]
        codes = clusters.codes[numbers]
        order = np.argsort(codes, kind="stable")
        codes = codes[order]
        firsts = np.flatnonzero(np.concatenate([[True], codes[1:] != codes[:-1]])) if len(codes) else codes
        if len(firsts):
            sums[codes[firsts]] += np.add.reduceat(block[order], firsts, axis=0)
            there[codes[firsts]] = True
    count, rows = int(there.sum()), scores.rows
    correction = count / max(count - 1, 1) * (rows - 1) / scores.freedom
    return sums.T @ sums, correction, count
