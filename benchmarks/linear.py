"""dlcli fit-linear beside its peers: whole processes from file to saved model, in one run.

python benchmarks/linear.py [--section peers|weighted|path|quantile|steps|memory|startup|all] [--rows N] [--rounds N]

Needs the extras: pip install -e '.[bench]'; LIBLINEAR's own programs if there are any (Debian: liblinear-tools). A
peer that isn't installed is left out, and said. Exit code 1 if a target is missed.
"""

import argparse
import importlib.util
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
from measure import in_turn, ratio
from tables.data import (
    COLUMNS,
    DLCLI,
    NAMES,
    PEERS,
    counts,
    generate,
    logistic_loss,
    poisson_loss,
    read_model,
    show,
    squares_loss,
    vw,
    within,
    write_csv,
    write_svm,
    write_vw,
)
from tables.inference import path, quantile, weighted


def peer_commands(work: Path, kind: str) -> dict[str, list[str]]:
    """Command of each peer that is installed, by name."""
    csv, out = str(work / f"{kind}.csv"), work / "out"
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
        commands[name] = [*PEERS, name, csv, f"{out}-{name}"]
    start = vw()
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
        if vw():
            write_vw(work / f"{kind}.vw", A, 2 * b - 1 if kind == "logistic" else b)
        if kind == "logistic":
            write_svm(work / "logistic.svm", A, b)
        timings = in_turn(peer_commands(work, kind), rounds)
        losses = {n: loss_of(A, b, *read_model(n, work / f"out-{n}", A)) for n, t in timings.items() if not t.failed}
        best = _optimum(A, b, min(losses.values()), kind)
        print(f"\n{kind}, {rows:,} x {COLUMNS}, whole process, median of {rounds}\n")
        good &= show(timings, losses, best)
        if kind == "squares":
            good &= within("dlcli's loss above the optimum", (losses["dlcli"] - best) / best, 1e-9, "{:.1e}")
    return good


def _optimum(A: np.ndarray, b: np.ndarray, least: float, kind: str) -> float:
    if kind != "squares":
        return least
    Z = np.column_stack([np.ones(len(A)), (A - A.mean(axis=0)) / A.std(axis=0)])
    solution = np.linalg.lstsq(Z, b)[0]
    return float(np.mean((b - Z @ solution) ** 2))


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
        good &= within(text, ratio(timings["many"], timings["few"]), 1.2)
    return good


def memory(work: Path, rows: int, rounds: int) -> bool:
    """Peak memory on ten times the rows, CSV and Parquet."""
    good = True
    for form in ("csv", "parquet"):
        paths = {times: work / f"rows-{times}.{form}" for times in (1, 10)}
        for times, table in paths.items():
            parts = []
            for part in range(times):
                X, y, _ = generate(rows, seed=part)
                if form == "csv":
                    write_csv(table, X, y, append=part > 0)
                else:
                    parts.append(pl.DataFrame({n: X[:, i] for i, n in enumerate(NAMES)} | {"y": y}))
            if parts:
                pl.concat(parts).write_parquet(table, row_group_size=100_000)
                parts.clear()
        fit = [*DLCLI, "fit-linear", "--target", "y", "-q", "--force", "--out", str(work / "memory")]
        timings = in_turn({str(t): [*fit, str(p)] for t, p in paths.items()}, max(1, rounds // 2), warm_up=0)
        for timing in timings.values():
            if timing.failed:
                raise SystemExit(timing.failed)
        what = f"peak memory on {10 * rows:,} rows by {rows:,}, {form} ({timings['10'].megabytes:.0f} MB)"
        good &= within(what, timings["10"].megabytes / timings["1"].megabytes, 1.3)
        for table in paths.values():
            table.unlink()
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
    return within(what, ratio(timings["dlcli"], timings["hello"]), 1.3)


SECTIONS = {
    "peers": peers, "weighted": weighted, "path": path, "quantile": quantile, "steps": steps, "memory": memory,
    "startup": startup,
}  # fmt: skip


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
