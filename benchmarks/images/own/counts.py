"""A stack of few photons (1 to 50 a pixel, offset 100, gain 2, 16 bits), denoised by itself."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile

from dlcli.images.dead_leaves import dead_leaves

FRAMES, SIDE = 40, 256
GAIN, OFFSET = 2.0, 100.0


def measure(_data: Path, length: list[str], seed: int) -> None:
    """Print how much nearer to the mean of the counts dlcli and BM3D bring it, in dB."""
    made = dead_leaves(FRAMES, SIDE, 11, 1)
    photons = np.stack([1 + made.pixels(i)[:, :, 0] * (49 / 255) for i in range(FRAMES)])
    clean = OFFSET + GAIN * photons
    print("| read noise | noisy, RMSE | dlcli | BM3D with Anscombe, told the truth | seconds |")
    for read in (0.0, 2.0, 6.0):
        random = np.random.default_rng([5, seed])
        counts = OFFSET + GAIN * random.poisson(photons) + read * random.standard_normal(photons.shape)
        noisy = np.clip(np.rint(counts), 0, 65535).astype(np.uint16)
        with tempfile.TemporaryDirectory() as folder:
            stack, run, out = (Path(folder) / name for name in ("stack.tif", "run", "clean"))
            tifffile.imwrite(stack, noisy)
            begun = time.monotonic()
            command = [sys.executable, "-P", "-m", "dlcli"]
            train = [*command, "train-deconv", str(stack), "--targets", "noisy", "--seed", str(seed), *length]
            subprocess.run([*train, "--out", str(run), "--quiet"], check=True)
            subprocess.run([*command, "predict", str(run), str(stack), "--out", str(out), "--quiet"], check=True)
            seconds = time.monotonic() - begun
            restored = tifffile.imread(next(out.iterdir()))
        some = range(0, FRAMES, 5)
        before = np.square(noisy[some] - clean[some]).mean()
        peer = np.stack([by_bm3d(noisy[i].astype(float), read) for i in some])
        gains = (10 * np.log10(before / np.square(one - clean[some]).mean()) for one in (restored[some], peer))
        ours, theirs = (f"{gain:+.2f} dB" for gain in gains)
        print(f"| {read:g} | {np.sqrt(before):.2f} | {ours} | {theirs} | {seconds:.0f} |", flush=True)


def by_bm3d(counts: np.ndarray, read: float) -> np.ndarray:
    """BM3D after the generalized Anscombe transform, with its inverse in closed form (Makitalo & Foi 2013)."""
    import bm3d

    spread = (read / GAIN) ** 2
    stable = 2 * np.sqrt(np.maximum((counts - OFFSET) / GAIN + 3 / 8 + spread, 0))
    d = np.maximum(bm3d.bm3d(stable, 1.0), 1e-3)
    root = np.sqrt(1.5)
    photons = d**2 / 4 + root / (4 * d) - 11 / (8 * d**2) + 5 * root / (8 * d**3) - 1 / 8 - spread
    made: np.ndarray = np.rint(np.maximum(photons, 0) * GAIN + OFFSET)
    return made
