"""dlcli train-deconv beside a plain loop, the fastest loop by hand, and Lightning: training images a second.

    python benchmarks/deconv.py [DATA] [--section article|fast|rate|all] [--processes N] [--rounds N] [--seconds S]
                                [--only PATTERN] [--busy]

DATA is a folder of images; without it, the dead leaves that dlcli generates. Every contender trains in processes of its
own, one at a time, in an order that chance makes anew each round, on the same images, network, crops and noise. Two
processes of one contender differ by 1%, so ratios near 1 need several: of each process the median of its rounds counts,
and the intervals (95%) are Student's, from what the processes of a contender differ by. All of it takes 25 minutes.
``--busy`` counts processor seconds of one thread instead of the seconds that pass, for a machine that has other work.
Lightning is left out, and said, where it isn't installed (pip install -e '.[bench]').
Exit code 1 if a target is missed.
"""

import argparse
import importlib.util
import json
import math
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
IMAGES, IMAGE_SIDE = 120, 180
PLAIN, HAND = "plain loop, float32", "hand-written"
ADAM = "dlcli --optimizer adam"
CONTENDERS = (
    "dlcli", "dlcli --compile on", ADAM, f"{ADAM} --compile on", PLAIN,
    f"{HAND}, dlcli's optimizer", f"{HAND}, dlcli's optimizer, compiled",
    f"{HAND}, fused Adam", f"{HAND}, fused Adam, compiled", "Lightning, 32-true", "Lightning, bf16-mixed",
)  # fmt: skip
# Student's 97.5% point by degrees of freedom.
STUDENT = {1: 12.71, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
Answer = dict[str, Any]


class Worker:
    """A contender's process, which rests but for its turns."""

    def __init__(self, contender: str, preset: str, data: Path, errors: Path, busy: bool) -> None:
        command = [sys.executable, str(HERE / "deconv_worker.py"), contender, preset, str(data)]
        self.errors = errors
        with errors.open("w") as stream:
            self.process = subprocess.Popen(
                command + ["--busy"] * busy, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stream, text=True
            )
        self.about = self._answer()
        self.answers: list[Answer] = []

    def measure(self, seconds: float) -> None:
        """Give it its turn."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        self.answers.append(self._answer())

    def close(self) -> None:
        """Let it end."""
        self.process.communicate()

    def rates(self) -> list[float]:
        """Images a second of each round, by its median step."""
        return [a["rate"] for a in self.answers]

    def _answer(self) -> Answer:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            raise SystemExit(f"{self.process.args} failed:\n{self.errors.read_text()[-2000:]}")
        answer: Answer = json.loads(line)
        return answer


def generate(work: Path, channels: int) -> Path:
    """Dead leaves as a .npy file."""
    from dlcli.images.dead_leaves import dead_leaves

    pictures = dead_leaves(IMAGES, IMAGE_SIDE, 0, channels)
    path = work / f"leaves-{channels}.npy"
    np.save(path, np.stack([pictures.pixels(i) for i in range(len(pictures))]))
    return path


def contenders(preset: str) -> list[str]:
    """Those that can run here; the article's network is trained by Adam, so one row has both optimizers."""
    names = [n for n in CONTENDERS if preset != "article" or ("fused Adam" not in n and ADAM not in n)]
    missing = set()
    if importlib.util.find_spec("lightning") is None:
        missing |= {n for n in names if "Lightning" in n}
    if shutil.which(os.environ.get("CXX", "g++")) is None:
        missing |= {n for n in names if "compile" in n}
    for name in sorted(missing):
        print(f"not installed: {name}")
    return [name for name in names if name not in missing]


def measured(preset: str, names: list[str], options: argparse.Namespace, work: Path) -> dict[str, list[Worker]]:
    """All of ``names`` and the matrices, in turn, and that again in new processes."""
    data = options.data or generate(work, 3 if preset == "article" else 1)
    found: dict[str, list[Worker]] = {name: [] for name in [*names, "matrices"]}
    chance = random.Random(0)
    for _ in range(options.processes):
        turns = []
        for number, name in enumerate(found):
            turns.append(Worker(name, preset, data, work / f"{preset}-{number}.txt", options.busy))
            found[name].append(turns[-1])
        for _ in range(options.rounds):
            # Whoever comes after the matrices, say, finds the processor hot: 3% slower.
            chance.shuffle(turns)
            for worker in turns:
                worker.measure(options.seconds)
        for worker in turns:
            worker.close()
    return found


@dataclass(frozen=True)
class Ratio:
    """A mean over processes, and half the width of its 95% interval; infinite for a single process."""

    value: float
    margin: float

    def __str__(self) -> str:
        return f"{self.value:.3f}" + (f" ± {self.margin:.3f}" if math.isfinite(self.margin) else "")


def ratio(a: list[Worker], b: list[Worker]) -> Ratio:
    """How many times as fast ``a`` is as ``b``, which ran beside it."""
    each = [median(ratios(x.rates(), y.rates())) for x, y in zip(a, b, strict=True)]
    if len(each) == 1:
        return Ratio(each[0], math.inf)
    return Ratio(mean(each), STUDENT[min(len(each) - 1, max(STUDENT))] * stdev(each) / math.sqrt(len(each)))


def ratios(a: list[float], b: list[float]) -> list[float]:
    """a by b, round by round: a drift of the machine's speed cancels."""
    return [x / y for x, y in zip(a, b, strict=True)]


def preset_section(preset: str, names: list[str], options: argparse.Namespace, work: Path) -> bool:
    """The table of one preset; true if its targets hold."""
    workers = measured(preset, names, options, work)
    about = workers["dlcli"][0].about
    seconds = "processor seconds of one thread" if options.busy else f"{about['threads']} threads"
    rounds = f"{options.processes} processes each, {options.rounds} rounds of {options.seconds:g} s"
    print(f"\n{preset}: {about['text']}; {seconds}, {rounds}\n")
    print("| | images/s | times dlcli's |")
    print("|---|---|---|")
    times = {name: ratio(workers[name], workers["dlcli"]) for name in names}
    for name in sorted(names, key=lambda n: -times[n].value):
        rate = median(rate for worker in workers[name] for rate in worker.rates())
        print(f"| {name} | {rate:.1f} | {times[name] if name != 'dlcli' else 1} |")
    print()
    good = _rates(workers, about)
    if PLAIN in times:
        # Without bfloat16 arithmetic nothing makes the sums themselves faster.
        bound = 2.0 if about["bfloat16"] else 1.0
        good &= _target("dlcli by the plain loop", ratio(workers["dlcli"], workers[PLAIN]), at_least=bound)
    # Each beside the loops by hand that take the same steps: an optimizer's price is not the engine's. Either may be
    # compiled, for whichever is the faster.
    for ours in ("dlcli", ADAM):
        hands = [n for n in names if n.startswith(HAND) and ("fused Adam" in n) == (ours == ADAM)]
        own = [n for n in (ours, f"{ours} --compile on") if n in names]
        if hands and own:
            best, fastest = (max(group, key=lambda n: times[n].value) for group in (own, hands))
            what = f"{best} by the fastest loop ({fastest})"
            good &= _target(what, ratio(workers[best], workers[fastest]), at_least=1.0)
    return good


def _rates(workers: dict[str, list[Worker]], about: Answer) -> bool:
    """What the data costs, and how near the engine comes to the processor's own rate."""
    rates = [rate for worker in workers["dlcli"] for rate in worker.rates()]
    answers = [answer for worker in workers["dlcli"] for answer in worker.answers]
    matrices = [answer for worker in workers["matrices"] for answer in worker.answers]
    for dtype in ("float32", "bfloat16"):
        print(f"matrix rate, {dtype}: {max(a[dtype] for a in matrices) / 1e9:.0f} GFLOP/s")
    engine = [rate * about["operations"] for rate in rates]
    share = median(ratios(engine, [a["bfloat16"] for a in matrices]))
    each = f"{about['operations'] / 1e9:.2f} GFLOP an image"
    print(f"the engine: {each}, {median(engine) / 1e9:.0f} GFLOP/s, {share:.0%} of the bfloat16 matrix rate")
    pipeline = median([a["pipeline"] / a["seconds"] for a in answers])
    return _target("crops and noise, of dlcli's time", Ratio(pipeline, math.inf), at_most=0.05)


def _target(what: str, found: Ratio, at_least: float = 0.0, at_most: float = float("inf")) -> bool:
    holds = at_least <= found.value <= at_most
    bound = f"at least {at_least:g}" if at_least else f"at most {at_most:g}"
    print(f"{what}: {found} (target {bound}: {'holds' if holds else 'MISSED'})")
    return holds


def main() -> None:
    """Run the sections asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path)
    parser.add_argument("--section", choices=["article", "fast", "rate", "all"], default="all")
    parser.add_argument("--processes", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=0.7)
    parser.add_argument("--only", default="", help="a regular expression: dlcli, and those whose names have it")
    parser.add_argument("--busy", action="store_true")
    options = parser.parse_args()
    good = True
    with tempfile.TemporaryDirectory(prefix="dlcli-bench-") as work:
        for preset in ("article", "fast"):
            if options.section in (preset, "all"):
                names = [n for n in contenders(preset) if n == "dlcli" or re.search(options.only, n)]
                good &= preset_section(preset, names, options, Path(work))
            elif options.section == "rate":
                good &= preset_section(preset, ["dlcli"], options, Path(work))
    print(f"\nload average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
