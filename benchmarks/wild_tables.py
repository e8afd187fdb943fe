"""How many tables of a folder ``dlcli fit-linear FILE --target COLUMN`` fits at the first try, with no other option.

    python benchmarks/wild_tables.py FOLDER... [--every] [--json]

The target is the column that is called target, y, label or class, else the last one that can be a target; with
``--every`` each column in turn. A file counts as fitted (exit code 0), as refused (2 and 4: with the line that says
why, for a person to judge), or as failed (1, another code, or more than 30 s).
"""

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

SUFFIXES = (
    ".csv", ".tsv", ".tab", ".txt", ".dat", ".data", ".gz", ".zst", ".jsonl", ".parquet", ".feather", ".arrow", ".xlsx",
    ".libsvm", ".vw",
)  # fmt: skip
LIMIT = 30.0  # seconds for one file


@dataclass(frozen=True)
class Try:
    """One command and how it ended."""

    file: str
    target: str
    outcome: str
    seconds: float
    said: str


def run(words: list[str], scratch: Path) -> tuple[int, str, str, float]:
    """Exit code, stdout, stderr and seconds of ``dlcli WORDS``, in a process of its own; code -9 past the limit."""
    from dlcli.cli import app

    start = time.monotonic()
    child = os.fork()
    if child == 0:
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(scratch / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        os.chdir(scratch)
        os._exit(app.run(words))
    while time.monotonic() - start < LIMIT:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            break
        time.sleep(0.005)
    else:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        code = -9
    read = [(scratch / name).read_text(errors="replace") for name in ("out", "err")]
    return code, *read, time.monotonic() - start


def columns(file: Path, scratch: Path) -> list[str]:
    """The file's columns that are used when it is looked at without a target, by name; [] where it can't be read."""
    code, out, _, _ = run(["fit-linear", str(file), "--dry-run", "--json"], scratch)
    if code:
        return []
    return [column["column"] for column in json.loads(out)["columns"] if column["used_as"] != "left out"]


def targets(file: Path, scratch: Path, every: bool) -> list[str]:
    """The columns to try as the target."""
    names = columns(file, scratch)
    if every:
        return names
    usual = [name for name in names if name.casefold() in ("target", "y", "label", "class")]
    return [usual[0] if len(usual) == 1 else names[-1] if names else "-1"]


def tried(folders: list[Path], scratch: Path, every: bool) -> Iterator[Try]:
    """Every table of the folders."""
    for folder in folders:
        for file in sorted(p for p in (folder.rglob("*") if folder.is_dir() else [folder]) if p.suffix in SUFFIXES):
            for target in targets(file, scratch, every):
                words = ["fit-linear", str(file), f"--target={target}", "--plots", "none", "--out", "run", "--force"]
                code, _, err, seconds = run(words, scratch)
                outcome = {0: "fitted", 2: "refused", 4: "refused", -9: f"over {LIMIT:.0f} s"}.get(code, f"exit {code}")
                lines = [line for line in err.splitlines() if line.startswith("dlcli: ")]
                yield Try(str(file), target, outcome, seconds, lines[-1] if code and lines else "")


def main() -> None:
    """Try all, and print the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="+")
    parser.add_argument("--every", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    import dlcli.tasks.fit_linear  # noqa: F401  (loaded once for all the processes)

    tries = []
    with tempfile.TemporaryDirectory() as scratch:
        for one in tried([folder.resolve() for folder in given.folder], Path(scratch), given.every):
            tries.append(one)
            if not given.json and one.outcome != "fitted":
                print(f"{one.outcome:8} {Path(one.file).name} --target {one.target}: {one.said[:200]}", flush=True)
    if given.json:
        print(json.dumps([asdict(one) for one in tries], indent=1))
        return
    counts = Counter(one.outcome for one in tries)
    slowest = max(tries, key=lambda one: one.seconds, default=None)
    print(", ".join(f"{name} {count}" for name, count in counts.most_common()), f"of {len(tries)}")
    if slowest:
        print(f"first try: {counts['fitted'] / len(tries):.1%}; slowest {slowest.seconds:.1f} s ({slowest.file})")
    sys.exit(any(name.startswith(("exit", "over")) for name in counts))


if __name__ == "__main__":
    main()
