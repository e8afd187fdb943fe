"""The summary of a fit: prints as the command's tables, and has the numbers."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dlcli.files import JsonObject
from dlcli.linear.summary import ShownTable, shown
from dlcli.reports.document import Metrics
from dlcli.reports.fit_linear import ClassCoefficients, Coefficient, FitLinearReport
from dlcli.reports.inference import Likelihood, OverallTest

if TYPE_CHECKING:
    import polars as pl

GAP = "  "


@dataclass(frozen=True)
class FitSummary:
    """What a fit found, on the rows that it was trained on. ``print`` shows it as ``dlcli fit-linear`` does.

    ``report`` is the whole report; a number that there isn't is None, and ``std_error_reason`` says why.
    """

    report: FitLinearReport

    def __str__(self) -> str:
        """Tables and lines, as on the console."""
        parts = [_text(part) if isinstance(part, ShownTable) else part for part in shown(self.report)]
        return "\n".join(parts)

    def __repr__(self) -> str:
        """The same: what a notebook shows."""
        return str(self)

    @property
    def coefficients(self) -> dict[str, Coefficient] | dict[str, ClassCoefficients]:
        """By the name of the column, ``intercept`` first: value, std_error, statistic, p, low, high.

        Of three classes or more each of these is a dict by class.
        """
        return self.report.coefficients

    @property
    def metrics(self) -> dict[str, Metrics]:
        """By the part of the data that they were measured on: train, and val where rows were held out."""
        return self.report.metrics

    @property
    def rows(self) -> int:
        """Rows of data, those held out included."""
        return self.report.rows

    @property
    def r2(self) -> float | None:
        """R squared on the training rows; of numbers."""
        return self.report.r2

    @property
    def r2_adjusted(self) -> float | None:
        """The same adjusted for degrees of freedom."""
        return self.report.summary.r2_adjusted if self.report.summary else None

    @property
    def residual_sd(self) -> float | None:
        """Residual standard error, in units of the target."""
        return self.report.residual_sd

    @property
    def df_residual(self) -> float | None:
        """Rows less coefficients."""
        return self.report.summary.df_residual if self.report.summary else None

    @property
    def test(self) -> OverallTest | None:
        """The test of all slopes together: kind, value, df, df_residual, p."""
        return self.report.summary.test if self.report.summary else None

    @property
    def likelihood(self) -> Likelihood | None:
        """log_likelihood, aic, bic, deviance and others."""
        return self.report.summary.likelihood if self.report.summary else None

    @property
    def std_error_reason(self) -> str | None:
        """Why there are no standard errors, in words."""
        return self.report.std_error_reason

    def to_dict(self) -> JsonObject:
        """The report as report.json has it, with nan where that has null."""
        return self.report.document()

    def to_polars(self) -> "pl.DataFrame":
        """The coefficients (coefficients, 8): name and numbers; of three classes or more one row for each class."""
        import polars as pl

        rows: list[JsonObject] = []
        for name, entry in self.report.coefficients.items():
            fields = entry.model_dump()
            if isinstance(entry, Coefficient):
                rows.append({"name": name, **fields})
                continue
            for label in entry.value:
                each = {key: None if values is None else values[label] for key, values in fields.items()}
                rows.append({"name": name, "class": label, **each})
        return pl.DataFrame(rows, infer_schema_length=None)


def _text(table: ShownTable) -> str:
    """A table with its names on the left and its numbers on the right."""
    widths = [max(map(_width, cells)) for cells in zip(table.head, *table.rows, strict=True)]
    lines = [_line(row, widths) for row in (table.head, *table.rows)]
    return "\n".join([table.title, *lines] if table.title else lines)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [" " * (width - _width(cell)) + cell for cell, width in zip(row[1:], widths[1:], strict=True)]
    return GAP.join([row[0] + " " * (widths[0] - _width(row[0])), *cells]).rstrip()


def _width(text: str) -> int:
    """The columns of a terminal that a text takes."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
