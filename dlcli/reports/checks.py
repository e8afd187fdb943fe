"""Checks such as ``r2>=0.9`` on a report's metrics."""

import difflib
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from dlcli.errors import DlcliError
from dlcli.reports.document import Number, Record

Sign = Literal[">=", "<=", "==", ">", "<"]
OPERATORS: dict[Sign, Callable[[float, float], bool]] = {
    ">=": operator.ge, "<=": operator.le, "==": operator.eq, ">": operator.gt, "<": operator.lt,
}  # fmt: skip
PATTERN = re.compile(r"\s*([A-Za-z_][\w.]*)\s*(>=|<=|==|>|<)\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*")


@dataclass(frozen=True)
class Check:
    """One condition on a metric."""

    metric: str
    sign: Sign
    bound: float

    def holds(self, value: float) -> bool:
        """Whether ``value`` satisfies the check; a metric that is not a number never does."""
        return OPERATORS[self.sign](value, self.bound)

    def describe(self, value: float) -> str:
        """The outcome as one line, with the gap when it fails.

        >>> Check("r2", ">=", 0.9).describe(0.85)
        'FAILED r2>=0.9: r2 is 0.85, off by 0.05'
        """
        name = f"{self.metric}{self.sign}{self.bound:.6g}"
        if self.holds(value):
            return f"ok {name}: {self.metric} is {value:.6g}"
        return f"FAILED {name}: {self.metric} is {value:.6g}, off by {abs(value - self.bound):.4g}"


def parse_checks(texts: tuple[str, ...], known: tuple[str, ...]) -> list[Check]:
    """Checks from their texts. Raises DlcliError for one that can't be read or a metric that isn't ``known``."""
    checks = []
    for text in texts:
        match = PATTERN.fullmatch(text)
        try:
            bound = float(match.group(3)) if match else 0.0
        except ValueError:
            match = None
        if not match:
            raise DlcliError(
                f"--check {text!r}: expected METRIC, one of >= <= > < ==, and a number", "for example r2>=0.9"
            )
        metric = match.group(1).removeprefix("test.")
        if metric not in known:
            close = difflib.get_close_matches(metric, known, n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            raise DlcliError(
                f"--check {text!r}: this model has no metric {metric!r}", f"{hint}metrics: {', '.join(known)}"
            )
        sign = next(sign for sign in OPERATORS if sign == match.group(2))
        checks.append(Check(metric, sign, bound))
    return checks


class CheckOutcome(Record):
    """What came of one check."""

    metric: str
    value: Number
    bound: float
    sign: Sign
    holds: bool
    text: str = Field(description="the outcome in words")


def outcomes(
    checks: list[Check], metrics: Mapping[str, float], remarks: Mapping[str, str] | None = None
) -> list[CheckOutcome]:
    """What came of each check; ``remarks`` on metrics end its text."""
    remarks = remarks or {}
    return [
        CheckOutcome(
            metric=c.metric,
            value=metrics[c.metric],
            bound=c.bound,
            sign=c.sign,
            holds=c.holds(metrics[c.metric]),
            text=c.describe(metrics[c.metric]) + (f" ({remarks[c.metric]})" if c.metric in remarks else ""),
        )
        for c in checks
    ]
