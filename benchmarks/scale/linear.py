"""fit-linear on 20,000,000 rows of 20 columns of CSV: memory, and time beside polars' alone on the same file."""

import shutil
import statistics
import sys
from pathlib import Path

import numpy as np
import polars as pl
from measure import run_once

from scale.row import Row

ROWS, QUICK_ROWS, CHUNK = 20_000_000, 100_000, 500_000
FEATURES = [f"x{j}" for j in range(18)]  # beside a number and a class
MOST_ROUNDS = 3
MEMORY = 1.5  # GiB
SLOWER = 1.3  # than polars
SPACE = 4.5  # GiB that the file takes, and some
SCAN = (
    "import sys, polars as pl; pl.scan_csv(sys.argv[1]).select(pl.exclude('label').sum()).collect(engine='streaming')"
)


def measure(folder: Path, rounds: int, *, quick: bool, rows: int = 0) -> list[Row]:
    """The section's table; the files are made in ``folder``."""
    rows = rows or (QUICK_ROWS if quick else ROWS)
    free = shutil.disk_usage(folder).free / 2**30
    if free < 2 * SPACE * rows / ROWS:  # and the rows of logistic regression, in a file of their own
        sys.exit(f"{rows:,} rows need {2 * SPACE * rows / ROWS:.1f} GiB, and {folder} has {free:.1f}: give --rows")
    whole, start = folder / "whole.csv", folder / "start.csv"
    make(whole, rows)
    make(start, 1000)
    contenders = {
        "polars scans the file": lambda path: [sys.executable, "-c", SCAN, str(path)],
        "least squares": lambda path: _fit(folder, path, "y", "label"),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    starts: dict[str, list[float]] = {name: [] for name in contenders}
    memory = dict.fromkeys([*contenders, "logistic"], 0.0)
    for number in range(min(rounds, MOST_ROUNDS) + (not quick)):  # the first round fills caches
        for name, command in contenders.items():
            beginning, _ = _timed(command(start))
            taken, used = _timed(command(whole))
            memory[name] = max(memory[name], used)
            if number or quick:
                starts[name].append(beginning)
                seconds[name].append(taken - beginning)
    begun, _ = _timed(_fit(folder, start, "label", "y"))
    taken, memory["logistic"] = _timed(_fit(folder, whole, "label", "y"))
    pairs = zip(seconds["least squares"], seconds["polars scans the file"], strict=True)
    size = whole.stat().st_size / 2**30
    return [
        Row("the file", f"{rows:,} x 20 rows, {size:.2f} GiB"),
        *(
            Row(name, f"{statistics.median(each):.2f} s after {statistics.median(starts[name]):.2f} s of start-up")
            for name, each in seconds.items()
        ),
        Row.at_most("least squares, times polars alone", statistics.median(a / b for a, b in pairs), SLOWER),
        Row.at_most("least squares, GiB of memory", memory["least squares"], MEMORY),
        Row("logistic regression", f"{taken - begun:.2f} s after {begun:.2f} s of start-up"),
        Row.at_most("logistic regression, GiB of memory", memory["logistic"], MEMORY),
        Row("polars, GiB of memory", f"{memory['polars scans the file']:.3f}"),
    ]


def make(path: Path, rows: int) -> None:
    """A file of 18 features, a number and one of two classes that they tell of."""
    random = np.random.default_rng(0)
    slopes = random.normal(size=len(FEATURES))
    with path.open("wb") as file:
        for first in range(0, rows, CHUNK):
            count = min(CHUNK, rows - first)
            X = random.normal(size=(count, len(FEATURES)))
            y = X @ slopes + random.normal(size=count)
            label = np.where(y + 3 * random.logistic(size=count) > 0, "yes", "no")
            frame = pl.DataFrame({name: X[:, j] for j, name in enumerate(FEATURES)} | {"y": y, "label": label})
            frame.write_csv(file, include_header=not first, float_precision=5)


def _fit(folder: Path, path: Path, target: str, drop: str) -> list[str]:
    return [
        sys.executable, "-m", "dlcli", "fit-linear", str(path), "--target", target, "--drop", drop, "--plots", "none",
        "--out", str(folder / "run"), "--force", "--device", "cpu", "--quiet",
    ]  # fmt: skip


def _timed(command: list[str]) -> tuple[float, float]:
    """Seconds, and GiB of memory at most."""
    seconds, megabytes, failed = run_once(command)
    if failed:
        sys.exit(f"{' '.join(command)}\n{failed}")
    return seconds, megabytes / 1024
