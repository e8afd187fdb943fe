"""What a wrong name most likely means, of flags and of settings in files."""

import pytest

from dlcli.config.evaluate import EvalConfig, PredictConfig
from dlcli.config.fit_linear import FitLinearConfig
from dlcli.config.suggestions import suggested_flags, suggested_settings, suggestions
from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.config.tune_lr import TuneLrConfig
from dlcli.errors import DlcliError


def flags(config, name, given=()):
    return suggested_flags(config, suggestions(config, name), given)


@pytest.mark.parametrize(
    ("config", "name", "expected"),
    [
        (FitLinearConfig, "--learning-rate", "--lr"),
        (FitLinearConfig, "--learningRate", "--lr"),
        (FitLinearConfig, "--batch_size", "--batch-size"),
        (FitLinearConfig, "-b", "--batch-size"),
        (FitLinearConfig, "--no_standardize", "--no-standardize"),
        (FitLinearConfig, "--no-bias", "--no-intercept"),
        (FitLinearConfig, "--l1-ratio", "--l1 or --l2"),
        (FitLinearConfig, "--cpu", "--device cpu"),
        (FitLinearConfig, "--tagret", "--target"),
        (FitLinearConfig, "--laerning-rate", "--lr"),
        (FitLinearConfig, "--nesterov-momentum", "--nesterov with --momentum 0.9"),
        (TrainDeconvConfig, "--nesterov", ""),
        (TrainDeconvConfig, "--clipnorm", "--clip"),
        (TuneLrConfig, "--n-trials", "--trials"),
        (EvalConfig, "--noise-seed", "--seed"),
        (EvalConfig, "--test-size", ""),
        (PredictConfig, "--batch-size", ""),
        (PredictConfig, "--zz", ""),
    ],
)
def test_flags(config, name, expected):
    assert flags(config, name) == expected


def test_what_an_option_needs_is_not_said_twice():
    assert flags(FitLinearConfig, "--patience") == "--early-stop with --val 0.2"
    assert flags(FitLinearConfig, "--patience", ["--val=0.1"]) == "--early-stop"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("learning_rate", "lr"),
        ("batch-size", "batch_size"),
        ("gpu", 'device = "cuda"'),
        ("no_intercept", "intercept = false"),
        ("patience", "early_stop with val = 0.2"),
        ("momentun", "momentum"),
    ],
)
def test_settings(name, expected):
    assert suggested_settings(FitLinearConfig, suggestions(FitLinearConfig, name)) == expected


def test_an_unknown_setting_of_a_file_is_answered(tmp_path):
    for text, expected in (("learning_rate = 0.1", "did you mean lr?"), ("zz = 1", "")):
        (tmp_path / "c.toml").write_text(text)
        with pytest.raises(DlcliError, match="no such setting") as caught:
            FitLinearConfig.build({}, tmp_path / "c.toml")
        assert caught.value.message.endswith(expected)
        assert caught.value.hint == ("" if expected else "remove it")
