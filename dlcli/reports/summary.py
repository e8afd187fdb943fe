"""Tables of metrics, as the console shows them."""

import math
from collections.abc import Mapping, Sequence

from dlcli.reports.document import Metrics

UNCENTERED = {"r2": "r2 (uncentered)"}  # 1 - MSE / mean of y^2, as R and statsmodels have it without an intercept


def cell(value: float | None) -> str:
    """A number in six digits; empty where there is none."""
    return "" if value is None or not math.isfinite(value) else f"{value:.6g}"


def cells(metrics: Metrics) -> dict[str, str]:
    """Each metric in six digits."""
    return {name: cell(value) for name, value in metrics.items()}


def metric_rows(
    columns: Sequence[Mapping[str, str]], *, hidden: str = "", labels: Mapping[str, str] | None = None
) -> list[list[str]]:
    """A row for each metric: its name, or its label, and its cell in each column.

    ``hidden`` is left out: for classes loss and log_loss are the same number, and once is enough.

    >>> metric_rows([{"loss": "2", "r2": "0.5"}, {"loss": "3"}])
    [['loss', '2', '3'], ['r2', '0.5', '']]
    """
    labels = labels or {}
    names = dict.fromkeys(name for column in columns for name in column)
    return [[labels.get(name, name), *(column.get(name, "") for column in columns)] for name in names if name != hidden]
