"""fit-linear on a long table, on the CPU and on the device."""

import contextlib
import time
from pathlib import Path

import numpy as np

from gpu.commands import call, difference
from gpu.setting import Setting
from gpu.table import OPEN, Table

BLOCK = 1 << 18
LOGISTIC_SHARE = 10  # logistic regression keeps its rows: a tenth of them


def make_table(path: Path, rows: int, columns: int, *, classes: bool) -> None:
    """Rows of normal columns and a target that depends on them, the last column, as float32 in a .npy file."""
    out = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(rows, columns + 1))
    coefficients = np.linspace(-1, 1, columns, dtype=np.float32)
    for start in range(0, rows, BLOCK):
        random = np.random.default_rng(start)
        block = out[start : start + BLOCK]
        X = random.standard_normal((len(block), columns), dtype=np.float32)
        noise = random.standard_normal(len(block), dtype=np.float32)
        score = X @ coefficients + noise
        block[:, :columns], block[:, columns] = X, score > 0 if classes else score
    out.flush()


def linear(setting: Setting, table: Table) -> None:
    """Least squares, and logistic regression by Newton's method."""
    columns = 50 if not setting.quick else 10
    last = f"column_{columns + 1}"
    jobs = [
        ("least squares", setting.rows, False, ()),
        ("logistic, newton", max(2000, setting.rows // LOGISTIC_SHARE), True, ("--loss", "cross-entropy")),
    ]
    with contextlib.chdir(setting.work):
        for name, rows, classes, words in jobs:
            if setting.left() < 0:
                table.add(name, f"{OPEN}: no time left")
                continue
            path = Path(f"{'classes' if classes else 'numbers'}.npy")
            make_table(path, rows, columns, classes=classes)
            found, seconds = [], []
            for place, device in enumerate(("cpu", setting.device)):
                setting.reset_peak()
                begin = time.perf_counter()
                answer = call(
                    ["fit-linear", str(path), "--target", last, *words, "--device", device, "--json", "--quiet",
                     "--plots", "none", "--out", f"fit-{path.stem}-{place}", "--force"]
                )  # fmt: skip
                seconds.append(time.perf_counter() - begin)
                what = f"{name}, {rows:,} x {columns}, {device}"
                if answer.code:
                    table.add(what, f"exit code {answer.code}: {answer.errors.strip()}", False)
                    continue
                found.append(answer.report["coefficients"])
                table.add(what, f"{seconds[-1]:.2f} s; {setting.peak()}")
            path.unlink()
            if len(found) == 2:
                worst = difference(*found)
                table.add(f"{name}: difference of the coefficients", f"{worst:.2g} (at most 1e-8)", worst <= 1e-8)
                table.add(f"{name}: times as fast as the CPU", f"{seconds[0] / seconds[1]:.2f}")
