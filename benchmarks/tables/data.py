"""Tables of the benchmarks of fit-linear, the losses that models are held to, and how results are shown."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
from measure import Timing, ratio

COLUMNS = 20
NAMES = [f"x{i + 1}" for i in range(COLUMNS)]
DLCLI = [sys.executable, "-m", "dlcli"]
PEERS = [sys.executable, str(Path(__file__).resolve().parent / "peers.py")]


def counts(X: np.ndarray, seed: int) -> np.ndarray:
    """Poisson counts (rows,) of a mean of about 2 whose logarithm is linear in the columns."""
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    weights = np.random.default_rng(3).normal(size=COLUMNS) / 12
    return np.random.default_rng(seed).poisson(np.exp(0.5 + Z @ weights)).astype(float)


def generate(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """X (rows, 20), correlated and in very different units, a numeric target and a 0/1 target, both (rows,)."""
    mixing = np.eye(COLUMNS) + 0.3 * np.random.default_rng(0).normal(size=(COLUMNS, COLUMNS))
    units = np.logspace(-2, 3, COLUMNS)
    weights = np.random.default_rng(1).normal(size=COLUMNS) / units
    random = np.random.default_rng(seed)
    X = random.normal(size=(rows, COLUMNS)) @ mixing * units + 3 * units
    signal = X @ weights
    y = signal + random.normal(size=rows) + 5
    probability = 1 / (1 + np.exp(-(signal - 3 * np.sum(weights * units)) / 3))
    return X, y, (random.random(rows) < probability).astype(float)


def write_csv(path: Path, X: np.ndarray, y: np.ndarray, *, append: bool = False) -> None:
    """X and y as CSV with six decimals."""
    frame = pl.DataFrame({name: X[:, i] for i, name in enumerate(NAMES)} | {"y": y})
    with path.open("ab" if append else "wb") as stream:
        frame.write_csv(stream, include_header=not append, float_precision=6)


def write_vw(path: Path, X: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> None:
    """Vowpal Wabbit's text format, from the same six decimals; classes are -1 and 1."""
    each = [""] * len(y) if weights is None else [f"{weight:g} " for weight in weights]
    with path.open("w") as stream:
        for row, target, weight in zip(X, y, each, strict=True):
            stream.write(
                f"{target:.6f} {weight}| " + " ".join(f"{n}:{v:.6f}" for n, v in zip(NAMES, row, strict=True)) + "\n"
            )


def write_svm(path: Path, X: np.ndarray, y: np.ndarray) -> None:
    """LIBLINEAR's text format; columns standardized, as its documentation asks."""
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    with path.open("w") as stream:
        for row, target in zip(Z, y, strict=True):
            stream.write(f"{int(target)} " + " ".join(f"{i + 1}:{v:.6g}" for i, v in enumerate(row)) + "\n")


def squares_loss(X: np.ndarray, y: np.ndarray, intercept: float, w: np.ndarray) -> float:
    """Mean squared error."""
    return float(np.mean((y - X @ w - intercept) ** 2))


def logistic_loss(
    X: np.ndarray, y: np.ndarray, intercept: float, w: np.ndarray, weights: np.ndarray | None = None
) -> float:
    """Mean cross-entropy, y in {0, 1}; with ``weights`` (rows,) the weighted mean."""
    score = X @ w + intercept
    return float(np.average(np.logaddexp(0, score) - y * score, weights=weights))


def poisson_loss(X: np.ndarray, y: np.ndarray, intercept: float, w: np.ndarray) -> float:
    """Mean Poisson deviance."""
    score = X @ w + intercept
    log = np.log(np.where(y > 0, y, 1.0))
    return float(2 * np.mean(y * (log - score) - y + np.exp(score)))


def read_model(name: str, out: Path, X: np.ndarray) -> tuple[float, np.ndarray]:
    """Intercept and coefficients in the data's units from whatever a peer saved."""
    if name == "dlcli":
        entries = json.loads((out / "report.json").read_text())["coefficients"]
        return entries["intercept"]["value"], np.array([entries[n]["value"] for n in NAMES])
    if name == "Vowpal Wabbit":
        # The saved model knows only hashes; a look at one row, not timed, gives the names back.
        sample = out.with_name("sample.vw")
        with next(out.parent.glob("*.vw")).open() as stream:
            sample.write_text(stream.readline())
        ask = [*vw(), "-t", "-i", str(out), "-d", str(sample), "--invert_hash", f"{out}.txt", "--quiet"]
        subprocess.run(ask, check=True)
        text = Path(f"{out}.txt").read_text()
        found = dict(re.findall(r"^(?:\^)?(\w+):\d+:(\S+)", text, re.M))
        return float(found.get("Constant", 0)), np.array([float(found.get(n, 0)) for n in NAMES])
    if name == "LIBLINEAR":
        lines = out.read_text().split("\nw\n")
        w = np.array([float(v) for v in lines[1].split()])
        first = re.search(r"label (\S+)", lines[0])
        assert first is not None
        w = w if first.group(1) == "1" else -w
        coefficients = w[:COLUMNS] / X.std(axis=0)
        return float(w[COLUMNS] - coefficients @ X.mean(axis=0)), coefficients
    saved = np.load(f"{out}.npz")
    return float(saved["intercept"]), saved["coefficients"]


def vw() -> list[str]:
    """How Vowpal Wabbit is called, [] where it isn't installed."""
    program = shutil.which("vw")
    if program:
        return [program]
    return [sys.executable, "-m", "vowpalwabbit"] if importlib.util.find_spec("vowpalwabbit") else []


def pinball_loss(X: np.ndarray, y: np.ndarray, intercept: float, w: np.ndarray) -> float:
    """Mean pinball loss of the quantile 0.9."""
    r = y - intercept - X @ w
    return float(np.mean(np.where(r > 0, 0.9, -0.1) * r))


def show(timings: dict[str, Timing], losses: dict[str, float], best: float) -> bool:
    """Print a table of timings; true if dlcli is first."""
    print("| | seconds | times dlcli's | memory, MB | loss above the optimum |")
    print("|---|---|---|---|---|")
    good = True
    for name, timing in sorted(timings.items(), key=lambda item: item[1].median if item[1].seconds else 1e9):
        if timing.failed:
            print(f"| {name} | failed: {' '.join(timing.failed.split())[-120:]} | | | |")
            continue
        times = ratio(timing, timings["dlcli"])
        good &= name == "dlcli" or times > 1
        above = f"{max((losses[name] - best) / best, 0):.1e}"
        print(f"| {name} | {timing.median:.2f} | {times:.2f} | {timing.megabytes:.0f} | {above} |")
    return good


def within(what: str, value: float, bound: float, form: str = "{:.2f}") -> bool:
    """Print a value beside its bound; true if it is within."""
    verdict = "holds" if value <= bound else "MISSED"
    print(f"\n{what}: {form.format(value)} (target at most {bound:g}: {verdict})")
    return value <= bound
