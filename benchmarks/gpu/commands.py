"""Does each command run on the device at all, and does it agree with the CPU?"""

import contextlib
import io
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dlcli.cli.app import run
from dlcli.images.dead_leaves import dead_leaves
from gpu.setting import Setting
from gpu.table import OPEN, Table

COLUMNS, IMAGES, SIDE = 6, 8, 64
FIRST, SECOND = "first", "second"  # of the runs: on the CPU, and on the device
STEPS = 8  # of each network: after so few, different rounding has not grown yet
SMALL = ("--filters", "16,16", "--depth", "1", "--crop", "32", "--batch-size", "2")


@dataclass(frozen=True)
class Case:
    """A command whose report is compared: ``path`` leads to a number, or to a tree of them, in it.

    ``tolerance`` is relative to the largest number; ``out`` says that there is a run directory, for those after it.
    """

    name: str
    words: tuple[str, ...]
    path: tuple[str, ...]
    tolerance: float
    out: bool = True
    trained: str = ""


@dataclass(frozen=True)
class Answer:
    """Exit code, the document on standard output if there is one, and the end of standard error."""

    code: int
    report: dict[str, Any]
    errors: str


def call(words: Sequence[str]) -> Answer:
    """A command line in this process, as ``dlcli`` would run it."""
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        try:
            code = run(list(words))
        except SystemExit as left:
            code = int(left.code or 0)
    text = out.getvalue()
    return Answer(code, json.loads(text) if text.startswith("{") else {}, errors.getvalue()[-500:])


