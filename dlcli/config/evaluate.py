"""Settings of ``dlcli eval`` and ``dlcli predict``."""

from pathlib import Path
from typing import Literal

from dlcli.config.base import option
from dlcli.config.common import DATA, OUTPUT, OutputOptions, TableOptions


class EvalConfig(TableOptions, OutputOptions):
    """Measure a saved model."""

    run: Path = option(..., "Run directory of a saved model.", argument=True, complete="dir")
    data: tuple[str, ...] = option(
        (), "Data to measure on; none: what the run was trained on.", argument=True, complete="file"
    )
    check: tuple[str, ...] = option(
        (),
        "Fail with exit code 3 unless this holds, for example 'r2>=0.9'. Repeatable.",
        panel="Options",
        metavar="CHECK",
    )
    out: Path | None = option(None, "Write the report to this file too.", panel=OUTPUT, complete="file")
    missing: Literal["error", "drop", "mean"] | None = option(  # type: ignore[assignment]
        None, "What to do with missing values; by default as in training.", panel=DATA
    )


class PredictConfig(TableOptions, OutputOptions):
    """Predict with a saved model."""

    run: Path = option(..., "Run directory of a saved model.", argument=True, complete="dir")
    data: tuple[str, ...] = option(
        (), "Data to predict; none: what the run was trained on.", argument=True, complete="file"
    )
    out: Path | None = option(
        None, "File to write, .csv or .parquet; by default CSV to stdout.", panel=OUTPUT, complete="file"
    )
    force: bool = option(False, "Replace an --out file that exists.", panel=OUTPUT, flags=("--force",))
    missing: Literal["error", "drop", "mean"] | None = option(  # type: ignore[assignment]
        None,
        "What to do with missing values; by default as in training. drop: an empty prediction.",
        panel=DATA,
    )
