"""Whether dlcli computes what it did before: real commands with the package of two revisions, and all that they leave.

    python benchmarks/same_bits.py HEAD~3
    python benchmarks/same_bits.py v1.0 --only 'deconv|tune' --jobs 2 --keep /tmp/bits

Each case runs its commands with the package of revision BASE and with that of the working tree. Models, predictions
and restored images must be equal byte for byte; reports, metrics, trials and settings field by field, durations aside;
exit codes, too. Fields may be added. What may change is listed with its reason at the top of bits/compare.py.
Prints a line per case; exit code 1 if anything differs.

With --keep the results of BASE stay in that folder, by commit and by case, for the next call; several processes may
share it.
"""

import argparse
import contextlib
import hashlib
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from bits.cases import CASES, Case
from bits.compare import CHANGED, Findings, compare_cases
from bits.inputs import make_inputs

ROOT = Path(__file__).resolve().parents[1]
HOST = Path(__file__).resolve().parent / "bits" / "host.py"
LIBRARIES = ("torch", "numpy", "polars", "pillow", "optuna", "safetensors", "tifffile")
UNSET = ("NO_COLOR", "FORCE_COLOR", "TERM", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "OPENBLAS_CORETYPE")


@dataclass(frozen=True)
class Side:
    """One of the two packages: the folder that holds ``dlcli``, and where results go."""

    name: str
    package: Path
    results: Path

    def run(self, cases: Sequence[Case], keys: dict[Case, str], data: Path, jobs: int) -> Iterator[tuple[Case, float]]:
        """Run cases; each result is put in its place, complete, before the case and its seconds are given."""
        with tempfile.TemporaryDirectory(prefix=".running-", dir=self.results) as work:
            folders = [Path(work, keys[case], "case") for case in cases]
            for folder in folders:
                shutil.copytree(data, folder / "data")
            entries = [{"folder": str(f), "commands": case.commands} for f, case in zip(folders, cases, strict=True)]
            with self._host(jobs) as host:
                for index, codes, seconds in _answers(host, json.dumps(entries)):
                    folder = folders[index]
                    shutil.rmtree(folder / "data")
                    (folder / "codes.json").write_text(json.dumps(codes))
                    with contextlib.suppress(OSError):  # another process was faster
                        folder.rename(self.results / keys[cases[index]])
                    yield cases[index], seconds
            if host.returncode:
                sys.exit(f"{self.name}: the commands could not be run")

    def _host(self, jobs: int) -> subprocess.Popen[str]:
        environment = {name: value for name, value in os.environ.items() if name not in UNSET}
        environment |= {
            "PYTHONPATH": str(self.package), "PYTHONHASHSEED": "0", "COLUMNS": "100", "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1", "MKL_NUM_THREADS": "1",
        }  # fmt: skip
        # -P: not the package in the current folder, which would come before that of PYTHONPATH.
        command = [sys.executable, "-P", str(HOST), str(jobs)]
        return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _answers(host: subprocess.Popen[str], question: str) -> Iterator[list[Any]]:
    """Each line of JSON that a process answers with; it ends when nobody listens any more."""
    assert host.stdin is not None
    assert host.stdout is not None
    try:
        host.stdin.write(question)
        host.stdin.close()
        yield from map(json.loads, host.stdout)
        host.wait()
    finally:
        host.kill()


def revision(name: str) -> str:
    """The commit of a revision."""
    done = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--verify", f"{name}^{{commit}}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"same_bits: {name} is no revision of {ROOT}")
    return done.stdout.strip()


