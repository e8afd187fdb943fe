"""Huber's regression with the scale estimated with the coefficients, by statsmodels' RLM."""

from typing import Any

import numpy as np
import statsmodels.api as sm

from tests.audit.campaign.estimate import Estimate
from tests.audit.campaign.problem import Problem, Sample


def expected(sample: Sample, delta: float) -> dict[str, Any]:
    """Coefficients, scale, and errors with z-tests, as RLM has them."""
    model = sm.RLM(sample.y, sample.design, M=sm.robust.norms.HuberT(delta))
    result = model.fit(tol=1e-15, maxiter=3000)
    estimate = Estimate(sample, np.asarray(result.params)[:, None], result.bcov_scaled, None)
    return estimate.numbers() | {"huber.scale": result.scale, "rows": len(sample.y)}


def problem(kind: str, name: str, sample: Sample, delta: float, real: str | None = None) -> Problem:
    """The fit of a sample."""
    words = [*sample.words(), "--loss", f"huber:{delta}"]
    return Problem(kind, name, sample.columns(), words, lambda: expected(sample, delta), real=real)
