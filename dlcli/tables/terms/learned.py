"""What terms learn from training rows, and from no others: means, knots, polynomials, levels of numbers."""

from collections.abc import Iterable, Mapping
from typing import Protocol

import numpy as np

from dlcli.errors import DlcliError
from dlcli.tables.columns import FloatArray
from dlcli.tables.layout import Cells
from dlcli.tables.terms.expressions import SCALES, Call, Expression, Levels, refused, walk
from dlcli.tables.terms.polynomials import ValueMeasure
from dlcli.tables.terms.splines import natural_splines
from dlcli.tables.terms.values import State, Values

MOST_KEPT = 1 << 22  # values of a column of which quantiles are taken; of more, every 2nd, 4th, ... is kept
MOST_LEVELS = 1000


class Learner(Protocol):
    """Learns from values that come chunk by chunk, none of them nan."""

    def add(self, x: FloatArray) -> None:
        """Take in values x (n,)."""

    def state(self) -> State:
        """What was learned. Raises DlcliError where the values don't suffice."""


class MeanAndSpread:
    """Mean and squared deviations, merged chunk by chunk (Chan, Golub and LeVeque 1979)."""

    def __init__(self, call: Call | None = None) -> None:
        self._call = call
        self.count, self.mean, self._squares = 0, 0.0, 0.0

    def add(self, x: FloatArray) -> None:
        """Take in values."""
        if not len(x):
            return
        mean, count = float(x.mean()), self.count + len(x)
        apart = mean - self.mean
        self._squares += float(((x - mean) ** 2).sum()) + apart**2 * self.count * len(x) / count
        self.mean, self.count = self.mean + apart * len(x) / count, count

    def state(self) -> State:
        """The center and the scale: R's scale divides by n - 1, patsy's standardize by n."""
        assert self._call is not None
        if self._call.function == "center":
            return {"center": self.mean, "scale": 1.0}
        freedom = self.count - (self._call.function == "scale")
        scale = float(np.sqrt(self._squares / freedom)) if freedom > 0 else 0.0
        if not scale > 0:
            raise refused(self._call.text, "its values don't vary", "leave it out")
        return {"center": self.mean, "scale": scale}


class Polynomials:
    """The recurrence of orthogonal polynomials."""

    def __init__(self, call: Call) -> None:
        self._call, self._degree = call, degree_of(call)
        self._measure = ValueMeasure(self._degree)

    def add(self, x: FloatArray) -> None:
        """Take in values."""
        self._measure.add(x)

    def state(self) -> State:
        """alpha (degree,) and squared norms (degree + 1,)."""
        if self._measure.different <= self._degree:
            reason = f"degree {self._degree} needs more different values than the {self._measure.different} there are"
            raise refused(self._call.text, reason, "give a lower degree")
        alpha, norms = self._measure.polynomials()
        return {"alpha": alpha.tolist(), "norms": norms.tolist()}


