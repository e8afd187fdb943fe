"""What predict, eval and train-deconv take of memory at most for images of gigantic size, stacks and photographs.

    python benchmarks/images/memory.py [--size 1.0] [--cases stack,photo,photos,tiff,png,eval]

The files are made in a temporary folder, and removed; ``--size 0.1`` takes sides of a tenth. The networks are tiny, as
what is measured is the memory around them. Each row is one process: the peak of what it had in memory, and what of that
is the image itself, in the type that its file has.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

TILE = 512
CODE = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20)
"""
Image.MAX_IMAGE_PIXELS = None


def textured(height: int, width: int, channels: int) -> np.ndarray:
    """An image of coarse structures and fine ones, (height, width, channels)."""
    random = np.random.default_rng(0)
    made = np.empty((height, width, channels), np.uint8)
    for channel in range(channels):
        coarse = Image.fromarray(random.integers(0, 240, (64, 64), dtype=np.uint8))
        made[:, :, channel] = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))
    grain = random.integers(0, 16, (height, 64, 1), dtype=np.uint8)
    for left in range(0, width, 64):
        part = made[:, left : left + 64]
        part[:] = np.where(part > 239, 239, part) + np.roll(grain, left, axis=0)[:, : part.shape[1]]
    return made


def tiled_tiff(path: Path, side: int) -> int:
    """A BigTIFF in RGB, written tile by tile; returns its bytes."""
    import tifffile

    tile, count = textured(TILE, TILE, 3), (-(-side // TILE)) ** 2
    tiles = (np.roll(tile, 37 * number, axis=1) for number in range(count))
    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        writer.write(tiles, shape=(side, side, 3), dtype=np.uint8, tile=(TILE, TILE), photometric="rgb",
                     compression="zlib", predictor=True)  # fmt: skip
    return side * side * 3


def stack(path: Path, frames: int, side: int) -> int:
    """Frames of 16 bits; returns the bytes of one."""
    import tifffile

    random, picture = np.random.default_rng(0), textured(side, side, 1)[:, :, 0]
    with tifffile.TiffWriter(path) as writer:
        for _ in range(frames):
            writer.write((100 + picture + random.poisson(20, picture.shape)).astype(np.uint16), contiguous=True)
    return side * side * 2


def photographs(folder: Path, count: int, height: int, width: int) -> int:
    """JPEG files; returns the bytes of one, decoded."""
    folder.mkdir()
    picture = textured(height, width, 3)
    for number in range(count):
        Image.fromarray(np.roll(picture, 97 * number, axis=1)).save(folder / f"{number:02d}.jpg", quality=90)
    return height * width * 3


def picture(path: Path, side: int, channels: int) -> int:
    """A PNG; returns its bytes, decoded."""
    values = textured(side, side, channels)
    Image.fromarray(values[:, :, 0] if channels == 1 else values).save(path, compress_level=1)
    return side * side * channels


def peak(*words: str) -> float:
    """GiB that the command takes at most."""
    command = [sys.executable, "-m", "dlcli", *words, "--quiet"]
    # By a small process of its own, as a child counts what its parent had when it began.
    done = subprocess.run([sys.executable, "-c", CODE, *command], stdout=subprocess.PIPE, text=True, check=True)
    code, found = done.stdout.split()
    if code != "0":
        raise SystemExit(f"{' '.join(words)} ended with {code}")
    return float(found)


def main() -> None:
    """Print a row for each case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=float, default=1.0)
    parser.add_argument("--cases", default="stack,photo,photos,tiff,png,eval")
    given = parser.parse_args()

    def of(length: int) -> int:
        return max(int(length * given.size), 64)

    tiny = ["--filters", "4", "--depth", "1", "--steps", "2", "--plots", "none"]
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        photo = photographs(place / "photos", 20, of(4000), of(6000))
        frame = stack(place / "stack.tif", of(1000), 512)
        color, deep = str(place / "color"), str(place / "deep")
        train = ["train-deconv", str(place / "photos"), "--color", "--memory", "0.3", *tiny]
        trained = peak(*train, "--out", color)
        peak("train-deconv", str(place / "stack.tif"), *tiny, "--out", deep)

        def predict(run: str, path: Path) -> float:
            return peak("predict", run, str(path), "--out", str(place / f"out{path.suffix}"), "--force")

        cases = {
            "stack": lambda: ("predict, 1,000 frames of 512 x 512 in 16 bits", frame,
                              predict(deep, place / "stack.tif")),
            "photo": lambda: ("predict, a JPEG of 24 megapixels", photo, predict(color, place / "photos/00.jpg")),
            "photos": lambda: ("train-deconv, 20 JPEGs of 24 megapixels, 0.3 GB for images", 0, trained),
            "tiff": lambda: ("predict, 20,000 x 20,000 RGB TIFF", tiled_tiff(place / "a.tif", of(20_000)),
                             predict(color, place / "a.tif")),
            "png": lambda: ("predict, 16,384 x 16,384 RGBA PNG", picture(place / "a.png", of(16_384), 4),
                            predict(color, place / "a.png")),
            "eval": lambda: ("eval, 16,384 x 16,384 gray PNG", picture(place / "gray.png", of(16_384), 1),
                             peak("eval", deep, str(place / "gray.png"))),
        }  # fmt: skip
        print("| case | peak, GiB | of it the image |\n|---|---|---|")
        for name in given.cases.split(","):
            what, own, found = cases[name]()
            print(f"| {what} | {found:.2f} | {own / 2**30:.2f} |", flush=True)


if __name__ == "__main__":
    main()
