"""dlcli fit-linear beside its peers: whole processes from file to saved model, in one run.

python benchmarks/linear.py [--section peers|quantile|steps|memory|startup|all] [--rows N] [--rounds N]

Needs the extras: pip install -e '.[bench]'; LIBLINEAR's own programs if there are any (Debian: liblinear-tools). A
peer that isn't installed is left out, and said. Exit code 1 if a target is missed.
"""

import argparse
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
from measure import Timing, in_turn, ratio

HERE = Path(__file__).resolve().parent
COLUMNS = 20
NAMES = [f"x{i + 1}" for i in range(COLUMNS)]
DLCLI = [sys.executable, "-m", "dlcli"]


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


def write_vw(path: Path, X: np.ndarray, y: np.ndarray) -> None:
    """Vowpal Wabbit's text format, from the same six decimals; classes are -1 and 1."""
    with path.open("w") as stream:
        for row, target in zip(X, y, strict=True):
            stream.write(f"{target:.6f} | " + " ".join(f"{n}:{v:.6f}" for n, v in zip(NAMES, row, strict=True)) + "\n")


def write_svm(path: Path, X: np.ndarray, y: np.ndarray) -> None:
    """LIBLINEAR's text format; columns standardized, as its documentation asks."""
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    with path.open("w") as stream:
        for row, target in zip(Z, y, strict=True):
            stream.write(f"{int(target)} " + " ".join(f"{i + 1}:{v:.6g}" for i, v in enumerate(row)) + "\n")


def squares_loss(X: np.ndarray, y: np.ndarray, intercept: float, w: np.ndarray) -> float:
    """Mean squared error."""
    return float(np.mean((y - X @ w - intercept) ** 2))


def logistic_loss(X: np.ndarray, y: np.ndarray, intercept: float, w: np.ndarray) -> float:
    """Mean cross-entropy, y in {0, 1}."""
    score = X @ w + intercept
    return float(np.mean(np.logaddexp(0, score) - y * score))


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
        ask = [*_vw(), "-t", "-i", str(out), "-d", str(sample), "--invert_hash", f"{out}.txt", "--quiet"]
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


def _vw() -> list[str]:
    program = shutil.which("vw")
    if program:
        return [program]
    return [sys.executable, "-m", "vowpalwabbit"] if importlib.util.find_spec("vowpalwabbit") else []


def peer_commands(work: Path, kind: str) -> dict[str, list[str]]:
    """Command of each peer that is installed, by name."""
    csv, out = str(work / f"{kind}.csv"), work / "out"
    peer = [sys.executable, str(HERE / "peers.py")]
    loss = {"squares": [], "logistic": ["--loss", "cross-entropy"], "poisson": ["--loss", "poisson"]}[kind]
    commands = {"dlcli": [*DLCLI, "fit-linear", csv, "--target", "y", *loss, "-q", "--force", "--out", f"{out}-dlcli"]}
    names = {"squares": ["sklearn-pandas", "sklearn-polars", "torch"],
             "logistic": ["sklearn-pandas-lbfgs", "sklearn-polars-lbfgs", "sklearn-polars-newton",
                          "torch-logistic"],
             "poisson": ["sklearn-polars-poisson-lbfgs", "sklearn-polars-poisson-newton",
                         "statsmodels-poisson"]}[kind]  # fmt: skip
    for name in names:
        needed = ["statsmodels"] if "statsmodels" in name else ["sklearn", *["pandas"] * ("pandas" in name)]
        if any(importlib.util.find_spec(package) is None for package in needed):
            print(f"not installed: {name}")
            continue
        commands[name] = [*peer, name, csv, f"{out}-{name}"]
    start = _vw()
    if start:
        target = f"{out}-Vowpal Wabbit"
        commands["Vowpal Wabbit"] = [
            *start, "-d", str(work / f"{kind}.vw"), "--passes", "3", "-c", "-k", "--cache_file", str(work / "vw.cache"),
            "--loss_function", kind if kind != "squares" else "squared", "-f", target, "--quiet",
            "--holdout_off",
        ]  # fmt: skip
    else:
        print("not installed: Vowpal Wabbit")
    train = shutil.which("liblinear-train") or shutil.which("train")
    if kind == "logistic" and train:
        # -s 0: L2-regularized logistic regression, C = 1; -B 1: an intercept.
        commands["LIBLINEAR"] = [train, "-s", "0", "-B", "1", "-q", str(work / "logistic.svm"), f"{out}-LIBLINEAR"]
    elif kind == "logistic":
        print("not installed: LIBLINEAR")
    return commands


