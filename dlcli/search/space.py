"""What is searched: axes, from the command line's words to grids of points and random draws."""

import itertools
import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from dlcli.errors import DlcliError
from dlcli.files import JsonObject

Value = float | int | str
MOST_POINTS = 20_000
RANGE = re.compile(r"(?P<low>[^:,]+):(?P<high>[^:,]+)(?P<marks>(?::(?:log|int))*)")
MARKS = re.compile(r"(?::(?:log|int))+$")


@dataclass(frozen=True)
class Axis:
    """One searched option: a list of ``values``, or a range from ``low`` to ``high``."""

    name: str
    values: tuple[Value, ...] = ()
    low: float = math.nan
    high: float = math.nan
    log: bool = False
    integer: bool = False

    @property
    def is_range(self) -> bool:
        """Whether any value between two bounds may be taken."""
        return not self.values

    @property
    def numeric(self) -> bool:
        """Whether all values are numbers."""
        return self.is_range or all(not isinstance(value, str) for value in self.values)

    def points(self, count: int) -> tuple[Value, ...]:
        """``count`` values of a range, evenly spaced (whole numbers without repeats); a list as it is."""
        if self.values:
            return self.values
        if count == 1:
            middle = math.sqrt(self.low * self.high) if self.log else (self.low + self.high) / 2
            spaced = [middle]
        elif self.log:
            steps = (i / (count - 1) for i in range(count))
            spaced = [self.low * (self.high / self.low) ** step for step in steps]
        else:
            spaced = [self.low + (self.high - self.low) * i / (count - 1) for i in range(count)]
        if len(spaced) > 1:
            spaced[-1] = self.high  # the bound itself, not a rounding of it
        if self.integer:
            return tuple(dict.fromkeys(round(value) for value in spaced))
        return tuple(dict.fromkeys(self.rounded(value) for value in spaced))

    def holding(self, values: Sequence[Value]) -> "Axis":
        """The axis with these values too: trials of a study that other grids have extended."""
        if self.values or any(isinstance(value, str) for value in values):
            return Axis(self.name, tuple(dict.fromkeys([*self.values, *values])))
        numbers = [float(value) for value in values if not isinstance(value, str)]
        return replace(self, low=min([self.low, *numbers]), high=max([self.high, *numbers]))

    def rounded(self, value: float) -> float:
        """A value of a range to twelve digits, which a person would copy: the last ones of a power are noise."""
        return min(max(float(f"{value:.12g}"), self.low), self.high)

    def draw(self, random: np.random.Generator) -> Value:
        """A random value: uniform, in the logarithm where the axis is logarithmic."""
        if self.values:
            return self.values[int(random.integers(len(self.values)))]
        if self.integer:
            low, high = self.low - 0.5, self.high + 0.5
            value = math.exp(random.uniform(math.log(low), math.log(high))) if self.log else random.uniform(low, high)
            return min(max(round(value), int(self.low)), int(self.high))
        value = math.exp(random.uniform(math.log(self.low), math.log(self.high))) if self.log else random.uniform(
            self.low, self.high
        )  # fmt: skip
        return self.rounded(value)

    def to_json(self) -> JsonObject:
        """The axis as a study remembers it."""
        if self.values:
            return {"name": self.name, "values": list(self.values)}
        return {"name": self.name, "low": self.low, "high": self.high, "log": self.log, "integer": self.integer}


@dataclass(frozen=True)
class Point:
    """One combination; ``number`` tells it from all others of its study."""

    number: int
    params: dict[str, Value]


@dataclass(frozen=True)
class Space:
    """All axes, the learning rate's first where it is searched."""

    axes: tuple[Axis, ...]

    def grid(self, counts: Sequence[int]) -> list[Point]:
        """Every combination, the last axis fastest; ``counts`` says how many points a range of each axis gives.

        Raises DlcliError when there are too many.
        """
        columns = [axis.points(count) for axis, count in zip(self.axes, counts, strict=True)]
        total = math.prod(len(column) for column in columns)
        if total > MOST_POINTS:
            raise DlcliError(
                f"the grid has {total:,} points, expected at most {MOST_POINTS:,}", "use --random --trials N"
            )
        names = [axis.name for axis in self.axes]
        return [
            Point(number, dict(zip(names, values, strict=True)))
            for number, values in enumerate(itertools.product(*columns))
        ]

    def random(self, count: int, seed: int) -> list[Point]:
        """``count`` random points; point i depends on the seed and on i alone."""
        return [Point(number, self.draw(seed, number)) for number in range(count)]

    def draw(self, seed: int, number: int) -> dict[str, Value]:
        """Random point ``number``."""
        random = np.random.default_rng((seed, number, 1))
        return {axis.name: axis.draw(random) for axis in self.axes}

    def to_json(self) -> list[JsonObject]:
        """The space as a study remembers it."""
        return [axis.to_json() for axis in self.axes]


