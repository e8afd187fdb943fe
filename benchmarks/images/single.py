"""One image, noise unknown: the network in the box adapted to it, beside the same one told the true level.

    python benchmarks/images/single.py DATA [--seconds 60] [--only 01 05 09]

DATA is a folder with images/set12. Each image gets Gaussian noise of 25 and is saved as 8 bits, as a file that somebody
has; ``dlcli train-deconv FILE --targets noisy`` then has so many seconds. PSNR in dB; "start" and "best" are estimates
for the weights that it began with and those that it saved.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

SIGMA = 25
BUNDLED = "bundled:denoise-gray"


def dlcli(*words: str | Path) -> None:
    """Run a command line."""
    subprocess.run([sys.executable, "-m", "dlcli", *map(str, words), "--quiet"], check=True)


def psnr(made: Path, clean: np.ndarray) -> float:
    """Of a file against the truth."""
    return float(10 * np.log10(255**2 / np.mean((np.asarray(Image.open(made), float) - clean) ** 2)))


def measure(path: Path, folder: Path, seconds: float) -> list[float]:
    """PSNR noisy, told the level, told nothing, and adapted; the estimates at its start and at its best; its steps."""
    clean = np.asarray(Image.open(path).convert("L"), dtype=np.float64)
    values = clean + SIGMA * np.random.default_rng([int(path.stem), SIGMA]).standard_normal(clean.shape)
    noisy, run = folder / path.name, folder / f"run-{path.stem}"
    Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8)).save(noisy)
    dlcli("train-deconv", noisy, "--targets", "noisy", "--minutes", seconds / 60, "--plots", "none", "--out", run)
    dlcli("predict", BUNDLED, noisy, "--sigma", SIGMA, "--out", folder / "told")
    dlcli("predict", BUNDLED, noisy, "--out", folder / "auto")
    dlcli("predict", run, noisy, "--out", folder / "adapted")
    found = [psnr(where / path.name, clean) for where in (folder, *(folder / n for n in ("told", "auto", "adapted")))]
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    best = json.loads((run / "report.json").read_text())
    return [*found, records[0]["psnr"], best["metrics"]["val"]["psnr"], best["best_step"], best["steps"]]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--only", nargs="*", help="names of images, such as 01")
    given = parser.parse_args()
    paths = sorted((given.data / "images" / "set12").glob("*.png"))
    print("| image | noisy | told 25 | level unknown | adapted | start | best | best step | steps |")
    rows = []
    for path in paths:
        if given.only and path.stem not in given.only:
            continue
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measure(path, Path(folder), given.seconds))
        print(f"| {path.stem} |", " | ".join(f"{value:.2f}" for value in rows[-1]), "|", flush=True)
    print("| mean |", " | ".join(f"{value:.2f}" for value in np.mean(rows, axis=0)), "|")


if __name__ == "__main__":
    main()
