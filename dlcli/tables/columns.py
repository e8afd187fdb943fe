"""What a table's columns are: their kinds, their levels, and the schema that a saved model keeps."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, TypedDict, cast, get_args

import numpy as np
from numpy.typing import NDArray

from dlcli.engine.ranks import ALONE, Ranks
from dlcli.errors import DlcliError
from dlcli.files import JsonObject
from dlcli.tables.formats.dates import PARTS, DateFormat
from dlcli.tables.formats.numbers import NumberFormat
from dlcli.tables.names import Hints, RowColumns
from dlcli.text import printable

if TYPE_CHECKING:
    from dlcli.tables.terms.wanted import Wanted

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]
BoolArray: TypeAlias = NDArray[np.bool_]
Kind: TypeAlias = Literal["number", "text", "boolean"]
Kinds: TypeAlias = Mapping[str, Kind]

BOOLEAN_LEVELS = ("False", "True")
MISSING_TEXTS = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?")


@dataclass(frozen=True)
class ReadOptions:
    """How to read a table; by default what can be recognized is, and every decision is recorded.

    ``given`` names the options that the user has set: what they say is no decision of dlcli's. ``number``, ``date``
    and ``text`` are columns to be read as such, ``keep_missing_text`` those in which NA, None and ? are texts like
    others. ``max_categories`` is the number of levels that a text column keeps (None: by the number of rows).
    ``group`` is a column that tells groups of rows apart, ``held`` are further sources of which no row is trained on.
    ``terms`` are made of the features, ``reference`` are levels that others are compared with, as in "cut=Ideal";
    ``log_target``: y is the target's logarithm. ``ranks``: the processes that read it together.
    """

    file_format: str | None = None  # of every file, as --file-format names it
    delimiter: str | None = None
    header: bool | None = None
    encoding: str | None = None
    skip: int | None = None  # lines before the table
    comment: str | None = None  # what begins lines that don't count
    uneven: str | None = None  # "mend" or "error": rows and lines that don't fit the table
    sheet: str | None = None  # of a workbook
    query: str | None = None  # on a database
    missing_values: tuple[str, ...] = ()
    missing: str = "auto"
    text: tuple[str, ...] = ()
    number: tuple[str, ...] = ()
    date: tuple[str, ...] = ()
    keep_missing_text: tuple[str, ...] = ()
    date_parts: tuple[str, ...] = ()
    decimal: str | None = None
    day_first: bool | None = None
    features: tuple[str, ...] = ()
    terms: "Wanted | None" = None
    reference: tuple[str, ...] = ()
    log_target: bool = False
    drop: tuple[str, ...] = ()
    cluster: str | None = None  # whose values say which rows hang together: no feature unless ``features`` has it
    group: str | None = None
    beside: RowColumns = field(default_factory=RowColumns)  # no features unless ``features`` has them
    held: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()  # what goes to the predictions as it is
    blanks: bool = False  # rows with missing values are read, but get no prediction
    max_categories: int | None = None
    unseen: str = "error"
    strict: bool = False
    given: frozenset[str] = frozenset()
    hints: Hints = field(default_factory=Hints)
    ranks: Ranks = ALONE

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
    """A column and how it is read and encoded; what a saved model keeps of it.

    ``levels`` are those of a text or boolean, sorted, or of numbers taken as classes; after the others come ``pool``,
    which stands for all rarer and unknown texts, and ``gap``, the level of a missing text, where there are such.
    ``format``: how its texts are read as numbers. ``parts``: those of a date that are used instead of its days.
    ``indicator``: whether a column of 0 and 1 marks its missing values. ``keeps_markers``: whether NA, None and ? are
    texts like others.
    """

    name: str
    kind: Kind
    levels: tuple[str, ...] = ()
    format: NumberFormat | DateFormat | None = None
    parts: tuple[str, ...] = ()
    indicator: bool = False
    pool: str | None = None
    gap: str | None = None
    keeps_markers: bool = False

    @property
    def is_class(self) -> bool:
        """Whether this, as a target, holds classes."""
        return self.kind != "number" or bool(self.levels)

    @property
    def plain_names(self) -> tuple[str, ...]:
        """The names of the numbers that it is read as: its own, or one for each part of a date; () of a text."""
        if self.kind == "text":
            return ()
        return tuple(f"{self.name}.{part}" for part in self.parts) or (self.name,)

    @property
    def encoded_names(self) -> tuple[str, ...]:
        """The names of the numeric columns that encode this one."""
        if self.kind == "text":
            return tuple(f"{self.name}={level}" for level in self.levels[1:])
        names = (f"{self.name}=True",) if self.kind == "boolean" else self.plain_names
        return (*names, f"{self.name} is missing") if self.indicator else names

    def to_json(self) -> JsonObject:
        """A JSON object with the keys name, kind and levels, and those of the other fields that are set."""
        value: JsonObject = {"name": self.name, "kind": self.kind, "levels": list(self.levels)}
        if self.format is not None:
            value["date" if isinstance(self.format, DateFormat) else "number"] = self.format.to_json()
        settings = {
            "parts": list(self.parts), "indicator": self.indicator, "pool": self.pool, "gap": self.gap,
            "keeps_markers": self.keeps_markers,
        }  # fmt: skip
        return value | {key: setting for key, setting in settings.items() if setting}

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
        column = cls(name, cast(Kind, kind), tuple(levels), _format_of(value), **_settings_of(value))
        if any(level is not None and level not in levels for level in (column.pool, column.gap)):
            raise DlcliError(f"the model's column '{printable(name)}' has no level for its rare or missing texts")
        return column


def _format_of(value: JsonObject) -> NumberFormat | DateFormat | None:
    if "date" in value:
        return DateFormat.from_json(value["date"])
    return NumberFormat.from_json(value["number"]) if "number" in value else None


class _Settings(TypedDict, total=False):
    parts: tuple[str, ...]
    indicator: bool
    pool: str | None
    gap: str | None
    keeps_markers: bool


def _settings_of(value: JsonObject) -> _Settings:
    parts, indicator, keeps = value.get("parts", []), value.get("indicator", False), value.get("keeps_markers", False)
    pool, gap = value.get("pool"), value.get("gap")
    right = isinstance(parts, list) and all(part in PARTS for part in parts) and isinstance(indicator, bool)
    if not right or not isinstance(keeps, bool) or not all(isinstance(x, str | None) for x in (pool, gap)):
        raise DlcliError(f"the settings of the model's column '{printable(value['name'])}' are damaged")
    return _Settings(parts=tuple(parts), indicator=indicator, pool=pool, gap=gap, keeps_markers=keeps)


class Made(Protocol):
    """The columns that terms make of features."""

    @property
    def names(self) -> tuple[str, ...]:
        """Their names."""

    @property
    def learned(self) -> tuple[str, ...]:
        """The terms that learned something of training rows."""

    def to_json(self) -> JsonObject:
        """What a saved model keeps."""


@dataclass(frozen=True)
class Schema:
    """The columns that a model was trained on, in order; ``design``: what terms make of them, where there are such.

    ``log_target``: the model is of the target's logarithm.
    """

    features: tuple[Column, ...]
    target: Column | None = None
    design: Made | None = None
    log_target: bool = False

    @property
    def modeled(self) -> str:
        """What is modeled: the target, or its logarithm."""
        name = self.target.name if self.target is not None else ""
        return f"log({name})" if self.log_target else name

    @property
    def encoded_names(self) -> tuple[str, ...]:
        """The names of the columns of X: a text's first level is its reference and has none."""
        if self.design is not None:
            return self.design.names
        return tuple(name for column in self.features for name in column.encoded_names)

    def to_json(self) -> dict[str, object]:
        """A JSON object with the keys features and target, and terms where there are such."""
        target = None if self.target is None else self.target.to_json()
        made: JsonObject = {} if self.design is None else {"terms": self.design.to_json()}
        made |= {"log_target": True} if self.log_target else {}
        return {"features": [column.to_json() for column in self.features], "target": target, **made}

    @classmethod
    def from_json(cls, value: object) -> "Schema":
        """The schema that ``to_json`` wrote, without its terms; raises DlcliError for anything else."""
        if not isinstance(value, dict) or not isinstance(value.get("features"), list):
            raise DlcliError("a model's schema must be an object with a list of features")
        features = tuple(Column.from_json(column) for column in value["features"])
        target = value.get("target")
        names = [column.name for column in features]
        if len(set(names)) != len(names):
            raise DlcliError("a model's schema must not name a feature twice")
        log_target = value.get("log_target", False)
        if not isinstance(log_target, bool):
            raise DlcliError("a model's log_target must be true or false")
        return cls(features, None if target is None else Column.from_json(target), log_target=log_target)


@dataclass
class Chunk:
    """Some rows of a table.

    X is (n, w) and in Fortran order; y is (n,): numbers, class codes, or (0,) without a target; ``first_row`` is
    the number of its first row, from 1 over all sources; ``rows`` (n,) holds every row's number where some of
    the rows that were read together with these were dropped. ``weights`` (n,) and ``offset`` (n,) are those of
    ``ReadOptions.beside``, None where none was named.

    Of several processes that read a table each has some chunks, perhaps of no rows: ``place`` is how many of all rows
    that are kept are before this one's, ``reached`` how many are known of so far; those of the last chunk are all.
    """

    X: FloatArray
    y: FloatArray
    first_row: int
    rows: IntArray | None = None
    place: int = 0
    reached: int = 0
    weights: FloatArray | None = None
    offset: FloatArray | None = None

    @property
    def numbers(self) -> IntArray:
        """Every row's number (n,), from 1 over all sources."""
        return max(self.first_row, 1) + np.arange(len(self.X)) if self.rows is None else self.rows
