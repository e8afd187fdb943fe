"""Kill trainings and take them up again: each must end as the one that was left alone.

    python tests/crash/kill_resume.py --kills 500 --sigterm 50

Each kill is drawn from ``--seed`` and its number: which training, at which moment or point of its writing, and how many
times in a row. Compared are the model, the metrics, the report, the pictures and the checkpoint, times aside. A
difference is printed with its number, and ``--seed S --only K`` repeats it.
"""

import argparse
import functools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import children
from children import Blow, Ended
from variants import VARIANTS, Variant, make_images

RESUME = ["train-deconv", "--resume", "run", "--quiet"]
TIMES = ("seconds", "images_per_second")
SIGTERM_LIMIT = 5.0  # seconds within which a run must have ended after SIGTERM
DIVERGED = 4  # the code of a training that diverged, which must do so again
PROVEN = 100  # from so many kills on, it is shown first that a fork is as good as a process of its own
DATA = ("photos", "scans", "classes")


@dataclass(frozen=True)
class Reference:
    """The uninterrupted run of a variant: its files as they are compared, and how it ended."""

    files: dict[str, Any]
    ended: Ended


@dataclass(frozen=True)
class Campaign:
    """What all cases share: the seed, and the folder with the data and the uninterrupted runs."""

    seed: int
    folder: Path

    def place(self, name: str, *, first: Path | None = None) -> Path:
        """A new working folder; ``first`` is a run that it holds already."""
        folder = self.folder / name
        folder.mkdir()
        for data in DATA:
            (folder / data).symlink_to(self.folder / "data" / data)
        if first is not None:
            shutil.copytree(first, folder / "run")
        return folder

    @functools.cache  # noqa: B019  (one campaign a process)
    def reference(self, variant: Variant) -> Reference:
        """The uninterrupted run, of this process or of the one that this was forked from."""
        folder = self.place(f"whole {variant.name} {os.getpid()}", first=self.first(variant))
        ended = children.run(variant.arguments(self.seed), folder)
        if ended.code not in (0, DIVERGED):
            raise SystemExit(f"{variant.name}: the uninterrupted run ended with {ended.code}: {ended.errors}")
        return Reference(contents(folder / "run"), ended)

    @functools.cache  # noqa: B019
    def first(self, variant: Variant) -> Path | None:
        """The run that the variant writes over."""
        if not variant.first:
            return None
        folder = self.place(f"first {variant.name} {os.getpid()}")
        children.run(variant.arguments_of_first(self.seed), folder)
        return folder / "run"


def contents(run: Path) -> dict[str, Any]:
    """The files of a run, times left out: bytes, but for metrics and report, which are JSON, and the checkpoint."""
    from dlcli.runs import checkpoint

    found: dict[str, Any] = {}
    for path in sorted(p for p in run.rglob("*") if p.is_file()):
        name = path.relative_to(run).as_posix()
        if name == "metrics.jsonl":
            found[name] = [timeless(json.loads(line)) for line in path.read_text().splitlines()]
        elif name == "report.json":
            found[name] = timeless(json.loads(path.read_text()))
        elif name == checkpoint.STATE:
            tensors, numbers = checkpoint.load(run)
            steps = [timeless(step) for step in numbers["steps"]]
            found[name] = [{key: (t.dtype.str, t.tobytes()) for key, t in tensors.items()}, numbers["step"], steps]
        else:
            found[name] = path.read_bytes()
    return found


def timeless(record: dict[str, Any]) -> dict[str, Any]:
    """A record as text of each value (NaN equals itself there), without the times."""
    return {name: repr(value) for name, value in record.items() if name not in TIMES}


def differences(found: dict[str, Any], expected: dict[str, Any], signaled: set[str]) -> list[str]:
    """What differs; reports that signals caused, at the steps ``signaled``, may be there in addition."""
    told = [f"{name}: {'missing' if name in expected else 'left over'}" for name in sorted(found.keys() ^ expected)]
    for name in sorted(found.keys() & expected):
        ours, theirs = found[name], expected[name]
        if name == "metrics.jsonl":
            regular = {record["step"] for record in theirs}
            ours = [r for r in ours if r["step"] in regular or r["step"] not in signaled]
        if ours != theirs:
            told.append(f"{name}: {_how(ours, theirs)}")
    return told


