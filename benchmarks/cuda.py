"""What dlcli does on a GPU: whether each command runs there and agrees with the CPU, how fast, and how good.

    python benchmarks/cuda.py [--device cuda] [--set12 FOLDER] [--photographs FOLDER] [--out FOLDER] [--minutes M]
    python benchmarks/cuda.py --device cpu --quick

One command, under eight minutes on an H100, that needs nothing but the package. Each section runs in a process of its
own, so that a crash or a hang loses no other, and each figure is on disk as soon as it is known: FOLDER/cuda.md and
FOLDER/cuda.json. Set12 and the 400 photographs that the published figures are trained on are looked for in
shared/data/images; without them, images are generated, and quality says little. ``--quick`` shows that all of it runs,
on any device, in well under a minute. Exit code 1 if a section failed or a target was missed.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Seconds that a section may take; of the training beside its minutes.
LIMITS = {"machine": 60, "commands": 150, "speed": 150, "quality": 60, "linear": 150}


def sections() -> dict[str, Callable[..., None]]:
    """The work of each section, by name."""
    from gpu.commands import commands
    from gpu.quality import quality
    from gpu.speed import machine, training_speed
    from gpu.tables import linear

    return {"machine": machine, "commands": commands, "speed": training_speed, "quality": quality, "linear": linear}


def run_section(name: str, options: argparse.Namespace) -> int:
    """One section, in this process; its failure becomes a row, too."""
    from gpu.quality import found_folder
    from gpu.setting import Setting
    from gpu.table import Table

    from dlcli.cli.process import wait_passively

    wait_passively()
    table = Table(options.out / f"{name}.jsonl", name)
    rows = options.rows or (20_000 if options.quick else 20_000_000)
    folders = (None, None) if options.quick else (options.set12, options.photographs)
    if not options.quick:
        folders = found_folder(options.set12, "set12"), found_folder(options.photographs, "train400")
    with tempfile.TemporaryDirectory(prefix="dlcli-cuda-") as work:
        setting = Setting(options.device, options.quick, options.minutes, rows, *folders, Path(work))
        try:
            sections()[name](setting, table)
        except Exception as error:
            table.add(name, f"failed: {type(error).__name__}: {error}", False, traceback=traceback.format_exc())
            return 1
    return 0


def run_all(names: list[str], options: argparse.Namespace) -> bool:
    """Each section in a process of its own; true if all ran and all targets hold."""
    from gpu.table import Table, read_rows, write_summary

    begun, rows = time.perf_counter(), []
    # Nothing is timed for long: threads would mostly wait for each other, and for whatever else is running.
    environment = os.environ | ({"OMP_NUM_THREADS": "1"} if options.quick else {})
    for name in names:
        path = options.out / f"{name}.jsonl"
        path.unlink(missing_ok=True)
        print(f"{name}:", flush=True)
        words = [word for word in sys.argv[1:] if word != "--"]
        command = [sys.executable, str(HERE / "cuda.py"), *words, "--out", str(options.out), "--child", name]
        limit = LIMITS[name] + (60 * options.minutes if name == "quality" else 0)
        try:
            code = subprocess.run(command, timeout=limit, check=False, env=environment).returncode
            ended = "" if code in (0, 1) else f"the process ended with code {code}"
        except subprocess.TimeoutExpired:
            ended = f"not done after {limit:.0f} s"
        if ended:
            Table(path, name).add(name, f"failed: {ended}", False)
        rows += read_rows(path)
        cards = [row.value for row in rows if row.what == "card"]
        head = {
            "command": " ".join(["python benchmarks/cuda.py", *words]),
            "machine": cards[0] if cards else options.device,
            "seconds": round(time.perf_counter() - begun, 1), "sections": names,
        }  # fmt: skip
        write_summary(options.out, rows, head)
    bad = [row for row in rows if row.good is False]
    print(f"\n{len(rows)} figures, {len(bad)} missed, {time.perf_counter() - begun:.0f} s; {options.out / 'cuda.md'}")
    for row in bad:
        print(f"  {row.section}: {row}")
    return not bad


def main() -> None:
    """Run the sections asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", help="cuda, cuda:N, or cpu")
    parser.add_argument("--quick", action="store_true", help="that everything runs, not how fast it is")
    parser.add_argument("--section", choices=[*LIMITS, "all"], default="all")
    parser.add_argument("--out", type=Path, default=Path("cuda-results"))
    parser.add_argument("--set12", type=Path, help="the folder of Set12")
    parser.add_argument("--photographs", type=Path, help="the folder of the photographs to train on")
    parser.add_argument("--minutes", type=float, default=5.0, help="of the training")
    parser.add_argument("--rows", type=int, help="of the table, 20,000,000 unless --quick")
    parser.add_argument("--child", choices=list(LIMITS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.child:
        sys.exit(run_section(options.child, options))
    if options.device != "cpu":
        import torch

        if not torch.cuda.is_available():
            found = f"torch {torch.__version__} finds no CUDA device"
            sys.exit(f"--device {options.device}: {found}; --device cpu runs the same sections")
    sys.exit(0 if run_all(list(LIMITS) if options.section == "all" else [options.section], options) else 1)


if __name__ == "__main__":
    main()
