"""A large image measured in bands: what is measured of the whole."""

import numpy as np
import pytest

from dlcli.networks import quality
from dlcli.networks.inference import observations
from dlcli.networks.inference.large import measuring
from tests.networks.examples import make_run, measured, save, smooth

TASKS = {
    "denoise": {},
    "blind": {"sigma": (5.0, 50.0)},
    "photons": {"poisson": 30.0},
    "photons and reading": {"poisson": 30.0, "sigma": (5.0, 5.0), "noise": "poisson-gaussian"},
    "told": {"sigma": (5.0, 50.0), "noise_map": True},
    "told of each pixel": {"poisson": 30.0, "sigma": (5.0, 5.0), "noise": "poisson-gaussian", "noise_map": True},
    "upscale": {"task": "upscale", "scale": 3},
    "reconstruct": {"task": "reconstruct"},
    "pairs": {"task": "pairs"},
}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("task", TASKS)
def test_bands_measure_what_the_whole_does(tmp_path, monkeypatch, task, channels):
    run = make_run(tmp_path / "run", channels=channels, **TASKS[task])
    data = [tmp_path / "clean"]
    for number, size in enumerate([(200, 41), (131, 90)]):
        save(data[0] / f"{number}.png", smooth(*size, channels, number))
        if task == "pairs":
            noise = np.random.default_rng(number).integers(0, 30, (*size, 3)[: 2 + (channels == 3)])
            save(
                tmp_path / "noisy" / f"{number}.png",
                np.clip(smooth(*size, channels, number) + noise, 0, 255).astype(np.uint8),
            )
    data = [tmp_path / "noisy", *data] if task == "pairs" else data
    whole = measured(run, *data)
    monkeypatch.setattr(observations, "WHOLE", 0)
    monkeypatch.setattr(measuring, "VALUES", 60 * 41 * channels)
    monkeypatch.setattr(quality, "STRIP", 11 * 90)
    monkeypatch.setattr(quality, "LEAST_ROWS", 7)
    bands = []
    real = quality.RunningQuality.add
    monkeypatch.setattr(quality.RunningQuality, "add", lambda self, *rows: bands.append(self) or real(self, *rows))
    in_bands = measured(run, *data)
    assert len(bands) > 2 * 2 * len(whole.per_image)
    for one, other in zip(whole.per_image, in_bands.per_image, strict=True):
        assert other.name == one.name
        for name in ("input_psnr", "input_ssim"):
            assert getattr(other, name) == pytest.approx(getattr(one, name), abs=1e-9)
        for name in ("psnr", "ssim"):  # a pixel may round the other way
            assert getattr(other, name) == pytest.approx(getattr(one, name), abs=1e-4)


def test_values_of_their_own_range(tmp_path, monkeypatch):
    """rmse is joined by squares, and is in the units of the images."""
    run = make_run(tmp_path / "run")
    (tmp_path / "deep").mkdir()
    for number in range(2):
        deep = smooth(150, 40, 1, number).astype(np.uint16) * 12 + 100
        save(tmp_path / "deep" / f"{number}.png", deep)
    whole = measured(run, tmp_path / "deep")
    monkeypatch.setattr(observations, "WHOLE", 0)
    monkeypatch.setattr(measuring, "VALUES", 2000)
    in_bands = measured(run, tmp_path / "deep")
    for name, value in whole.metrics["test"].items():
        assert in_bands.metrics["test"][name] == pytest.approx(value, rel=1e-5), name
