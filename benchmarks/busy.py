"""What other programs on the same cores cost dlcli: train-deconv, predict and eval, idle and beside busy processes.

    python benchmarks/busy.py
    python benchmarks/busy.py --before 79ce913 --busy 4 --rounds 3

The contenders run in turn: dlcli as it is; with one thread; and with OpenMP's threads spinning for 3 ms while they
wait, which is the OpenMP library's own choice, or with --before the revision named, from a checkout that is removed
again. Training is measured in steps within --seconds, the others in wall seconds of the whole process.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

IMAGES, SIDE = 8, 320
SPINNING = {"GOMP_SPINCOUNT": "300000", "OMP_WAIT_POLICY": ""}  # libgomp's own number where nothing is set


@dataclass(frozen=True)
class Contender:
    """A way to run dlcli: variables of its environment, and options."""

    name: str
    environment: dict[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()

    def run(self, *args: object) -> subprocess.CompletedProcess[str]:
        """Run the command; leave with its error where it fails."""
        unset = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "OMP_NUM_THREADS")
        environment = {name: value for name, value in os.environ.items() if name not in unset}
        environment |= {name: value for name, value in self.environment.items() if value}
        # -P: not the package in the current folder, which would come before that of PYTHONPATH.
        command = [sys.executable, "-P", "-m", "dlcli", *map(str, args), *self.options]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{self.name}: {' '.join(command)}\n{done.stderr}")
        return done


@contextlib.contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that want a core all the time."""
    processes = [subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


@contextlib.contextmanager
def checkout(revision: str) -> Iterator[Path]:
    """The package at ``revision``, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(["git", "archive", revision, "dlcli"], capture_output=True, check=True)
        subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
        yield Path(folder)


def make_images(folder: Path) -> None:
    """Smooth images with a little noise; what they show doesn't matter for the time."""
    folder.mkdir()
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    for number in range(IMAGES):
        random = np.random.default_rng(number)
        picture = 127 + 90 * np.sin(number + 9 * x) * np.cos(7 * y) + random.normal(0, 5, (SIDE, SIDE))
        Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(folder / f"{number:02}.png")


def measure(contender: Contender, folder: Path, seconds: float) -> dict[str, float]:
    """Steps of training in ``seconds``, and wall seconds of predict and eval."""
    run, work = folder / "run", folder / "work"
    trained = contender.run("train-deconv", "--minutes", seconds / 60, "--json", "--out", work, "--force")
    found = {"train-deconv": float(json.loads(trained.stdout)["steps"])}
    for command in ("predict", "eval"):
        extra = ("--out", folder / "restored", "--force") if command == "predict" else ()
        begin = time.perf_counter()
        contender.run(command, run, folder / "images", *extra)
        found[command] = time.perf_counter() - begin
    return found


def table(results: dict[int, dict[str, list[dict[str, float]]]], reference: str) -> None:
    """Medians over the rounds, and how many times as fast dlcli is, from ratios within each round."""
    for count, contenders in results.items():
        print(f"\n| {count} busy processes | train-deconv, steps | predict, s | eval, s |\n|---|---|---|---|")
        for name, rounds in contenders.items():
            cells = []
            for key in ("train-deconv", "predict", "eval"):
                text = f"{statistics.median(r[key] for r in rounds):.4g}"
                if name != reference:
                    pairs = zip(contenders[reference], rounds, strict=True)
                    gains = [a[key] / b[key] if key == "train-deconv" else b[key] / a[key] for a, b in pairs]
                    text += f" (dlcli {statistics.median(gains):.3g} times as fast)"
                cells.append(text)
            print(f"| {name} | " + " | ".join(cells) + " |")


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--busy", type=int, nargs="+", default=[0, 4], help="busy processes beside dlcli")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=16.0, help="of each training")
    parser.add_argument("--before", help="a revision to compare with, such as HEAD~20")
    args = parser.parse_args()
    contenders = [Contender("dlcli"), Contender("one thread", options=("--threads", "1"))]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if args.before:
            old = str(stack.enter_context(checkout(args.before)))
            contenders.append(Contender(f"revision {args.before}", {"PYTHONPATH": old}))
        else:
            contenders.append(Contender("spinning threads", SPINNING))
        make_images(folder / "images")
        contenders[0].run("train-deconv", "--steps", 2, "--out", folder / "run")
        results: dict[int, dict[str, list[dict[str, float]]]] = {}
        for count in args.busy:
            results[count] = {contender.name: [] for contender in contenders}
            for number in range(args.rounds):
                with busy(count):
                    # A rotating order, so that nobody always comes after the same one.
                    for contender in contenders[number % len(contenders) :] + contenders[: number % len(contenders)]:
                        found = measure(contender, folder, args.seconds)
                        results[count][contender.name].append(found)
                        print(f"{count} busy, {contender.name}: {found}", flush=True)
        table(results, "dlcli")


if __name__ == "__main__":
    main()
