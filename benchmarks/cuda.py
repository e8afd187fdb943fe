"""What dlcli does on a GPU: whether each command runs there and agrees with the CPU, how fast, and how good.

    python benchmarks/cuda.py [--device cuda] [--set12 FOLDER] [--photographs FOLDER] [--out FOLDER] [--minutes M]
    python benchmarks/cuda.py --device cpu --quick

One command that needs nothing but the package, and ends within DEADLINE seconds: each section has a limit, the first
are worth most, and what there was no time for is a row that says so. Each runs in a process of its own, so that
a crash or a hang loses no other, and each figure is on disk as soon as it is known, as FOLDER/SECTION.jsonl;
FOLDER/cuda.md and FOLDER/cuda.json have them all. Set12 and the 400 photographs that the published figures are trained
on are looked for in shared/data/images; without them, images are generated, and quality says little. ``--section
quality --minutes 10`` trains longer. ``--quick`` shows that all of it runs, on any device, in seconds. Exit code 1 if a
section failed or a target was missed.
"""

import argparse
import importlib
import multiprocessing
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

DEADLINE = 450.0  # seconds of the one command, if --minutes isn't given
# Seconds that a section may take, the start of its process among them; of the training beside its minutes.
LIMITS = {"machine": 20, "agreement": 40, "commands": 75, "speed": 70, "quality": 30, "linear": 35}
MINUTES = 3.0
GRACE = 5.0  # seconds after which a section that goes on is ended


def sections() -> dict[str, Callable[..., None]]:
    """The work of each section, by name."""
    from gpu.agreement import agreement
    from gpu.commands import commands
    from gpu.quality import quality
    from gpu.speed import machine, training_speed
    from gpu.tables import linear

    return {
        "machine": machine, "agreement": agreement, "commands": commands, "speed": training_speed,
        "quality": quality, "linear": linear,
    }  # fmt: skip


def run_section(name: str, options: argparse.Namespace, until: float) -> None:
    """One section, in this process, which ends with code 1 if it failed; its failure becomes a row, too."""
    from gpu.quality import found_folder
    from gpu.setting import Setting
    from gpu.table import Table

    table = Table(options.out / f"{name}.jsonl", name)
    rows = options.rows or (5_000 if options.quick else 20_000_000)
    folders = (None, None)
    if not options.quick:
        folders = found_folder(options.set12, "set12"), found_folder(options.photographs, "train400")
    with tempfile.TemporaryDirectory(prefix="dlcli-cuda-") as work:
        setting = Setting(options.device, options.quick, options.minutes or MINUTES, rows, *folders, Path(work), until)
        try:
            sections()[name](setting, table)
        except Exception as error:
            table.add(name, f"failed: {type(error).__name__}: {error}", False, traceback=traceback.format_exc())
            raise SystemExit(1) from None


def run_all(names: list[str], options: argparse.Namespace) -> bool:
    """Each section in a process of its own; true if all ran and all targets hold."""
    from gpu.table import OPEN, Table, read_rows, write_summary

    begun, rows = time.time(), []
    for name in names:
        path = options.out / f"{name}.jsonl"
        path.unlink(missing_ok=True)
        print(f"{name}:", flush=True)
        limit = LIMITS[name] + (60 * (options.minutes or MINUTES) if name == "quality" else 0)
        if options.minutes is None:
            limit = min(limit, begun + DEADLINE - time.time())
        if limit > GRACE:
            ended = run_apart(name, options, limit)
            if ended:
                Table(path, name).add(name, f"failed: {ended}", False)
        else:
            Table(path, name).add(name, f"{OPEN}: no time left")
        rows += read_rows(path)
        cards = [row.value for row in rows if row.what == "card"]
        head = {
            "command": " ".join(["python benchmarks/cuda.py", *sys.argv[1:]]),
            "machine": cards[0] if cards else options.device,
            "seconds": round(time.time() - begun, 1), "sections": names,
        }  # fmt: skip
        write_summary(options.out, rows, head)
    bad = [row for row in rows if row.good is False]
    print(f"\n{len(rows)} figures, {len(bad)} missed, {time.time() - begun:.0f} s; {options.out / 'cuda.md'}")
    for row in bad:
        print(f"  {row.section}: {row}")
    return not bad


def run_apart(name: str, options: argparse.Namespace, limit: float) -> str:
    """A section in a process of its own, for at most ``limit`` seconds; how it failed, if it did without a row.

    A fork has imported everything already; a process that has looked for a GPU can't use it in a fork.
    """
    context = multiprocessing.get_context("fork" if options.device == "cpu" else "spawn")
    process = context.Process(target=run_section, args=(name, options, time.time() + limit - GRACE), daemon=True)
    process.start()
    process.join(limit)
    if process.is_alive():
        process.kill()
        process.join()
        return f"not done after {limit:.0f} s"
    return "" if process.exitcode in (0, 1) else f"the process ended with code {process.exitcode}"


def main() -> None:
    """Run the sections asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", help="cuda, cuda:N, or cpu")
    parser.add_argument("--quick", action="store_true", help="that everything runs, not how fast it is")
    parser.add_argument("--section", choices=[*LIMITS, "all"], default="all")
    parser.add_argument("--out", type=Path, default=Path("cuda-results"))
    parser.add_argument("--set12", type=Path, help="the folder of Set12")
    parser.add_argument("--photographs", type=Path, help="the folder of the photographs to train on")
    parser.add_argument("--minutes", type=float, help=f"of the training; {MINUTES:g} within the {DEADLINE:g} s of all")
    parser.add_argument("--rows", type=int, help="of the table, 20,000,000 unless --quick")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    from dlcli.cli.process import wait_passively

    wait_passively()
    if options.quick:  # nothing is timed for long: threads would mostly wait for each other
        os.environ["OMP_NUM_THREADS"] = "1"
    if options.device == "cpu":
        sections()
        importlib.import_module("torch._dynamo")  # which optimizers import, in each section else
    else:
        import torch

        if not torch.cuda.is_available():
            found = f"torch {torch.__version__} finds no CUDA device"
            sys.exit(f"--device {options.device}: {found}; --device cpu runs the same sections")
    sys.exit(0 if run_all(list(LIMITS) if options.section == "all" else [options.section], options) else 1)


if __name__ == "__main__":
    main()
