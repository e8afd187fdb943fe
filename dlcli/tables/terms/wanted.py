"""Terms as they are asked for: by a formula, or by options that say some of what it can."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from dlcli.tables.terms.expressions import Expression, columns_of


@dataclass(frozen=True)
class Factor:
    """A part of a term, by the name that it has in the names of columns."""

    name: str
    expression: Expression


@dataclass(frozen=True)
class Formula:
    """A formula: the target, of which perhaps the logarithm is meant, whether there is an intercept, and the terms.

    ``terms`` are products of ``factors``, by their names.
    """

    text: str
    target: str
    log_target: bool
    intercept: bool
    terms: tuple[tuple[str, ...], ...]
    factors: Mapping[str, Factor]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the terms are of."""
        every = [name for factor in self.factors.values() for name in columns_of(factor.expression)]
        return tuple(dict.fromkeys(every))


@dataclass(frozen=True)
class Shortcuts:
    """All columns, some of them by their logarithms or polynomials (with their degrees), and products of columns."""

    logs: tuple[str, ...]
    polynomials: tuple[tuple[str, int], ...]
    interactions: tuple[tuple[str, ...], ...]
    intercept: bool

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are asked for by name."""
        products = [name for one in self.interactions for name in one]
        return tuple(dict.fromkeys([*self.logs, *(name for name, _ in self.polynomials), *products]))


Wanted: TypeAlias = Formula | Shortcuts
