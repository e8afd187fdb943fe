"""What a formula may say of columns: a few functions and arithmetic, and nothing else.

An expression is parsed by Python's own parser, and its tree is checked against what is allowed here before anything is
made of it; nothing is ever evaluated as Python. So it goes for formulas that are typed and for those of saved models.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.errors import DlcliError
from dlcli.text import printable

FUNCTIONS: dict[str, tuple[Callable[[FloatArray], FloatArray], str]] = {
    "log": (np.log, "values above 0"),
    "log1p": (np.log1p, "values above -1"),
    "log2": (np.log2, "values above 0"),
    "log10": (np.log10, "values above 0"),
    "exp": (np.exp, "values of at most 709"),
    "sqrt": (np.sqrt, "values of at least 0"),
    "abs": (np.abs, "numbers"),
}
SCALES = ("center", "scale", "standardize")
BASES = ("poly", "bs", "cr", "ns")
MISSING = "missing"  # 1 where a column has no value, else 0
ALLOWED = (*FUNCTIONS, *SCALES, *BASES, "C", "I", MISSING)

Setting: TypeAlias = "float | bool | str | tuple[float, ...]"


@dataclass(frozen=True)
class Number:
    """A number."""

    value: float


@dataclass(frozen=True)
class Name:
    """A column."""

    column: str


@dataclass(frozen=True)
class Call:
    """A function of one number; ``text`` is its name among what was learned. ``settings`` are those of a basis."""

    function: str
    argument: "Node"
    text: str
    settings: tuple[tuple[str, Setting], ...] = ()

    @property
    def options(self) -> dict[str, Setting]:
        """The settings by name."""
        return dict(self.settings)


@dataclass(frozen=True)
class Operation:
    """Arithmetic."""

    symbol: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True)
class Levels:
    """A column's levels; ``reference`` of a treatment contrast (None: the first)."""

    column: str
    contrast: str = "treatment"
    reference: str | None = None


Node: TypeAlias = Number | Name | Call | Operation
Expression: TypeAlias = Node | Levels


def refused(text: str, reason: str, hint: str = "") -> DlcliError:
    """The error of an expression that can't be had."""
    return DlcliError(f"term {printable(text)}: {reason}", hint or f"use {', '.join(ALLOWED)} of columns")


def walk(node: Expression) -> Iterator[Expression]:
    """The node and all in it."""
    yield node
    if isinstance(node, Call):
        yield from walk(node.argument)
    elif isinstance(node, Operation):
        yield from walk(node.left)
        yield from walk(node.right)


def columns_of(node: Expression) -> list[str]:
    """The columns that it is of, in order."""
    every = [one.column for one in walk(node) if isinstance(one, Name | Levels)]
    return list(dict.fromkeys(every))


def written(name: str) -> str:
    """A column as a formula has it."""
    return name if re.fullmatch(r"[^\W\d]\w*(\.\w+)*", name) else f"`{name}`"
