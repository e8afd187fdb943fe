"""What a table's columns are: their kinds, their levels, and the schema that a saved model keeps."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, cast, get_args

import numpy as np
from numpy.typing import NDArray

from dlcli.errors import DlcliError
from dlcli.tables.names import Hints
from dlcli.text import printable

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]
BoolArray: TypeAlias = NDArray[np.bool_]
Kind: TypeAlias = Literal["number", "text", "boolean"]
Kinds: TypeAlias = Mapping[str, Kind]

BOOLEAN_LEVELS = ("False", "True")
MISSING_TEXTS = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?")


@dataclass(frozen=True)
class ReadOptions:
    """How to read a table; the defaults recognize what they can and refuse what is doubtful."""

    delimiter: str | None = None
    header: bool | None = None
    encoding: str | None = None
    skip: int | None = None  # lines before the table
    comment: str | None = None  # what begins lines that don't count
    missing_values: tuple[str, ...] = ()
    missing: str = "error"
    text: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()  # what goes to the predictions as it is
    max_categories: int = 100
    hints: Hints = field(default_factory=Hints)
    unseen_levels: bool = False  # a text that the model doesn't know counts as its reference level

    @property
    def markers(self) -> tuple[str, ...]:
        """Every text that means missing."""
        return tuple(dict.fromkeys((*MISSING_TEXTS, *(text.strip() for text in self.missing_values))))

    @property
    def missing_numbers(self) -> tuple[float, ...]:
        """The user's missing texts that are numbers (-999): in a column of numbers -999.0 means the same."""
        numbers = []
        for text in self.missing_values:
            try:
                numbers.append(float(text))
            except ValueError:
                continue
        return tuple(numbers)


@dataclass(frozen=True)
class Column:
    """A column and its levels, sorted: those of a text or boolean, or of numbers taken as classes."""

    name: str
    kind: Kind
    levels: tuple[str, ...] = ()

    @property
    def is_class(self) -> bool:
        """Whether this, as a target, holds classes."""
        return self.kind != "number" or bool(self.levels)

    @property
    def encoded_names(self) -> tuple[str, ...]:
        """The names of the numeric columns that encode this one."""
        if self.kind == "number":
            return (self.name,)
        return tuple(f"{self.name}={level}" for level in self.levels[1:])

    def to_json(self) -> dict[str, object]:
        """A JSON object with the keys name, kind and levels."""
        return {"name": self.name, "kind": self.kind, "levels": list(self.levels)}

    @classmethod
    def from_json(cls, value: object) -> "Column":
        """The column that ``to_json`` wrote; raises DlcliError for anything else."""
        if not isinstance(value, dict) or not isinstance(value.get("name"), str):
            raise DlcliError(f"a model's column must be an object with a name, not {printable(repr(value))}")
        name, kind, levels = value["name"], value.get("kind"), value.get("levels", [])
        if kind not in get_args(Kind):
            raise DlcliError(f"the model's column '{printable(name)}' has the unknown kind {printable(repr(kind))}")
        if not isinstance(levels, list) or not all(isinstance(level, str) for level in levels):
            raise DlcliError(f"the levels of the model's column '{printable(name)}' must be a list of texts")
        if len(set(levels)) != len(levels) or (kind == "boolean" and tuple(levels) != BOOLEAN_LEVELS):
            raise DlcliError(f"the levels of the model's column '{printable(name)}' are not distinct or not booleans")
        return cls(name, cast(Kind, kind), tuple(levels))


@dataclass(frozen=True)
class Schema:
    """The columns that a model was trained on, in order."""

    features: tuple[Column, ...]
    target: Column | None = None

    @property
    def encoded_names(self) -> tuple[str, ...]:
        """The names of the columns of X: a text's first level is its reference and has none."""
        return tuple(name for column in self.features for name in column.encoded_names)

    def to_json(self) -> dict[str, object]:
        """A JSON object with the keys features and target."""
        target = None if self.target is None else self.target.to_json()
        return {"features": [column.to_json() for column in self.features], "target": target}

    @classmethod
    def from_json(cls, value: object) -> "Schema":
        """The schema that ``to_json`` wrote; raises DlcliError for anything else."""
        if not isinstance(value, dict) or not isinstance(value.get("features"), list):
            raise DlcliError("a model's schema must be an object with a list of features")
        features = tuple(Column.from_json(column) for column in value["features"])
        target = value.get("target")
        names = [column.name for column in features]
        if len(set(names)) != len(names):
            raise DlcliError("a model's schema must not name a feature twice")
        return cls(features, None if target is None else Column.from_json(target))


@dataclass
class Chunk:
    """Some rows of a table.

    X is (n, w) and in Fortran order; y is (n,): numbers, class codes, or (0,) without a target; ``first_row`` is
    the number of its first row, from 1 over all sources; ``rows`` (n,) holds every row's number where some of
    the rows that were read together with these were dropped.
    """

    X: FloatArray
    y: FloatArray
    first_row: int
    rows: IntArray | None = None
