"""The columns of X that terms make, with all that they learned: what a model with terms keeps."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from dlcli.errors import DlcliError
from dlcli.files import JsonObject
from dlcli.tables.categories import shown_level
from dlcli.tables.columns import Column, FloatArray, IntArray
from dlcli.tables.layout import Cells
from dlcli.tables.terms.coding import Product, coded
from dlcli.tables.terms.expressions import BASES, Call, Expression, Levels, Name, Node, columns_of, refused
from dlcli.tables.terms.learned import checked, degree_of
from dlcli.tables.terms.parsing import parse
from dlcli.tables.terms.polynomials import orthogonal
from dlcli.tables.terms.splines import b_splines, natural_b_splines, natural_splines, without
from dlcli.tables.terms.uses import as_used, check_uses, column_of
from dlcli.tables.terms.values import State, Values, refused_row
from dlcli.tables.terms.wanted import Factor
from dlcli.text import listed, printable

MOST_COLUMNS = 20_000
MOST_FACTORS = 10  # of a term


@dataclass(frozen=True)
class Design:
    """``terms`` of ``factors``, by their names, of the columns ``features``; ``states`` and ``fills`` as learned.

    ``text`` is the formula, or the options that say the same.
    """

    text: str
    factors: Mapping[str, Factor]
    terms: tuple[tuple[str, ...], ...]
    features: tuple[Column, ...]
    intercept: bool
    states: Mapping[str, State]
    fills: Mapping[str, float]

    @cached_property
    def products(self) -> list[Product]:
        """What the columns are products of, in order."""
        if any(len(term) > MOST_FACTORS for term in self.terms):
            raise DlcliError(f"a term is of more than {MOST_FACTORS} factors", "leave out some")
        levels = {name for name, factor in self.factors.items() if isinstance(self._plain(factor), Levels)}
        every = coded(self.terms, levels, intercept=self.intercept)
        return [product for products in every for product in products]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the columns of X."""
        found: list[str] = []
        for product in self.products:
            each = [self._names_of(self.factors[name], reduced=reduced) for name, reduced in product]
            if len(found) + math.prod(map(len, each)) > MOST_COLUMNS:
                raise DlcliError(f"the terms make more than {MOST_COLUMNS:,} columns", "leave out some interactions")
            found += [":".join(reversed(parts)) for parts in itertools.product(*reversed(each))]
        return tuple(found)

    @cached_property
    def sources(self) -> tuple[tuple[str, ...], ...]:
        """For each column of X the features that it is made of."""
        found: list[tuple[str, ...]] = []
        for product in self.products:
            width = math.prod(len(self._names_of(self.factors[name], reduced=reduced)) for name, reduced in product)
            used = [one for name, _ in product for one in columns_of(self._plain(self.factors[name]))]
            found += [tuple(dict.fromkeys(column_of(one, self.features).name for one in used))] * width
        return tuple(found)

    def _plain(self, factor: Factor) -> Expression:
        return as_used(factor.expression, self.features)

    def checked(self) -> "Design":
        """Itself; raises DlcliError for what its columns can't be used for."""
        check_uses(self.factors.values(), self.features)
        checked(self.states, (factor.expression for factor in self.factors.values()), self.numbers)
        for factor in self.factors.values():
            expression = self._plain(factor)
            if isinstance(expression, Levels):
                self._reference(expression)
        if not self.names:
            raise DlcliError("the terms make no columns", "name a column that varies")
        return self

    @property
    def learned(self) -> tuple[str, ...]:
        """The terms that learned something of training rows."""
        return tuple(self.states)

    @property
    def numbers(self) -> list[str]:
        """The numbers that the features are read as."""
        return [name for column in self.features if column.kind == "number" for name in column.plain_names]

    def _levels(self, of: Levels) -> tuple[str, ...]:
        column = column_of(of.column, self.features)
        if column.kind == "boolean":
            return ("False", "True")
        if column.kind == "text":
            return column.levels
        return tuple(shown_level(level) for level in self._values(of))

    def _values(self, of: Levels) -> list[float]:
        found = self.states[f"C({of.column})"]["levels"]
        assert isinstance(found, list)
        return found

    def _reference(self, of: Levels) -> int:
        """The place of the reference level. Raises DlcliError where there is none such."""
        levels = self._levels(of)
        if of.reference is None:
            return 0
        if of.reference not in levels:
            reason = f"column '{printable(of.column)}' has no level '{printable(of.reference)}'"
            raise refused(of.reference, reason, f"its levels are {listed(levels)}")
        return levels.index(of.reference)

    def _names_of(self, factor: Factor, *, reduced: bool) -> list[str]:
        expression, name = self._plain(factor), factor.name
        if isinstance(expression, Levels):
            levels = list(self._levels(expression))
            if not reduced:
                return [f"{name}[{level}]" for level in levels]
            if expression.contrast == "sum":
                return [f"{name}[S.{level}]" for level in levels[:-1]]
            return [f"{name}[T.{level}]" for n, level in enumerate(levels) if n != self._reference(expression)]
        if isinstance(expression, Call) and expression.function in BASES:
            first = 0 if expression.options.get("include_intercept") else 1
            return [f"{name}[{first + n}]" for n in range(self._width(expression))]
        return [name]

    def _width(self, call: Call) -> int:
        if call.function == "poly":
            return degree_of(call)
        knots = self.states[call.text]["knots"]
        assert isinstance(knots, list)
        if call.function == "bs":
            return len(knots) - degree_of(call) - 1 - (not call.options.get("include_intercept"))
        return len(knots) - (call.function == "ns" or bool(call.options.get("constraints")))

    def matrix(self, cells: Cells, beyond: dict[str, int], *, strict: bool, fill: bool) -> FloatArray:
        """X (n, w), nan where a value is missing that isn't to be filled (``fill``).

        ``strict``: a level that training had not raises DlcliError; else it counts as the first one. Such rows, and
        those where a spline leaves the range of training, are counted in ``beyond``, by its text.
        """
        values = Values(cells, self.states, self.fills if fill else {})
        blocks: dict[tuple[str, bool], FloatArray] = {}
        codes: dict[str, IntArray] = {}
        for name, factor in self.factors.items():
            expression = self._plain(factor)
            if isinstance(expression, Levels):
                codes[name] = self._codes(expression, cells, beyond, strict=strict)
            else:
                blocks[name, False] = self._block(expression, replace(values, text=name), beyond)
        for product in self.products:
            for name, reduced in product:
                expression = self._plain(self.factors[name])
                if isinstance(expression, Levels) and (name, reduced) not in blocks:
                    blocks[name, reduced] = self._contrasts(expression, reduced=reduced)[codes[name]]
        X = np.empty((len(cells.rows), len(self.names)), order="F")
        place = 0
        for product in self.products:
            for column in _products([blocks[one] for one in product]):
                X[:, place] = column
                place += 1
        return X

    def _block(self, expression: Node, values: Values, beyond: dict[str, int]) -> FloatArray:
        """The columns (n, k) of a factor of numbers."""
        if isinstance(expression, Call) and expression.function in BASES:
            return self._basis(expression, values, beyond)
        return values.of(expression)[:, None]

    def _contrasts(self, of: Levels, *, reduced: bool) -> FloatArray:
        """The rows of X (levels + 1, k) for each level; the last one is for missing values."""
        rows = np.eye(len(self._levels(of)))
        if reduced and of.contrast == "sum":
            rows = rows[:, :-1]
            rows[-1] = -1.0
        elif reduced:
            rows = np.delete(rows, self._reference(of), axis=1)
        return np.vstack([rows, np.full((1, rows.shape[1]), np.nan)])

    def _codes(self, of: Levels, cells: Cells, beyond: dict[str, int], *, strict: bool) -> IntArray:
        """The levels (n,), -1 where missing."""
        column = column_of(of.column, self.features)
        if column.kind == "text":
            return cells.codes[of.column]
        values = cells.of(of.column)
        if column.kind == "boolean":
            return np.where(np.isnan(values), -1, np.nan_to_num(values)).astype(np.int64)
        levels = np.array(self._values(of))
        codes = np.clip(np.searchsorted(levels, values), 0, len(levels) - 1)
        new = (levels[codes] != values) & ~np.isnan(values)
        text = f"C({of.column})"
        if new.any() and strict:
            row = int(new.argmax())
            reason = f"the model does not know {shown_level(float(values[row]))}, only {listed(self._levels(of))}"
            hint = f"fix or leave out the row; --unseen baseline takes it as '{self._levels(of)[0]}'"
            raise refused_row(cells, row, text, reason, hint)
        if new.any():
            beyond[text] = beyond.get(text, 0) + int(new.sum())
        return np.where(np.isnan(values), -1, np.where(new, 0, codes)).astype(np.int64)

    def _basis(self, call: Call, values: Values, beyond: dict[str, int]) -> FloatArray:
        x = values.of(call.argument)
        if call.function == "poly":
            if call.options.get("raw"):
                return np.asarray(x[:, None] ** np.arange(1, degree_of(call) + 1))
            state = self.states[call.text]
            return orthogonal(x, np.array(state["alpha"]), np.array(state["norms"]))
        knots = np.array(self.states[call.text]["knots"])
        if outside := int(np.count_nonzero((x < knots[0]) | (x > knots[-1]))):
            beyond[call.text] = beyond.get(call.text, 0) + outside
        if call.function == "bs":
            basis = b_splines(x, knots, degree_of(call))
            return basis if call.options.get("include_intercept") else basis[:, 1:]
        if call.function == "ns":
            return natural_b_splines(x, knots)
        basis = natural_splines(x, knots)
        if call.options.get("constraints"):
            basis = basis @ without(np.array(self.states[call.text]["constraint"]))
        return basis

    def said(self, beyond: Mapping[str, int]) -> list[str]:
        """Lines on what a pass met that training had not."""
        lines = []
        for text, rows in beyond.items():
            state, where = self.states[text], f"{rows:,} row{'s' * (rows != 1)}"
            if isinstance(knots := state.get("knots"), list):
                ends = f"{knots[0]:.6g} to {knots[-1]:.6g}"
                lines.append(f"{printable(text)}: {where} outside {ends}, where no training row is: extrapolated")
            elif isinstance(levels := state.get("levels"), list):
                first = shown_level(levels[0])
                lines.append(f"{printable(text)}: numbers that no training row has count as {first}, in {where}")
        return lines

    def to_json(self) -> JsonObject:
        """A JSON object; the columns are the schema's."""
        factors = [
            {"name": name, "column" if isinstance(f.expression, Name) and f.expression.column == name else "text": name}
            for name, f in self.factors.items()
        ]  # fmt: skip
        return {
            "formula": self.text, "factors": factors, "terms": [list(term) for term in self.terms],
            "intercept": self.intercept, "states": dict(self.states), "fills": dict(self.fills),
        }  # fmt: skip

    @classmethod
    def from_json(cls, value: object, features: Sequence[Column]) -> "Design":
        """The design that ``to_json`` wrote; raises DlcliError for anything else, and for what isn't allowed."""
        if not isinstance(value, dict) or not _is_design(value):
            raise DlcliError("the model is damaged: its terms can't be read", "train it again")
        factors: dict[str, Factor] = {}
        for one in value["factors"]:
            name = one["name"]
            factors[name] = Factor(name, Name(name) if "column" in one else parse(name))
        terms = tuple(tuple(term) for term in value["terms"])
        if not {name for term in terms for name in term} <= set(factors):
            raise DlcliError("the model is damaged: its terms are of factors that it lacks", "train it again")
        return cls(
            value["formula"], factors, terms, tuple(features), value["intercept"], value["states"], value["fills"]
        ).checked()  # fmt: skip


def _is_design(value: JsonObject) -> bool:
    factors, terms, states, fills = (value.get(key) for key in ("factors", "terms", "states", "fills"))
    return (
        isinstance(value.get("formula"), str)
        and isinstance(value.get("intercept"), bool)
        and isinstance(factors, list)
        and all(isinstance(one, dict) and isinstance(one.get("name"), str) for one in factors)
        and isinstance(terms, list)
        and all(isinstance(term, list) and all(isinstance(name, str) for name in term) for term in terms)
        and isinstance(states, dict)
        and all(isinstance(state, dict) for state in states.values())
        and isinstance(fills, dict)
        and all(isinstance(fill, float) and np.isfinite(fill) for fill in fills.values())
    )


def _products(blocks: Sequence[FloatArray]) -> Iterator[FloatArray]:
    """The products of one column of each block, those of the last block slowest, as R has them."""
    for columns in itertools.product(*(block.T for block in reversed(blocks))):
        made = columns[-1]
        for column in columns[-2::-1]:
            made = made * column
        yield made