class Knots:
    """The ends of the values, and their quantiles: exact up to 4,194,304 values, then of every 2nd, 4th, ..."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._parts: list[FloatArray] = []
        self._step, self._seen, self._kept = 1, 0, 0
        self._low, self._high = np.inf, -np.inf

    def add(self, x: FloatArray) -> None:
        """Take in values."""
        if not len(x):
            return
        self._low, self._high = min(self._low, float(x.min())), max(self._high, float(x.max()))
        part = x[-self._seen % self._step :: self._step]
        self._parts.append(part.copy())
        self._seen, self._kept = self._seen + len(x), self._kept + len(part)
        if self._kept > MOST_KEPT:
            every = np.concatenate(self._parts)[::2]
            self._parts, self._step, self._kept = [every], 2 * self._step, len(every)

    def state(self) -> State:
        """Knots, and of a centered spline what its coefficients are held to."""
        options, text = self._call.options, self._call.text
        values = np.concatenate([np.zeros(0), *self._parts])
        low, high = options.get("lower_bound", self._low), options.get("upper_bound", self._high)
        assert isinstance(low, float)
        assert isinstance(high, float)
        if not np.isfinite([low, high]).all() or not low < high:
            raise refused(text, "its values don't vary", "leave it out")
        between = values[(values >= low) & (values <= high)]
        if not len(between):
            raise refused(text, f"no value is between {low:g} and {high:g}", "give other bounds")
        inner = self._inner(between)
        if len(inner) and not (low <= inner[0] and inner[-1] <= high):
            raise refused(
                text, f"a knot is beyond {low:g} to {high:g}", "give knots between the smallest and largest value"
            )
        if self._call.function == "ns":
            return {"knots": [low, *inner.tolist(), high]}
        if self._call.function == "bs":
            degree = degree_of(self._call)
            return {"knots": [*[low] * (degree + 1), *inner.tolist(), *[high] * (degree + 1)]}
        knots = np.unique([low, *inner.tolist(), high])
        if len(knots) != len(inner) + 2:
            raise refused(text, "its values are too few for so many knots", "give a lower df")
        found: dict[str, object] = {"knots": knots.tolist()}
        if options.get("constraints"):
            found["constraint"] = natural_splines(values, knots).mean(axis=0).tolist()
        return found

    def _inner(self, values: FloatArray) -> FloatArray:
        """The knots between the ends: those given, or quantiles, of the different values for natural splines."""
        options, text = self._call.options, self._call.text
        if isinstance(given := options.get("knots"), tuple):
            return np.sort(np.array(given, dtype=np.float64))
        df = options.get("df")
        if df is None:
            return np.zeros(0)
        assert isinstance(df, float)
        if self._call.function == "bs":
            least = degree_of(self._call) + bool(options.get("include_intercept"))
            if df < least:
                raise refused(text, f"df must be at least {least}", f"write it as in bs(x, {least + 2})")
            return np.quantile(values, np.linspace(0, 1, int(df) - least + 2))[1:-1]
        if self._call.function == "ns":
            return np.quantile(values, np.linspace(0, 1, int(df) + 1))[1:-1]
        count = int(df) - 2 + bool(options.get("constraints"))
        if count < 0:
            raise refused(text, "df must be at least 2", "write it as in cr(x, 5)")
        return np.quantile(np.unique(values), np.linspace(0, 1, count + 2))[1:-1]


class NumberLevels:
    """The different values of a number that is taken as levels."""

    def __init__(self, levels: Levels) -> None:
        self._levels, self._found = levels, np.zeros(0)

    def add(self, x: FloatArray) -> None:
        """Take in values."""
        self._found = np.unique(np.concatenate([self._found, x]))
        if len(self._found) > MOST_LEVELS:
            name = self._levels.column
            raise refused(f"C({name})", f"more than {MOST_LEVELS:,} different numbers", f"take {name} as a number")

    def state(self) -> State:
        """The levels, sorted."""
        return {"levels": self._found.tolist()}


def degree_of(call: Call) -> int:
    """The degree of a basis; by default 1 of poly, 3 of bs."""
    degree = call.options.get("degree", 1.0 if call.function == "poly" else 3.0)
    assert isinstance(degree, float)
    return int(degree)


def learner_of(node: Expression) -> Learner | None:
    """What learns what a function needs; None for one that needs nothing."""
    if not isinstance(node, Call):
        return None
    if node.function in SCALES:
        return MeanAndSpread(node)
    if node.function == "poly" and not node.options.get("raw"):
        return Polynomials(node)
    return Knots(node) if node.function in ("bs", "cr", "ns") else None


class Learning:
    """A pass over training rows for all that terms need: ``plain`` are the columns of numbers that get a mean."""

    def __init__(self, expressions: Iterable[Expression], plain: Iterable[str]) -> None:
        self._learners: dict[str, tuple[Learner, Call]] = {}
        self._levels: dict[str, NumberLevels] = {}
        self._means = {name: MeanAndSpread() for name in plain}
        for expression in expressions:
            if isinstance(expression, Levels) and expression.column in self._means:
                self._levels[expression.column] = NumberLevels(expression)
            for node in walk(expression):
                if isinstance(node, Call) and (learner := learner_of(node)) is not None:
                    self._learners[node.text] = (learner, node)

    def add(self, cells: Cells) -> None:
        """Take in rows. Raises DlcliError for a value that a function can't take."""
        for name, mean in self._means.items():
            mean.add(_known(cells.of(name)))
        for text, (learner, node) in self._learners.items():
            learner.add(_known(Values(cells, {}, {}, text).of(node.argument)))
        for name, levels in self._levels.items():
            levels.add(_known(cells.of(name)))

    def found(self) -> tuple[dict[str, State], dict[str, float]]:
        """What was learned, by the functions' texts (of levels by ``C(column)``), and each column's mean."""
        states = {text: learner.state() for text, (learner, _) in self._learners.items()}
        states |= {f"C({name})": levels.state() for name, levels in self._levels.items()}
        return states, {name: mean.mean for name, mean in self._means.items()}


def _known(values: FloatArray) -> FloatArray:
    return values[~np.isnan(values)]


def checked(states: Mapping[str, State], expressions: Iterable[Expression], numbers: Iterable[str]) -> None:
    """Raise DlcliError where a saved model's states aren't those that its terms need."""
    plain = set(numbers)
    for expression in expressions:
        if isinstance(expression, Levels) and expression.column in plain:
            _check(states, f"C({expression.column})", {"levels": None})
        for node in walk(expression):
            if not isinstance(node, Call) or learner_of(node) is None:
                continue
            if node.function in SCALES:
                state = states.get(node.text, {})
                center, scale = state.get("center"), state.get("scale")
                if not isinstance(center, float) or not isinstance(scale, float) or not scale > 0:
                    raise _damaged(node.text)
            elif node.function == "poly":
                degree = degree_of(node)
                _check(states, node.text, {"alpha": degree, "norms": degree + 1})
            else:
                _check_knots(states, node)


def _check_knots(states: Mapping[str, State], node: Call) -> None:
    _check(states, node.text, {"knots": None})
    knots = np.array(states[node.text]["knots"])
    least = 2 * (degree_of(node) + 1) if node.function == "bs" else 2
    if len(knots) < least or (np.diff(knots) < 0).any() or not knots[0] < knots[-1]:
        raise _damaged(node.text)
    if node.options.get("constraints"):
        _check(states, node.text, {"constraint": len(knots)})


def _check(states: Mapping[str, State], text: str, lengths: Mapping[str, int | None]) -> None:
    state = states.get(text, {})
    for key, length in lengths.items():
        found = state.get(key)
        if not isinstance(found, list) or not all(isinstance(x, float) and np.isfinite(x) for x in found):
            raise _damaged(text)
        if length is not None and len(found) != length:
            raise _damaged(text)


def _damaged(text: str) -> DlcliError:
    return DlcliError(f"the model is damaged: what its term {text} learned is missing or no numbers", "train it again")
