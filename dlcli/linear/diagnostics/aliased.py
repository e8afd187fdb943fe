"""Columns that depend on earlier ones, which no fit has a coefficient for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.engine.progress import Progress
from dlcli.linear.data.gaps import fill_gaps
from dlcli.linear.data.table_data import TableData, TableElsewhere
from dlcli.linear.objectives.moments import Moments
from dlcli.linear.plan import Plan
from dlcli.linear.solvers.dependence import correlations, dependent_columns, may_depend
from dlcli.text import printable

WIDEST = 5000  # columns; finding which depends on which takes time with their cube
SHOWN = 5
NEAR, DIGITS = 1e-11, 64 * float(np.finfo(np.float64).eps)  # of a column's deviation, and of its numbers


@dataclass(frozen=True)
class OnOthers:
    """Columns ``dependent`` (m,) as those of ``kept`` (k,) give them: ``mean`` (d,), and ``weights`` (k, m)."""

    kept: IntArray
    dependent: IntArray
    mean: FloatArray
    weights: FloatArray

    def distances(self, data: TableData) -> tuple[FloatArray, FloatArray, int]:
        """Sums of squared distances (m,) of the training rows of ``data``, the largest numbers (m,), and the rows."""
        kept, dependent, mean, weights = self.kept, self.dependent, self.mean, self.weights
        apart, sizes, count = np.zeros(len(dependent)), np.zeros(len(dependent)), 0
        for X, _, owners in data.passed_again():
            X = X[np.isin(owners, data.training_groups())]
            fill_gaps(X, data.fill)
            rest = X[:, dependent] - mean[dependent] - (X[:, kept] - mean[kept]) @ weights
            apart += np.square(rest).sum(axis=0)
            # What rounding makes of numbers of this size.
            sizes = np.maximum(sizes, np.abs(X[:, dependent]).max(axis=0, initial=0.0))
            sizes = np.maximum(sizes, (np.abs(X[:, kept]) @ np.abs(weights)).max(axis=0, initial=0.0))
            count += len(X)
        return apart, sizes, count


def without_aliased(plan: Plan, data: TableData, progress: Progress) -> tuple[TableData, IntArray]:
    """The data without columns that depend on earlier ones, and which columns are left (k,).

    As with R's ``lm`` and ``glm`` their coefficients are 0, and the others have one solution, and tests. All stay where
    a penalty decides between solutions, and where rows are fewer than columns, so that each depends on all others. The
    exact solver finds them itself, more closely.
    """
    every = np.arange(len(data.fill))
    moments, intercept = data.merged(data.training_groups()), plan.columns.intercept
    if plan.optimizer == "exact" or plan.penalty.present or moments.wide or len(every) > WIDEST:
        return data, every
    found = dependent_columns(moments, intercept) if may_depend(moments, intercept) else {}
    if not found or not _borne_out(found, moments, intercept, data):
        return data, every
    progress.warn(said_of_dependent(data.names, found, len(every) + int(intercept), zero(len(found))))
    left = np.setdiff1d(every, list(found))
    return data.columns(left), left


def _borne_out(found: Mapping[int, Sequence[int]], moments: Moments, intercept: bool, data: TableData) -> bool:
    """Whether the training rows show that the columns depend on the earlier ones: by one more pass over them.

    Moments have half the digits of the rows, and take a column that is near the span of others, by 1e-7 of its length,
    for one that is in it; such a one has a coefficient, and those of the others hang on it.
    """
    dependent = sorted(found)
    kept = np.setdiff1d(np.arange(len(data.fill)), dependent)
    mean = moments.mean[1:] * intercept
    C, length = correlations(moments, intercept)
    weights = np.zeros((len(kept), len(dependent)))
    for column, j in enumerate(dependent):
        before = kept < j
        on = kept[before]
        weights[before, column] = np.linalg.solve(C[np.ix_(on, on)], C[on, j]) * length[j] / length[on]
    others = OnOthers(kept, np.array(dependent), mean, weights)
    if isinstance(data.reread, TableElsewhere):
        known = data.reread.distances(others, data.fill, data.training_groups())
        if known is None:
            return False
        apart, sizes, count = known
    else:
        apart, sizes, count = others.distances(data)
    spread = np.sqrt(np.diag(moments.scatter)[1:][dependent] / moments.count)
    return bool((np.sqrt(apart / max(count, 1)) <= NEAR * spread + DIGITS * sizes).all())


def zero(count: int) -> str:
    """What becomes of the coefficients of so many columns."""
    return "its coefficient is 0" if count == 1 else "their coefficients are 0"


def said_of_dependent(
    names: Sequence[str], found: Mapping[int, Sequence[int]], coefficients: int, taken: str
) -> str:  # fmt: skip
    """A line on columns that depend on others, and on what is made of it."""
    each = [_said(names, j, on) for j, on in list(found.items())[:SHOWN]]
    more = f" and {len(found) - SHOWN} more do so" if len(found) > SHOWN else ""
    return (
        f"the columns determine only {coefficients - len(found)} of {coefficients} coefficients, as "
        f"{', '.join(each)}{more}: {taken}; drop columns, or add --l2"
    )


def _said(names: Sequence[str], column: int, others: Sequence[int]) -> str:
    on = [f"'{printable(names[i])}'" for i in others[:SHOWN]]
    on += [f"{len(others) - SHOWN} more"] * (len(others) > SHOWN)
    return f"'{printable(names[column])}' depends on {' and '.join(on) if on else 'others'}"
