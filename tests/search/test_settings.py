"""Settings of a search: the training command's config for each point."""

import pytest

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.errors import DlcliError
from dlcli.search.settings import TrainingConfigs
from dlcli.search.space import Point, point_seed


def test_a_point_changes_its_own_options_and_the_seed():
    configs = TrainingConfigs(FitLinearConfig(data=("a.csv",), val=0.2, seed=5), seed=3)
    config = configs.of(Point(4, {"lr": 0.1}))
    assert (config.data, config.val, config.lr) == (("a.csv",), 0.2, 0.1)
    assert config.seed == configs.seed_of(4) == point_seed(3, 4, 0)
    # All points split the data alike, as the command on its own would.
    assert config.seed_of_data == 5
    assert config.model_fields_set == {"data", "val", "seed", "data_seed", "lr"}


def test_repeats_differ_in_their_seeds_alone():
    configs = TrainingConfigs(TrainDeconvConfig(), repeats=3)
    first, *others = configs.all_of(Point(0, {"lr": 0.1}))
    assert len({config.seed for config in (first, *others)}) == 3
    assert all(config.with_options({"seed": first.seed}) == first for config in others)


def test_folds_are_those_of_a_command_that_has_them():
    assert TrainingConfigs(FitLinearConfig(), folds=3).of(Point(0, {})).cv == 3
    assert "cv" not in TrainingConfigs(TrainDeconvConfig(), folds=3).of(Point(0, {})).given()


def test_a_value_of_a_repeatable_option_is_one_of_a_list():
    assert TrainingConfigs(FitLinearConfig.build({"data": ("t.csv",)})).of(Point(0, {"drop": "a"})).drop == ("a",)


def test_a_value_that_the_command_refuses_is_refused():
    with pytest.raises(DlcliError, match="--l2"):
        TrainingConfigs(FitLinearConfig()).of(Point(0, {"l2": -1.0}))
