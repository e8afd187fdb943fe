"""The same photographs in 8 bits, as 12 bits in 16 and as floating-point numbers: what becomes of the result.

    python benchmarks/images/depth.py TRAINING_IMAGES TEST_IMAGES [--steps 300]

Trains a denoiser on each by as many steps, with the same noise in the units of each, and measures it on the test images
with the same noise. PSNR is from the error in the data's own units and takes the range that 0 to 255 became.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

LARGEST = 400
KINDS = {
    "8 bits": (255.0, lambda x: x),
    "12 bits in 16": (4095.0, lambda x: np.rint(x / 255 * 4095).astype(np.uint16)),
    "floats 0 to 1": (1.0, lambda x: (x / 255).astype(np.float32)),
    "floats -1 to 1": (2.0, lambda x: (x / 127.5 - 1).astype(np.float32)),
    "floats 0 to 1e4": (1e4, lambda x: (x / 255 * 1e4).astype(np.float32)),
}


def run(*words: str) -> dict:
    """The report of a command of dlcli."""
    done = subprocess.run(
        [sys.executable, "-m", "dlcli", *words, "--json", "--quiet"], stdout=subprocess.PIPE, check=True
    )
    return json.loads(done.stdout)


def write(source: Path, target: Path, kind: str) -> None:
    """The gray images of ``source`` as one kind of numbers: PNG of 8 bits, else TIFF."""
    import tifffile

    target.mkdir()
    for path in sorted(source.glob("*.png"))[:LARGEST]:
        pixels = np.asarray(Image.open(path).convert("L"))
        if kind == "8 bits":
            Image.fromarray(pixels).save(target / path.name)
        else:
            tifffile.imwrite(target / f"{path.stem}.tif", KINDS[kind][1](pixels), photometric="minisblack")


def measured(kind: str, folder: Path, arguments: argparse.Namespace) -> float:
    """Mean PSNR on the test images of a network trained on one kind."""
    full = KINDS[kind][0]
    write(arguments.train, folder / "train", kind)
    write(arguments.test, folder / "test", kind)
    sigma, model = f"{25 / 255 * full:.9g}", str(folder / "run")
    options = ["--steps", str(arguments.steps), "--batch-size", str(arguments.batch), "--crop", str(arguments.crop)]
    run("train-deconv", str(folder / "train"), "--out", model, "--sigma", sigma, "--plots", "none", *options)
    report = run("eval", model, str(folder / "test"))
    each = [
        one["psnr"] if one.get("rmse") is None else 20 * math.log10(full / one["rmse"]) for one in report["per_image"]
    ]
    return float(np.mean(each))


def main() -> None:
    """Print a row for each kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--crop", type=int, default=64)
    arguments = parser.parse_args()
    known: float | None = None
    print(f"{arguments.steps} steps of {arguments.batch} crops of {arguments.crop} x {arguments.crop}, noise 25/255")
    print("| images | PSNR, dB | against 8 bits |\n|---|---|---|")
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as folder:
            found = measured(kind, Path(folder), arguments)
        known = found if known is None else known
        print(f"| {kind} | {found:.3f} | {found - known:+.3f} |", flush=True)


if __name__ == "__main__":
    main()
