"""Which classes coefficients compare: as they are fitted, or against a baseline."""

from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.errors import DlcliError
from dlcli.linear.inference.covariance import Covariance
from dlcli.text import listed, printable


@dataclass(frozen=True)
class Shown:
    """Intercepts (k,), slopes (d, k) and their covariance (None: unknown) as a report shows them.

    ``classes`` (k,) are those that the outputs are of; () for numbers. ``errors`` (1 + d, k), nan where unknown.
    """

    classes: tuple[str, ...]
    intercept: FloatArray
    slopes: FloatArray
    covariance: Covariance | None
    errors: FloatArray | None


def check_baseline(baseline: str | None, classes: tuple[str, ...]) -> None:
    """Raise DlcliError for a baseline that is no class."""
    if baseline is None or baseline in classes:
        return
    if not classes:
        raise DlcliError(f"--baseline {printable(baseline)}: the target holds numbers, not classes", "leave it out")
    raise DlcliError(f"--baseline {printable(baseline)}: there is no such class", f"the classes are {listed(classes)}")


def against(shown: Shown, levels: tuple[str, ...], baseline: str | None) -> Shown:
    """The same against a ``baseline``: of two classes the other's log-odds, of more each one's but its own."""
    if baseline is None or len(levels) < 2:
        return shown
    place = levels.index(baseline)
    if len(levels) == 2:
        if place == 0:
            return shown
        return Shown((levels[0],), -shown.intercept, -shown.slopes, shown.covariance, shown.errors)
    others = [i for i in range(len(levels)) if i != place]
    contrasts = np.eye(len(levels))[others]
    contrasts[:, place] = -1.0
    covariance = None if shown.covariance is None else shown.covariance.contrasted(contrasts)
    errors = None if covariance is None or shown.errors is None else _errors(covariance, shown.errors)
    return Shown(
        tuple(levels[i] for i in others), contrasts @ shown.intercept, shown.slopes @ contrasts.T, covariance, errors
    )


def _errors(covariance: Covariance, before: FloatArray) -> FloatArray:
    """Standard errors, unknown where they were."""
    found = covariance.std_errors()
    found[np.isnan(before).all(axis=1)] = np.nan
    return found