def _how(ours: Any, theirs: Any) -> str:
    if isinstance(ours, dict):
        names = [name for name in ours | theirs if ours.get(name) != theirs.get(name)]
        return ", ".join(f"{name} {ours.get(name)} for {theirs.get(name)}" for name in names)
    if isinstance(ours, list) and ours and isinstance(ours[0], dict) and "step" in ours[0]:
        where = next((i for i, pair in enumerate(zip(ours, theirs, strict=False)) if pair[0] != pair[1]), None)
        if where is not None:
            return f"line {where + 1}: {_how(ours[where], theirs[where])}"
        return f"{len(ours)} lines for {len(theirs)}"
    return "differs"


def case(campaign: Campaign, kind: str, number: int) -> dict[str, Any]:
    """One training, interrupted and taken up again; what differs in the end."""
    dice = random.Random(f"{campaign.seed} {kind} {number}")
    variant = VARIANTS[number % len(VARIANTS)]
    whole = campaign.reference(variant)
    blows = draw(dice, whole.ended, kind)
    folder = campaign.place(f"{kind} {number}", first=campaign.first(variant))
    try:
        told = _interrupted(campaign, variant, folder, blows)
    finally:
        shutil.rmtree(folder)
    return {"kind": kind, "number": number, "variant": variant.name, "blows": [str(b) for b in blows], "told": told}


def draw(dice: random.Random, whole: Ended, kind: str) -> list[Blow]:
    """The interruptions of one case: mostly one, sometimes two or three in a row."""
    blows: list[Blow] = []
    for _ in range(dice.choices((1, 2, 3), (6, 3, 1))[0]):
        if kind == "sigterm":
            blows.append(Blow(seconds=dice.uniform(0, whole.seconds), signum=signal.SIGTERM))
        elif dice.random() < 0.4:
            blows.append(Blow(seconds=dice.uniform(0, whole.seconds)))
        elif dice.random() < 0.2:  # around the last writes, and just after them
            blows.append(Blow(point=whole.points - dice.randint(-1, 25)))
        else:
            blows.append(Blow(point=dice.randint(1, whole.points)))
    return blows


def _interrupted(campaign: Campaign, variant: Variant, folder: Path, blows: list[Blow]) -> list[str]:
    arguments = variant.arguments(campaign.seed)
    whole = campaign.reference(variant)
    signaled: set[str] = set()
    left = [*blows, None]
    while True:
        blow = left.pop(0) if left else None
        ended = children.run(arguments, folder, blow)
        if blow is not None and ended.code in (-blow.signum, 128 + blow.signum):
            if ended.delay > SIGTERM_LIMIT:
                return [f"ended {ended.delay:.1f} s after the signal"]
            if ended.code > 0 and (report := _report(folder)):
                signaled.add(repr(report["steps"]))
            arguments = RESUME
        elif "--resume" in arguments and _never_began(campaign, variant, folder):
            if ended.code != 2:
                return [f"ended with {ended.code} where there was nothing to take up: {ended.errors}"]
            arguments = [*variant.arguments(campaign.seed), "--force"]
            left.insert(0, None)
        elif ended.code == campaign.reference(variant).ended.code or (
            ended.code == 2 and "the run is finished" in ended.errors
        ):
            break
        else:
            return [f"ended with {ended.code}: {' '.join(ended.errors.split())}"]
    return differences(contents(folder / "run"), whole.files, signaled)


def _never_began(campaign: Campaign, variant: Variant, folder: Path) -> bool:
    """Whether the run was ended before it had written its settings, perhaps over those of the run before."""
    config, first = folder / "run" / "config.toml", campaign.first(variant)
    return not config.exists() or (first is not None and config.read_bytes() == (first / "config.toml").read_bytes())


