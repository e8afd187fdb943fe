"""Options of which tables and columns a linear model is fitted to."""

from pydantic import field_validator

from dlcli.config import aliases
from dlcli.config.base import Config
from dlcli.config.common import DATA, by_commas
from dlcli.config.option import option


class ColumnOptions(Config):
    """Which tables and columns are used, and for what."""

    data: tuple[str, ...] = option(
        (),
        "Tables: CSV, TSV, JSON lines, Parquet, Arrow, Excel, .npy, .npz, libsvm, Vowpal Wabbit; globs; - for standard "
        "input; SQLite, DuckDB, postgresql://USER@HOST/NAME. None: the built-in example.",
        argument=True,
        complete="file",
        also=aliases.DATA,
    )
    target: str | None = option(
        None,
        "Column to predict, by name or 1-based position; by default the one named target, y, label or class.",
        panel=DATA,
        metavar="COLUMN",
        also="y t label labels response outcome dependent endog target_column label_column y_column",
    )
    features: tuple[str, ...] = option(
        (),
        "Columns to use, separated by commas; by default all others. Repeatable.",
        panel=DATA,
        metavar="COLUMNS",
        also="x feature columns cols predictors regressors exog inputs_columns feature_columns usecols",
    )
    drop: tuple[str, ...] = option(
        (), "Columns to leave out, separated by commas. Repeatable.", panel=DATA, metavar="COLUMNS",
        also="exclude ignore omit drop_columns drop_column drop_features exclude_columns ignore_columns",
    )  # fmt: skip

    dry_run: bool = option(
        False,
        "Only read the tables, and show what every column holds and how it would be used.",
        panel=DATA,
        flags=("--dry-run",),
        cli_only=True,
        also="dryrun inspect describe summary head check_data profile",
    )

    @field_validator("features", "drop", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return by_commas(value)
