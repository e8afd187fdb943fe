"""The report of ``explain`` of a linear model."""

import math
from typing import Literal

from pydantic import Field

from dlcli.reports.document import Number, Record, Sparse, Text
from dlcli.reports.explain.base import Explanation, Shown


class PermutedColumn(Record):
    """How much worse the metric gets where a column's values go to other rows."""

    value: Number = Field(description="the metric so, less the metric of the rows as they are; null where terms forbid")
    low: Number = Field(description="lower end of its interval of confidence 0.95, over the rows")
    high: Number = Field(description="upper end")


class InflationOf(Record):
    """The variance inflation factor of a column, generalized for one with several columns of X."""

    factor: Number = Field(description="null: infinite, as the column follows from others")
    df: int = Field(description="columns of X that it has")
    scaled: Number = Field(description="factor to the power 1 / (2 df), which can be compared; null: infinite")


class ExplainedColumn(Sparse):
    """A column of the table, with all its levels and terms; or what is left of an interaction of several."""

    name: Text
    interaction: bool = Field(description="whether it is of several columns, whose own entries are without it")
    encoded: int = Field(description="columns of X that it has")
    mean_abs_shap: Number | None = Field(
        default=None, description="mean size of its SHAP values, of several scores of them all; absent without shap"
    )
    by_class: dict[Text, Number] | None = Field(default=None, description="the same by class; absent for one score")
    permutation: PermutedColumn | None = Field(default=None, description="absent for interactions, and without it")
    vif: InflationOf | None = Field(default=None, description="absent for one that doesn't vary, and without vif")


class Permuted(Record):
    """How columns were permuted."""

    metric: str = Field(description="the metric that gets worse; of each of them less is better")
    value: Number = Field(description="the metric of the rows as they are")
    repeats: int
    rows: int = Field(description="rows that were permuted, which may be drawn of all")
    trained_on: bool = Field(description="whether the model was trained on these rows")


class LinearExplanation(Explanation):
    """The report of ``explain`` of a linear model."""

    kind: Literal["linear"]
    target: Text
    rows: int = Field(description="rows explained")
    scale: Text = Field(description="what SHAP values add up to")
    classes: list[Text] = Field(description="the classes whose scores are explained; empty for one score")
    base: list[Number] = Field(description="the scores at the means of the training rows, without an offset")
    columns: list[ExplainedColumn] = Field(description="the most important first")
    permuted: Permuted | None = Field(default=None, description="absent without permutation")
    vif_of: Text | None = Field(default=None, description="rows that the variance inflation factors are of")
    weights: Text | None = Field(default=None, description="column of the rows' weights; absent without any")
    offset: Text | None = Field(default=None, description="column of the offset, which is no part of SHAP values")
    table: Text | None = Field(default=None, description="file of the SHAP values of each row, in the folder")

    def tables(self) -> list[Shown]:
        """The columns, with what each method says of them."""
        shap = any(one.mean_abs_shap is not None for one in self.columns)
        permuted = self.permuted is not None
        vif = self.vif_of is not None
        head = ["column"] + ["mean |SHAP|", "share"] * shap
        head += [f"permuted: {self.permuted.metric}", "95% interval"] if self.permuted is not None else []
        head += ["VIF"] * vif
        total = sum(one.mean_abs_shap or 0.0 for one in self.columns) or 1.0
        rows = []
        for one in self.columns:
            row = [one.name]
            if shap:
                size = one.mean_abs_shap or 0.0
                row += [f"{size:.4g}", f"{size / total:.1%}"]
            if permuted:
                found = one.permutation
                row += ["", ""] if found is None else _change(found)
            if vif:
                row.append("" if one.vif is None else _factor(one.vif))
            rows.append(row)
        return [Shown(f"What scores are made of: {self.scale}", head, rows, self._notes())]

    def _notes(self) -> str:
        notes = []
        if any(one.vif is not None and one.vif.df > 1 for one in self.columns):
            notes.append("VIF of several columns of X: their generalized factor to the power 1/df (Fox and Monette)")
        if self.table is not None:
            notes.append(f"SHAP values of each row in {self.table}")
        return "; ".join(notes)


def _change(found: PermutedColumn) -> list[str]:
    if math.isnan(found.value):
        return ["–", ""]
    interval = "" if math.isnan(found.low) else f"{found.low:+.3g} to {found.high:+.3g}"
    return [f"{found.value:+.4g}", interval]


def _factor(found: InflationOf) -> str:
    return "infinite" if math.isnan(found.scaled) or math.isinf(found.scaled) else f"{found.scaled**2:.3g}"
