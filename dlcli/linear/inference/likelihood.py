"""What a maximum-likelihood fit says as a whole: deviances, likelihoods, information criteria."""

from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import FloatArray


@dataclass(frozen=True)
class Shape:
    """An estimate and its standard error."""

    value: float
    std_error: float


@dataclass(frozen=True)
class Likelihood:
    """A fit by maximum likelihood beside the one that it is tested against.

    ``rows`` is what weights make of their number: the sum of frequencies, or with weights of precision the number
    itself. ``parameters`` are the coefficients that the data determine, ``null_parameters`` those of the other model:
    the intercepts alone, or none. ``dispersion`` is the residual variance of least squares, None without degrees of
    freedom, and 1 where the family has none. Of families ``pearson`` is Pearson's chi-square, and ``shape`` a parameter
    of the variance that was estimated with the coefficients. Log-likelihoods are nan of families that have no density.
    """

    rows: float
    parameters: int
    null_parameters: int
    deviance: float
    null_deviance: float
    log_likelihood: float
    null_log_likelihood: float
    dispersion: float | None
    pearson: float | None = None
    shape: Shape | None = None

    @property
    def df_model(self) -> int:
        """Coefficients that are tested together."""
        return self.parameters - self.null_parameters

    @property
    def df_residual(self) -> float:
        """Residual degrees of freedom."""
        return self.rows - self.parameters

    @property
    def aic(self) -> float:
        """Akaike's information criterion, counting coefficients, and a shape."""
        return 2 * self._estimated - 2 * self.log_likelihood

    @property
    def bic(self) -> float:
        """The Bayesian information criterion, counting coefficients, and a shape."""
        return float(np.log(self.rows)) * self._estimated - 2 * self.log_likelihood

    @property
    def _estimated(self) -> int:
        return self.parameters + (self.shape is not None)


def gaussian(
    rows: float, rank: int, rss: float, tss: float, *, intercept: bool, logs: float = 0.0
) -> Likelihood:  # fmt: skip
    """Least squares: residual and total sums of squares, the latter about 0 where there is no intercept.

    ``logs`` is the sum of the logarithms of weights of precision, which the rows' variances are divided by.
    """

    def log_likelihood(squares: float) -> float:
        if not squares > 0:
            return float("nan")  # the residual variance's estimate is 0, and the density without bound
        return -rows / 2 * (float(np.log(2 * np.pi * squares / rows)) + 1) + logs / 2

    freedom = rows - rank
    return Likelihood(
        rows, rank, int(intercept), rss, tss, log_likelihood(rss), log_likelihood(tss),
        rss / freedom if freedom > 0 else None,
    )  # fmt: skip


def without_likelihood(rows: float, rank: int, *, intercept: bool) -> Likelihood:
    """A fit of no distribution: sizes alone."""
    nan = float("nan")
    return Likelihood(rows, rank, int(intercept), nan, nan, nan, nan, None)


def categorical(
    rows: float, rank: int, log_loss: float, counts: FloatArray, *, intercept: bool, null_loss: float | None = None
) -> Likelihood:
    """Logistic and softmax regression; ``rank`` is that of the columns.

    ``counts`` (k,) are how much the rows of each class weigh, all ``rows`` of them unless these weigh by precision.
    ``null_loss`` is the null model's sum of losses, where an offset is part of it.
    """
    free, total = len(counts) - 1, float(counts.sum())
    there = counts[counts > 0]
    null = float(np.sum(there * np.log(there / total))) if intercept else -total * float(np.log(len(counts)))
    null = null if null_loss is None else -null_loss
    own = -total * log_loss
    return Likelihood(rows, free * rank, free * int(intercept), -2 * own, -2 * null, own, null, 1.0)
