"""A problem through the command, and how far each number is from what was expected."""

import contextlib
import io
import json
import os
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from tests.audit.campaign.problem import Problem

GROUPS = {
    "value": "coef", "std_error": "error", "statistic": "t, z", "p": "p", "low": "interval", "high": "interval",
    "r2": "R2", "r2_adjusted": "R2", "residual_sd": "scale", "test.value": "test", "test.p": "test p",
    "likelihood.log_likelihood": "log L", "likelihood.null_log_likelihood": "log L", "likelihood.aic": "AIC, BIC",
    "likelihood.bic": "AIC, BIC", "likelihood.deviance": "deviance", "likelihood.null_deviance": "deviance",
    "likelihood.dispersion": "scale", "likelihood.pearson": "scale", "family.alpha": "scale",
    "huber.scale": "scale",
    "family.alpha_std_error": "error", "path": "coef", "val_loss": "metrics",
}  # fmt: skip
SHOWN = ("coef", "error", "t, z", "p", "interval", "R2", "test", "test p", "log L", "AIC, BIC", "deviance", "scale",
         "metrics")  # fmt: skip
TAILS = ("p", "test.p")
FAR = 1e-300
OF_TAILS = 1e-6  # what p-values may be off


@dataclass(frozen=True)
class Difference:
    """How far a number is from its ``value``, as a share of that (of many: the worst); inf: it isn't there."""

    problem: Problem
    number: str
    error: float
    value: Any = None

    @property
    def group(self) -> str:
        """Its column in the table."""
        return GROUPS.get(self.number, "metrics" if self.number.startswith("metrics.") else "counts")

    @property
    def tolerance(self) -> float:
        """What is allowed."""
        loose = OF_TAILS if self.number in TAILS else 0.0
        return max(self.problem.tolerance, loose)


def differences(problem: Problem) -> list[Difference]:
    """Of each number of a problem, in an empty folder. Raises AssertionError where the command fails."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        report = fitted(problem)
        expected = problem.expected()
        told = []
        for name, value in expected.items():
            # The end of an interval that is next to 0 has the digits of its width.
            least = np.asarray(expected["high"]) - expected["value"] if name in ("low", "high") else 0.0
            ours = found(report, name)
            if name in TAILS:  # below 1e-300 float64 runs out of digits, and then of numbers
                ours, value = (np.maximum(np.asarray(v, float), FAR) for v in (ours, value))
            told.append(Difference(problem, name, off(ours, value, least), value))
        return told


def fitted(problem: Problem) -> dict[str, Any]:
    """The report, with the coefficients along a path from its file."""
    from dlcli.cli.app import run

    pl.DataFrame(dict(problem.columns)).write_csv("t.csv")
    out, err = io.StringIO(), io.StringIO()
    words = ["fit-linear", "t.csv", *problem.words, "--json", "--plots", "none", "--out", "run"]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(words)
    assert code == 0, f"{' '.join(words)}: {err.getvalue()}"
    report = json.loads(out.getvalue())
    assert report["status"] == "converged", f"{' '.join(words)}: {report['reason']}: {err.getvalue()}"
    if os.path.exists("run/path.csv"):
        path = pl.read_csv("run/path.csv", null_values=[""])
        report["path.csv"] = path
    return report


def found(report: dict[str, Any], name: str) -> Any:
    """A number of the report by its place: of coefficients, metrics of training, summary, or the whole report."""
    if name in ("value", "std_error", "statistic", "p", "low", "high"):
        entries = [entry[name] for entry in report["coefficients"].values()]
        return [list(e.values()) if isinstance(e, dict) else [e] for e in entries]
    if name == "path":
        table = report["path.csv"]
        return table.select([c for c in table.columns if c.startswith("x")]).to_numpy()
    if name == "val_loss":
        return report["path.csv"]["val_loss"].to_numpy()
    if name.startswith("metrics."):
        return report["metrics"]["train"].get(name.removeprefix("metrics."))
    first, _, rest = name.partition(".")
    place = report["summary"] if first in report["summary"] else report
    return place.get(first) if not rest else (place.get(first) or {}).get(rest)


def off(ours: Any, theirs: Any, least: Any = 0.0) -> float:
    """The largest difference, by the number or ``least``; along a path, by the largest coefficient at a penalty."""
    if theirs is None or isinstance(theirs, str) or ours is None:
        return 0.0 if ours == theirs else np.inf
    a, b = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    if a.shape != b.shape or not np.array_equal(np.isfinite(a), np.isfinite(b)):
        return np.inf
    size = np.maximum(np.abs(b), least)
    if b.ndim == 2 and b.shape[1] > 1 and (b == 0).any():
        size = np.maximum(size, size.max(axis=1, keepdims=True))
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.abs(a - b) / size
    return float(np.nanmax(np.where(a == b, 0.0, error), initial=0.0))


def audit(problems: Iterable[Problem]) -> Iterator[tuple[Problem, list[Difference] | str]]:
    """Each problem with its differences, or with what went wrong."""
    for problem in problems:
        try:
            yield problem, differences(problem)
        except (AssertionError, ValueError) as error:
            yield problem, f"{type(error).__name__}: {error}"


def tails(results: list[tuple[Problem, list[Difference] | str]]) -> np.ndarray:
    """The p-values that were compared, from the least on."""
    every = [one.value for _, told in results if isinstance(told, list) for one in told if one.number in TAILS]
    return np.sort(np.concatenate([np.ravel(value).astype(float) for value in every] or [np.zeros(0)]))


def table(results: list[tuple[Problem, list[Difference] | str]]) -> str:
    """The worst relative error of each kind and number."""
    worst: dict[str, dict[str, float]] = defaultdict(dict)
    counts: dict[str, int] = defaultdict(int)
    for problem, told in results:
        counts[problem.kind] += 1
        for one in told if isinstance(told, list) else []:
            row = worst[problem.kind]
            row[one.group] = max(row.get(one.group, 0.0), one.error)
    width = max(map(len, counts), default=4)
    lines = [" ".join([f"{'kind':{width}}", f"{'n':>3}", *(f"{name:>8}" for name in SHOWN)])]
    for kind, count in counts.items():
        cells = [f"{worst[kind][name]:8.1e}" if name in worst[kind] else " " * 8 for name in SHOWN]
        lines.append(" ".join([f"{kind:{width}}", f"{count:3}", *cells]).rstrip())
    return "\n".join(lines)
