"""A folder of very many small images: how long until the first step, and what share of a step reading takes.

    python benchmarks/scale/many_files.py [--count 20000] [--sides 64,32]

PNG files in ten class folders are made in a temporary folder, and removed. ``first step`` is the time from the start
of the command to the end of step 1: Python's start, the reading of all files and the first validation are in it.
``batch`` is what comes before the network in a step: crops, flips, noise; ``share`` is its share of a step.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES, BATCHES, STEPS = 10, 30, 40


def make(folder: Path, count: int, side: int) -> None:
    """``count`` color images with structures of several sizes, as photographs have, which PNG cannot shrink away."""
    rng = np.random.default_rng(side)
    for name in range(CLASSES):
        (folder / f"class{name}").mkdir(parents=True)
    for number in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)).resize((side, side), Image.BICUBIC)
        pixels = np.clip(np.asarray(coarse) + rng.normal(0, 6, (side, side, 1)), 0, 255).astype(np.uint8)
        name = folder / f"class{number % CLASSES}" / f"{number:06d}.png"
        Image.fromarray(pixels).save(name, compress_level=1)


def command(folder: Path, task: str, out: Path, *more: str) -> list[str]:
    """The words of a training."""
    return [
        sys.executable, "-m", "dlcli", "train-deconv", str(folder), "--task", task, "--plots", "none",
        "--out", str(out), *more,
    ]  # fmt: skip


def first_step(folder: Path, task: str, out: Path) -> float:
    """Seconds from the start of the command to its report of step 0, after which the first step begins."""
    begun = time.perf_counter()
    words = command(folder, task, out, "--steps", "1", "--report-every", "1")
    with subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        for line in process.stderr:
            if line.startswith("step 0 "):
                return time.perf_counter() - begun
    raise SystemExit(f"train-deconv ended with {process.returncode} before its first step")


def step_time(folder: Path, task: str, out: Path) -> float:
    """Seconds a step, without validation, of the second half of a training."""
    half = str(STEPS // 2)
    words = command(folder, task, out, "--steps", str(STEPS), "--report-every", half, "--val", "0", "--quiet")
    subprocess.run(words, check=True)
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    (before, after) = (next(row for row in rows if row["step"] == step) for step in (STEPS // 2, STEPS))
    return (after["seconds"] - before["seconds"]) / (STEPS - STEPS // 2)


def batch_time(folder: Path, task: str) -> float:
    """Seconds that a batch takes, as the command makes them, by the median."""
    from dlcli.config.train_deconv import TrainDeconvConfig
    from dlcli.engine.progress import Silent
    from dlcli.engine.ranks import ALONE
    from dlcli.networks.data.load import read_images
    from dlcli.networks.training.plan import ImageFacts, image_settings, make_plan, restoration_of
    from dlcli.networks.training.problem import make_problem

    config = TrainDeconvConfig(data=(str(folder),), task=task)
    images = read_images(image_settings(config), Silent())
    restoration = restoration_of(config)
    plan = make_plan(config, ImageFacts.of(images, restoration), "cpu", ALONE)
    problem = make_problem(plan, images, restoration)
    times = []
    for step in range(BATCHES):
        begun = time.perf_counter()
        problem.batches(step, plan.batches.size)
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def main() -> None:
    """Print a row for each side and task."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--sides", default="64,32")
    given = parser.parse_args()
    print("| images | task | first step, s | step, ms | batch, ms | share |\n|---|---|---|---|---|---|")
    for side in map(int, given.sides.split(",")):
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "images"
            make(folder, given.count, side)
            for task in ("denoise", "classify"):
                first = first_step(folder, task, Path(temporary) / f"first-{task}")
                step = step_time(folder, task, Path(temporary) / f"steps-{task}")
                batch = batch_time(folder, task)
                print(
                    f"| {given.count:,} of {side} x {side} | {task} | {first + step:.1f} | {1e3 * step:.0f} | "
                    f"{1e3 * batch:.2f} | {batch / step:.1%} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