def peers(work: Path, rows: int, rounds: int) -> bool:
    """The table of peers for each loss; true if dlcli is fastest in every row and at the optimum."""
    X, y, labels = generate(rows, seed=2)
    good = True
    kinds = (
        ("squares", y, squares_loss), ("logistic", labels, logistic_loss), ("poisson", counts(X, 4), poisson_loss),
    )  # fmt: skip
    for kind, target, loss_of in kinds:
        write_csv(work / f"{kind}.csv", X, target)
        data = pl.read_csv(work / f"{kind}.csv").to_numpy()
        A, b = data[:, :COLUMNS], data[:, COLUMNS].astype(float)
        if _vw():
            write_vw(work / f"{kind}.vw", A, 2 * b - 1 if kind == "logistic" else b)
        if kind == "logistic":
            write_svm(work / "logistic.svm", A, b)
        timings = in_turn(peer_commands(work, kind), rounds)
        losses = {n: loss_of(A, b, *read_model(n, work / f"out-{n}", A)) for n, t in timings.items() if not t.failed}
        best = _optimum(A, b, min(losses.values()), kind)
        print(f"\n{kind}, {rows:,} x {COLUMNS}, whole process, median of {rounds}\n")
        good &= _table(timings, losses, best)
        if kind == "squares":
            good &= _target("dlcli's loss above the optimum", (losses["dlcli"] - best) / best, 1e-9, "{:.1e}")
    return good


def pinball_loss(X: np.ndarray, y: np.ndarray, intercept: float, w: np.ndarray) -> float:
    """Mean pinball loss of the quantile 0.9."""
    r = y - intercept - X @ w
    return float(np.mean(np.where(r > 0, 0.9, -0.1) * r))


def quantile(work: Path, rows: int, rounds: int) -> bool:
    """The quantile 0.9 beside scikit-learn's, both exact, on a tenth of the rows; true if dlcli is first."""
    rows //= 10
    X, y, _ = generate(rows, seed=2)
    csv, out = work / "quantile.csv", work / "out"
    write_csv(csv, X, y)
    loss = ["--loss", "quantile:0.9"]
    commands = {
        "dlcli": [*DLCLI, "fit-linear", str(csv), "--target", "y", *loss, "-q", "--force", "--out", f"{out}-dlcli"]
    }
    if importlib.util.find_spec("sklearn") is None:
        print("not installed: sklearn-polars-quantile")
    else:
        name = "sklearn-polars-quantile"
        commands[name] = [sys.executable, str(HERE / "peers.py"), name, str(csv), f"{out}-{name}"]
    timings = in_turn(commands, rounds)
    data = pl.read_csv(csv).to_numpy()
    A, b = data[:, :COLUMNS], data[:, COLUMNS].astype(float)
    losses = {n: pinball_loss(A, b, *read_model(n, work / f"out-{n}", A)) for n, t in timings.items() if not t.failed}
    best = min(losses.values())
    print(f"\nquantile 0.9, {rows:,} x {COLUMNS}, whole process, median of {rounds}\n")
    good = _table(timings, losses, best)
    return good & _target("dlcli's loss above the lowest", (losses["dlcli"] - best) / best, 1e-9, "{:.1e}")


def _optimum(A: np.ndarray, b: np.ndarray, least: float, kind: str) -> float:
    if kind != "squares":
        return least
    Z = np.column_stack([np.ones(len(A)), (A - A.mean(axis=0)) / A.std(axis=0)])
    solution = np.linalg.lstsq(Z, b)[0]
    return float(np.mean((b - Z @ solution) ** 2))