def _report(folder: Path) -> dict[str, Any]:
    path = folder / "run" / "report.json"
    return json.loads(path.read_text()) if path.exists() else {}


def _as_in_its_own_process(campaign: Campaign) -> bool:
    """Whether a run in a fork leaves what the same command leaves as a process of its own."""
    variant = VARIANTS[0]
    folder = campaign.place("process")
    command = [sys.executable, "-m", "dlcli", *variant.arguments(campaign.seed)]
    path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), *sys.path[-1:])))
    subprocess.run(command, cwd=folder, env=os.environ | {"PYTHONPATH": path}, check=True, timeout=120)
    found, expected = contents(folder / "run"), dict(campaign.reference(variant).files)
    for files in (found, expected):  # drawn in a process of its own only
        for name in [name for name in files if name.startswith("plots/")]:
            del files[name]
    told = differences(found, expected, set())
    print("a fork leaves what a process leaves" if not told else f"a fork differs from a process: {told}", flush=True)
    return not told


def in_lanes(jobs: int, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterable[Any]:
    """``function`` of each item, in ``jobs`` forked processes; results, as JSON, as they come."""
    items = list(items)
    reader, writer = os.pipe()
    lanes = []
    for lane in range(jobs):
        pid = os.fork()
        if not pid:
            os.close(reader)
            code = 1
            try:
                for item in items[lane::jobs]:
                    os.write(writer, json.dumps(function(item)).encode() + b"\n")  # whole, as it is short
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        lanes.append(pid)
    os.close(writer)
    try:
        with os.fdopen(reader) as stream:
            for line in stream:
                yield json.loads(line)
    finally:
        failed = [pid for pid in lanes if os.waitpid(pid, 0)[1]]
    if failed:
        raise SystemExit(f"{len(failed)} of {jobs} lanes failed")


def main() -> int:
    """Run the campaign; 0 when all runs were equal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=0, help="trainings to kill")
    parser.add_argument("--sigterm", type=int, default=0, help="trainings to send SIGTERM to")
    parser.add_argument("--seed", type=int, default=0, help="of the draws and of the trainings")
    parser.add_argument("--only", type=int, metavar="K", help="only number K of them")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="trainings side by side")
    options = parser.parse_args()
    children.prepare()
    with tempfile.TemporaryDirectory(prefix="dlcli-crash-") as name:
        campaign = Campaign(options.seed, Path(name))
        (campaign.folder / "data").mkdir()
        make_images(campaign.folder / "data")
        equal = options.kills < PROVEN or _as_in_its_own_process(campaign)
        for kind, count in (("kill", options.kills), ("sigterm", options.sigterm)):
            numbers = [n for n in range(count) if options.only in (None, n)]
            equal &= not numbers or _run_all(campaign, kind, numbers, options.jobs)
    return 0 if equal else 1


def _run_all(campaign: Campaign, kind: str, numbers: list[int], jobs: int) -> bool:
    begin = time.monotonic()
    # Those of one variant in one lane, which runs its reference once.
    ordered = sorted(numbers, key=lambda n: (n % len(VARIANTS), n))
    results = in_lanes(jobs, lambda part: [case(campaign, kind, n) for n in part], _by_variant(ordered))
    cases = [one for part in results for one in part]
    wrong = [one for one in cases if one["told"]]
    for one in sorted(wrong, key=lambda one: one["number"]):
        print(f"--seed {campaign.seed} --only {one['number']} ({kind}, {one['variant']}: {'; '.join(one['blows'])})")
        for line in one["told"]:
            print(f"    {line}")
    name = "kills" if kind == "kill" else "SIGTERMs"
    print(f"{len(cases)} {name}: {len(cases) - len(wrong)} equal ({time.monotonic() - begin:.0f} s)", flush=True)
    return not wrong and len(cases) == len(numbers)


def _by_variant(numbers: list[int]) -> list[list[int]]:
    groups: dict[int, list[int]] = {}
    for number in numbers:
        groups.setdefault(number % len(VARIANTS), []).append(number)
    return list(groups.values())


if __name__ == "__main__":
    raise SystemExit(main())