def make_inputs(work: Path) -> None:
    """A table with targets of each kind, images, images of two classes, and pairs."""
    random = np.random.default_rng(0)
    X = random.normal(size=(3000, COLUMNS))
    score = X @ np.linspace(-1, 1, COLUMNS)
    y = score + random.normal(size=len(X)) / 2
    three = np.digitize(score + random.logistic(size=len(X)) / 2, [-0.7, 0.7])
    lines = [",".join([f"x{i}" for i in range(COLUMNS)] + ["y", "two", "three"])]
    for row, value, code in zip(X, y, three, strict=True):
        lines.append(",".join([*(f"{v:.6f}" for v in row), f"{value:.6f}", "ab"[int(value > 0)], "abc"[code]]))
    (work / "table.csv").write_text("\n".join(lines) + "\n")
    leaves = dead_leaves(IMAGES, SIDE, 0, 1)
    for name in ("images", "inputs"):
        (work / name).mkdir()
    for number in range(IMAGES):
        pixels = leaves.pixels(number)[:, :, 0]
        noisy = np.clip(pixels + random.normal(scale=25, size=pixels.shape), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(work / "images" / f"{number:02}.png")
        Image.fromarray(noisy).save(work / "inputs" / f"{number:02}.png")
    x = random.integers(0, 60, (120, 12, 12), dtype=np.uint8)
    labels = np.arange(120) % 2
    x[labels == 1, 3:9, 3:9] += 120
    np.savez(work / "classes.npz", images=x, labels=labels)


def linear_cases(quick: bool) -> Iterator[Case]:
    """fit-linear by each method."""
    # What ends at the optimum is as good as float64; what takes a fixed number of steps has rounding of each.
    kinds = [
        ("least squares", "y", (), 1e-9), ("ridge, exact", "y", ("--optimizer", "exact", "--l2", "0.1"), 1e-9),
        ("sgd", "y", ("--optimizer", "sgd", "--steps", "200"), 1e-9),
        ("adam", "y", ("--optimizer", "adam", "--steps", "200"), 1e-9), ("logistic, newton", "two", (), 1e-8),
        ("softmax, newton", "three", (), 1e-8), ("softmax, lbfgs", "three", ("--optimizer", "lbfgs"), 1e-6),
        ("logistic, gd", "two", ("--optimizer", "gd", "--steps", "200"), 1e-9),
        ("logistic, L1", "two", ("--l1", "0.02"), 1e-6),
    ]  # fmt: skip
    for name, target, words, tolerance in kinds[:: 4 if quick else 1]:
        drop = [other for other in ("y", "two", "three") if other != target]
        yield Case(
            f"fit-linear, {name}", ("fit-linear", "table.csv", "--target", target, "--drop", ",".join(drop), *words),
            ("coefficients",), tolerance,
        )  # fmt: skip


def network_cases(quick: bool) -> Iterator[Case]:
    """train-deconv for each task, what follows it, and searches."""
    loss, steps = ("metrics", "val", "loss"), ("--steps", str(STEPS), *SMALL)
    # The CPU and the GPU draw different noise, where there is any, so losses are alike but not equal.
    tasks = [
        ("denoise", "images", (), 0.25), ("deblur", "images", ("--task", "deblur"), 0.25),
        ("upscale", "images", ("--task", "upscale"), 0.02), ("inpaint", "images", ("--task", "inpaint"), 0.25),
        ("reconstruct", "images", ("--task", "reconstruct"), 0.02), ("article", "images", ("--arch", "article"), 0.25),
        ("classify", "classes.npz", ("--task", "classify", "--dropout", "0"), 0.05),
        ("pairs", "inputs", ("images", "--task", "pairs"), 0.02),
        ("denoise, adam, clip, ema, L1", "images",
         ("--optimizer", "adam", "--clip", "1", "--ema", "0.9", "--l1", "1e-6"), 0.25),
        ("denoise, bfloat16", "images", ("--amp", "on"), 0.25),
    ]  # fmt: skip
    for name, data, words, tolerance in tasks[:: 10 if quick else 1]:
        precise = () if "--amp" in words else ("--amp", "off")
        yield Case(f"train-deconv, {name}", ("train-deconv", data, *words, *steps, *precise), loss, tolerance)
    name = "train-deconv, denoise"
    yield Case(f"{name}, resumed", ("train-deconv", "--resume", "{}", "--steps", str(2 * STEPS)), loss, 0.25, False,
               name)  # fmt: skip
    yield Case("eval", ("eval", "{}", "images"), ("metrics", "test", "psnr"), 1e-5, False, name)
    yield Case("predict", ("predict", "{}", "images", "--out", "restored-{label}", "--force"), ("images",), 0.0,
               False, name)  # fmt: skip
    varied = () if quick else ("--vary", "l2=0,0.1")
    search = ("tune-lr", "--lr", "0.1,1", "--repeats", "1", *varied, "fit-linear", "table.csv", "--target", "two")
    yield Case("tune-lr fit-linear", (*search, "--drop", "y,three", "--val", "0.3", "--steps", "500"),
               ("best", "value"), 1e-7)  # fmt: skip
    if not quick:
        search = ("tune-lr", "--lr", "1e-4,1e-3", "--repeats", "1", "train-deconv", "images", *steps)
        yield Case("tune-lr train-deconv", (*search, "--optimizer", "adam", "--amp", "off"), ("best", "value"), 0.02)


def numbers(tree: Any) -> list[float]:
    """All numbers of a part of a report, in order, but for what says how sure they are."""
    if isinstance(tree, dict):
        return [n for key in sorted(tree) for n in numbers(tree[key])]
    if isinstance(tree, list):
        return [n for part in tree for n in numbers(part)]
    return [float(tree)] if isinstance(tree, (int, float)) else []


def difference(a: Any, b: Any) -> float:
    """The largest difference of two trees of numbers, relative to the largest number."""
    first, second = numbers(a), numbers(b)
    if len(first) != len(second) or not first:
        return math.inf
    largest = max(map(abs, first))
    return max(abs(x - y) for x, y in zip(first, second, strict=True)) / (largest or 1.0)


def commands(setting: Setting, table: Table) -> None:
    """Each case on the CPU and on the device."""
    make_inputs(setting.work)
    with contextlib.chdir(setting.work):
        for case in [*linear_cases(setting.quick), *network_cases(setting.quick)]:
            if setting.left() < 0:
                table.add(case.name, f"{OPEN}: no time left")
                continue
            try:
                _compare(case, setting, table)
            except Exception as error:
                table.add(case.name, f"failed: {type(error).__name__}: {error}", False)
        if Path(f"restored-{SECOND}").is_dir():
            table.add("predict, largest difference of a pixel", *_pixels())


def _compare(case: Case, setting: Setting, table: Table) -> None:
    found = []
    for device, label in (("cpu", FIRST), (setting.device, SECOND)):
        answer = call(_words(case, device, label))
        if answer.code:
            table.add(case.name, f"exit code {answer.code} on {device}: {answer.errors.strip()}", False)
            return
        report = answer.report
        if "device" in report and not report["device"].startswith(device):
            table.add(case.name, f"says that it ran on {report['device']}, not on {device}", False)
            return
        for key in case.path:
            report = report[key]
        found.append(report)
    worst = difference(*found)
    table.add(case.name, f"differs by {worst:.2g} (at most {case.tolerance:g})", worst <= case.tolerance)


def _words(case: Case, device: str, label: str) -> list[str]:
    """The command line on ``device``; a run that it goes on from is that of the CPU, and its own for --resume."""
    start = f"run-{_slug(case.trained)}-{label if '--resume' in case.words else FIRST}"
    command, *words = [word.replace("{}", start).replace("{label}", label) for word in case.words]
    own = ["--json", "--quiet", *([] if "--resume" in words else ["--device", device])]
    own += ["--out", f"run-{_slug(case.name)}-{label}", "--plots", "none", "--force"] if case.out else []
    return [command, *own, *words]  # in front, as what follows the training's name in a search is the training's


def _slug(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name)


def _pixels() -> tuple[str, bool]:
    largest = 0
    for path in sorted(Path(f"restored-{FIRST}").glob("*.png")):
        a, b = (np.asarray(Image.open(p), dtype=np.int64) for p in (path, Path(f"restored-{SECOND}") / path.name))
        largest = max(largest, int(np.abs(a - b).max()))
    return f"{largest} of 255 (at most 1)", largest <= 1
