"""Exponential families with a link, element by element: losses of numbers whose variance follows their mean.

With mean mu, variance in proportion to V(mu), and score s = g(mu), the loss of a row is the quasi-likelihood's

  integral of (t - y) / V(t) dt up to mu

(Wedderburn 1974), which is half the unit deviance less half of that at mu = y. Its derivative by s is
(mu - y) mu' / V, its expected second derivative mu'^2 / V, and the observed one mu'^2 / V + (mu - y) d(mu' / V)/ds
(McCullagh and Nelder 1989, 2.5). V is mu^p (Tweedie; 1: Poisson, 2: gamma) or mu + alpha mu^2 (negative binomial).
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.errors import DlcliError
from dlcli.linear.objectives.loss import Kind, loss_of, of_family

POWERS = {"poisson": 1.0, "gamma": 2.0}


Terms = tuple[FloatArray, FloatArray, FloatArray | None]


@dataclass(frozen=True)
class Family:
    """A variance function and a link ("log", "identity" or "inverse").

    ``power`` p of a variance mu^p; None for the negative binomial's mu + ``alpha`` mu^2.
    """

    name: str
    power: float | None
    alpha: float
    link: Literal["log", "identity", "inverse"]

    @property
    def words(self) -> str:
        """The variance in words, but for a dispersion."""
        if self.power is None:
            return f"mean + {self.alpha:.6g} mean^2"
        return {0.0: "constant", 1.0: "mean"}.get(self.power, f"mean^{self.power:g}")

    @property
    def canonical(self) -> bool:
        """Whether the observed second derivative is the expected one."""
        return (self.power, self.link) in ((0.0, "identity"), (1.0, "log"), (2.0, "inverse"))

    @property
    def convex(self) -> bool:
        """Whether the loss is convex in the score, whatever the target."""
        return (
            self.canonical
            or (self.link == "log" and (self.power is None or 1 <= self.power <= 2))
            or (self.power == 1 and self.link == "identity")
        )

    @property
    def dispersed(self) -> bool:
        """Whether the dispersion is estimated, and not 1."""
        return self.name in ("gamma", "tweedie")

    @property
    def positive(self) -> bool:
        """Whether targets must be above 0."""
        return self.power is not None and self.power >= 2

    @property
    def signed(self) -> bool:
        """Whether targets and means may be of any sign."""
        return self.power == 0

    classes = False

    def inside(self, scores: FloatArray) -> bool:
        """Whether every score (n,) has a mean that the variance is defined for."""
        return self.link == "log" or (self.signed and self.link == "identity") or bool((scores > 0).all())

    def mean(self, scores: FloatArray) -> FloatArray:
        """Means of scores, of any shape."""
        if self.link == "log":
            return np.exp(scores)
        return scores if self.link == "identity" else 1 / scores

    def scores(self, mean: FloatArray) -> FloatArray:
        """Scores of means, of any shape."""
        if self.link == "log":
            return np.log(mean)
        return mean if self.link == "identity" else 1 / mean

    def score(self, mean: float) -> float:
        """The score of a mean."""
        return float(self.scores(np.array([mean]))[0])

    def variance(self, mean: FloatArray) -> FloatArray:
        """V of means."""
        if self.power is None:
            return mean * (1 + self.alpha * mean)
        return np.ones_like(mean) if self.power == 0 else mean**self.power

    def terms(self, score: FloatArray, y: FloatArray, second: bool) -> Terms:
        """Each row's loss, its derivative by the score, and if asked for its ``second`` one, all (n,).

        Losses are infinite where a score has no mean.
        """
        if self.link != "log":
            return self._other_link(score, y, second)
        if self.power is None:
            return self._negative_binomial(score, y, second)
        return _log_power(score, y, second, self.power)

    def saturated(self, y: FloatArray) -> FloatArray:
        """The loss of each row at mu = y, (n,): the least that there is."""
        safe = np.where(y > 0, y, 1.0)
        log = np.where(y > 0, np.log(safe), 0.0)
        if (p := self.power) is None:
            return (y + 1 / self.alpha) * np.log1p(self.alpha * y) - y * log
        if p == 0:
            return -0.5 * y * y
        if p == 1:
            return y - y * log
        if p == 2:
            return 1 + log
        return np.where(y > 0, safe ** (2 - p) / ((2 - p) * (p - 1)), 0.0)

    def weights(self, score: FloatArray) -> FloatArray:
        """Expected second derivatives by the score, mu'^2 / V, of scores (n,)."""
        mean = self.mean(score)
        if self.link == "log":  # nothing overflows where the mean does, or vanishes
            return mean / (1 + self.alpha * mean) if self.power is None else np.exp((2 - self.power) * score)
        slope = np.ones_like(mean) if self.link == "identity" else mean**2
        return np.asarray(slope**2 / self.variance(mean))

    def _negative_binomial(self, s: FloatArray, y: FloatArray, second: bool) -> Terms:
        a, grown = self.alpha, self.alpha * np.exp(s)
        share = 1 / (1 + grown)
        rest = np.where(np.isfinite(grown), grown * share, 1.0)  # alpha mu / (1 + alpha mu)
        loss = (y + 1 / a) * np.logaddexp(0.0, s + np.log(a)) - y * s
        return loss, rest / a - y * share, (y + 1 / a) * share * rest if second else None

    def _other_link(self, s: FloatArray, y: FloatArray, second: bool) -> Terms:
        outside = np.zeros(len(s), dtype=np.bool_) if self.signed and self.link == "identity" else ~(s > 0)
        s = np.where(outside, 1.0, s)
        mean = self.mean(s)
        first: FloatArray | float = 1.0 if self.link == "identity" else -(mean**2)
        variance, error = self.variance(mean), mean - y
        loss = np.where(outside, np.inf, self._loss(mean, y))
        if not second:
            return loss, error * first / variance, None
        change = 1 + 2 * self.alpha * mean if self.power is None else self.power * mean ** (self.power - 1)
        twice = 0.0 if self.link == "identity" else 2 * mean**3
        bend = first**2 / variance + error * (twice / variance - first**2 * change / variance**2)
        return loss, error * first / variance, np.asarray(bend)

    def _loss(self, mean: FloatArray, y: FloatArray) -> FloatArray:
        if self.power is None:
            return (y + 1 / self.alpha) * np.log1p(self.alpha * mean) - y * np.log(mean)
        return _power_loss(mean, y, self.power)


