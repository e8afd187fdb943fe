"""What a learning-rate range test says: the loss of a short run whose rate rises geometrically (Smith 2017).

Rates are compared by their logarithms, and so is the slope: d loss / d log(rate). (By the rate itself a fall of one
tenth at 1e-7 is a million times as steep as the same fall at 0.1.) The noise of mini-batches is smoothed away by
local lines, to both sides alike, so that a fall stays where it is; an average over the past alone moves it to
higher rates.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from dlcli.engine.arrays import FloatArray

FEWEST = 5  # points
FAR = 4.0  # times the first losses: the run has diverged
SURE = 3.0  # standard errors by which a slope must be below 0
FLAT = 0.1  # of the steepest slope
JUMP = 400.0  # times the loss before: more in one step says nothing of the curvature
Field = Literal["steepest", "valley", "minimum_tenth", "edge"]
FIELDS: tuple[Field, ...] = ("steepest", "valley", "minimum_tenth", "edge")


@dataclass(frozen=True)
class RangeTest:
    """What one curve suggests: rates, nan where there is none.

    steepest       where the smoothed loss falls fastest: the suggestion
    valley         two thirds into the longest fall (after fastai's ``valley``, which goes half way)
    minimum_tenth  a tenth of the rate at the minimum
    edge           the rate from which the loss would grow for good, the stability edge; nan if it never does
    smoothed       the smoothed losses, one for each rate; nan from where the loss exploded
    """

    steepest: float
    valley: float
    minimum_tenth: float
    edge: float
    smoothed: FloatArray


def geometric(low: float, high: float, count: int) -> FloatArray:
    """Rates (count,) from ``low`` to ``high``, each the same multiple of the one before."""
    if not (0 < low < high and math.isfinite(high) and count >= 2):
        raise ValueError(f"{count} rates from {low:g} to {high:g}: expected two or more from a low to a higher one")
    return np.geomspace(low, high, count)


def stop_here(losses: list[float]) -> bool:
    """Whether the run has diverged: not finite, or two of the last three losses far above the first ten."""
    if not math.isfinite(losses[-1]):
        return True
    if len(losses) <= 10:
        return False
    start = float(np.median(losses[:10]))
    return float(np.median(losses[-3:])) > start + (FAR - 1) * abs(start)


def analyze(rates: FloatArray, losses: FloatArray) -> RangeTest:
    """Read a curve: ``rates`` (n,), a geometric sequence, and the loss after each step (n,), noisy, perhaps inf."""
    rates, losses = np.asarray(rates, dtype=np.float64), np.asarray(losses, dtype=np.float64)
    if rates.shape != losses.shape or rates.ndim != 1 or len(rates) < FEWEST:
        raise ValueError(f"{rates.shape} rates and {losses.shape} losses: expected {FEWEST} or more of each")
    if rates[0] <= 0 or (np.diff(rates) <= 0).any():
        raise ValueError("expected positive, increasing rates")
    smoothed, nothing = np.full(len(rates), np.nan), math.nan
    end = explosion(losses)
    if end < FEWEST:
        return RangeTest(nothing, nothing, nothing, nothing, smoothed)
    fit = smooth(losses[:end])
    smoothed[:end] = fit.level
    edge = _edge(rates, losses, fit)
    steepest = int(np.argmin((fit.slope + SURE * fit.error)[: fit.lowest + 1]))
    if fit.slope[steepest] + SURE * fit.error[steepest] >= 0:
        return RangeTest(nothing, nothing, nothing, edge, smoothed)
    start, stop = _longest(fit.slope < FLAT * fit.slope[steepest])
    valley = math.exp(np.interp(start + (stop - start) * 2 / 3, np.arange(len(rates)), np.log(rates)))
    return RangeTest(float(rates[steepest]), valley, float(rates[fit.lowest]) / 10, edge, smoothed)


def spread(tests: Sequence[RangeTest]) -> dict[Field, tuple[float, float, float]]:
    """Over seeds, for each field: the median (in logarithms), the lowest and the highest; nan where no seed has one."""
    found: dict[Field, tuple[float, float, float]] = {}
    for name in FIELDS:
        values = np.log([value for test in tests if math.isfinite(value := getattr(test, name))])
        middle = (np.median(values), values.min(), values.max()) if len(values) else (math.nan,) * 3
        found[name] = (math.exp(middle[0]), math.exp(middle[1]), math.exp(middle[2]))
    return found


def explosion(losses: FloatArray) -> int:
    """Number of losses before the explosion: up to the last that is no higher than the first ones."""
    finite = np.isfinite(losses)
    end = len(losses) if finite.all() else int(np.argmin(finite))
    if not end:
        return 0
    start = np.median(losses[: min(max(3, end // 10), end)])
    return int(np.flatnonzero(losses[:end] <= start)[-1]) + 1


@dataclass(frozen=True)
class Smooth:
    """A smoothed curve (n,): level, slope per point with its standard error, noise, and where it is lowest."""

    level: FloatArray
    slope: FloatArray
    error: FloatArray
    noise: float
    lowest: int


def smooth(losses: FloatArray) -> Smooth:
    """Local lines (Cleveland 1979) over evenly spaced points, as wide as leave-one-out errors like best.

    The rise after the minimum is sharp and says nothing of the fall, so it has no part in the choice. A slope wants
    a wider window than a level (Fan and Gijbels 1996): twice as wide.
    """
    rough, _, _, _ = local_lines(losses, max(2, len(losses) // 12))
    fall = slice(0, max(int(np.argmin(rough)) + 1, len(losses) // 3))
    widest = max(2, len(losses) // 4)
    best = (math.inf, 0)
    for width in sorted({round(w) for w in np.geomspace(2, widest, 12).tolist()}):
        level, _, leverage, _ = local_lines(losses, width)
        best = min(best, (float(np.mean(((losses - level) / (1 - leverage))[fall] ** 2)), width))
    noise, width = math.sqrt(best[0]), best[1]
    level = local_lines(losses, width)[0]
    _, slope, _, variance = local_lines(losses, 2 * width)
    return Smooth(level, slope, noise * np.sqrt(variance), noise, int(np.argmin(level)))


def local_lines(values: FloatArray, width: int) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """A weighted line through the neighbors of every point, up to ``width`` to either side (tricube weights).

    Returns, for each point (n,), the line's level and slope, the weight of the point in its own level, and the
    variance of the slope where that of a value is 1. Near the ends the neighbors are those that there are.
    """
    width = max(1, min(width, (len(values) - 1) // 2))
    x = np.arange(-width, width + 1, dtype=np.float64)
    weight = (1 - np.abs(x / (width + 1)) ** 3) ** 3

    def total(kernel: FloatArray, of: FloatArray) -> FloatArray:
        return np.convolve(of, kernel[::-1], mode="same")

    ones = np.ones(len(values))
    s0, s1, s2 = (total(weight * x**k, ones) for k in range(3))
    q0, q1, q2 = (total(weight**2 * x**k, ones) for k in range(3))
    t0, t1 = total(weight, values), total(weight * x, values)
    size = s0 * s2 - s1**2
    variance = (s0**2 * q2 - 2 * s0 * s1 * q1 + s1**2 * q0) / size**2
    return (s2 * t0 - s1 * t1) / size, (s0 * t1 - s1 * t0) / size, s2 / size, variance


def _longest(marked: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> tuple[int, int]:
    """First and last index of the longest run of True."""
    ends = np.flatnonzero(np.diff(np.concatenate([[0], marked.astype(np.int8), [0]])))
    starts, stops = ends[::2], ends[1::2] - 1
    k = int(np.argmax(stops - starts))
    return int(starts[k]), int(stops[k])


def _edge(rates: FloatArray, losses: FloatArray, fit: Smooth) -> float:
    """The stability edge.

    The loss turns up late: the direction that grows had shrunk to nothing before, and by the time it shows, the rate
    is several times too high. But then each step multiplies it by rate * curvature - 1, and the loss by the square
    of that; so the last rise tells the curvature, and the edge is 2 / curvature. Where the rise is slow, the edge is
    where it begins.
    """
    onset = int(np.flatnonzero(fit.level <= fit.level[fit.lowest] + 2 * fit.noise)[-1])
    finite = np.isfinite(losses)
    last = len(losses) if finite.all() else int(np.argmin(finite))
    risen = float(losses[max(last - 2, 0) : last].max() - fit.level[fit.lowest])
    fall = float(fit.level[0] - fit.level[fit.lowest])
    # A loss that rises from the first tenth on was never stable as far as can be seen.
    if onset < len(losses) // 10 or onset < 2 or (last == len(losses) and risen <= max(fall / 2, 4 * fit.noise)):
        return math.nan
    edge = float(rates[onset])
    before, after = losses[onset : last - 1], losses[onset + 1 : last]
    with np.errstate(divide="ignore", invalid="ignore"):
        growth = after / before
    rises = np.flatnonzero((growth > 1) & (growth < JUMP))
    if len(rises):
        k = int(rises[-1])
        edge = min(edge, 2 * float(rates[onset + 1 + k]) / (1 + math.sqrt(growth[k])))
    return edge
