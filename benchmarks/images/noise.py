"""Noise measured from single images, beside the noise that is in them and beside scikit-image's estimate.

    python benchmarks/images/noise.py DATA [--section white|photons|camera]

DATA is a folder with images/set12, images/bsd68, images/train400 and polyu. White noise is measured not clipped, and as
a file of 8 bits has it: rounded, and cut at 0 and 255. Errors are relative, in percent: mean absolute one, and the mean
in brackets.
Photons: train400 as the mean of Poisson noise (gain) with Gaussian noise (read), image by image and 50 together; and
counts of a camera in 16 bits: 1 to 50 photons, offset 100 (given), gain 2, 512 x 512 dead leaves, one and 8 together.
Camera: the crops of polyu, whose true noise is what differs from the mean of many shots.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.restoration import estimate_sigma

from dlcli.images.dead_leaves import dead_leaves
from dlcli.images.noise.measure import measured_noise
from dlcli.images.noise.pool import pooled

SIGMAS = (5, 10, 15, 25, 50)


def gray(folder: Path) -> list[np.ndarray]:
    """The images of a folder as floats."""
    return [np.asarray(Image.open(path).convert("L"), dtype=np.float64) for path in sorted(folder.glob("*.png"))]


def shown(errors: list[float]) -> str:
    """Mean absolute error and mean error in percent."""
    return f"{100 * np.mean(np.abs(errors)):.1f} ({100 * np.mean(errors):+.1f})"


def white(data: Path) -> None:
    """White Gaussian noise on photographs."""
    print("| | sigma |", " | ".join(map(str, SIGMAS)), "| mean | ms an image |")
    for name in ("set12", "bsd68"):
        images = gray(data / "images" / name)
        for eight_bit in (False, True):
            rows: dict[str, list[list[float]]] = {"dlcli": [], "scikit-image": []}
            seconds = dict.fromkeys(rows, 0.0)
            for sigma in SIGMAS:
                for errors in rows.values():
                    errors.append([])
                for number, image in enumerate(images):
                    noisy = image + np.random.default_rng([number, sigma]).normal(0, sigma, image.shape)
                    if eight_bit:
                        noisy = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
                    begun = time.process_time()
                    rows["dlcli"][-1].append((measured_noise(noisy[:, :, None]).sigma or 0.0) / sigma - 1)
                    seconds["dlcli"] += time.process_time() - begun
                    begun = time.process_time()
                    rows["scikit-image"][-1].append(float(estimate_sigma(noisy.astype(np.float64))) / sigma - 1)
                    seconds["scikit-image"] += time.process_time() - begun
            for program, errors in rows.items():
                mean = 100 * np.mean(np.abs(np.concatenate(errors)))
                taken = 1e3 * seconds[program] / (len(images) * len(SIGMAS))
                kind = f"{name}, {'8 bits' if eight_bit else 'not clipped'}"
                print(f"| {kind} | {program} |", " | ".join(map(shown, errors)), f"| {mean:.1f} | {taken:.0f} |")
                sys.stdout.flush()


def photons(data: Path) -> None:
    """Poisson-Gaussian noise."""
    print("| mean of the counts | gain, read noise | one: gain | one: read | together: gain | together: read |")
    photographs = gray(data / "images" / "train400")[::4]
    for gain, read in ((1.0, 5.0), (2.0, 10.0), (4.0, 5.0), (4.0, 20.0)):
        noisy = []
        for number, image in enumerate(photographs):
            random = np.random.default_rng([number, int(gain), int(read)])
            noisy.append(gain * random.poisson(image / gain) + random.normal(0, read, image.shape))
        row("train400", noisy, (gain, read), 50, 0.0)
    made = dead_leaves(24, 512, 11, 1)
    scenes = [1 + made.pixels(i)[:, :, 0] * (49 / 255.0) for i in range(24)]
    for read in (2.0, 6.0):
        noisy = []
        for number, scene in enumerate(scenes):
            random = np.random.default_rng([number, int(read)])
            counts = 100 + 2 * random.poisson(scene) + random.normal(0, read, scene.shape)
            noisy.append(np.clip(np.rint(counts), 0, 65535).astype(np.uint16))
        row("1 to 50 photons, offset 100", noisy, (2.0, read), 8, 100.0)


def row(name: str, images: list[np.ndarray], true: tuple[float, float], many: int, offset: float) -> None:
    """One row of the table of Poisson-Gaussian noise."""
    measures = [measured_noise(image[:, :, None], offset) for image in images]
    together = [pooled(measures[start : start + many], offset) for start in range(0, len(images), many)]
    cells = []
    for some in (measures, together):
        found = [one.channels[0] for one in some if one.channels]
        cells += [shown([c.gain / true[0] - 1 for c in found]), shown([c.read / true[1] - 1 for c in found])]
    print(f"| {name} | {true[0]:g}, {true[1]:g} |", " | ".join(cells), "|", flush=True)


def camera(data: Path) -> None:
    """Noise of cameras' JPEG files."""
    print("| camera | crops | correlated | sigma / true | scikit-image / true | lags 1 to 3 | true |")
    by_camera: dict[str, list[list[float]]] = {}
    for path in sorted((data / "polyu" / "noisy").glob("*.jpg")):
        noisy = np.asarray(Image.open(path))
        rest = noisy - np.asarray(Image.open(data / "polyu" / "clean" / path.name), dtype=np.float64)
        rest -= rest.mean(axis=(0, 1))
        found = measured_noise(noisy)
        true = float(np.sqrt(np.square(rest).mean()))
        plain = float(np.sqrt(np.mean(np.square(estimate_sigma(noisy.astype(np.float64), channel_axis=2)))))
        lags = np.mean([c.autocorrelation for c in found.channels], axis=0)
        pairs = [(rest[lag:] * rest[:-lag]).mean() + (rest[:, lag:] * rest[:, :-lag]).mean() for lag in (1, 2, 3)]
        values = [not found.white, found.sigma / true, plain / true, *lags, *(np.array(pairs) / 2 / true**2)]
        by_camera.setdefault(path.name.split("_")[0], []).append(values)
    for name, rows in by_camera.items():
        mean = np.mean(rows, axis=0)
        ratio = [f"{mean[c]:.2f} (sd {np.std(rows, axis=0)[c]:.2f})" for c in (1, 2)]
        lags = [", ".join(f"{v:.2f}" for v in mean[start : start + 3]) for start in (3, 6)]
        print(f"| {name} | {len(rows)} | {mean[0]:.0%} |", " | ".join([*ratio, *lags]), "|")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--section", choices=("white", "photons", "camera"))
    arguments = parser.parse_args()
    for section in (white, photons, camera):
        if arguments.section in (None, section.__name__):
            section(arguments.data)


if __name__ == "__main__":
    main()
