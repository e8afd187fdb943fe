"""Values and trials as Optuna stores them."""

from typing import Any

from dlcli.search.records import Outcome, Record, State
from dlcli.search.space import Axis, Value

# Attributes of a trial: the job that it is, who runs it, and what came out.
POINT, RUNG, WORKER, OUTCOME = "point", "rung", "worker", "outcome"
INSTEAD = "instead"  # the number of the trial that was given back for this one
FIRST = "dlcli:first"  # attribute of a study: by how much the numbers of drawn points exceed those of their trials
STATES: dict[str, State] = {"WAITING": "waiting", "RUNNING": "running", "FAIL": "failed"}

WIDE = 10.0  # positive numbers that span this factor are compared by their logarithms


def distribution_of(axis: Axis, *, exact: bool) -> Any:
    """The Optuna distribution of an axis.

    A list of numbers is a range to those who compare trials (importances), but to a sampler, which must take one of
    them (``exact``), it is a list.
    """
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if axis.is_range:
        kind: Any = IntDistribution if axis.integer else FloatDistribution
        low, high = (int(axis.low), int(axis.high)) if axis.integer else (axis.low, axis.high)
        return kind(low, high, log=axis.log)
    if exact or not axis.numeric or len(axis.values) < 2:
        return CategoricalDistribution([str(value) for value in axis.values])
    numbers = [float(value) for value in axis.values]
    low, high = min(numbers), max(numbers)
    return FloatDistribution(low, high, log=low > 0 and high / low >= WIDE)


def stored(value: Value, distribution: Any) -> Any:
    """A value as ``distribution`` takes it."""
    from optuna.distributions import CategoricalDistribution, IntDistribution

    if isinstance(distribution, CategoricalDistribution):
        return str(value)
    return int(value) if isinstance(distribution, IntDistribution) else float(value)


def value_of(drawn: Any, axis: Axis) -> Value:
    """What a sampler drew, as a value of the axis."""
    if axis.values:
        return next(value for value in axis.values if str(value) == str(drawn))
    return int(drawn) if axis.integer else axis.rounded(drawn)


def key_of(trial: Any) -> tuple[int, int] | None:
    """Point and rung of a trial; None where it is none of ours."""
    attrs = trial.user_attrs
    return (int(attrs[POINT]), int(attrs[RUNG])) if POINT in attrs and RUNG in attrs else None


def record_of(trial: Any) -> Record:
    """The record of a trial that is a job."""
    attrs = trial.user_attrs
    outcome = Outcome.from_json(attrs[OUTCOME]) if OUTCOME in attrs else None
    state = STATES.get(trial.state.name) or (outcome.state if outcome else "failed")
    kept = outcome if trial.state.name not in STATES else None
    params, worker = dict(attrs.get("params", {})), str(attrs.get(WORKER, ""))
    return Record(int(attrs[POINT]), params, state, int(attrs[RUNG]), kept, worker)
