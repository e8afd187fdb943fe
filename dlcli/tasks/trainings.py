"""The training commands as a search sees them."""

from typing import cast

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.engine.progress import Progress
from dlcli.search.settings import TrainingConfig
from dlcli.search.sweep import RateTestSource
from dlcli.search.trials import Trials


def open_trials(base: TrainingConfig, folds: int | None, progress: Progress) -> Trials[TrainingConfig]:
    """The training command of ``base``, as the tuner sees it; with ``folds`` each trial is cross-validated."""
    if isinstance(base, FitLinearConfig):
        from dlcli.linear.trials import LinearTrials

        linear: Trials[FitLinearConfig] = LinearTrials(base, progress)
        return cast("Trials[TrainingConfig]", linear)  # all configs of a search are of the command that it began with
    from dlcli.networks.trials import NetworkTrials

    networks: Trials[TrainDeconvConfig] = NetworkTrials(base, progress, folds)
    return cast("Trials[TrainingConfig]", networks)


def open_rate_test(base: TrainingConfig, progress: Progress) -> RateTestSource:
    """The training command of ``base``, for the learning-rate range test."""
    if isinstance(base, FitLinearConfig):
        from dlcli.linear.rate_test import LinearRateTest

        return LinearRateTest(base, progress)
    from dlcli.networks.rate_test import NetworkRateTest

    return NetworkRateTest(base, progress)
