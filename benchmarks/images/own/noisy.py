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


def files_of(data: Path, kind: str, folder: Path) -> list[np.ndarray]:
    """Writes train400 and BSD68 with this noise, as folder/train and folder/test; the clean images of the latter."""
    clean: list[np.ndarray] = []
    for part, name, seed in (("train400", "train", 7), ("bsd68", "test", 3)):
        (folder / name).mkdir()
        clean = [
            np.asarray(Image.open(path).convert("L"), float) for path in sorted((data / "images" / part).glob("*.png"))
        ]
        for i, image in enumerate(clean):
            values = np.clip(np.rint(noisy(kind, image, np.random.default_rng([seed, i]))), 0, 255)
            Image.fromarray(values.astype(np.uint8)).save(folder / name / f"{i:03d}.png")
    return clean


def psnr_after(given: list[str], name: str, folder: Path, clean: list[np.ndarray]) -> float:
    """Of folder/test, as a network that was trained as ``given`` restores it, to the clean images, in 8 bits."""
    command = [sys.executable, "-P", "-m", "dlcli"]
    run, out = folder / f"run-{name}", folder / f"out-{name}"
    subprocess.run([*command, "train-deconv", *given, "--out", str(run), "--quiet"], check=True)
    subprocess.run([*command, "predict", str(run), str(folder / "test"), "--out", str(out), "--quiet"], check=True)
    made = (np.asarray(Image.open(path), float) for path in sorted(out.glob("*.png")))
    return float(np.mean([-10 * np.log10(np.square((a - b) / 255).mean()) for a, b in zip(made, clean, strict=True)]))


def measure(data: Path, length: list[str], seed: int) -> None:
    """Print PSNR on BSD68 by kind of noise and method; the first row learned from clean images with the same noise."""
    print("| noise | method | BSD68 |")
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            truth = files_of(data, kind, folder)
            clean = [str(data / "images" / "train400"), "--sigma", "22:31", "--noise-map"]
            rows = {"clean images": clean} if kind == "white" else {}
            for method in METHODS:
                rows[method] = [str(folder / "train"), "--targets", "noisy", "--method", method]
            for name, given in rows.items():
                psnr = psnr_after([*given, "--seed", str(seed), *length], name, folder, truth)
                print(f"| {kind} | {name} | {psnr:.2f} |", flush=True)
