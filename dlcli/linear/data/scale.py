"""Numbers at the ends of float64: columns whose squares have no room in it, and whole numbers beyond its digits."""

from typing import TYPE_CHECKING

import numpy as np

from dlcli.engine.arrays import BoolArray, FloatArray, IntArray
from dlcli.engine.progress import Progress
from dlcli.errors import DlcliError
from dlcli.linear.objectives.moments import Moments
from dlcli.tables.names import Hints
from dlcli.tables.table import Table
from dlcli.text import printable

if TYPE_CHECKING:
    pass

LARGE, SMALL = 1e100, 1e-100  # beyond, a column is scaled: sums of squares, and their products, must have room
WHOLE = 2.0**53  # from here on float64 doesn't hold every whole number
HARMLESS = 1e-3  # rounding against a column's standard deviation


class PowersOfTwo:
    """Scales columns by powers of two, which is exact, where their first values that aren't 0 are huge or tiny.

    ``exponents`` (w,): a column was divided by 2 to this power; columns may be added on the way.
    """

    def __init__(self, exponents: IntArray | None = None) -> None:
        self.exponents: IntArray = np.zeros(0, dtype=np.int64) if exponents is None else exponents
        self._known = np.ones(len(self.exponents), dtype=np.bool_)

    def scale(self, X: FloatArray, train: BoolArray) -> None:
        """Scale X (n, w), nan where missing, in place; the rows ``train`` (n,) decide."""
        new = X.shape[1] - len(self._known)
        self.exponents = np.concatenate([self.exponents, np.zeros(new, dtype=np.int64)])
        self._known = np.concatenate([self._known, np.zeros(new, dtype=np.bool_)])
        for column in np.flatnonzero(~self._known):
            largest = float(np.fmax.reduce(np.abs(X[train, column]), initial=0.0))
            self._known[column] = largest > 0
            if largest > LARGE or 0 < largest < SMALL:
                self.exponents[column] = np.frexp(largest)[1]
        scaled = np.flatnonzero(self.exponents)
        if len(scaled):
            X[:, scaled] = np.ldexp(X[:, scaled], -self.exponents[scaled])


def powers_of(largest: FloatArray) -> PowersOfTwo:
    """What columns are scaled by whose training rows are at most so large (w,)."""
    powers = PowersOfTwo()
    powers.scale(largest[None].copy(), np.ones(1, dtype=np.bool_))
    return powers


def check_target(y: FloatArray) -> None:
    """Raise DlcliError for targets (n,) whose squares have no room in float64: the loss is their mean."""
    largest = float(np.fmax.reduce(np.abs(y), initial=0.0))
    if largest > LARGE or 0 < largest < SMALL:
        raise DlcliError(
            f"the target's values reach {largest:.1e}, whose squares exceed float64",
            "multiply it by a power of ten",
        )


def check_moments(moments: Moments, names: tuple[str, ...], where: str = "") -> None:
    """Raise DlcliError where squares of a column have no room after all; ``names`` (d,) are those after y."""
    bad = np.flatnonzero(~np.isfinite(moments.diagonal) | ~np.isfinite(moments.mean))
    if len(bad):
        name = f"column {printable(names[bad[0] - 1])!r}" if bad[0] else "the target"
        hint = "fix or leave out the rows" if where else "multiply it by a power of ten"
        raise DlcliError(f"{name} holds values{where} whose squares exceed float64", hint)


def say_rounded(table: Table, names: tuple[str, ...], X: FloatArray, progress: Progress) -> None:
    """Warn of whole numbers beyond 2^53 in the rows X (n, d) of columns ``names`` (d,) that a model is applied to."""
    for place in np.flatnonzero((np.abs(X) >= WHOLE).any(axis=0)):
        if names[place] in table.columns and table.has_whole_beyond(names[place], WHOLE):
            progress.warn(f"column {printable(names[place])!r} holds whole numbers beyond 2^53, which are rounded")


def check_digits(table: Table, moments: Moments, names: tuple[str, ...], progress: Progress) -> None:
    """Say where whole numbers beyond 2^53 are rounded; raise DlcliError where the rounding hides how they vary.

    ``moments`` are those of y and the columns ``names`` (d,).
    """
    hints = Hints(tuple(table.columns))
    n = max(moments.count, 1)
    size = np.sqrt(moments.mean**2 + moments.diagonal / n)
    for place in np.flatnonzero((size >= WHOLE / np.sqrt(n)) & (size < LARGE)):
        name = names[place - 1] if place else (table.target.name if table.target else "")
        if name not in table.columns or not table.has_whole_beyond(name, WHOLE):
            continue
        step, spread = np.spacing(size[place]), np.sqrt(moments.diagonal[place] / n)
        message = (
            f"column {printable(name)!r} holds whole numbers beyond 2^53, which are rounded to steps of {step:.0f}"
        )
        if step > HARMLESS * spread:
            drop = f", or {hints.drop(name)}" if place else ""
            raise DlcliError(message, f"subtract a number from all of them, such as {moments.mean[place]:.0f}{drop}")
        progress.note(f"{message}; they spread {spread:.1e}")