def _log_power(s: FloatArray, y: FloatArray, second: bool, p: float) -> Terms:
    if p == 1:
        mean = np.exp(s)
        return mean - y * s, mean - y, mean if second else None
    if p == 2:
        ratio = y * np.exp(-s)
        return ratio + s, 1 - ratio, ratio if second else None
    observed, mean = y * np.exp((1 - p) * s), np.exp((2 - p) * s)
    loss = mean / (2 - p) - observed / (1 - p)
    return loss, mean - observed, (2 - p) * mean - (1 - p) * observed if second else None


def _power_loss(mean: FloatArray, y: FloatArray, p: float) -> FloatArray:
    if p == 1:
        return mean - y * np.log(mean)
    if p == 2:
        return y / mean + np.log(mean)
    loss: FloatArray = mean ** (2 - p) / (2 - p) - y * mean ** (1 - p) / (1 - p)
    return loss


@lru_cache
def family_of(kind: Kind) -> Family:
    """The family of a kind; a negative binomial whose alpha isn't known yet has 1."""
    loss = loss_of(kind)
    assert loss.link is not None
    if loss.name == "negative-binomial":
        return Family(loss.name, None, 1.0 if loss.parameter is None else loss.parameter, loss.link)
    power = POWERS.get(loss.name, loss.parameter)
    assert power is not None
    return Family(loss.name, power, 0.0, loss.link)


def response(kind: Kind, scores: FloatArray) -> FloatArray:
    """What a model of numbers predicts of scores, of any shape: of a family the means, else the scores themselves."""
    return family_of(kind).mean(scores) if of_family(kind) else scores


def mean_interval(family: Family, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The interval of means whose scores are between ``low`` and ``high`` (n,)."""
    with np.errstate(over="ignore", divide="ignore"):
        if family.link == "inverse":  # beyond 0 there is no mean, and before it they grow without bound
            return 1 / high, np.where(low > 0, 1 / low, np.inf)
        return family.mean(low), family.mean(high)


def is_dispersed(kind: Kind) -> bool:
    """Whether the variance has a factor that is estimated, so that tests are by Student's t."""
    return kind == "mse" or (of_family(kind) and family_of(kind).dispersed)


def check_targets(family: Family, y: FloatArray) -> None:
    """Raise DlcliError for targets (n,) that the family has no density at."""
    lowest = float(y.min(initial=np.inf))
    whole = family.name == "negative-binomial"
    if family.positive and lowest <= 0:
        bad, expected = y <= 0, "expected numbers above 0"
        hint = "use --loss tweedie:1.5, which allows zeros, or poisson" if lowest == 0 else "fix or leave out the rows"
    elif not family.signed and lowest < 0:
        bad, expected, hint = y < 0, "expected 0 or more", "fix or leave out the rows, or use --loss mse"
    elif whole and not (y == np.floor(y)).all():
        bad, expected = y != np.floor(y), "expected counts, which are whole numbers"
        hint = "use --loss poisson --robust HC1, or gamma"
    else:
        return
    worst = float(y[bad][0])
    rows = int(np.count_nonzero(bad))
    raise DlcliError(
        f"--loss {family.name}: the target holds {worst:g}"
        f"{f' and {rows - 1:,} more such values' if rows > 1 else ''}, {expected}", hint,
    )  # fmt: skip
