"""Photographs with noise of several kinds, in 8 bits, learned from by each method; measured on BSD68 in 8 bits."""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import convolve1d

SHARE = (2 - np.sqrt(2)) / 2  # beside a weight of 1, so that neighbors correlate by a half
KINDS = ("white", "photons", "shared", "uniform")
METHODS = ("recorrupted", "neighbor2neighbor", "blind-spot", "auto")


def noisy(kind: str, image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Noise of about sigma 25: white; photons (gain 4, read 5); shared by neighbors (0.5 at lag 1); uniform."""
    drawn = random.standard_normal(image.shape)
    if kind == "photons":
        return 4 * random.poisson(image / 4) + 5 * drawn
    if kind == "uniform":
        return image + random.uniform(-43.3, 43.3, image.shape)
    if kind == "shared":
        weights = np.array([SHARE, 1, SHARE]) / np.sqrt(1 + 2 * SHARE**2)
        drawn = convolve1d(convolve1d(drawn, weights, 0, mode="wrap"), weights, 1, mode="wrap")
    return image + 25 * drawn


def measure(data: Path, length: list[str], seed: int) -> None:
    """Print PSNR on BSD68 by kind of noise and method; the first row learned from clean images with the same noise."""
    names = {part: sorted((data / "images" / part).glob("*.png")) for part in ("train400", "bsd68")}
    images = {part: [np.asarray(Image.open(p).convert("L"), float) for p in found] for part, found in names.items()}
    command = [sys.executable, "-P", "-m", "dlcli"]
    print("| noise | method | BSD68 |")
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as folder:
            train, test = Path(folder) / "train", Path(folder) / "test"
            train.mkdir()
            test.mkdir()
            for part, folder_of, seeds in (("train400", train, 7), ("bsd68", test, 3)):
                for i, image in enumerate(images[part]):
                    values = np.clip(np.rint(noisy(kind, image, np.random.default_rng([seeds, i]))), 0, 255)
                    Image.fromarray(values.astype(np.uint8)).save(folder_of / f"{i:03d}.png")
            clean = [str(data / "images" / "train400"), "--sigma", "22:31", "--noise-map"]
            rows = {"clean images": clean} if kind == "white" else {}
            for method in METHODS:
                rows[method] = [str(train), "--targets", "noisy", "--method", method]
            for name, given in rows.items():
                run, out = Path(folder) / f"run-{name}", Path(folder) / f"out-{name}"
                begin = [*command, "train-deconv", *given, "--seed", str(seed), *length, "--out", str(run), "--quiet"]
                subprocess.run(begin, check=True)
                subprocess.run([*command, "predict", str(run), str(test), "--out", str(out), "--quiet"], check=True)
                made = (np.asarray(Image.open(p), float) for p in sorted(out.glob("*.png")))
                pairs = zip(made, images["bsd68"], strict=True)
                psnr = np.mean([-10 * np.log10(np.square((a - b) / 255).mean()) for a, b in pairs])
                print(f"| {kind} | {name} | {psnr:.2f} |", flush=True)
