"""dlcli tune-lr: what a whole grid costs, what batching networks gains, and what the search saves.

    python benchmarks/tuning.py [DATA] [--section grid|fuse|search|all] [--rounds N] [--seconds S] [--seed N]

``grid``: 64 rates of 1000 steps on a 1,000,000 x 20 CSV beside one fit-linear on it, whole processes in turn.
``fuse``: grids of 32 small networks, batched, one by one, and as --fuse auto decides, whole processes in turn.
``search``: 8 rates x 2 filter counts, denoising DATA/images/train400, ``--seconds`` a full run: the exhaustive grid,
the default search, and plain Optuna (random points, median pruner) on the same training function for the same time.
Exit code 1 if a target is missed.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from measure import in_turn, ratio
from tables.data import DLCLI, generate, write_csv

HERE = Path(__file__).resolve().parent
# filters, crop, batch, depth, optimizer, steps: small networks, and some that are too large for batching to pay.
SHAPES = (
    ("4", 16, 8, 1, "adam", 400),
    ("4", 16, 8, 1, "muon", 300),
    ("4,8", 16, 8, 0, "adam", 400),
    ("8", 16, 8, 1, "adam", 300),
    ("8", 32, 8, 1, "adam", 150),
    ("16", 16, 8, 1, "adam", 150),
    ("16", 32, 8, 2, "adam", 60),
    ("32", 32, 8, 1, "adam", 40),
)
REPLICAS = 32


def report_of(path: Path) -> dict[str, Any]:
    """The document of a run's report.json."""
    document: dict[str, Any] = json.loads((path / "report.json").read_text())
    return document


def target(what: str, value: float, *, at_most: float = float("inf"), at_least: float = float("-inf")) -> bool:
    """Say whether a value holds its target."""
    holds = at_least <= value <= at_most
    bound = f"at most {at_most:g}" if at_most < float("inf") else f"at least {at_least:g}"
    print(f"{what}: {value:.3f} (target {bound}: {'holds' if holds else 'MISSED'})", flush=True)
    return holds