def export(commit: str, folder: Path) -> Path:
    """The package at a commit, below ``folder``."""
    folder.mkdir()
    archive = subprocess.run(["git", "-C", str(ROOT), "archive", commit, "dlcli"], capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    return folder


def snapshot(folder: Path) -> Path:
    """The package of the working tree as it is now, below ``folder``: edits during the run don't count."""
    shutil.copytree(ROOT / "dlcli", folder / "dlcli", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def case_key(case: Case, digest: str) -> str:
    """The name under which a result is kept: commands, inputs, and what else decides the bits."""
    versions = [f"{name} {metadata.version(name)}" for name in LIBRARIES]
    texts = [case.text, digest, HOST.read_text(), platform.python_version(), platform.processor(), *versions]
    return f"{case.name}-{hashlib.sha256(chr(0).join(texts).encode()).hexdigest()[:12]}"


def report_case(case: Case, found: Findings, verbose: bool) -> None:
    """One line, and with --verbose one for each thing that may change."""
    notes = f" ({len(found.notes)} notes: --verbose)" if found.notes and not verbose else ""
    if found.differences:
        what = f"differs on purpose ({CHANGED[case.name]})" if case.name in CHANGED else "DIFFERS"
        print(f"{case.name}: {what}: " + "; ".join(found.differences[:6]) + notes, flush=True)
        for text in found.differences[6:] if verbose else ():
            print(f"    differs: {text}")
    else:
        stale = ", though listed in CHANGED" if case.name in CHANGED else ""
        print(f"{case.name}: same{stale}{notes}", flush=True)
    for text in found.notes if verbose else ():
        print(f"    note: {text}")


def main() -> int:
    """Run both sides and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", help="the revision to compare with")
    parser.add_argument("--only", metavar="REGEX", default="", help="cases whose name or commands match")
    parser.add_argument("--jobs", type=int, default=1, help="cases that run at once")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep BASE's results there, and use those that are")
    parser.add_argument("--verbose", action="store_true", help="list added fields and rewordings")
    parser.add_argument("--list", action="store_true", help="list the cases and their commands; run nothing")
    parser.add_argument("--now", metavar="REVISION", help="compare this revision instead of the working tree")
    args = parser.parse_args()
    cases = [c for c in CASES if re.search(args.only, c.name) or re.search(args.only, c.text)]
    if args.list:
        for case in cases:
            print(f"{case.name}", *(f"    dlcli {command}" for command in case.commands), sep="\n")
        return 0
    commit = revision(args.base)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing goes on
    with tempfile.TemporaryDirectory(prefix="same-bits-") as temporary:
        return compare_sides(args, commit, cases, Path(temporary))


def compare_sides(args: argparse.Namespace, commit: str, cases: list[Case], work: Path) -> int:
    """Run what isn't kept of BASE, then all cases as they are now; the exit code."""
    digest = make_inputs(work / "data")
    keys = {case: case_key(case, digest) for case in cases}
    now = export(revision(args.now), work / "now") if args.now else snapshot(work / "now")
    results = (args.keep.resolve() if args.keep else work / "kept") / commit
    results.mkdir(parents=True, exist_ok=True)
    lacking = [case for case in cases if not (results / keys[case]).is_dir()]
    print(f"{len(cases)} cases; {len(lacking)} to run at {args.base} ({commit[:10]})", flush=True)
    begin = time.perf_counter()
    if lacking:
        before = Side(args.base, export(commit, work / "before"), results)
        for case, seconds in before.run(lacking, keys, work / "data", args.jobs):
            if args.verbose:
                print(f"    {args.base}: {case.name}, {seconds:.1f} s", flush=True)
    middle = time.perf_counter()
    (work / "results").mkdir()
    after = Side("now", now, work / "results")
    differing = []
    for case, seconds in after.run(cases, keys, work / "data", args.jobs):
        found = compare_cases(results / keys[case], after.results / keys[case], case.commands)
        report_case(case, found, args.verbose)
        if args.verbose:
            print(f"    {seconds:.1f} s")
        if found.differences and case.name not in CHANGED:
            differing.append(case.name)
    end = time.perf_counter()
    print(f"{args.base}: {middle - begin:.0f} s, now: {end - middle:.0f} s")
    print(f"DIFFERENT: {len(differing)} of {len(cases)}: {', '.join(differing)}" if differing else "all the same")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
