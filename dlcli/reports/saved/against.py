"""What eval --against reports: two models on the same rows or images."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from dlcli.errors import DlcliError
from dlcli.reports.checks import CheckOutcome, Sign
from dlcli.reports.document import Number, Record, Text
from dlcli.reports.saved.metrics import higher_is_better

Verdict = Literal["better", "worse", "chance", "unknown"]
PATTERN = re.compile(r"\s*(?:test\.)?([A-Za-z_]\w*)\s*(>=|<=|==|>|<)\s*against\s*")
WORDS = {"chance": "no more than chance", "unknown": "too few to tell", "better": "better", "worse": "worse"}


class MetricAgainst(Record):
    """One metric of both models on the same rows or images."""

    value: Number = Field(description="of the model that is measured")
    against: Number = Field(description="of the other one")
    difference: Number = Field(description="value less against")
    low: Number = Field(description="lower end of the interval of the difference; null where it isn't known")
    high: Number = Field(description="upper end of it")
    verdict: Verdict = Field(description="chance: the interval holds 0; unknown: there is none")


class Against(Record):
    """How a model compares with another one."""

    run: Text = Field(description="run directory of the other model")
    compared: int = Field(description="rows or images that both were measured on")
    confidence: float = Field(description="of the intervals")
    resamples: int = Field(description="draws with replacement, by the paired percentile bootstrap")
    seed: int
    metrics: dict[str, MetricAgainst]


@dataclass(frozen=True)
class RelativeCheck:
    """A check against the other model, such as ``rmse<=against``."""

    text: str
    metric: str
    sign: Sign


def split_checks(texts: Sequence[str]) -> tuple[tuple[str, ...], list[RelativeCheck]]:
    """The checks on numbers, and those against another model. Raises DlcliError for one that can't be."""
    plain, relative = list[str](), list[RelativeCheck]()
    for text in texts:
        match = PATTERN.fullmatch(text)
        if match is None:
            plain.append(text)
            continue
        sign = match[2]
        if sign == "==":
            raise DlcliError(f"--check {text!r}: two models are hardly ever equal", "use <= or >=")
        signs: tuple[Sign, ...] = (">=", "<=", ">", "<")
        relative.append(RelativeCheck(text, match[1], next(one for one in signs if one == sign)))
    return tuple(plain), relative


def check_known(checks: Sequence[RelativeCheck], known: Sequence[str]) -> None:
    """Raise DlcliError for a metric that isn't compared."""
    for check in checks:
        if check.metric not in known:
            close = difflib.get_close_matches(check.metric, known, n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            raise DlcliError(
                f"--check {check.text!r}: {check.metric} isn't compared with --against",
                f"{hint}compared are {', '.join(known)}",
            )


def relative_outcomes(checks: Sequence[RelativeCheck], against: Against) -> list[CheckOutcome]:
    """What came of each check.

    ``<=`` and ``>=`` fail where the model is on the wrong side by more than chance, ``<`` and ``>`` unless it is on the
    right one by more than chance. A difference that isn't known fails, but where the values are equal.
    """
    check_known(checks, list(against.metrics))
    return [_outcome(check, against) for check in checks]


def _outcome(check: RelativeCheck, against: Against) -> CheckOutcome:
    one = against.metrics[check.metric]
    on_right_side = one.difference < 0 if check.sign[0] == "<" else one.difference > 0
    beyond = one.verdict in ("better", "worse")
    strict = len(check.sign) == 1
    if one.verdict == "unknown":
        holds = one.difference == 0 and not strict
    else:
        holds = on_right_side and beyond if strict else on_right_side or not beyond
    said = f"{check.metric} is {one.value:.6g}, against {one.against:.6g}: {_said(check.metric, one)}"
    return CheckOutcome(
        metric=check.metric, value=one.value, bound=one.against, sign=check.sign, holds=holds,
        text=f"{'ok' if holds else 'FAILED'} {check.metric}{check.sign}against: {said}",
    )  # fmt: skip


def _said(metric: str, one: MetricAgainst) -> str:
    if one.difference == 0:
        return "equal"
    better = (one.difference > 0) == higher_is_better(metric)
    interval = "" if one.verdict == "unknown" else f" (95% interval {one.low:.3g} to {one.high:.3g})"
    more = {"chance": ", no more than chance", "unknown": ", too few to tell"}.get(one.verdict, "")
    return f"{'better' if better else 'worse'} by {abs(one.difference):.3g}{more}{interval}"


def verdict_of(metric: str, difference: float, low: float, high: float) -> Verdict:
    """Whether a difference is more than chance, and which way.

    >>> verdict_of("rmse", -0.1, -0.2, -0.05), verdict_of("psnr", 0.1, -0.2, 0.4)
    ('better', 'chance')
    """
    if low != low or high != high:
        return "unknown"
    if low <= 0 <= high:
        return "chance"
    return "better" if (difference > 0) == higher_is_better(metric) else "worse"
