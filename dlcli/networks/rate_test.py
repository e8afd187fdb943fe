"""The learning-rate range test on a network."""

import itertools
import math
from collections.abc import Iterator

from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.engine.progress import Progress
from dlcli.engine.schedules.base import Schedule
from dlcli.networks.training.plan import usual_rate
from dlcli.networks.trials import NetworkTrials


class NetworkRateTest:
    """Trainings whose rate rises, on images that are read once."""

    random = True

    def __init__(self, base: TrainDeconvConfig, progress: Progress) -> None:
        self.trials = NetworkTrials(base, progress)
        self.base, self.device = base, self.trials.device
        self.trials.check(base)

    def usual_rate(self) -> float:
        """The usual learning rate of the optimizer."""
        return usual_rate(self.base)

    def exact(self) -> dict[str, float]:
        """Nothing: the optimal learning rate of a network is not known in advance."""
        return {}

    def losses(self, seed: int, schedule: Schedule) -> Iterator[float]:
        """The loss of each step's batch, before the step, of a fresh network; inf once it is not finite."""
        solver = self.trials.rising(seed, schedule)  # which takes the rate of step 0 at its first step
        for number in itertools.count(1):
            solver.advance(number, math.inf)
            loss = solver.loss()
            solver.scheduler_step(loss)
            yield math.inf if solver.bad_steps.skipped else float(loss)
