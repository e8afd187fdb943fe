"""The pictures of what was found of a linear model."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from dlcli.config.common import PlotFormat
from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.linear.explain.found import Found
from dlcli.linear.explain.loss_rows import metric_of, working_residuals
from dlcli.linear.explain.parts import Part
from dlcli.linear.objectives.loss import of_classes
from dlcli.reports.explain.base import Picture, Write
from dlcli.tables.formats.dates import DateFormat
from dlcli.tables.layout import Cells, ColumnLayout

if TYPE_CHECKING:
    from dlcli.reports.charts.explain.partial import Partial
    from dlcli.reports.charts.figure import Chart

DRAWN = 2000  # rows
Draw = Callable[["PlotFormat"], "Chart"]

ABOUT = {
    "importance": "Left, how much each column moves scores on average; right, how much worse the metric gets when the "
    "column's values go to other rows, with 95% intervals: one that reaches 0 may be chance.",
    "shap": "A point is a row: how much the column's value raises or lowers its score against the mean training row.",
    "partial-residuals": "Points are rows: what the column adds to the score, and the row's residual. Where the smooth "
    "line leaves the model's, the column acts in another way than the model has it.",
}
TITLES = {"importance": "Importance", "shap": "SHAP values", "partial-residuals": "Partial residuals"}


def pictures_of(found: Found, format: PlotFormat) -> tuple[list[Picture], Callable[[Write], None]]:
    """The pictures that there are to be, and what draws them."""
    drawn: dict[str, Draw] = {}
    if {"shap", "permutation"} & set(found.methods):
        drawn["importance"] = lambda form: _importance(found, form)
    if "shap" in found.methods and not found.subject.classes:
        drawn["shap"] = lambda form: _swarms(found, form)
    if "partial-residuals" in found.methods and not found.subject.classes and _numbers(found):
        drawn["partial-residuals"] = lambda form: _partials(found, form)
    if format == "none":
        drawn = {}
    pictures = [Picture(name=name, title=TITLES[name], about=ABOUT[name]) for name in drawn]

    def draw(write: Write) -> None:
        for name, chart in drawn.items():
            write(name, chart(format).to_bytes(), format)

    return pictures, draw


def _importance(found: Found, format: PlotFormat) -> "Chart":
    from dlcli.reports.charts.explain.importance import Bar, Titles, importance_chart

    assert format != "none"
    parts, shap = found.subject.contributions.parts, "shap" in found.methods
    importances = {} if found.measured is None else found.measured.importances
    bars = []
    for number in found.order:
        one = importances.get(parts[number].name)
        change = () if one is None else (one.value, one.low, one.high)
        bars.append(Bar(parts[number].name, found.summed.sizes[number].tolist(), *change))
    known = {part.name for part in parts}
    bars += [Bar(n, (0.0,), one.value, one.low, one.high) for n, one in importances.items() if n not in known]
    if not shap:
        bars.sort(key=lambda bar: -bar.change if bar.change == bar.change else np.inf)
    changes = "" if found.measured is None else f"permuted: {metric_of(found.subject.model).words} grows by"
    titles = Titles(f"{found.subject.target}: what matters", "mean |SHAP value|" if shap else "", changes)
    return importance_chart(bars, titles, found.subject.classes, format)


def _some(found: Found) -> IntArray:
    """The places of some rows of the sample, in random order."""
    rows = len(found.summed.sample.numbers)
    return np.random.default_rng(0).permutation(rows)[:DRAWN]


def _swarms(found: Found, format: PlotFormat) -> "Chart":
    from dlcli.reports.charts.explain.swarm import MOST_ROWS, Swarm, swarm_chart

    assert format != "none"
    some, parts = _some(found), found.subject.contributions.parts
    each = found.subject.contributions.of_rows(found.summed.sample.X[some])[:, :, 0]
    cells, ordered = _cells(found, some), {part.name for part in _numbers(found)}
    swarms = []
    for number in found.order[:MOST_ROWS]:
        name = parts[number].name
        shade = _shade(cells.of(name)) if name in ordered and cells is not None else None
        swarms.append(Swarm(name, each[:, number], shade))
    title = f"{found.subject.target}: SHAP values of {len(some):,} rows {found.rows.on.shown}"
    return swarm_chart(swarms, title=title, unit=f"SHAP value, on the scale of {found.subject.scale}", format=format)


def _cells(found: Found, some: IntArray) -> Cells | None:
    """The table's own values of some rows; None where only what terms made of them was kept."""
    X = found.plain
    if X is None and found.subject.schema.design is None:
        X = found.summed.sample.X
    return None if X is None else ColumnLayout(found.subject.schema.features).cells(X[some])


def _shade(values: FloatArray) -> FloatArray:
    """The share of the others that each value (n,) is above: rank, ties in the middle; nan where it is missing."""
    known = ~np.isnan(values)
    if not known.all():
        shade = np.full(len(values), np.nan)
        shade[known] = _shade(values[known])
        return shade
    ordered = np.sort(values)
    middle = (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right") - 1) / 2
    span = middle.max(initial=0.0) - middle.min(initial=np.inf) if len(values) else 0.0
    return np.asarray((middle - middle.min(initial=np.inf)) / span if span > 0 else np.full(len(values), 0.5))


def _numbers(found: Found) -> list[Part]:
    """The parts of one column of numbers, the most important first."""
    kinds = {one.name: one for one in found.subject.schema.features}
    parts = [found.subject.contributions.parts[number] for number in found.order]
    return [
        part
        for part in parts
        if not part.interaction and (one := kinds[part.name]).kind == "number" and one.plain_names == (one.name,)
    ]


def _partials(found: Found, format: PlotFormat) -> "Chart":
    from dlcli.reports.charts.explain.partial import MOST_PANELS, partial_chart

    assert format != "none"
    some, sample, subject = _some(found), found.summed.sample, found.subject
    scores = sample.with_offset(subject.contributions.scores(sample.X))[some, 0]
    residuals = working_residuals(subject.model, scores, sample.y[some])
    each = subject.contributions.of_rows(sample.X[some])[:, :, 0]
    cells = _cells(found, some)
    assert cells is not None
    partials = [
        _partial(
            _named(found, part.name), cells.of(part.name), each[:, subject.contributions.parts.index(part)], residuals
        )
        for part in _numbers(found)[:MOST_PANELS]
    ]
    title = f"{subject.target}: partial residuals of {len(some):,} rows {found.rows.on.shown}"
    robust = not of_classes(subject.model.kind)
    return partial_chart(partials, title=title, unit="SHAP value + residual", robust=robust, format=format)


def _named(found: Found, name: str) -> str:
    """A column's name, and what its numbers are where it holds dates."""
    column = next(one for one in found.subject.schema.features if one.name == name)
    return f"{name} (days since 1970)" if isinstance(column.format, DateFormat) else name


def _partial(name: str, x: FloatArray, effect: FloatArray, residuals: FloatArray) -> "Partial":
    from dlcli.reports.charts.explain.partial import Partial

    return Partial(name, x, effect, effect + residuals)
