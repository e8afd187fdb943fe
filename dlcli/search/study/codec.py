"""Values and trials as Optuna stores them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

from dlcli.search.records import Outcome, Record, State
from dlcli.search.space import Axis, Value

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

Distributions: TypeAlias = "dict[str, BaseDistribution]"

# Attributes of a trial: the job that it is, who runs it, and what came out.
POINT, RUNG, WORKER, OUTCOME = "point", "rung", "worker", "outcome"
PARAMS, RETRIED = "params", "retried"
INSTEAD = "instead"  # the number of the trial that was given back for this one
FIRST = "dlcli:first"  # attribute of a study: by how much the numbers of drawn points exceed those of their trials
STATES: dict[str, State] = {"WAITING": "waiting", "RUNNING": "running", "FAIL": "failed"}

WIDE = 10.0  # positive numbers that span this factor are compared by their logarithms


def distribution_of(axis: Axis, *, exact: bool) -> "BaseDistribution":
    """The Optuna distribution of an axis.

    A list of numbers is a range to those who compare trials (importances), but to a sampler, which must take one of
    them (``exact``), it is a list.
    """
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if axis.is_range and axis.integer:
        return IntDistribution(int(axis.low), int(axis.high), log=axis.log)
    if axis.is_range:
        return FloatDistribution(axis.low, axis.high, log=axis.log)
    if exact or not axis.numeric or len(axis.values) < 2:
        return CategoricalDistribution([str(value) for value in axis.values])
    numbers = [float(value) for value in axis.values]
    low, high = min(numbers), max(numbers)
    return FloatDistribution(low, high, log=low > 0 and high / low >= WIDE)


def stored(value: Value, distribution: "BaseDistribution") -> Value:
    """A value as ``distribution`` takes it."""
    from optuna.distributions import CategoricalDistribution, IntDistribution

    if isinstance(distribution, CategoricalDistribution):
        return str(value)
    return int(value) if isinstance(distribution, IntDistribution) else float(value)


def all_stored(params: Mapping[str, Value], distributions: Distributions) -> dict[str, Value]:
    """The values of a point as the distributions of their options take them; without those that have none."""
    return {name: stored(value, distributions[name]) for name, value in params.items() if name in distributions}


def as_json(distributions: Distributions) -> dict[str, str]:
    """The distributions as ``compatible`` takes them."""
    from optuna.distributions import distribution_to_json

    return {name: distribution_to_json(distribution) for name, distribution in distributions.items()}


def compatible(distributions: Distributions, there: Mapping[str, str]) -> Distributions:
    """The distributions that Optuna takes in a study that began with those ``there``, as JSON.

    A list of texts can't grow, nor can a scale become another. Such an option is left out of what other programs see
    of a trial: its attributes have all.
    """
    from optuna.distributions import check_distribution_compatibility, json_to_distribution

    kept: Distributions = {}
    for name, distribution in distributions.items():
        try:
            check_distribution_compatibility(json_to_distribution(there[name]), distribution)
        except (KeyError, ValueError):
            continue
        kept[name] = distribution
    return kept


def holds(distribution: "BaseDistribution", value: Value) -> bool:
    """Whether a distribution has a value: a study that has grown has some that a smaller grid hasn't."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(distribution, CategoricalDistribution):
        return str(value) in distribution.choices
    assert isinstance(distribution, (FloatDistribution, IntDistribution))
    return distribution.low <= float(value) <= distribution.high


def value_of(drawn: Value, axis: Axis) -> Value:
    """What a sampler drew, as a value of the axis."""
    if axis.values:
        return next(value for value in axis.values if str(value) == str(drawn))
    return int(drawn) if axis.integer else axis.rounded(float(drawn))


def key_of(trial: "FrozenTrial") -> tuple[int, int] | None:
    """Point and rung of a trial; None where it is none of ours."""
    attrs = trial.user_attrs
    return (int(attrs[POINT]), int(attrs[RUNG])) if POINT in attrs and RUNG in attrs else None


def record_of(trial: "FrozenTrial", number: int) -> Record:
    """The record of a trial that is a job of point ``number``."""
    attrs = trial.user_attrs
    outcome = Outcome.from_json(attrs[OUTCOME]) if OUTCOME in attrs else None
    state = STATES.get(trial.state.name) or (outcome.state if outcome else "failed")
    kept = outcome if trial.state.name not in STATES else None
    params, worker = dict(attrs.get(PARAMS, {})), str(attrs.get(WORKER, ""))
    return Record(number, params, state, int(attrs[RUNG]), kept, worker)


def trial_of(record: Record, value: float, distributions: Distributions) -> "FrozenTrial":
    """A trial that has ended with ``value``, as another study is to remember it."""
    import optuna

    assert record.outcome is not None
    distributions = {n: d for n, d in distributions.items() if holds(d, record.params[n])}
    return optuna.trial.create_trial(
        state=optuna.trial.TrialState.COMPLETE, value=value, params=all_stored(record.params, distributions),
        distributions=distributions,
        user_attrs={POINT: record.number, RUNG: record.rung, PARAMS: dict(record.params),
                    OUTCOME: record.outcome.to_json()},
    )  # fmt: skip
