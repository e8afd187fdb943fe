"""Noise that grows with brightness, and cameras' own: what a map of each pixel gives, and PSNR on pairs of crops.

python benchmarks/images/camera.py map RUN CLEAN      one level against a map of each pixel, photons and read noise
python benchmarks/images/camera.py pairs NOISY CLEAN RUN...    PSNR of noisy crops, and of what networks make of them
python benchmarks/images/camera.py cost               milliseconds of the noise of a batch, by one thread
"""

import math
import os
import sys
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from dlcli.degradations.base import Degradation
from dlcli.degradations.camera import CameraNoise
from dlcli.degradations.lines import LineNoise
from dlcli.degradations.noise import Denoise
from dlcli.images.normalization import EIGHT_BIT
from dlcli.networks.inference.noise_level import Levels, denoiser_for
from dlcli.networks.inference.settings import NetworkSettings, Strength
from dlcli.networks.inference.trained import TrainedNetwork, exactly, load_network
from dlcli.networks.tensors import image_to_tensor, tensor_to_image

NOISES = ((1000, 2), (200, 3), (60, 5), (30, 0), (10, 5))  # photons of a white pixel, and read noise of 255
SIDE = 256  # of the upper left corners that are measured


def _network(run: str) -> TrainedNetwork:
    return load_network(NetworkSettings(Path(run), "cpu", None, None, None))


def _psnr(output: np.ndarray, truth: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean((output.astype(float) - truth) ** 2) / 255**2))


def map_of_pixels(run: str, folder: str) -> None:
    """Of known noise; in floats, not clipped."""
    trained = _network(run)
    high = trained.restoration.sigma[1] / 255
    for peak, read in NOISES:
        found = defaultdict(list)
        for number, name in enumerate(sorted(os.listdir(folder))):
            clean = np.asarray(Image.open(Path(folder) / name).convert("L"), float)[:SIDE, :SIDE]
            random = np.random.default_rng(number)
            noisy = random.poisson(clean / 255 * peak) / peak + random.normal(0, read / 255, clean.shape)
            image = torch.tensor(noisy, dtype=torch.float32)[None, None]
            gain, intercept = 1 / peak, (read / 255) ** 2
            level = math.sqrt(gain * clean.mean() / 255 + intercept)
            line = LineNoise(np.array([[gain]]), np.array([[intercept]]), told=True, within=(0, high))
            ways: dict[str, Degradation] = {
                "one level": Denoise(*[255 * min(level, high)] * 2, told=True), "each pixel's": line
            }  # fmt: skip
            found["noisy"].append(_psnr(255 * noisy, clean))
            with exactly():
                for way, degradation in ways.items():
                    output = trained.restored(degradation.prepare(image))[0, 0].clamp(0, 1).numpy()
                    found[way].append(_psnr(255 * output, clean))
        print(f"{peak} photons, read noise {read}: " + _means(found), flush=True)


def pairs(noisy: str, clean: str, runs: list[str]) -> None:
    """By predict's own choice of what a network is told; by camera, which the names begin with."""
    networks = {Path(run).name: _network(run) for run in runs}
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for name in sorted(os.listdir(noisy)):
        given, truth = (np.asarray(Image.open(Path(folder) / name)) for folder in (noisy, clean))
        for group in ("all", name.partition("_")[0]):
            found[group]["noisy"].append(_psnr(given, truth))
        for run, trained in networks.items():
            passes = denoiser_for(trained, Strength(), given, EIGHT_BIT, Levels())
            output = given
            if passes is not None:
                with exactly():
                    observed = passes.observed(image_to_tensor(given, "cpu", EIGHT_BIT), 0, None)
                    output = tensor_to_image(passes.restored(trained, observed, slice(0, len(given))), np.uint8)
            for group in ("all", name.partition("_")[0]):
                found[group][run].append(_psnr(output, truth))
    for group, values in found.items():
        print(f"{group} ({len(values['noisy'])}): {_means(values)}")


def cost() -> None:
    """Of 8 crops of 96 x 96, in color and gray."""
    torch.set_num_threads(1)
    for channels in (3, 1):
        clean = torch.rand(8, channels, 96, 96).to(memory_format=torch.channels_last)
        for name, degradation in (("white", Denoise(0, 25)), ("camera", CameraNoise(0, 25))):
            times = []
            for step in range(200):
                start = time.perf_counter()
                degradation.observe(clean, torch.Generator().manual_seed(step))
                times.append(time.perf_counter() - start)
            print(f"{channels} channels, {name}: {1e3 * min(times):.1f} ms at best of {len(times)}")


def _means(found: dict[str, list[float]]) -> str:
    return "  ".join(f"{name} {np.mean(values):.2f}" for name, values in found.items())


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["map", run, folder]:
            map_of_pixels(run, folder)
        case ["pairs", noisy, clean, *runs]:
            pairs(noisy, clean, runs)
        case ["cost"]:
            cost()
        case _:
            sys.exit(__doc__)
