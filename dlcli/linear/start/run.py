"""Coefficients of another run (--init) for a fit to start from: which of them, and for which columns and classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from dlcli.config.federated.saved import settings_of
from dlcli.config.fit_linear import FitLinearConfig
from dlcli.engine.arrays import FloatArray
from dlcli.engine.progress import Progress
from dlcli.errors import DlcliError
from dlcli.linear.data.load import Loaded
from dlcli.linear.data.table_data import TableData
from dlcli.linear.model import KIND, LinearModel
from dlcli.linear.objectives.loss import Kind, loss_of, of_classes, of_family
from dlcli.linear.problem import kind_of
from dlcli.linear.start.point import StartPoint
from dlcli.runs import directory
from dlcli.runs.model_file import read_kind
from dlcli.runs.open import report_of, run_folder
from dlcli.tables.columns import Column, Schema
from dlcli.tables.formats.dates import DateFormat
from dlcli.tables.terms.saved import read_schema
from dlcli.text import counted, listed, printable

NAMED = 3  # columns or classes that a line names
LEAVE = "leave --init out, or give a run of such a table"


@dataclass(frozen=True)
class Start:
    """A fitted model whose coefficients another fit starts from: ``given`` is the value of --init.

    ``settings`` are those of its run, None where they are gone.
    """

    given: str
    model: LinearModel
    schema: Schema
    settings: FitLinearConfig | None = None

    @classmethod
    def of(cls, given: Path) -> "Start":
        """The model of a run, or a model file. Raises DlcliError where there is none, or none of a table."""
        try:
            alone = given.suffix == ".safetensors" and given.is_file()
            folder = given.parent if alone else run_folder(given)
            path = given if alone else folder / directory.MODEL
            if not path.is_file() and report_of(folder).status == "diverged":
                raise DlcliError(f"the training of {given} diverged, and left no model", "give a run that did not")
            if path.is_file() and read_kind(path) not in (None, KIND):
                raise DlcliError(f"{given} holds an image network", "give a run of 'dlcli fit-linear'")
            model = LinearModel.load(path)
            config = folder / directory.CONFIG
            settings = settings_of(config) if config.is_file() else None
            return cls(str(given), model, read_schema(model.schema), settings)
        except DlcliError as error:
            raise DlcliError(f"--init: {error.message}", error.hint) from None

    def into(self, data: TableData, kind: Kind, *, intercept: bool) -> tuple[StartPoint, str]:
        """What of it a fit of ``data`` starts from, and a line that says so.

        A column of the run that isn't here counts by its mean in training. Raises DlcliError where nothing can be
        taken.
        """
        if data.schema.design is not None or self.schema.design is not None:
            raise DlcliError(f"--init {self.given}: what terms learned here and there differs", LEAVE)
        classes = self._classes(data, kind)
        known = _Known(self, classes.mapped(self.model.coefficients))
        names = data.schema.encoded_names
        found = [known.slope(column, name) for column in data.schema.features for name in column.encoded_names]
        taken = sum(slope is not None for slope in found)
        if found and not taken:
            raise DlcliError(
                f"--init {self.given}: none of its columns is here; it has {_some(self.schema.encoded_names)}, and "
                f"here are {_some(names)}", LEAVE,
            )  # fmt: skip
        first = classes.mapped(self.model.intercept[None])[0] + known.shift(data.schema)
        powers = np.zeros(len(found), np.int64) if data.exponents is None else data.exponents
        slopes = {
            name: np.ldexp(np.zeros(len(first)) if slope is None else slope, power)
            for name, slope, power in zip(names, found, powers, strict=True)
        }
        anew = [name for name, slope in zip(names, found, strict=True) if slope is None]
        text = f"starting from {self.given}: {taken} of {counted(len(found), 'coefficient')}"
        text += " and the intercept" if intercept and self.model.settings.get("intercept", True) else ""
        text += f"; {_some(anew)} begin{'' if len(anew) > 1 else 's'} at 0" if anew else ""
        gone = known.gone(data.schema)
        text += f"; it also has {_some(gone)}" if gone else ""
        text += classes.said
        return StartPoint(first, slopes), text + self._said_of_target(data)

    def held_out_otherwise(self, config: FitLinearConfig) -> bool:
        """Whether rows that ``config`` holds out may be among those that the run was trained on."""
        own = self.settings
        if own is None or not config.holds_out:
            return config.holds_out
        asked = ("val", "val_rows", "group", "time", "seed_of_data")
        alike = all(getattr(own, name) == getattr(config, name) for name in asked)
        return not (alike and all(_paths(getattr(own, n)) == _paths(getattr(config, n)) for n in ("data", "val_data")))

    def _classes(self, data: TableData, kind: Kind) -> "_Classes":
        """How its classes become those of ``data``."""
        have, want = self.schema.target, data.schema.target
        if _what(self.model.kind) != _what(kind):
            raise DlcliError(
                f"--init {self.given}: it predicts {_what(self.model.kind)}, and here are {_what(kind)}", LEAVE
            )
        if not of_classes(kind) or have is None or want is None:
            return _Classes((), ())
        classes = _Classes(have.levels, want.levels)
        if len(classes.common) < 2:
            raise DlcliError(
                f"--init {self.given}: it tells {_some(have.levels)} apart, and here are {_some(want.levels)}", LEAVE
            )
        return classes

    def _said_of_target(self, data: TableData) -> str:
        have, want = self.schema.target, data.schema.target
        if have is None or want is None or have.name == want.name:
            return ""
        return f"; it predicts {printable(have.name)!r}, not {printable(want.name)!r}"


def _what(kind: Kind) -> str:
    """What a model predicts: coefficients of one are a start for another where their scores mean the same."""
    if of_classes(kind):
        return "classes, by cross-entropy"
    if not of_family(kind):
        return "a number, by squared error"
    return f"a mean, by the link {loss_of(kind).link}"


def starting_point(
    start: Start | None, config: FitLinearConfig, loaded: Loaded, progress: Progress
) -> StartPoint | None:
    """Where the fit of a table starts, which is told; None for 0. Raises DlcliError for a run that doesn't fit it."""
    if start is None:
        return None
    point, text = start.into(loaded.data, kind_of(loaded.kind, loaded.data), intercept=config.intercept)
    progress.note(text)
    if config.cv:
        progress.note("the folds of --cv start from 0, as --init may know the rows that they are measured on")
    if start.held_out_otherwise(config):
        progress.warn(
            f"{start.given} may have been trained on rows that --val holds out now: until it converges, validation is "
            "better than it would be on new rows"
        )
    return point