def point_seed(study_seed: int, number: int, repeat: int) -> int:
    """Seed of a trial: from the study's seed and the point alone, so that it doesn't matter who runs it, or when."""
    return int(np.random.SeedSequence((study_seed, number, repeat)).generate_state(1, np.uint32)[0])


def parse_axis(flag: str, name: str, text: str, *, numeric: bool, log: bool = False, whole: bool = False) -> Axis:
    """An axis from the command line's ``text``: A,B,C or LOW:HIGH[:log][:int].

    ``flag`` is what the user wrote before it, for errors; ``numeric`` says whether the option takes numbers
    (``whole``: whole ones only), so that a range of it makes sense; ``log`` is the scale of a range that doesn't say.
    Raises DlcliError.
    """
    given = f"{flag} {text}" if flag == "--lr" else f"{flag} {name}={text}"
    match = RANGE.fullmatch(text.strip())
    if match and (numeric or "int" in match["marks"]):
        return _range(given, name, match["low"], match["high"], match["marks"] + (":int" if whole else ""), log)
    if MARKS.search(text):
        raise DlcliError(f"{given}: expected LOW:HIGH before :log or :int", "write a range such as 1:64:log:int")
    parts = [part.strip() for part in text.split(",")]
    if not text.strip() or not all(parts):
        raise DlcliError(f"{given}: no value, expected A,B,C or LOW:HIGH", "give at least one value")
    values: list[Value] = [_number(part) if numeric and _is_number(part) else part for part in parts]
    if numeric and flag == "--lr" and not all(isinstance(v, (int, float)) and 0 < v < math.inf for v in values):
        raise DlcliError(
            f"{given}: expected positive numbers", "write learning rates such as 0.01,0.1, or a range 1e-4:1"
        )
    if len(set(values)) < len(values):
        raise DlcliError(f"{given}: a value is given twice", "give each once")
    return Axis(name, tuple(values))


def _range(given: str, name: str, low_text: str, high_text: str, marks: str, log: bool) -> Axis:
    if not (_is_number(low_text) and _is_number(high_text)):
        raise DlcliError(f"{given}: expected two numbers LOW:HIGH", "write a range such as 1e-4:1")
    low, high = float(low_text), float(high_text)
    log, integer = log or ":log" in marks, ":int" in marks
    if not (math.isfinite(low) and math.isfinite(high)):
        raise DlcliError(f"{given}: the bounds must be finite", "write a range such as 1e-4:1")
    if low > high:
        raise DlcliError(f"{given}: the range is reversed", f"write {high_text}:{low_text}")
    if low == high:
        raise DlcliError(f"{given}: the range is empty", "give two different bounds, or a single value")
    if log and low <= 0:
        raise DlcliError(f"{given}: a logarithmic range must be above 0", "give a positive lower bound")
    if integer and (low != int(low) or high != int(high)):
        raise DlcliError(f"{given}: expected whole numbers", "write a range such as 16:64:int")
    return Axis(name, (), low, high, log, integer)


def _is_number(text: str) -> bool:
    try:
        return not math.isnan(float(text))
    except ValueError:
        return False


def _number(text: str) -> Value:
    value = float(text)
    return int(text) if re.fullmatch(r"[+-]?\d+", text) else value


def parse_space(
    lr: str | None,
    vary: Sequence[str],
    numeric: Callable[[str], Literal["whole"] | bool],
    default_lr: tuple[float, float] | None,
) -> Space:
    """The space of ``--lr`` and the ``--vary`` options.

    ``numeric(NAME)`` says whether an option of the training command takes numbers, or whole ones only; where there is
    no such option it raises DlcliError to say why. ``default_lr`` is the range of the rate where none is given; None:
    the rate isn't searched then. Raises DlcliError.
    """
    axes: list[Axis] = []
    if lr is not None:
        axes.append(parse_axis("--lr", "lr", lr, numeric=True, log=True))
    for text in vary:
        name, equals, values = text.partition("=")
        name = name.strip().removeprefix("--").replace("-", "_")
        if not equals or not name:
            raise DlcliError(f"--vary {text}: expected NAME=VALUES", "write, for example, --vary momentum=0,0.9")
        kind = numeric(name)
        axes.append(parse_axis("--vary", name, values, numeric=bool(kind), log=name == "lr", whole=kind == "whole"))
    names = [axis.name for axis in axes]
    for name in names:
        if names.count(name) > 1:
            raise DlcliError(f"{name} is searched twice", "give --lr or each --vary NAME once")
    if "lr" not in names and default_lr is not None:
        axes.insert(0, Axis("lr", (), *default_lr, log=True))
    return Space(tuple(axes))


def text_of(value: Value | None) -> str:
    """A value as the tables show it.

    >>> text_of(0.0001), text_of(64), text_of("32,64")
    ('0.0001', '64', '32,64')
    """
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def canonical(document: object) -> str:
    """JSON by which two studies are compared."""
    return json.dumps(document, sort_keys=True, ensure_ascii=False)
