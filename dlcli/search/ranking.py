"""Which trial is the best: the one place that says so, for tables, marks, pictures, best.toml and rungs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Literal, TypeAlias

from dlcli.search.records import Record

ROUNDING = 1e-9  # relative: between two ways to the same optimum, or two orders of summation
CLEARLY, MOMENT = 1.5, 1.0  # a run is slower only by more than this factor and these seconds: clocks vary
VALUE, STEPS, SECONDS = "best value", "fewest steps", "least time"
Mark: TypeAlias = Literal["best", "tied"]
TIMED = "time limit reached"  # the reason of runs that took all the time there was, whatever their steps


def ranked(records: Sequence[Record], *, larger: bool) -> list[Record]:
    """Records with a value, best first: those trained for longer before those stopped earlier.

    Of equal values that comes first which took fewer steps.
    """
    known = [r for r in records if r.outcome is not None and math.isfinite(r.value)]
    return sorted(known, key=lambda r: (-r.rung, _unfinished(r), -r.value if larger else r.value, _steps(r), r.number))


@dataclass(frozen=True)
class Choice:
    """The trial to take, all trials in the order of a table, and with which ones the first is ``tied``.

    ``rule`` says why it is the first; ``runs`` over how many seeds or folds the noise was measured (1: it is rounding).
    """

    order: list[Record]
    tied: list[Record]
    rule: str = VALUE
    runs: int = 1

    @property
    def best(self) -> Record | None:
        """The trial that is proposed; None where none has a value."""
        return self.order[0] if self.order else None

    @property
    def marks(self) -> dict[int, Mark]:
        """What tables, lines and charts call the best trial and those tied with it, by their numbers."""
        tied: dict[int, Mark] = {record.number: "tied" for record in self.tied}
        return tied | ({self.best.number: "best"} if self.best is not None else {})

    @property
    def near(self) -> list[Record]:
        """Trials no further from the best value than its standard error over the rows held out, where that is known.

        It says how well the value itself is known. Trials are measured on the same rows, so their differences may be
        known better: to propose another one for it would be wrong.
        """
        best = self.best
        error = best.outcome.error if best and best.outcome else None
        if best is None or error is None:
            return []
        here = [r for r in self.order[1:] if (r.rung, _unfinished(r)) == (best.rung, _unfinished(best))]
        return [r for r in here if abs(r.value - best.value) <= error]


def choose(records: Sequence[Record], *, larger: bool) -> Choice:
    """Rank trials: of those that differ from the best value by less than noise, the fastest comes first.

    Noise is one standard error of the difference, seed by seed or fold by fold, where each trial has several (the
    rule of Breiman et al. 1984); of single runs only rounding is known, a relative 1e-9.
    """
    order = ranked([r for r in records if r.state in ("complete", "pruned")], larger=larger)
    if not order:
        return Choice([], [])
    top = order[0]
    alike = [r for r in order if (r.rung, _unfinished(r)) == (top.rung, _unfinished(top)) and within_noise(top, r)]
    best, rule = _fastest(alike)
    others = [r for r in alike if r is not best]
    tied = set(map(id, alike))
    rest = [r for r in order if id(r) not in tied]
    return Choice([best, *others, *rest], others, rule, len(top.outcome.each) if top.outcome else 1)


def within_noise(top: Record, other: Record) -> bool:
    """Whether two trials differ by no more than noise."""
    noise = ROUNDING * max(abs(top.value), abs(other.value))
    ours, theirs = (r.outcome.each if r.outcome else () for r in (top, other))
    if len(ours) == len(theirs) >= 2:
        differences = [b - a for a, b in zip(ours, theirs, strict=True)]
        if all(map(math.isfinite, differences)):
            noise = max(noise, stdev(differences) / math.sqrt(len(differences)))
            return abs(fmean(differences)) <= noise
    return abs(top.value - other.value) <= noise


def _fastest(tied: Sequence[Record]) -> tuple[Record, str]:
    """The fastest of trials in the order of their values, and the criterion that decided.

    By steps, which a rerun repeats, where runs ended by themselves; by seconds only where those differ clearly.
    """
    timed = any(r.outcome is not None and r.outcome.reason == TIMED for r in tied)
    if not timed and len({_steps(r) for r in tied}) > 1:
        return min(tied, key=_steps), STEPS
    least = min(_seconds(r) for r in tied)
    quick = [r for r in tied if _seconds(r) <= CLEARLY * least + MOMENT]
    return quick[0], VALUE if quick[0] is tied[0] else SECONDS


def _steps(record: Record) -> int:
    return record.outcome.steps if record.outcome else 0


def _seconds(record: Record) -> float:
    return record.outcome.seconds if record.outcome else 0.0


def _unfinished(record: Record) -> bool:
    # Within a rung of successive halving all have been trained for equally long, promoted or not.
    return record.state == "pruned" and record.outcome is not None and record.outcome.reason == "pruner"
