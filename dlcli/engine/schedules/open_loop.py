"""Schedules that depend on the step alone."""

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.engine.schedules.base import NO_FEEDBACK, Feedback, Schedule, ScheduleSettings

BLOCK = 64  # relative rates that are computed at a time where steps ask for them one by one
PLACES = 10_000  # of a run, at most, at which rates are looked at to know their sum
WARM_UP, FIRST_SHARE = 0.3, 0.04  # of one-cycle, as in Smith and Topin (2018) and in PyTorch


class OpenLoop(Schedule):
    """Schedules that depend on t alone."""

    def __init__(self, settings: ScheduleSettings, lr: float) -> None:
        super().__init__(settings, lr)
        self._block_start, self._block = 0, list[float]()

    def relative(self, t: FloatArray) -> FloatArray:
        """Rates of the steps ``t`` (n,), relative to ``lr``."""
        raise NotImplementedError

    def rates(self, start: int, count: int) -> FloatArray:
        """Rates of steps start .. start + count - 1, of shape (count,)."""
        return self.lr * self.relative(np.arange(start, start + count, dtype=np.float64))

    def rate(self, t: int, _feedback: Feedback = NO_FEEDBACK) -> float:
        """Rate of step t."""
        if not 0 <= t - self._block_start < len(self._block):
            # From a multiple on: the last digit of a power may depend on its place among the others.
            self._block_start = t - t % BLOCK
            steps = np.arange(self._block_start, self._block_start + BLOCK, dtype=np.float64)
            self._block = self.relative(steps).tolist()
        return self.lr * self._block[t - self._block_start]


class Constant(OpenLoop):
    """a0."""

    def relative(self, t: FloatArray) -> FloatArray:
        """1."""
        return np.ones_like(t)


class TimeDecay(OpenLoop):
    """a0 / (1 + k t)."""

    decays = True

    def relative(self, t: FloatArray) -> FloatArray:
        """1 / (1 + k t)."""
        return 1 / (1 + self.settings.decay_rate * t)


class StepDecay(OpenLoop):
    """a0 g^floor(t / s)."""

    decays = True

    def relative(self, t: FloatArray) -> FloatArray:
        """g^floor(t / s)."""
        powers: FloatArray = self.settings.decay_factor ** np.floor(t / self.settings.decay_every)
        return powers


class ExponentialDecay(OpenLoop):
    """a0 g^t."""

    decays = True

    def relative(self, t: FloatArray) -> FloatArray:
        """g^t."""
        powers: FloatArray = self.settings.decay_factor**t
        return powers


class Annealed(OpenLoop):
    """Schedules that depend on t / T, so that they can follow the time as well as the steps."""

    decays = True

    def rate_at(self, fraction: float) -> float:
        """Rate when this ``fraction`` of the run is over, for runs limited by time."""
        return float(self.lr * self.relative(np.array([fraction * self.settings.total_steps]))[0])

    def making_up(self, fraction: float, mean: float) -> float:
        """What to multiply the rest of the rates by in a run that was to be shorter, when this ``fraction`` is over.

        A shorter run has lowered its rate too early: ``mean`` is that of its rates so far, relative to ``lr``. By the
        factor, 1 or more, the rates add up to those of one run as far as none of them exceeds ``lr``. From a run that
        had ended, a linear decay so begins again from ``lr``. Of 150 steps that became 300 (8 crops of 48 x 48, sigma
        25, three seeds) Set12 had 28.20 dB, of one run of 300 28.13, without the factor 27.88; of 188 27.43, 27.40 and
        27.04; at its square root 28.02 and 27.20.
        """
        if not 0 < fraction < 1:
            return 1.0
        count = min(self.settings.total_steps, PLACES)
        rates = self.relative(np.arange(count, dtype=np.float64) * (self.settings.total_steps / count))
        left = rates[round(fraction * count) :]
        missing = rates.sum() - fraction * count * mean
        return max(1.0, float(min(missing / left.sum(), 1 / left.max()))) if left.any() else 1.0


class PolynomialDecay(Annealed):
    """a0 (1 - t/T)^p."""

    def relative(self, t: FloatArray) -> FloatArray:
        """(1 - t/T)^p."""
        powers: FloatArray = np.maximum(1 - t / self.settings.total_steps, 0) ** self.settings.decay_power
        return powers


class CosineAnnealing(Annealed):
    """Half a cosine from a0 to 0 (Loshchilov and Hutter 2017)."""

    def relative(self, t: FloatArray) -> FloatArray:
        """(1 + cos(pi t/T)) / 2."""
        return 0.5 * (1 + np.cos(np.pi * np.minimum(t / self.settings.total_steps, 1)))


class OneCycle(Annealed):
    """Linear from a twenty-fifth of a0 to a0 over the first 30%, then half a cosine to 0 (Smith and Topin 2018)."""

    def relative(self, t: FloatArray) -> FloatArray:
        """Shares of the largest rate."""
        p = np.minimum(t / self.settings.total_steps, 1)
        up = FIRST_SHARE + (1 - FIRST_SHARE) * p / WARM_UP
        down = 0.5 * (1 + np.cos(np.pi * (p - WARM_UP) / (1 - WARM_UP)))
        return np.where(p < WARM_UP, up, down)
