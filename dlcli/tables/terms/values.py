"""The values of expressions of some rows."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dlcli.errors import DlcliError
from dlcli.tables.columns import FloatArray
from dlcli.tables.layout import Cells
from dlcli.tables.terms.expressions import FUNCTIONS, MISSING, Call, Name, Node, Number
from dlcli.text import printable

State = Mapping[str, object]
ARITHMETIC = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "**": np.power}
NEEDS = {"/": "a divisor that isn't 0", "**": "a result within float64"}


def refused_row(cells: Cells, row: int, text: str, reason: str, hint: str) -> DlcliError:
    """The error of a value that a term can't take, in one of the rows."""
    return DlcliError(f"{cells.label}: row {int(cells.rows[row])}: {printable(text)}: {reason}", hint)


@dataclass(frozen=True)
class Values:
    """Values of expressions of ``cells``; ``states`` are learned, ``fills`` stand in for missing numbers.

    ``text`` is the term's, for errors.
    """

    cells: Cells
    states: Mapping[str, State]
    fills: Mapping[str, float]
    text: str = ""

    def column(self, name: str) -> FloatArray:
        """The numbers (n,) of a column, filled where there is what to fill with, else nan where missing."""
        values, fill = self.cells.of(name), self.fills.get(name)
        return values if fill is None else np.where(np.isnan(values), fill, values)

    def of(self, node: Node) -> FloatArray:
        """The values (n,) of an expression, nan where a column's is missing; raises DlcliError where it has none."""
        if isinstance(node, Number):
            return np.full(len(self.cells.rows), node.value)
        if isinstance(node, Name):
            return self.column(node.column)
        if isinstance(node, Call):
            return self._call(node)
        left, right = self.of(node.left), self.of(node.right)
        with np.errstate(all="ignore"):
            made = ARITHMETIC[node.symbol](left, right)
        return self._finite(made, (left, right), f"{node.symbol} needs {NEEDS.get(node.symbol, 'smaller numbers')}")

    def _call(self, node: Call) -> FloatArray:
        if node.function == MISSING and isinstance(node.argument, Name):
            return np.isnan(self.cells.of(node.argument.column)).astype(np.float64)
        inner = self.of(node.argument)
        if node.function in FUNCTIONS:
            function, needs = FUNCTIONS[node.function]
            with np.errstate(all="ignore"):
                return self._finite(function(inner), (inner,), f"{node.function} needs {needs}")
        state = self.states[node.text]
        center, scale = state["center"], state["scale"]
        assert isinstance(center, float)
        assert isinstance(scale, float)
        return (inner - center) / scale

    def _finite(self, made: FloatArray, of: tuple[FloatArray, ...], needs: str) -> FloatArray:
        """The values, which must be finite where those that they are made ``of`` are. Raises DlcliError."""
        bad = ~np.isfinite(made)
        for values in of:
            bad &= np.isfinite(values)
        if bad.any():
            row = int(bad.argmax())
            given = " and ".join(f"{values[row]:.6g}" for values in of)
            hint = "leave such rows out, or use another function"
            raise refused_row(self.cells, row, self.text, f"{needs}, got {given}", hint)
        return made
