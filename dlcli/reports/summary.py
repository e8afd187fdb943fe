"""Tables of metrics, as the console shows them."""

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

from dlcli.reports.document import Metrics
from dlcli.reports.evaluate import MeasuredClass
from dlcli.reports.train_deconv import ClassQuality
from dlcli.text import printable

ClassT = TypeVar("ClassT", ClassQuality, MeasuredClass)
CLASS_HEAD = ["class", "images", "precision", "recall", "f1"]
TABLE_CLASS_HEAD = ["class", "rows", "taken for it", "precision", "recall", "f1"]
LISTED = 20  # classes; of more the least well found ones
EIGHT_BITS = 255.0  # the range of PSNR that isn't named
UNCENTERED = {"r2": "r2 (uncentered)"}  # 1 - MSE / mean of y^2, as R and statsmodels have it without an intercept


def luminance_note(psnr_of: str | None) -> str:
    """A line on what PSNR compares; empty where that is every value."""
    if psnr_of in (None, "values"):
        return ""
    gray = ", of gray ones the values" if psnr_of != "luminance" else ""
    return f"psnr and ssim compare the luminance of color images{gray}; of 8 bits it is 16 to 235, as published"


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


def class_rows(classes: Sequence[ClassQuality]) -> list[list[str]]:
    """A row for each class, below ``CLASS_HEAD``; where there are many, for those of the lowest F1."""
    return [[printable(one.name), f"{one.images:,}", *_shares(one)] for one in _listed(classes)] + _rest(classes, 5)


def measured_class_rows(classes: Sequence[MeasuredClass]) -> list[list[str]]:
    """The same for a table's classes, below ``TABLE_CLASS_HEAD``."""
    return [
        [printable(one.name), f"{one.rows:,}", f"{one.guessed:,}", *_shares(one)] for one in _listed(classes)
    ] + _rest(classes, 6)


def _listed(classes: Sequence[ClassT]) -> Sequence[ClassT]:
    if len(classes) <= LISTED:
        return classes
    return sorted(classes, key=lambda one: 2.0 if math.isnan(one.f1) else one.f1)[:LISTED]


def _rest(classes: Sequence[ClassT], columns: int) -> list[list[str]]:
    more = len(classes) - LISTED
    return [[f"... {more:,} more, found better", *([""] * (columns - 1))]] if more > 0 else []


def _shares(one: ClassQuality | MeasuredClass) -> list[str]:
    return [_share(value) for value in (one.precision, one.recall, one.f1)]


def _share(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.4f}"
