"""The training commands as a search sees them."""

from typing import Any

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.engine.progress import Progress
from dlcli.search.settings import TrainingConfig
from dlcli.search.sweep import RateTestSource
from dlcli.search.trials import Trials


def open_trials(base: TrainingConfig, folds: int | None, progress: Progress) -> Trials[Any]:
    """The training command of ``base``, as the tuner sees it; with ``folds`` each trial is cross-validated."""
    if isinstance(base, FitLinearConfig):
        from dlcli.linear.trials import LinearTrials

        return LinearTrials(base, progress)
    from dlcli.networks.trials import NetworkTrials

    return NetworkTrials(base, progress, folds)


def open_rate_test(base: TrainingConfig, progress: Progress) -> RateTestSource:
    """The training command of ``base``, for the learning-rate range test."""
    if isinstance(base, FitLinearConfig):
        from dlcli.linear.rate_test import LinearRateTest

        return LinearRateTest(base, progress)
    from dlcli.networks.rate_test import NetworkRateTest

    return NetworkRateTest(base, progress)