@dataclass(frozen=True)
class _Classes:
    """From coefficients for the classes ``have`` to those for the classes ``want``; both () for numbers."""

    have: tuple[str, ...]
    want: tuple[str, ...]

    @property
    def common(self) -> list[str]:
        return [name for name in self.want if name in self.have]

    def mapped(self, values: FloatArray) -> FloatArray:
        """Values (n, k) of the one as (n, k') of the other; a new class is as the others on average."""
        if self.have == self.want:
            return values
        scores = np.concatenate([np.zeros_like(values), values], axis=1) if len(self.have) == 2 else values
        scores = scores - scores.mean(axis=1, keepdims=True)
        new = np.zeros((len(values), len(self.want)))
        for place, name in enumerate(self.want):
            if name in self.have:
                new[:, place] = scores[:, self.have.index(name)]
        return new[:, 1:] - new[:, :1] if len(self.want) == 2 else new - new.mean(axis=1, keepdims=True)

    @property
    def said(self) -> str:
        new = tuple(name for name in self.want if name not in self.have)
        gone = tuple(name for name in self.have if name not in self.want)
        text = f"; of the classes {_some(new)} {'is' if len(new) == 1 else 'are'} new" if new else ""
        return text + (f"; its {_some(gone)} {'is' if len(gone) == 1 else 'are'} not here" if gone else "")


@dataclass(frozen=True)
class _Known:
    """The columns of a run, with coefficients (d, k) for the classes that are wanted."""

    start: Start
    coefficients: FloatArray

    def slope(self, column: Column, name: str) -> FloatArray | None:
        """The coefficient of one of the columns that encode ``column``; None where the run has none.

        That of a level is measured from the column's own reference level, whatever that of the run was.
        """
        own = self._columns.get(column.name)
        if own is None:
            return None
        if column.kind != own.kind or isinstance(column.format, DateFormat) != isinstance(own.format, DateFormat):
            return None
        if column.kind != "text":
            return self._encoded.get(name)
        level = name.removeprefix(f"{column.name}=")
        effect = self._effect(own, level)
        return None if effect is None else effect - self._reference(own, column)

    def shift(self, schema: Schema) -> FloatArray:
        """What the intercept gains: columns that aren't there any more, at their means, and other reference levels."""
        here = {column.name: column for column in schema.features}
        total = np.zeros(self.coefficients.shape[1])
        place = 0
        for own in self.start.schema.features:
            places = range(place, place + len(own.encoded_names))
            place = places.stop
            if own.name not in here:
                total += self.start.model.fill[places] @ self.coefficients[places]
            elif own.kind == here[own.name].kind == "text":
                total += self._reference(own, here[own.name])
        return total

    def gone(self, schema: Schema) -> list[str]:
        """The names of the run's columns and levels that aren't here."""
        here = {column.name: column for column in schema.features}
        names = []
        for own in self.start.schema.features:
            column = here.get(own.name)
            levels = set(column.levels) if column is not None and column.kind == own.kind == "text" else set()
            known = set() if column is None else {*column.encoded_names, *(f"{own.name}={level}" for level in levels)}
            names += [name for name in own.encoded_names if name not in known]
        return names

    def _reference(self, own: Column, column: Column) -> FloatArray:
        """The effect of the reference level of ``column``, where the run's ``own`` column knows it."""
        effect = self._effect(own, column.levels[0]) if column.levels else None
        return np.zeros(self.coefficients.shape[1]) if effect is None else effect

    def _effect(self, own: Column, level: str) -> FloatArray | None:
        if own.levels and level == own.levels[0]:
            return np.zeros(self.coefficients.shape[1])
        return self._encoded.get(f"{own.name}={level}") if level in own.levels else None

    @cached_property
    def _columns(self) -> dict[str, Column]:
        return {column.name: column for column in self.start.schema.features}

    @cached_property
    def _encoded(self) -> dict[str, FloatArray]:
        return dict(zip(self.start.schema.encoded_names, self.coefficients, strict=True))


def _paths(names: Sequence[str]) -> list[Path]:
    return [Path(name).resolve() for name in names]


def _some(names: Sequence[str]) -> str:
    """The first of the names, and how many more there are."""
    return listed([printable(name) for name in names[:NAMED]]) + (
        f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    )
