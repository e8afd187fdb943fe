"""Photographs of cameras through the network in the box, no clean image used: PolyU's crops, by camera.

    python benchmarks/images/real.py DATA [--run bundled:denoise] [--crops 12]

DATA is a folder with polyu/noisy and polyu/clean (means of many shots). "As white" tells the network the level that is
measured, as for noise that is independent from pixel to pixel; "as measured" is what predict does by itself. With
OpenCV installed its non-local means, of the strength that is best on average, stands beside. PSNR in dB.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image


def pixels(path: Path) -> np.ndarray:
    """A file's values."""
    return np.asarray(Image.open(path).convert("RGB"), dtype=np.float64)


def psnr(made: np.ndarray, clean: np.ndarray) -> float:
    """In dB."""
    return float(10 * np.log10(255**2 / np.mean((made - clean) ** 2)))


def predicted(run: str, files: list[Path], out: Path, *options: str) -> dict[str, float]:
    """Restore files to PNG; returns the level that each was measured to have."""
    command = [sys.executable, "-m", "dlcli", "predict", run, *map(str, files), "--out", str(out), "--format", "png"]
    done = subprocess.run([*command, "--json", "--quiet", *options], check=True, capture_output=True)
    return {Path(one["name"]).stem: one["sigma"] for one in json.loads(done.stdout).get("noise") or []}


def non_local_means(files: list[Path], clean: dict[str, np.ndarray]) -> dict[str, float] | None:
    """PSNR by name, of the best of some strengths; None without OpenCV."""
    try:
        import cv2
    except ImportError:
        return None
    found = []
    for strength in (2, 3, 4, 5):
        made = {f.stem: cv2.fastNlMeansDenoisingColored(cv2.imread(str(f)), None, strength, strength) for f in files}
        found.append({name: psnr(image[:, :, ::-1].astype(float), clean[name]) for name, image in made.items()})
    return max(found, key=lambda one: float(np.mean(list(one.values()))))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--run", default="bundled:denoise")
    parser.add_argument("--crops", type=int, help="so many at even distances; by default all")
    given = parser.parse_args()
    files = sorted((given.data / "polyu" / "noisy").glob("*.jpg"))
    if given.crops:
        files = [files[i] for i in np.linspace(0, len(files) - 1, given.crops).round().astype(int)]
    clean = {file.stem: pixels(given.data / "polyu" / "clean" / file.name) for file in files}
    columns = {"noisy": {file.stem: psnr(pixels(file), clean[file.stem]) for file in files}}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        levels = predicted(given.run, files, out / "measured")
        for file in files:
            predicted(given.run, [file], out / "white", "--sigma", f"{levels.get(file.stem, 0.0):.4g}", "--force")
        for name, where in (("as white", "white"), ("as measured", "measured")):
            columns[name] = {
                f.stem: psnr(pixels(out / where / f"{f.stem}.png"), clean[f.stem])
                for f in files
            }  # fmt: skip
    if (others := non_local_means(files, clean)) is not None:
        columns["non-local means"] = others
    print("| camera | crops |", " | ".join(columns), "|")
    for camera in [*sorted({name.split("_")[0] for name in clean}), ""]:
        names = [name for name in clean if name.startswith(camera)]
        means = [float(np.mean([column[name] for name in names])) for column in columns.values()]
        print(f"| {camera or 'all'} | {len(names)} |", " | ".join(f"{value:.2f}" for value in means), "|")


if __name__ == "__main__":
    main()
