"""The metrics of a report that was saved: which tells most, and which way is better."""

import math
from collections.abc import Mapping

from dlcli.files import JsonObject

PARTS = ("test", "val", "train")
# Of several the first that there is stands for the run.
TELLING = ("psnr", "accuracy", "r2", "rmse", "loss")
LOWER_IS_BETTER = frozenset(
    {"loss", "log_loss", "rmse", "mae", "median_absolute_error", "deviance", "brier", "pinball", "checkerboard"}
)

Measured = dict[str, dict[str, float | None]]


def higher_is_better(name: str) -> bool:
    """Whether more of a metric is better, with its part or without.

    >>> higher_is_better("val.psnr"), higher_is_better("input_rmse")
    (True, False)
    """
    return name.rpartition(".")[2].removeprefix("input_") not in LOWER_IS_BETTER


def metrics_of(document: JsonObject) -> Measured:
    """The metrics of a document that may hold anything: by part and name, None for those that are no number."""
    found: Measured = {}
    parts = document.get("metrics")
    for part, values in parts.items() if isinstance(parts, dict) else ():
        if isinstance(values, dict):
            found[str(part)] = {str(name): number(value) for name, value in values.items()}
    return found


def number(value: object) -> float | None:
    """``value`` where it is a finite number.

    >>> number(3), number(float("nan")), number(True), number(10**400)
    (3.0, None, None, None)
    """
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def flat(metrics: Mapping[str, Mapping[str, float | None]]) -> dict[str, float | None]:
    """Metrics by one name, as in val.loss; what was held out first."""
    parts = sorted(metrics, key=lambda part: PARTS.index(part) if part in PARTS else -1)
    return {f"{part}.{name}": value for part in parts for name, value in metrics[part].items()}


def looked_up(metrics: Mapping[str, float | None], name: str) -> str | None:
    """The full name of a metric in ``flat`` ones that ``name`` means; without a part that of the first that has it."""
    if name in metrics:
        return name
    return next((full for full in metrics if full.partition(".")[2] == name), None)


def main_metric(document: JsonObject, metrics: Mapping[str, float | None]) -> tuple[str, float | None]:
    """Name and value of the metric that stands for a run; of a search that which it optimized."""
    best = document.get("best")
    if isinstance(document.get("metric"), str) and isinstance(best, dict):
        return str(document["metric"]), number(best.get("value"))
    for telling in TELLING:
        full = looked_up(metrics, telling)
        if full is not None and metrics[full] is not None:
            return full, metrics[full]
    return "", None
