"""Pictures of all trials of a search as PNG: which option mattered, and which settings were good."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dlcli.runs.axes import Axis, interesting, label
from dlcli.runs.canvas import COLORS, INK, RIGHT, SIZE, TEXT, Canvas, Key, Point, draw_head, length, mixed, shortened

EDGE = 24
BAR, LONGEST_NAME, MOST_BARS = 34, 280, 24

PALE, STRONG, BEST = "#cfdfef", COLORS[0], "#07315e"
STEP = 120  # pixels between axes at least: the picture grows with many
TICKS = 7  # so many distinct numbers are labeled themselves
NAMES, BOTTOM = 36, 34  # above and below the axes
BEFORE, AFTER = 144, 114  # left of the first axis and right of the last: room for their labels


def importance_chart(shares: Mapping[str, float], *, title: str) -> bytes:
    """PNG bytes of horizontal bars, longest first, with percentages; as high as it needs.

    A share that isn't finite has no bar; beyond 24 the smallest are left out, which is said.
    """
    known = {name: float(share) if math.isfinite(share) else -math.inf for name, share in shares.items()}
    rows = sorted(known.items(), key=lambda row: -row[1])
    more = len(rows) - MOST_BARS
    shown = rows[:MOST_BARS]
    canvas = Canvas((SIZE[0], 70 + BAR * max(len(shown), 1) + (BAR if more > 0 else 0)))
    draw_head(canvas, title, [], EDGE)
    names = [shortened(name, LONGEST_NAME) for name, _ in shown]
    left = EDGE + max((length(name) for name in names), default=0) + 12
    room = SIZE[0] - RIGHT - 70 - left
    longest = max([share for _, share in shown] + [1e-300])
    for number, (name, (_, share)) in enumerate(zip(names, shown, strict=True)):
        middle = 56 + BAR * (number + 0.5)
        end = left + room * (max(share, 0) / longest)
        canvas.text((left - 12, middle), name, anchor="rm")
        if end > left:
            canvas.box((left, middle - BAR * 0.32, end, middle + BAR * 0.32), fill=COLORS[0])
        canvas.text((end + 8, middle), _percent(share), anchor="lm")
    if more > 0:
        canvas.text((left, 56 + BAR * (len(shown) + 0.5)), f"and {more} more", anchor="lm")
    if not shown:
        canvas.text((EDGE, 56 + BAR / 2), "nothing to show", anchor="lm")
    return canvas.png()


def _percent(share: float) -> str:
    if not math.isfinite(share):
        return "unknown"
    if 0 < share < 0.0005:
        return "<0.1%"
    return f"{share:.1%}" if abs(share) < 100 else f"{label(share * 100, 3)}%"


@dataclass(frozen=True)
class ParallelColumn:
    """The values of one searched option in all trials: numbers, or texts."""

    name: str
    values: Sequence[float] | Sequence[str]
    log: bool = False


@dataclass(frozen=True)
class _Upright:
    """An axis of a parallel chart: the place of each trial, from 0 to 1 (None: it has none), and the labels."""

    name: str
    places: Sequence[float | None]
    ticks: Sequence[tuple[float, str]]


def parallel_chart(
    columns: Sequence[ParallelColumn],
    values: Sequence[float],
    *,
    title: str,
    larger_is_better: bool,
    value_label: str,
    order: Sequence[int],
) -> bytes:
    """PNG bytes of parallel coordinates: an axis for each option and, last, one of the ``values``; a line per trial.

    600 pixels high and 960 wide, or wider with many options. Lines go from pale (bad) to strong blue (good), in the
    given ``order`` of trials, the best last, which is thick. Trials whose value isn't finite are left out.
    """
    kept = [i for i, value in enumerate(values) if math.isfinite(value)]
    axes = [_option_axis(column, kept) for column in columns]
    metric = [float(values[i]) for i in kept]
    axes.append(_metric_axis(value_label, metric, larger_is_better))
    canvas = Canvas((max(SIZE[0], BEFORE + STEP * len(columns) + AFTER), SIZE[1]))
    keys = [Key("worse", PALE), Key("better", STRONG), Key("best", BEST)] if kept else []
    ends = (draw_head(canvas, title, keys, EDGE) + NAMES, SIZE[1] - BOTTOM)
    step = (canvas.size[0] - BEFORE - AFTER) / max(len(columns), 1)
    lefts = [BEFORE + step * number for number in range(len(axes))]

    places = {number: i for i, number in enumerate(kept)}
    shown = [places[number] for number in order if number in places]
    for i, share in zip(shown, _ranks([metric[i] for i in shown]), strict=True):
        points = [_point(x, axis.places[i], ends) for x, axis in zip(lefts, axes, strict=True)]
        best = i == shown[-1]
        for run in _without_gaps(points):
            canvas.line(run, BEST if best else mixed(PALE, STRONG, share), 4 if best else 1.5)
    for x, axis in zip(lefts, axes, strict=True):
        _draw_axis(canvas, axis, x, ends, step, last=axis is axes[-1])
    return canvas.png()


def _option_axis(column: ParallelColumn, kept: Sequence[int]) -> _Upright:
    cells = [column.values[i] for i in kept]
    numbers = [float(cell) for cell in cells if not isinstance(cell, str)]
    if len(numbers) < len(cells):
        return _choice_axis(column.name, [cell if isinstance(cell, str) else f"{cell:g}" for cell in cells])
    axis = Axis.over(numbers, column.log and all(number > 0 for number in numbers if math.isfinite(number)))
    if axis is None:
        return _Upright(column.name, [None] * len(kept), [])
    places = [axis.position(number) if math.isfinite(number) else None for number in numbers]
    distinct = sorted({number for number in numbers if math.isfinite(number)})
    own = [(axis.position(number), _short(number)) for number in distinct]
    return _Upright(column.name, places, own if len(own) <= TICKS else axis.ticks())


def _choice_axis(name: str, cells: Sequence[str]) -> _Upright:
    choices = sorted(set(cells), reverse=True)
    places = {choice: (i + 0.5) / len(choices) for i, choice in enumerate(choices)}
    return _Upright(name, [places[cell] for cell in cells], [(place, choice) for choice, place in places.items()])


def _metric_axis(name: str, metric: Sequence[float], larger_is_better: bool) -> _Upright:
    """The last axis: logarithmic where values span orders of magnitude; very bad ones are at its end."""
    log = (
        all(value > 0 for value in metric) and len(metric) > 0 and math.log10(max(metric)) - math.log10(min(metric)) > 2
    )
    shown = interesting(metric, log, larger_is_better)
    if shown is None:
        return _Upright(name, [], [])
    axis = Axis(*shown, log)
    places = [min(max(axis.position(value), 0), 1) for value in metric]
    ticks = [(place, text) for place, text in axis.ticks() if 0.03 < place < 0.97]
    return _Upright(name, places, ticks + [(end, "far worse") for end in (0.0, 1.0) if end in places])


def _ranks(ordered: Sequence[float]) -> list[float]:
    """Shares from 0 to 1 of values that are in order; equal ones have the same, and the last has 1."""
    places = {value: i for i, value in enumerate(dict.fromkeys(ordered))}
    return [places[value] / (len(places) - 1) if len(places) > 1 else 1.0 for value in ordered]


def _point(x: float, place: float | None, ends: tuple[float, float]) -> Point | None:
    top, bottom = ends
    return None if place is None else (x, bottom - place * (bottom - top))


def _without_gaps(points: Sequence[Point | None]) -> list[list[Point]]:
    """The stretches of points that are there."""
    runs: list[list[Point]] = [[]]
    for point in points:
        if point is None:
            runs.append([])
        else:
            runs[-1].append(point)
    return runs


def _draw_axis(canvas: Canvas, axis: _Upright, x: float, ends: tuple[float, float], step: float, *, last: bool) -> None:
    """The axis with its name above and its labels beside it, none over another."""
    canvas.line([(x, ends[0]), (x, ends[1])], INK, 1.5)
    canvas.text((x, ends[0] - 14), shortened(axis.name, min(step, 2 * AFTER) - 12), anchor="ms")
    free = math.inf
    for place, text in sorted(axis.ticks):
        y = ends[1] - place * (ends[1] - ends[0])
        if y > free:
            continue
        canvas.line([(x - 4, y), (x + 4, y)], INK, 1.5)
        if last:
            canvas.text((x + 10, y), shortened(text, AFTER - 14), anchor="lm")
        else:
            canvas.text((x - 8, y), shortened(text, min(step, BEFORE) - 24), anchor="rm", halo=True)
        free = y - TEXT - 5


def _short(number: float) -> str:
    return label(number, 6 if number == round(number) else 3)
