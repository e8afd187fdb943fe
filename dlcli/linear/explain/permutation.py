"""Permutation importance: how much worse the metric gets when a column's values go to other rows.

Breiman, Random Forests (2001), section 10; Fisher, Rudin and Dominici, All Models are Wrong, but Many are Useful
(2019). The values of a table's column are permuted as they stand in the table, so that its levels and terms, and its
interactions with others, follow.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.engine.bootstrap import CONFIDENCE, RESAMPLES, grouped
from dlcli.errors import DlcliError
from dlcli.linear.explain.loss_rows import MainMetric, RowLosses
from dlcli.linear.explain.parts import Contributions, Part
from dlcli.linear.explain.sample import SampledRows
from dlcli.tables.layout import Cells
from dlcli.tables.terms.design import Design

PART = 50  # resamples of rows at once


@dataclass(frozen=True)
class Importance:
    """How much a metric grows without a column's information, and the interval of that; nan where it isn't known."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Measured:
    """The metric on the rows as they are, and what permuting each column adds to it, by the column's name."""

    metric: float
    importances: dict[str, Importance]
    impossible: tuple[str, ...] = ()


@dataclass(frozen=True)
class Remade:
    """How columns of X are made anew of permuted columns of the table: the rows' ``cells``, and the terms."""

    cells: Cells
    design: Design
    fill: FloatArray

    def scores(self, contributions: Contributions, column: str, order: IntArray) -> FloatArray:
        """Scores (n, k) with the values of a column in another ``order`` (n,). Raises DlcliError where terms can't be
        had of it.
        """
        numbers, codes = self.cells.numbers.copy(), dict(self.cells.codes)
        feature = next(one for one in self.design.features if one.name == column)
        for name in feature.plain_names:
            place = list(self.cells.plain).index(name)
            numbers[:, place] = numbers[order, place]
        if column in codes:
            codes[column] = codes[column][order]
        cells = Cells(numbers, self.cells.plain, codes, self.cells.rows, self.cells.label)
        X = self.design.matrix(cells, {}, strict=False, fill=True)
        return contributions.scores(np.where(np.isnan(X), self.fill, X))


@dataclass(frozen=True)
class Permuting:
    """How columns are permuted: ``repeats`` times each; ``remade`` where there are terms of several columns."""

    repeats: int
    seed: int
    remade: Remade | None = None


def permutation_importance(
    contributions: Contributions, rows: SampledRows, losses: RowLosses, metric: MainMetric, how: Permuting
) -> Measured:
    """The importance of every column of the table.

    Each is the metric of the mean loss over all permutations less the metric of the rows as they are, with the
    percentile interval of confidence 0.95 of 2,000 bootstrap samples of the rows. Rows with weights get values drawn
    with replacement, each row's as often as it weighs. Of one row nothing is known.
    """
    scores, each = contributions.scores(rows.X), contributions.of_rows(rows.X)
    base = losses(rows.with_offset(scores))
    found: dict[str, FloatArray] = {}
    impossible: list[str] = []
    for number, (name, parts) in enumerate(_by_column(contributions.parts).items()):
        random, total = np.random.default_rng([how.seed, number]), np.zeros(len(base))
        try:
            for _ in range(how.repeats):
                order = _order(rows, random)
                total += (
                    losses(rows.with_offset(scores + _change(contributions, each, (name, parts), order, how))) - base
                )
        except DlcliError:  # terms that can't be had of other rows' values, such as log(a - b)
            impossible.append(name)
        else:
            found[name] = base + total / how.repeats  # so that what is no change is none to the last digit
    value, known = _intervals(np.column_stack([base, *found.values()]), rows.weights, metric, how.seed)
    unknown = dict.fromkeys(impossible, Importance(np.nan, np.nan, np.nan))
    return Measured(value, dict(zip(found, known, strict=True)) | unknown, tuple(impossible))


def _by_column(parts: Sequence[Part]) -> dict[str, list[Part]]:
    """The parts of each of the table's columns."""
    found: dict[str, list[Part]] = {}
    for part in parts:
        for name in part.columns:
            found.setdefault(name, []).append(part)
    return found


def _order(rows: SampledRows, random: np.random.Generator) -> IntArray:
    """Whose value each row gets, (n,)."""
    count = len(rows.numbers)
    if rows.weights is None:
        return random.permutation(count)
    return np.asarray(random.choice(count, count, p=rows.weights / rows.weights.sum()), dtype=np.int64)


def _change(
    contributions: Contributions, each: FloatArray, column: tuple[str, list[Part]], order: IntArray, how: Permuting
) -> FloatArray:
    """What the scores (n, k) change by where a column has its values in another order."""
    name, parts = column
    if how.remade is not None and any(part.interaction for part in parts):
        made: FloatArray = how.remade.scores(contributions, name, order)
        return np.asarray(made - contributions.base - each.sum(axis=1))
    own = each[:, contributions.parts.index(parts[0])]
    return np.asarray(own[order] - own)


def _intervals(
    losses: FloatArray, weights: FloatArray | None, metric: MainMetric, seed: int
) -> tuple[float, list[Importance]]:
    """The metric of the losses in column 0, and how much more those of the other columns have: losses (n, 1 + p)."""
    own = np.ones(len(losses)) if weights is None else weights
    sums = grouped(np.column_stack([own, losses * own[:, None]]))
    random, count = np.random.default_rng(seed), len(sums)
    drawn = []
    for start in range(0, RESAMPLES, PART):
        picked = random.integers(0, count, (min(PART, RESAMPLES - start), count))
        times = np.stack([np.bincount(one, minlength=count) for one in picked]).astype(np.float64)
        drawn.append(times @ sums)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        total, each = sums.sum(axis=0), np.concatenate(drawn)
        metrics = metric.of_mean(total[1:] / total[0])
        gaps = metric.of_mean(each[:, 1:] / each[:, :1])
        gaps = gaps[:, 1:] - gaps[:, :1]
    tails = [100 * (1 - CONFIDENCE) / 2, 100 * (1 + CONFIDENCE) / 2]
    known = count > 1
    ends = np.percentile(gaps, tails, axis=0) if known else np.full((2, gaps.shape[1]), np.nan)
    values = metrics[1:] - metrics[0] if known else np.full(gaps.shape[1], np.nan)
    return float(metrics[0]), [
        Importance(float(value), float(low), float(high)) for value, low, high in zip(values, *ends, strict=True)
    ]
