"""Photographs with noise of photons and reading, unknown to the network that learns from them, beside one told it."""

import tempfile
from pathlib import Path

from own.noisy import files_of, psnr_after

TOLD = [
    "--poisson",
    "63.75",
    "--sigma",
    "5",
]  # "photons" of noisy.py: gain 4, so that white, 255, is as many, and read 5


def measure(data: Path, length: list[str], seed: int) -> None:
    """Print PSNR on BSD68 of networks that learn from noisy images, measured or told, and from clean ones."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        truth, images = files_of(data, "photons", folder), str(folder / "train")
        rows = {
            "unknown": [images, "--targets", "noisy"],
            "told": [images, "--targets", "noisy", *TOLD],
            "clean images": [str(data / "images" / "train400"), *TOLD, "--noise-map"],
        }
        print("| gain 4, read noise 5 | BSD68 |")
        for name, given in rows.items():
            psnr = psnr_after([*given, "--seed", str(seed), *length], name.split()[0], folder, truth)
            print(f"| {name} | {psnr:.2f} |", flush=True)
