"""What other programs on the same cores cost dlcli: train-deconv, predict and fit-linear beside k busy processes.

    python benchmarks/busy.py
    python benchmarks/busy.py --quick
    python benchmarks/busy.py --sections train-deconv --busy 0 4 --minutes 4

dlcli as it is, and three fixed settings, take turns: one thread; two threads that wait actively, as libraries have them
where nothing is set; and two that sleep while they wait. In the fixed settings threads share each operation, as
PyTorch has them. Rounds are repeated until --minutes are over; the first one has every cell. Printed are medians of
steps per second of training, and runs per minute of the other commands, start of the program included, as shares of
the best fixed setting's, and processor time as a multiple of dlcli's own beside no busy process.
"""

import argparse
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

TRAINED_ON, IMAGES, SIDE = 4, 24, 320
ROWS, COLUMNS = 400_000, 20
THREADS = 2
SECTIONS = ("train-deconv", "predict", "fit-linear")
OWN = "dlcli"
UNSET = (
    "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
    "OPENBLAS_THREAD_TIMEOUT", "POLARS_MAX_THREADS",
)  # fmt: skip
# What a fixed setting runs: networks without lanes, whose threads share each operation.
SHARED = """
import runpy
import dlcli.networks.lanes as lanes
import dlcli.networks.training.step.lanes as training
lanes.MOST = 1
training.ONE_THREAD, training.PER_LANE = 0, float("inf")
runpy.run_module("dlcli", run_name="__main__", alter_sys=True)
"""


@dataclass(frozen=True)
class Cost:
    """What one run took: the amount of work done (steps; 1 for a command that runs to its end), and seconds."""

    work: float
    wall: float
    processor: float