def _table(timings: dict[str, Timing], losses: dict[str, float], best: float) -> bool:
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


def _target(what: str, value: float, bound: float, form: str = "{:.2f}") -> bool:
    verdict = "holds" if value <= bound else "MISSED"
    print(f"\n{what}: {form.format(value)} (target at most {bound:g}: {verdict})")
    return value <= bound


def steps(work: Path, rows: int, rounds: int) -> bool:
    """What a million steps cost beside a hundred."""
    X, y, _ = generate(rows, seed=2)
    write_csv(work / "steps.csv", X, y)
    fit = [*DLCLI, "fit-linear", str(work / "steps.csv"), "--target", "y", "-q", "--force", "--tolerance", "0"]
    good = True
    for schedule in ("constant", "cosine"):
        options = [*fit, "--schedule", schedule]
        timings = in_turn(
            {
                "many": [*options, "--steps", "1000000", "--out", str(work / "many")],
                "few": [*options, "--steps", "100", "--out", str(work / "few")],
            },
            rounds,
        )
        text = f"1,000,000 steps by 100 steps, {schedule} rate ({timings['many'].median:.2f} s)"
        good &= _target(text, ratio(timings["many"], timings["few"]), 1.2)
    return good


def memory(work: Path, rows: int, rounds: int) -> bool:
    """Peak memory on ten times the rows, CSV and Parquet."""
    good = True
    for form in ("csv", "parquet"):
        paths = {times: work / f"rows-{times}.{form}" for times in (1, 10)}
        for times, path in paths.items():
            parts = []
            for part in range(times):
                X, y, _ = generate(rows, seed=part)
                if form == "csv":
                    write_csv(path, X, y, append=part > 0)
                else:
                    parts.append(pl.DataFrame({n: X[:, i] for i, n in enumerate(NAMES)} | {"y": y}))
            if parts:
                pl.concat(parts).write_parquet(path, row_group_size=100_000)
                parts.clear()
        fit = [*DLCLI, "fit-linear", "--target", "y", "-q", "--force", "--out", str(work / "memory")]
        timings = in_turn({str(t): [*fit, str(p)] for t, p in paths.items()}, max(1, rounds // 2), warm_up=0)
        for timing in timings.values():
            if timing.failed:
                raise SystemExit(timing.failed)
        what = f"peak memory on {10 * rows:,} rows by {rows:,}, {form} ({timings['10'].megabytes:.0f} MB)"
        good &= _target(what, timings["10"].megabytes / timings["1"].megabytes, 1.3)
        for path in paths.values():
            path.unlink()
    return good


HELLO = '''"""Hello."""
import typer

app = typer.Typer()


@app.command()
def hello(name: str = "world") -> None:
    """Say hello."""


@app.command()
def goodbye(name: str = "world") -> None:
    """Say goodbye."""


app()
'''


def startup(work: Path, rows: int, rounds: int) -> bool:
    """dlcli --help beside a two-command Typer program's."""
    (work / "hello.py").write_text(HELLO)
    commands = {"dlcli": [*DLCLI, "--help"], "hello": [sys.executable, str(work / "hello.py"), "--help"]}
    timings = in_turn(commands, max(rounds, 11), warm_up=2)
    what = f"dlcli --help by a Typer hello-world's ({timings['dlcli'].median:.2f} s)"
    return _target(what, ratio(timings["dlcli"], timings["hello"]), 1.3)


SECTIONS = {"peers": peers, "quantile": quantile, "steps": steps, "memory": memory, "startup": startup}


def main() -> None:
    """Run the sections asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--section", choices=[*SECTIONS, "all"], default="all")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    chosen = list(SECTIONS) if options.section == "all" else [options.section]
    good = True
    for name in chosen:
        with tempfile.TemporaryDirectory(prefix="dlcli-bench-") as work:
            good &= SECTIONS[name](Path(work), options.rows, options.rounds)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
