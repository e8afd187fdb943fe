"""A command's options as the settings of inference."""

from dlcli.config.evaluate import EvalConfig
from dlcli.networks.inference.settings import EvaluationSettings


def test_settings_of_a_network_are_the_commands(tmp_path):
    config = EvalConfig(run=tmp_path, data=("d",), check=("psnr>=9",), sigma="3", noise_seed=7, kernel=1, tile=32)
    found = EvaluationSettings.of(config)
    assert (found.data, found.conditions, found.sigma, found.seed, found.compare) == (
        ("d",),
        ("psnr>=9",),
        "3",
        7,
        False,
    )
    assert (found.source.run, found.source.kernel, found.source.tile) == (tmp_path, 1, 32)
