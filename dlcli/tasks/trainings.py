"""The training commands as a search sees them."""

from typing import Any

from dlcli.config.base import Config
from dlcli.config.fit_linear import FitLinearConfig
from dlcli.config.tune_lr import TuneLrConfig
from dlcli.engine.progress import Progress
from dlcli.search.trials import Trials


def open_trials(config: TuneLrConfig, base: Config, progress: Progress) -> Trials:
    """The training command of ``base``, as the tuner sees it."""
    if isinstance(base, FitLinearConfig):
        from dlcli.linear.trials import LinearTrials

        return LinearTrials(base, progress)
    from dlcli.config.train_deconv import TrainDeconvConfig
    from dlcli.networks.trials import NetworkTrials

    assert isinstance(base, TrainDeconvConfig)
    return NetworkTrials(base, progress, config.cv)


def open_rate_test(base: Config, progress: Progress) -> Any:
    """The training command of ``base``, for the learning-rate range test."""
    if isinstance(base, FitLinearConfig):
        from dlcli.linear.rate_test import LinearRateTest

        return LinearRateTest(base, progress)
    from dlcli.config.train_deconv import TrainDeconvConfig
    from dlcli.networks.rate_test import NetworkRateTest

    assert isinstance(base, TrainDeconvConfig)
    return NetworkRateTest(base, progress)
