"""The coefficients of a report, with their tests."""

import math
from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.linear.inference.contrasts import Shown
from dlcli.linear.inference.hypotheses import Tested
from dlcli.reports.fit_linear import ClassCoefficients, Coefficient

Coefficients = dict[str, Coefficient] | dict[str, ClassCoefficients]


@dataclass(frozen=True)
class Columns:
    """Arrays (1 + d, k) of what is said of each coefficient, by the report's field; None: nothing."""

    value: FloatArray
    std_error: FloatArray | None = None
    statistic: FloatArray | None = None
    p: FloatArray | None = None
    low: FloatArray | None = None
    high: FloatArray | None = None
    standardized: FloatArray | None = None

    @classmethod
    def of(cls, shown: Shown, tests: Tested | None, standardized: FloatArray | None) -> "Columns":
        """Those of coefficients, their tests, and slopes of standardized columns."""
        value = np.vstack([shown.intercept, shown.slopes])
        if tests is None:
            return cls(value, shown.errors, standardized=standardized)
        return cls(value, shown.errors, tests.statistic, tests.p, tests.low, tests.high, standardized)


def coefficient_entries(
    names: tuple[str, ...], classes: tuple[str, ...], columns: Columns, *, intercept: bool
) -> Coefficients:
    """The report's ``coefficients`` by name, the intercept first, if there is one.

    With several outputs each entry holds one value for each of ``classes``, by name.
    """
    labels, first = distinct(names), 1
    if intercept:
        labels, first = ["intercept", *labels], 0
    rows = range(first, first + len(labels))
    if columns.value.shape[1] == 1:
        return {label: _single(columns, i) for label, i in zip(labels, rows, strict=True)}
    return {label: _of_classes(columns, i, classes) for label, i in zip(labels, rows, strict=True)}


def _single(columns: Columns, i: int) -> Coefficient:
    def at(values: FloatArray | None) -> float | None:
        return None if values is None or not math.isfinite(values[i, 0]) else float(values[i, 0])

    return Coefficient(
        value=float(columns.value[i, 0]), std_error=at(columns.std_error), statistic=at(columns.statistic),
        p=at(columns.p), low=at(columns.low), high=at(columns.high), standardized=at(columns.standardized),
    )  # fmt: skip


def _of_classes(columns: Columns, i: int, classes: tuple[str, ...]) -> ClassCoefficients:
    def by_class(values: FloatArray) -> dict[str, float | None]:
        known = [value if math.isfinite(value) else None for value in values[i].tolist()]
        return dict(zip(classes, known, strict=True))

    def at(values: FloatArray | None) -> dict[str, float | None] | None:
        return None if values is None else by_class(values)

    unknown = np.full_like(columns.value, np.nan)
    return ClassCoefficients(
        value=dict(zip(classes, columns.value[i].tolist(), strict=True)),
        std_error=by_class(unknown if columns.std_error is None else columns.std_error),
        statistic=at(columns.statistic), p=at(columns.p), low=at(columns.low), high=at(columns.high),
        standardized=at(columns.standardized),
    )  # fmt: skip


def distinct(names: tuple[str, ...]) -> list[str]:
    """The names of columns, each once: one may be called as the intercept, or as the level of a text (``g=b``)."""
    every, taken = list(names), {"intercept"}
    for i, name in enumerate(every):
        number = 1
        while every[i] in taken:
            number += 1
            every[i] = f"{name} (column)" if number == 2 else f"{name} (column {number})"
        taken.add(every[i])
    return every
