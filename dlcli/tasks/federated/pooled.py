"""The same model trained on all rows at once, to compare a federated one with."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dlcli.config.federated.fit_linear import FederateLinearConfig
from dlcli.config.fit_linear import FitLinearConfig
from dlcli.engine.loop import Step
from dlcli.engine.progress import Silent
from dlcli.federated.linear.apart import Apart
from dlcli.federated.linear.fit import prepared_rounds
from dlcli.linear.data.cache import FitCache
from dlcli.linear.data.load import load
from dlcli.linear.result import Fit
from dlcli.linear.start.run import Start, starting_point
from dlcli.reports.federated.entries import Pooled
from dlcli.runs import directory
from dlcli.tasks.fit_linear import recorded_fit, train


@dataclass(frozen=True)
class Pooling:
    """What pooled training comes to; ``steps`` are as many rounds of it, of one client that has all rows."""

    entry: Pooled
    steps: Sequence[Step]


def pooled_fit(config: FederateLinearConfig, result: Fit, begin: Start | None) -> Pooling:
    """The optimum on all rows, and how a single client with all rows gets there by the same rounds."""
    quiet, unwritten = Silent(), directory.UnwrittenRun("federate-fit-linear")
    given = {name: value for name, value in config.with_files().given().items() if name in FitLinearConfig.model_fields}
    if config.averages:
        given = {k: v for k, v in given.items() if k not in ("optimizer", "lr", "batch_size", "init", "report_every")}
    plain = FitLinearConfig.build(given | {"data": config.with_files().data})
    loaded = load(plain, quiet)
    space = FitCache(loaded.usable, loaded.device, lasting=False)
    best = train(loaded.plan, space, unwritten, quiet, lambda: lambda: None, loaded.inference)
    steps: Sequence[Step] = best.trace.steps
    if config.averages:
        steps = _rounds_of_one(config, begin)
    return Pooling(Pooled(metrics=best.metrics, difference=_difference(result, best)), steps)


def _rounds_of_one(config: FederateLinearConfig, begin: Start | None) -> Sequence[Step]:
    alone = config.model_copy(update={"fraction": 1.0, "client_failures": 0.0, "secure_sum": False})
    apart, quiet = Apart.pooled(alone), Silent()
    loaded = load(alone.of_rounds_only(), quiet, apart=apart)
    begun = starting_point(begin, alone, loaded, quiet)
    space = FitCache(loaded.usable, loaded.device, lasting=True, start=begun)
    unwritten = directory.UnwrittenRun("federate-fit-linear")
    ready = prepared_rounds(alone, loaded, space, apart)
    return recorded_fit(ready, unwritten, quiet, lambda: lambda: None, loaded.inference).trace.steps


def _difference(result: Fit, best: Fit) -> float | None:
    """The largest difference of a coefficient, as a share of its size."""
    one = np.concatenate([result.model.intercept[None], result.model.slopes])
    other = np.concatenate([best.model.intercept[None], best.model.slopes])
    if one.shape != other.shape:
        return None
    size = np.maximum(np.abs(other), 1e-300)
    return float(np.max(np.where(one != other, np.abs(one - other) / size, 0.0)))