def grid_section(work: Path, rounds: int) -> bool:
    """64 rates beside one."""
    X, y, _ = generate(1_000_000, 2)
    table = work / "big.csv"
    write_csv(table, X, y)
    training = ["fit-linear", str(table), "--target", "y", "--steps", "1000"]
    commands = {
        "one fit": [*DLCLI, *training, "--quiet", "--out", str(work / "one"), "--force"],
        "grid of 64": [
            *DLCLI,
            "tune-lr",
            "--points",
            "64",
            "--quiet",
            "--out",
            str(work / "grid"),
            "--force",
            *training,
        ],
    }
    timings = in_turn(commands, rounds)
    print("| 1,000,000 x 20 | seconds | memory, MB |\n|---|---|---|")
    for name, timing in timings.items():
        if timing.failed:
            raise SystemExit(f"{name}: {timing.failed}")
        print(f"| {name} | {timing.median:.2f} | {timing.megabytes:.0f} |")
    good = target("a grid of 64 by one fit", ratio(timings["grid of 64"], timings["one fit"]), at_most=1.2)
    trials = [t for t in report_of(work / "grid")["trials"] if t["state"] == "complete"]
    worst = 0.0
    for trial in trials[:: max(1, len(trials) // 5)]:
        alone = [
            *DLCLI,
            *training,
            "--quiet",
            "--lr",
            repr(trial["params"]["lr"]),
            "--out",
            str(work / "alone"),
            "--force",
        ]
        subprocess.run(alone, check=True, stderr=subprocess.DEVNULL)
        loss = report_of(work / "alone")["metrics"]["train"]["loss"]
        worst = max(worst, abs(loss - trial["value"]) / abs(loss))
    print(f"largest relative difference from separate runs: {worst:.1e}")
    return good & target("the same, by 1e-9", worst / 1e-9, at_most=1.0)


def fuse_section(work: Path, rounds: int) -> bool:
    """Batched, alone and auto, for each shape."""
    from dlcli.images.dead_leaves import dead_leaves

    pictures = dead_leaves(24, 64, 0, 1)
    data = work / "leaves.npy"
    np.save(data, np.stack([pictures.pixels(i) for i in range(len(pictures))]))
    print(
        f"\n| {REPLICAS} networks: filters, crop, depth, optimizer | alone, s | batched, s | auto, s "
        "| alone by batched | auto by the better |"
    )
    print("|---|---|---|---|---|---|")
    gains, regrets = [], []
    for filters, crop, batch, depth, optimizer, steps in SHAPES:
        training = [
            "train-deconv", str(data), "--filters", filters, "--crop", str(crop), "--batch-size", str(batch), "--depth",
            str(depth), "--optimizer", optimizer, "--steps", str(steps), "--report-every", str(steps), "--val", "0.1",
        ]  # fmt: skip
        commands = {
            fuse: [*DLCLI, "tune-lr", "--points", str(REPLICAS), "--pruner", "none", "--fuse", fuse, "--quiet", "--out",
                   str(work / f"fuse-{fuse}"), "--force", *training]
            for fuse in ("off", str(REPLICAS), "auto")
        }  # fmt: skip
        timings = in_turn(commands, rounds, warm_up=0)
        for fuse, timing in timings.items():
            if timing.failed:
                raise SystemExit(f"--fuse {fuse}: {timing.failed}")
        alone, batched, auto = timings["off"], timings[str(REPLICAS)], timings["auto"]
        gain = ratio(alone, batched)
        better = batched if gain > 1 else alone
        gains.append(gain)
        regrets.append(ratio(auto, better))
        print(
            f"| {filters}, {crop}, {depth}, {optimizer} | {alone.median:.1f} | {batched.median:.1f} "
            f"| {auto.median:.1f} | {gain:.2f} | {regrets[-1]:.2f} |", flush=True
        )  # fmt: skip
    good = target("4 filters, 16x16: alone by batched", gains[0], at_least=2.0)
    return good & target("auto by the better of the two, at worst", max(regrets), at_most=1.1)


def search_section(data: Path, work: Path, seconds: float, seed: int) -> bool:
    """The default search beside the exhaustive grid, and Optuna for the same time."""
    training = ["train-deconv", str(data / "images" / "train400"), "--minutes", str(seconds / 60)]
    options = ["--lr", "1e-3:0.1", "--points", "8", "--vary", "filters=32,64", "--seed", str(seed)]

    def searched(name: str, *extra: str) -> tuple[dict[str, Any], float]:
        start = time.monotonic()
        command = [*DLCLI, "tune-lr", *options, *extra, "--out", str(work / name), *training]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return report_of(work / name), time.monotonic() - start

    default, default_seconds = searched("default")
    print(f"default search: {default_seconds:.0f} s, best {default['best']['params']}", flush=True)
    script = [sys.executable, str(HERE / "search" / "plain_optuna.py")]
    peer = [*script, str(seed), str(default_seconds), "1e-3:0.1", "8", "32,64", *training]
    optuna = json.loads(subprocess.run(peer, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    print(f"Optuna: {optuna['seconds']:.0f} s, {optuna['trials']} trials, best {optuna['best']}", flush=True)
    grid, grid_seconds = searched("exhaustive", "--pruner", "none", "--fuse", "off")
    full = {_key(t["params"]): t["value"] if t["value"] is not None else float("-inf") for t in grid["trials"]}
    best = max(full.values())
    for (rate, filters), value in sorted(full.items(), key=lambda item: -item[1]):
        print(f"  exhaustive: lr {rate}, filters {filters}: {value:.3f} dB")
    print("\n| | seconds | of the grid's | runs | setting found | its fully trained PSNR | below the best |")
    print("|---|---|---|---|---|---|---|")
    rows = (
        ("exhaustive grid", grid_seconds, len(grid["trials"]), grid["best"]["params"]),
        ("dlcli tune-lr", default_seconds, len(default["trials"]), default["best"]["params"]),
        ("Optuna, random + median pruner", optuna["seconds"], optuna["trials"], optuna["best"]),
    )
    for name, took, runs, params in rows:
        value = full[_key(params)]
        shown = ", ".join(f"{n} {v:.4g}" if isinstance(v, float) else f"{n} {v}" for n, v in params.items())
        print(
            f"| {name} | {took:.0f} | {took / grid_seconds:.2f} | {runs} | {shown} | {value:.3f} | {best - value:.3f} |"
        )
    good = target("dB below the exhaustive grid's best", best - full[_key(default["best"]["params"])], at_most=0.05)
    return good & target("of the exhaustive grid's time", default_seconds / grid_seconds, at_most=0.35)


def _key(params: dict[str, Any]) -> tuple[str, str]:
    return f"{float(params['lr']):.6g}", str(params["filters"])


def main() -> None:
    """Run the sections asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path)
    parser.add_argument("--section", choices=["grid", "fuse", "search", "all"], default="all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0, help="of the search: its trials' seeds, and Optuna's points")
    options = parser.parse_args()
    good = True
    with tempfile.TemporaryDirectory(prefix="dlcli-bench-") as folder:
        work = Path(folder)
        if options.section in ("grid", "all"):
            good &= grid_section(work, options.rounds)
        if options.section in ("fuse", "all"):
            good &= fuse_section(work, max(1, options.rounds // 2))
        if options.section in ("search", "all"):
            if options.data is None:
                parser.error("the section 'search' needs DATA")
            good &= search_section(options.data, work, options.seconds, options.seed)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
