"""How the variance of the noise grows with brightness: the line of Poisson-Gaussian noise."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.images.noise.level import OVERLAP, Level, level
from dlcli.images.noise.patches import HIGH, Patches

BINS, FEWEST = 10, 400  # ranges of brightness, by number and by value, and the patches that one has at least
SIGNIFICANT, NOTABLE = 3.0, 0.3  # errors of the slope; change of the variance from dark to bright
APART = 0.5  # deviations of the noise between two ranges of brightness
TURNS, PLAIN = 20, 6  # of the fit; as many at first take no level for an outlier
FLOOR = 0.03  # relative error of a range's variance that no number of patches takes away


@dataclass(frozen=True)
class Line:
    """variance = ``gain`` * brightness + ``intercept``, with the standard error of the gain."""

    gain: float
    intercept: float
    gain_error: float

    def variance(self, brightness: FloatArray) -> FloatArray:
        """The variance at some brightness."""
        found: FloatArray = self.gain * np.asarray(brightness, dtype=np.float64) + self.intercept
        return found


def levels_by_brightness(patches: Patches) -> list[Level]:
    """The noise in each of some ranges of brightness, the darkest first."""
    if not len(patches):
        return []
    order = np.argsort(patches.mean, kind="stable")
    means = patches.mean[order]
    even = np.linspace(means[0], means[-1], BINS + 1)[1:-1]
    edges = np.union1d(np.searchsorted(means, even), np.arange(1, BINS) * len(means) // BINS)
    kept = [0]
    for edge in edges:
        if edge - kept[-1] >= FEWEST and len(means) - edge >= FEWEST:
            kept.append(int(edge))
    found = [level(patches.of(order[a:b])) for a, b in itertools.pairwise([*kept, len(means)])]
    return _apart([one for one in found if one is not None])


def _apart(levels: Sequence[Level]) -> list[Level]:
    """The levels, those together whose brightness differs by less than a deviation's half.

    They have one brightness, and what tells them apart is noise: of skewed noise the brighter samples vary more, too.
    """
    found: list[Level] = []
    for one in levels:
        if found and one.mean - found[-1].mean < APART * min(one.sigma, found[-1].sigma):
            found[-1] = _joined(found[-1], one)
        else:
            found.append(one)
    return found


def _joined(one: Level, other: Level) -> Level:
    both = (one.count, other.count)

    def average(of_one: float, of_other: float) -> float:
        return float(np.average((of_one, of_other), weights=both))

    return Level(
        float(np.sqrt(average(one.sigma**2, other.sigma**2))),
        average(one.mean, other.mean),
        sum(both),
        average(one.low, other.low),
        average(one.middle, other.middle),
        average(one.correction, other.correction),
    )


def fitted(levels: Sequence[Level]) -> Line | None:
    """The line through the levels; None for fewer than two. Levels that hold texture, and outliers, weigh less."""
    if len(levels) < 2:
        return None
    means = np.array([one.mean for one in levels])
    variances = np.array([one.sigma for one in levels]) ** 2
    relative = np.array([error_of(one) for one in levels])
    weights = np.ones(len(levels))
    center = float(means.mean())
    design = np.stack([means - center, np.ones_like(means)], axis=1)
    model = np.full_like(variances, np.average(variances, weights=1 / relative**2))
    solution, inverse = np.zeros(2), np.eye(2)
    for turn in range(TURNS):
        # The error is in proportion to the variance itself, of which the model knows better than the measurement.
        spread = relative * np.maximum(model, 0.02 * float(np.median(variances)))
        away = np.abs(variances - model) / spread
        if turn >= PLAIN:
            weights = 1 / (1 + (away / (2 * max(1.0, 1.5 * float(np.median(away))))) ** 2)
        weighted = design * (weights / spread**2)[:, None]
        inverse = np.linalg.pinv(weighted.T @ design)
        solution = inverse @ weighted.T @ variances
        model = design @ solution
    residual = float(np.sum(weights * ((variances - model) / spread) ** 2) / max(weights.sum() - 2, 1))
    error = float(np.sqrt(inverse[0, 0] * max(residual, 1.0)))
    return Line(float(solution[0]), float(solution[1] - solution[0] * center), error)


def growing(levels: Sequence[Level]) -> Line | None:
    """The line, where the noise grows with brightness for certain and by something that matters; else None."""
    line = fitted(levels)
    if line is None or line.gain <= SIGNIFICANT * line.gain_error:
        return None
    means = [one.mean for one in levels]
    dark, bright = line.variance(np.array([min(means), max(means)])).tolist()
    return line if bright - dark > NOTABLE * bright else None


def error_of(one: Level) -> float:
    """The relative standard error of a level's variance: patches overlap, and the correction is half uncertain."""
    independent = one.count * int(HIGH.sum()) / OVERLAP
    return float(np.hypot(np.sqrt(2 / independent), np.hypot(FLOOR, one.correction)))
