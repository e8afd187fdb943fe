"""A study's trials as plain records, whatever stored them."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

from dlcli.files import JsonObject
from dlcli.search.space import Value

State = Literal["complete", "pruned", "diverged", "failed", "running", "waiting"]
ENDED = ("complete", "pruned", "diverged", "failed")


@dataclass(frozen=True)
class Outcome:
    """What a trial came to: the value of the metric, its mean over ``each`` seed or fold, and how it ended.

    ``error`` is the standard error of the value over the rows held out, None where it isn't known.
    ``fraction`` is the share of the full run that was trained; ``stable_lr`` the largest stable rate where known;
    ``fused`` says whether it was trained in one batch with others; files call it ``stacked``.
    """

    state: State
    value: float
    each: tuple[float, ...] = ()
    metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    steps: int = 0
    seconds: float = 0.0
    fraction: float = 1.0
    reason: str = ""
    stable_lr: float | None = None
    fused: bool = False
    error: float | None = None

    @property
    def spread(self) -> float | None:
        """Standard deviation over seeds or folds; None for one."""
        count = len(self.each)
        if count < 2 or not all(map(math.isfinite, self.each)):
            return None
        mean = sum(self.each) / count
        return math.sqrt(sum((value - mean) ** 2 for value in self.each) / (count - 1))

    @property
    def measured(self) -> dict[str, dict[str, float]]:
        """``metrics`` as a report has them."""
        return {part: dict(values) for part, values in self.metrics.items()}

    def to_json(self) -> JsonObject:
        """As a study and trials.jsonl keep it; what isn't finite as text, which JSON has no number for."""
        document = asdict(self)
        document["stacked"] = document.pop("fused")
        document["value"] = _written(self.value)
        document["each"] = [_written(value) for value in self.each]
        document["metrics"] = {part: {n: _written(v) for n, v in m.items()} for part, m in self.metrics.items()}
        return document

    @classmethod
    def from_json(cls, document: JsonObject) -> "Outcome":
        """What ``to_json`` gave. Raises KeyError, TypeError or ValueError."""
        values = dict(document)
        values["fused"] = bool(values.pop("stacked", False))
        values["value"] = float(values["value"])
        values["each"] = tuple(map(float, values["each"]))
        values["metrics"] = {part: {n: float(v) for n, v in m.items()} for part, m in values["metrics"].items()}
        return cls(**values)


def _written(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


@dataclass(frozen=True)
class Record:
    """One point of a study, as far as it has come."""

    number: int
    params: dict[str, Value]
    state: State
    rung: int = 0
    outcome: Outcome | None = None
    worker: str = ""

    @property
    def value(self) -> float:
        """The metric's value; nan where there is none."""
        return self.outcome.value if self.outcome else math.nan

    @property
    def ended(self) -> bool:
        """Whether nothing more will be run for it."""
        return self.state in ENDED