@dataclass(frozen=True)
class Contender:
    """A way to run dlcli: so many threads (0: its own choice), which wait as ``environment`` says."""

    name: str
    threads: int = 0
    environment: tuple[tuple[str, str], ...] = ()

    def run(self, *args: object) -> tuple[str, Cost]:
        """Run the command and return what it printed; leave with its error where it fails."""
        environment = {name: value for name, value in os.environ.items() if name not in UNSET}
        words, code = [*map(str, args)], ["-m", "dlcli"]
        if self.threads:
            for name in ("OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"):
                environment[name] = str(self.threads)
            environment.update(self.environment)
            if words[0] != "fit-linear":
                words += ["--threads", str(self.threads)]
                code = ["-c", SHARED]
        before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        command = [sys.executable, "-P", *code, *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            sys.exit(f"{self.name}: {' '.join(words)}\n{done.stderr}")
        processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return done.stdout, Cost(1, wall, processor)


CONTENDERS = (
    Contender(OWN),
    Contender("one thread", 1),
    Contender(
        f"{THREADS} threads, active", THREADS, (("GOMP_SPINCOUNT", "300000"), ("OPENBLAS_THREAD_TIMEOUT", "26")),
    ),
    Contender(
        f"{THREADS} threads, passive", THREADS,
        (("OMP_WAIT_POLICY", "PASSIVE"), ("GOMP_SPINCOUNT", "0"), ("OPENBLAS_THREAD_TIMEOUT", "4")),
    ),
)  # fmt: skip
Results = dict[tuple[str, int, str], list[Cost]]  # by section, busy processes and contender


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


def make_images(folder: Path, count: int) -> None:
    """Smooth images with a little noise; what they show doesn't matter for the time."""
    folder.mkdir()
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    for number in range(count):
        random = np.random.default_rng(number)
        picture = 127 + 90 * np.sin(number + 9 * x) * np.cos(7 * y) + random.normal(0, 5, (SIDE, SIDE))
        Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(folder / f"{number:02}.png")


def make_table(path: Path) -> None:
    """Rows of CSV, the last column a linear function of the others with noise."""
    random = np.random.default_rng(0)
    x = random.normal(size=(ROWS, COLUMNS - 1))
    rows = np.column_stack([x, x @ random.normal(size=COLUMNS - 1) + random.normal(size=ROWS)])
    header = ",".join([*(f"x{i}" for i in range(COLUMNS - 1)), "y"])
    np.savetxt(path, rows, "%.6f", ",", header=header, comments="")


class Bench:
    """The commands on data in ``folder``; training runs for ``seconds``."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self.folder, self.seconds = folder, seconds
        self._starts: dict[str, float] = {}  # processor seconds of a training of one step
        make_images(folder / "images", TRAINED_ON)
        make_images(folder / "degraded", IMAGES)

    def prepare(self, sections: list[str]) -> None:
        """What the commands need of each other."""
        if "predict" in sections:
            CONTENDERS[0].run("train-deconv", "--steps", 2, "--out", self.folder / "run")
        if "fit-linear" in sections:
            make_table(self.folder / "table.csv")
        if "train-deconv" in sections:
            for contender in CONTENDERS:
                cost = contender.run(*self._training(), "--steps", 1)[1]
                self._starts[contender.name] = cost.processor

    def _training(self) -> tuple[object, ...]:
        out = ("--out", self.folder / "work", "--force", "--plots", "none")
        # Without validation: what is left is steps.
        return ("train-deconv", self.folder / "images", "--val", 0, "--json", *out)

    def measure(self, section: str, contender: Contender, count: int) -> Cost:
        """One run of the section's command, beside ``count`` busy processes."""
        folder = self.folder
        if section == "predict":
            out = ("--out", folder / "restored", "--force")
            return contender.run("predict", folder / "run", folder / "degraded", *out)[1]
        if section == "fit-linear":
            out = ("--out", folder / "fit", "--force", "--plots", "none")
            return contender.run("fit-linear", folder / "table.csv", "--target", "y", *out)[1]
        # Always of the same depth, whatever the time suggests.
        text, cost = contender.run(*self._training(), "--minutes", self.seconds * (1 + count / 4) / 60, "--depth", 4)
        report = json.loads(text)
        steps = report["last"]["step"]
        wall = steps * report["batch_size"] / report["images_per_second"]  # of the steps alone
        return Cost(steps, wall, max(cost.processor - self._starts[contender.name], 0))


def rounds(bench: Bench, sections: list[str], counts: list[int], minutes: float) -> Results:
    """All cells in turn, until ``minutes`` are over."""
    results: Results = defaultdict(list)
    end, number, longest = time.monotonic() + 60 * minutes, 0, defaultdict(float)
    while True:
        for count in counts:
            for section in sections:
                begin = time.monotonic()
                if number and begin + longest[section, count] > end:
                    continue
                # A rotating order, so that nobody always comes after the same one.
                shift = number % len(CONTENDERS)
                with busy(count):
                    for contender in CONTENDERS[shift:] + CONTENDERS[:shift]:
                        cost = bench.measure(section, contender, count)
                        results[section, count, contender.name].append(cost)
                        print(
                            f"{count} busy, {section}, {contender.name}: {cost.work:g} in {cost.wall:.2f} s, "
                            f"{cost.processor / cost.work:.3f} s of processor time each", flush=True,
                        )  # fmt: skip
                longest[section, count] = max(longest[section, count], time.monotonic() - begin)
        number += 1
        if time.monotonic() + min(longest.values()) > end:
            return results


def rate(costs: list[Cost]) -> float:
    """Median of work per second."""
    return statistics.median(cost.work / cost.wall for cost in costs)


def processor(costs: list[Cost]) -> float:
    """Median of processor seconds for each piece of work."""
    return statistics.median(cost.processor / cost.work for cost in costs)


def tables(results: Results, sections: list[str], counts: list[int]) -> None:
    """A table for each section: rates as shares of the best fixed setting's; processor time of dlcli's own, idle."""
    for section in sections:
        unit = "steps/s" if section == "train-deconv" else "runs/min"
        scale = 1 if section == "train-deconv" else 60
        idle = processor(results[section, min(counts), OWN])
        print(f"\n{section}\n\n| busy | rounds | " + " | ".join(c.name for c in CONTENDERS) + " |")
        print("|---" * (len(CONTENDERS) + 2) + "|")
        for count in counts:
            costs = {c.name: results[section, count, c.name] for c in CONTENDERS}
            best = max(rate(found) for name, found in costs.items() if name != OWN)
            cells = [
                f"{scale * rate(found):.3g} {unit}, {rate(found) / best:.2f}; processor {processor(found) / idle:.2f}"
                for found in costs.values()
            ]
            print(f"| {count} | {len(costs[OWN])} | " + " | ".join(cells) + " |")


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--busy", type=int, nargs="+", default=[0, 2, 4, 8], help="busy processes beside dlcli")
    parser.add_argument("--minutes", type=float, default=10.5, help="begin no further round that would end later")
    parser.add_argument(
        "--seconds", type=float, default=6.0, help="of each training; a quarter more for each busy process"
    )
    parser.add_argument("--quick", action="store_true", help="one round beside 0 and 4 processes, shorter trainings")
    args = parser.parse_args()
    counts, minutes, seconds = ([0, 4], 0.0, 3.0) if args.quick else (args.busy, args.minutes, args.seconds)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"{cores} cores, load before {os.getloadavg()[0]:.1f}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), seconds)
        begin = time.monotonic()
        bench.prepare(args.sections)
        results = rounds(bench, args.sections, counts, minutes - (time.monotonic() - begin) / 60)
    tables(results, args.sections, counts)


if __name__ == "__main__":
    main()
