"""What analysts ask of a fit beside coefficients: quantiles, weights and paths of penalties, beside peers."""

import importlib.util
from pathlib import Path

import numpy as np
import polars as pl
from measure import in_turn, ratio
from tables.data import (
    COLUMNS,
    DLCLI,
    NAMES,
    PEERS,
    generate,
    logistic_loss,
    pinball_loss,
    read_model,
    show,
    squares_loss,
    vw,
    within,
    write_csv,
    write_vw,
)

MOST_FOR_FOLDS = 100_000


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
        commands[name] = [*PEERS, name, str(csv), f"{out}-{name}"]
    timings = in_turn(commands, rounds)
    data = pl.read_csv(csv).to_numpy()
    A, b = data[:, :COLUMNS], data[:, COLUMNS].astype(float)
    losses = {n: pinball_loss(A, b, *read_model(n, work / f"out-{n}", A)) for n, t in timings.items() if not t.failed}
    best = min(losses.values())
    print(f"\nquantile 0.9, {rows:,} x {COLUMNS}, whole process, median of {rounds}\n")
    good = show(timings, losses, best)
    return good & within("dlcli's loss above the lowest", (losses["dlcli"] - best) / best, 1e-9, "{:.1e}")


def weighted(work: Path, rows: int, rounds: int) -> bool:
    """Logistic regression of rows of weights 1 to 5; true if dlcli is first, and at the lowest loss."""
    X, _, labels = generate(rows, seed=2)
    weights = np.random.default_rng(5).integers(1, 6, size=rows).astype(float)
    csv, out = work / "weighted.csv", work / "out"
    frame = pl.DataFrame({name: X[:, i] for i, name in enumerate(NAMES)} | {"w": weights, "y": labels})
    frame.write_csv(csv, float_precision=6)
    data = pl.read_csv(csv)
    A, b = data.select(NAMES).to_numpy(), data["y"].to_numpy().astype(float)
    options = ["--target", "y", "--weights", "w", "--loss", "cross-entropy", "-q", "--force", "--out", f"{out}-dlcli"]
    commands = {"dlcli": [*DLCLI, "fit-linear", str(csv), *options]}
    peers = ("sklearn-polars-weighted-lbfgs", "sklearn-polars-weighted-newton", "statsmodels-weighted")
    commands |= _installed(peers, csv, out)
    if start := vw():
        write_vw(work / "weighted.vw", A, 2 * b - 1, weights)
        commands["Vowpal Wabbit"] = [
            *start, "-d", str(work / "weighted.vw"), "--passes", "3", "-c", "-k",
            "--cache_file", str(work / "vw.cache"), "--loss_function", "logistic",
            "-f", f"{out}-Vowpal Wabbit", "--quiet", "--holdout_off",
        ]  # fmt: skip
    timings = in_turn(commands, rounds)
    found = {n: read_model(n, work / f"out-{n}", A) for n, t in timings.items() if not t.failed}
    losses = {name: logistic_loss(A, b, *model, weights) for name, model in found.items()}
    best = min(losses.values())
    print(f"\nlogistic with weights, {rows:,} x {COLUMNS}, whole process, median of {rounds}\n")
    good = show(timings, losses, best)
    return good & within("dlcli's loss above the lowest", (losses["dlcli"] - best) / best, 1e-9, "{:.1e}")


def path(work: Path, rows: int, rounds: int) -> bool:
    """100 ridge penalties by 10 folds, beside a plain fit and peers; true if dlcli is first and near the plain fit.

    scikit-learn's RidgeCV leaves out one row at a time, by one decomposition, unless it is told a number of folds.
    """
    X, y, _ = generate(rows, seed=2)
    csv, out = work / "path.csv", work / "out"
    write_csv(csv, X, y)
    fit = [*DLCLI, "fit-linear", str(csv), "--target", "y", "-q", "--force"]
    along = [*fit, "--l2", "path", "--cv", "10", "--out", f"{out}-dlcli"]
    commands = {"dlcli": along, "a plain fit": [*fit, "--out", f"{out}-plain"]}
    folds = ["sklearn-polars-ridgecv-10"] if rows <= MOST_FOR_FOLDS else []  # of more it takes many minutes
    commands |= _installed(("sklearn-polars-ridgecv", *folds, "glmnet-polars-ridge"), csv, out)
    timings = in_turn(commands, rounds)
    plain = timings.pop("a plain fit")
    data = pl.read_csv(csv).to_numpy()
    A, b = data[:, :COLUMNS], data[:, COLUMNS].astype(float)
    losses = {n: squares_loss(A, b, *read_model(n, work / f"out-{n}", A)) for n, t in timings.items() if not t.failed}
    print(f"\n100 ridge penalties, 10 folds, {rows:,} x {COLUMNS}, whole process, median of {rounds}\n")
    good = show(timings, losses, min(losses.values()))
    return good & within(f"the path by a plain fit ({plain.median:.2f} s)", ratio(timings["dlcli"], plain), 1.5)


def _installed(names: tuple[str, ...], csv: Path, out: Path) -> dict[str, list[str]]:
    """Commands of the peers that are installed."""
    commands = {}
    for name in names:
        package = {"sklearn": "sklearn", "statsmodels": "statsmodels", "glmnet": "glmnet"}[name.partition("-")[0]]
        if importlib.util.find_spec(package) is None:
            print(f"not installed: {name}")
        else:
            commands[name] = [*PEERS, name, str(csv), f"{out}-{name}"]
    return commands
