"""train-deconv by one and by two processes: images per second of the default network, start-up and reports aside."""

import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from scale.row import Row

IMAGES, SIDE = 12, 320
STEPS = 24  # the first half of which is not timed


@dataclass(frozen=True)
class Contender:
    """So many processes of so many threads each, started by torchrun or not."""

    name: str
    processes: int
    threads: int
    torchrun: bool

    def rate(self, images: Path, out: Path, steps: int, more: tuple[str, ...]) -> float:
        """Images per second between the report after the first half of the steps and the last one."""
        launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={self.processes}"]
        command = [
            sys.executable, *(launcher if self.torchrun else []), "-m", "dlcli", "train-deconv", str(images),
            "--out", str(out), "--force", "--plots", "none", "--threads", str(self.threads), "--device", "cpu",
            "--steps", str(steps), "--report-every", str(steps // 2), "--val", "0.1", "--json", *more,
        ]  # fmt: skip
        done = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{self.name}: {' '.join(command)}\n{done.stderr}")
        report = json.loads(done.stdout)
        assert report["environment"]["processes"] == self.processes
        lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
        first, last = lines[-2:]
        return float(report["batch_size"] * (last["step"] - first["step"]) / (last["seconds"] - first["seconds"]))


ONE = Contender("one process of one thread", 1, 1, torchrun=False)
LAUNCHED = Contender("the same under torchrun", 1, 1, torchrun=True)
RANKS = Contender("two processes of one thread each", 2, 1, torchrun=True)
THREADS = Contender("one process of two threads", 1, 2, torchrun=False)


def measure(folder: Path, rounds: int, *, quick: bool) -> list[Row]:
    """The section's table; the files are made in ``folder``."""
    images = folder / "images"
    _make_images(images)
    more = ("--filters", "4,4", "--crop", "16", "--batch-size", "4") if quick else ()
    rates: dict[Contender, list[float]] = {c: [] for c in (ONE, LAUNCHED, RANKS, THREADS)}
    for number in range(rounds + (not quick)):  # the first round fills caches
        for contender, found in rates.items():
            rate = contender.rate(images, folder / "run", 4 if quick else STEPS, more)
            if quick or number:
                found.append(rate)
            print(f"round {number}: {contender.name}, {rate:.1f} images per second", file=sys.stderr, flush=True)

    def ratio(a: Contender, b: Contender) -> float:
        return statistics.median(x / y for x, y in zip(rates[a], rates[b], strict=True))

    return [
        *(Row(f"{c.name}, images per second", f"{statistics.median(found):.1f}") for c, found in rates.items()),
        Row.at_least("two processes : one, one thread each", ratio(RANKS, ONE), 1.8),
        Row.at_least("two processes of one thread : one of two", ratio(RANKS, THREADS), 1.0),
        Row.at_most("time under torchrun : without, one process", ratio(ONE, LAUNCHED), 1.01),
    ]


def _environment() -> dict[str, str]:
    unset = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "OMP_NUM_THREADS", "RANK", "WORLD_SIZE")
    return {name: value for name, value in os.environ.items() if name not in unset}


def _make_images(folder: Path) -> None:
    """Smooth images with a little noise; what they show doesn't matter for the time."""
    folder.mkdir()
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    for number in range(IMAGES):
        random = np.random.default_rng(number)
        picture = 127 + 90 * np.sin(number + 9 * x) * np.cos(7 * y) + random.normal(0, 5, (SIDE, SIDE))
        Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(folder / f"{number:02}.png")
