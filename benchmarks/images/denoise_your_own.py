"""Denoising without clean images, as a user does it: whole commands, beside other programs.

    python benchmarks/images/denoise_your_own.py DATA --section NAME [--steps N | --minutes M] [--seed S]

DATA is a folder with images/train400, images/bsd68. ``noisy``: train-deconv on noisy photographs alone, by each method
and kind of noise, beside training on the clean ones. ``counts``: a microscopist's stack of few photons, through
train-deconv and predict, beside BM3D, which is told gain, offset and read noise. ``unknown``: noise of photons and
reading, measured by train-deconv or told it. One file each in own/.
"""

import argparse
import importlib
from pathlib import Path

SECTIONS = ("noisy", "counts", "unknown")


def main() -> None:
    """Run one section."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--section", choices=SECTIONS, required=True)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    length = ["--steps", str(given.steps)] if given.steps else ["--minutes", str(given.minutes or 2)]
    importlib.import_module(f"own.{given.section}").measure(given.data, length, given.seed)


if __name__ == "__main__":
    main()
