"""The learning-rate range test on a linear model."""

import itertools
import math
from collections.abc import Iterator

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.engine.progress import Progress
from dlcli.engine.schedules.base import Schedule
from dlcli.linear.trials import LinearTrials


class LinearRateTest:
    """Fits whose rate rises, on a table that is read once."""

    def __init__(self, base: FitLinearConfig, progress: Progress) -> None:
        self.base = base
        self.trials = LinearTrials(base, progress)
        # Any rate: it makes plan and solver those of gradient descent.
        unused = ("cv",) if base.val else ("cv", "group", "time")  # without folds these have nothing to split
        given = {name: value for name, value in base.given().items() if name not in unused}
        if "group" in unused and base.group is not None and not base.features:
            given["drop"] = (*base.drop, base.group)  # it is no feature
        self.config = FitLinearConfig.build({**given, "lr": 1.0, "data_seed": base.seed_of_data})
        self.trials.check(self.config)
        self.ready = self.trials.ready(self.config)
        self.device = self.trials.device
        # Full-batch descent is the same whatever the seed.
        self.random = self.ready.plan.optimizer != "gd"

    def usual_rate(self) -> float:
        """The largest stable rate, or what Adam takes."""
        stable = self.ready.stable
        return stable if stable is not None and math.isfinite(stable) else 0.01

    def exact(self) -> dict[str, float]:
        """For full-batch least squares: the largest stable rate, and the one that brings it down fastest."""
        plan, squares = self.ready.plan, self.ready.problem.squares
        if plan.optimizer != "gd" or self.ready.problem.kind != "mse" or self.config.l1 or self.config.momentum:
            return {}
        low, high = squares.smallest_eigenvalue, squares.largest_eigenvalue
        return {"2/l_max (largest stable)": 2 / high, "2/(l_max + l_min) (fastest)": 2 / (high + low)}

    def losses(self, seed: int, schedule: Schedule) -> Iterator[float]:
        """The loss after each step of a fresh fit."""
        solver = self.trials.ready(self.config.model_copy(update={"seed": seed})).solver(schedule)
        for number in itertools.count(1):
            solver.advance(number, math.inf)
            yield solver.loss()
