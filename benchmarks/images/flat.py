"""Flat images of every level through networks of each preset and task: how far apart the pixels of a cell come out.

    python benchmarks/images/flat.py TRAINING_IMAGES [--steps 100 | --minutes 1] [--only denoise] [--arch fast]

Trains each by the command line, and gives it flat images of 64 pixels a side and of all 256 levels, borders included;
for inpaint those with half of the pixels missing, and those with the holes of a mask. Less than 0.1 of a level is
asked for; the exit code is 1 where there is more.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from dlcli.networks.inference.checkerboard import uneven
from dlcli.networks.inference.settings import NetworkSettings
from dlcli.networks.inference.trained import TrainedNetwork, exactly, load_network

SIDE, LIMIT = 64, 0.1
ARCHITECTURES = ("fast", "large", "article", "rednet")
TASKS = {
    "denoise": [], "deblur": [], "blind deblur": ["--blur", "gaussian:0.8:3"],
    **{f"upscale {scale}": ["--scale", str(scale)] for scale in (2, 3, 4)}, "inpaint": [], "reconstruct": [],
}  # fmt: skip


def mask_of(side: int) -> np.ndarray:
    """A hole, a line and single pixels."""
    mask = np.random.default_rng(0).random((side, side)) < 0.1
    mask[side // 4 : side // 2, side // 3 :] = mask[-5:] = True
    return mask


def strength(trained: TrainedNetwork, levels: range = range(256)) -> float:
    """The largest difference within a cell of flat images, in levels."""
    degradation, found = trained.degradation, 0.0
    side = SIDE // degradation.scale
    random = np.random.default_rng(1).random((side, side)) < 0.5
    masks = [random, mask_of(side)] if degradation.needs_mask else [None]
    with exactly():
        for level in levels:
            flat = torch.full((1, trained.channels, side, side), level / 255)
            for mask in masks:
                observed = degradation.prepare_known(flat, 0, mask)
                made = trained.network(observed.input, observed.base)
                found = max(found, 255 * uneven(made, trained.network.spec.multiple))
    return found


def trained_on(images: Path, arch: str, task: str, limit: list[str], folder: Path) -> TrainedNetwork:
    """A network of the command line."""
    words = ["train-deconv", str(images), "--arch", arch, "--task", task.split()[-1 if "blind" in task else 0]]
    words += [*TASKS[task], *limit, "--out", str(folder), "--plots", "none", "--quiet"]
    subprocess.run([sys.executable, "-m", "dlcli", *words], check=True)
    return load_network(NetworkSettings(folder, "cpu", None, None, None))


def main() -> int:
    """Print a row for each network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--batch", type=int, help="crops of a step; by default those of the preset")
    parser.add_argument("--crop", type=int, help="by default that of the preset")
    parser.add_argument("--only", choices=list(TASKS), help="one task")
    parser.add_argument("--arch", choices=ARCHITECTURES, help="one preset")
    given = parser.parse_args()
    limit = ["--minutes", str(given.minutes)] if given.minutes else ["--steps", str(given.steps)]
    limit += ["--batch-size", str(given.batch)] if given.batch else []
    limit += ["--crop", str(given.crop)] if given.crop else []
    worst = 0.0
    print(f"{' '.join(limit)}\n| preset | task | levels within a cell |\n|---|---|---|")
    for arch in [given.arch] if given.arch else ARCHITECTURES:
        for task in [given.only] if given.only else TASKS:
            with tempfile.TemporaryDirectory() as folder:
                found = strength(trained_on(given.images, arch, task, limit, Path(folder) / "run"))
            worst = max(worst, found)
            print(f"| {arch} | {task} | {found:.4f} |", flush=True)
    return int(worst >= LIMIT)


if __name__ == "__main__":
    sys.exit(main())
