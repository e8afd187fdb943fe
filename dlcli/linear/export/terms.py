"""What each column of a table adds to the scores of a linear model: its coefficients, by the way it is encoded."""

from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.errors import DlcliError
from dlcli.linear.model import LinearModel
from dlcli.tables.columns import MISSING_TEXTS, Column, ReadOptions, Schema
from dlcli.tables.formats.dates import DateFormat

REFUSING = ("error", "drop")  # what of --missing gives a row with a missing value no prediction


@dataclass(frozen=True)
class NumberTerm:
    """A number, boolean or date: the coefficients (p, k) of its ``plain_names``, what fills them (p,), and the
    coefficients (k,) of the mark of a missing value, if there is one.
    """

    column: Column
    weights: FloatArray
    fill: FloatArray
    mark: FloatArray | None
    missing_numbers: tuple[float, ...]


@dataclass(frozen=True)
class TextTerm:
    """A text: what each level adds, (levels, k), and a missing and an unknown text (k,); NaN where there is none."""

    column: Column
    levels: FloatArray
    missing: FloatArray
    unknown: FloatArray


@dataclass(frozen=True)
class Terms:
    """Those of all columns, in their order. ``missing``: how training treated missing values."""

    numbers: list[NumberTerm]
    texts: list[TextTerm]
    missing: str
    markers: tuple[str, ...]

    @property
    def refuses(self) -> bool:
        """Whether a row with a missing value gets no prediction."""
        return self.missing in REFUSING

    @classmethod
    def of(cls, model: LinearModel, schema: Schema) -> "Terms":
        """Those of a model. Raises DlcliError for one whose settings are damaged."""
        missing, given = model.settings.get("missing", "error"), model.settings.get("missing_value", [])
        if not isinstance(given, list) or not all(isinstance(text, str) for text in given):
            raise DlcliError("the model file is damaged: it does not say what is missing", "train it again")
        options = ReadOptions(missing_values=tuple(given))
        made, start = cls([], [], str(missing), options.markers), 0
        for column in schema.features:
            part = slice(start, start + len(column.encoded_names))
            weights, fill = model.coefficients[part], model.fill[part]
            start = part.stop
            if column.kind == "text":
                made.texts.append(made._text(column, weights, fill))
                continue
            plain = len(column.plain_names)
            numbers = (
                () if isinstance(column.format, DateFormat) or column.kind != "number" else options.missing_numbers
            )
            mark = weights[plain] if column.indicator else None
            made.numbers.append(NumberTerm(column, weights[:plain], fill[:plain], mark, numbers))
        return made

    def _text(self, column: Column, weights: FloatArray, fill: FloatArray) -> TextTerm:
        levels = np.vstack([np.zeros((1, weights.shape[1])), weights])
        none = np.full(weights.shape[1], np.nan)
        if column.gap is not None:
            missing = levels[column.levels.index(column.gap)]
        else:
            missing = none if self.refuses else fill @ weights
        unknown = none if column.pool is None else levels[column.levels.index(column.pool)]
        return TextTerm(column, levels, missing, unknown)

    def marks_of(self, column: Column) -> tuple[str, ...]:
        """The texts that mean missing in a column."""
        if not column.keeps_markers:
            return self.markers
        return ("", *(text for text in self.markers if text not in MISSING_TEXTS))
