"""The parts of a linear predictor: the columns of X that are made of the same columns of the table."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.tables.table import Schema
from dlcli.tables.terms.design import Design


@dataclass(frozen=True)
class Part:
    """What a linear predictor takes from the table's ``columns``: one, or those of an interaction.

    ``places`` are its columns of X: levels and terms of one column are one part.
    """

    columns: tuple[str, ...]
    places: IntArray

    @property
    def name(self) -> str:
        """As formulas write it."""
        return ":".join(self.columns)

    @property
    def interaction(self) -> bool:
        """Whether it is of several columns."""
        return len(self.columns) > 1


def parts_of(schema: Schema) -> list[Part]:
    """The parts in the order of the columns of X; each of these is in one of them."""
    if isinstance(schema.design, Design):
        sources: Sequence[tuple[str, ...]] = schema.design.sources
    else:
        sources = [(column.name,) for column in schema.features for _ in column.encoded_names]
    places: dict[frozenset[str], list[int]] = {}
    for place, source in enumerate(sources):
        places.setdefault(frozenset(source), []).append(place)
    return [Part(sources[found[0]], np.array(found, dtype=np.int64)) for found in places.values()]


def table_columns(parts: Sequence[Part]) -> list[str]:
    """The table's columns that any part is made of."""
    return list(dict.fromkeys(name for part in parts for name in part.columns))


@dataclass(frozen=True)
class Contributions:
    """The exact SHAP values of a linear predictor: for each of its ``parts`` the sum of w (x - mean).

    ``coefficients`` (d, k), ``mean`` (d,), ``base`` (k,): the predictor at the mean, without an offset. Of several
    scores, whose differences alone count, all are less their mean.

    Source: Lundberg and Lee, A Unified Approach to Interpreting Model Predictions (2017), 4.1 (Corollary 1); the
    columns of a part are taken together, as their values are of one thing.
    """

    parts: tuple[Part, ...]
    coefficients: FloatArray
    mean: FloatArray
    base: FloatArray

    @classmethod
    def of(cls, parts: Sequence[Part], model: tuple[FloatArray, FloatArray], mean: FloatArray) -> "Contributions":
        """Of a ``model``'s coefficients (d, k) and intercept (k,), about the ``mean`` (d,) of some rows."""
        coefficients, intercept = model
        if coefficients.shape[1] > 1:
            coefficients = coefficients - coefficients.mean(axis=1, keepdims=True)
            intercept = intercept - intercept.mean()
        return cls(tuple(parts), coefficients, mean, mean @ coefficients + intercept)

    def of_rows(self, X: FloatArray) -> FloatArray:
        """(n, parts, k) of rows X (n, d), in which nothing is missing."""
        away = X - self.mean
        each = [away[:, part.places] @ self.coefficients[part.places] for part in self.parts]
        return np.stack(each, axis=1) if each else np.zeros((len(X), 0, len(self.base)))

    def scores(self, X: FloatArray) -> FloatArray:
        """The linear predictor (n, k) of rows X (n, d), without an offset."""
        return np.asarray(self.base + (X - self.mean) @ self.coefficients)
