"""Options of which rows measure a linear model instead of training it."""

from dlcli.config import aliases
from dlcli.config.base import Config
from dlcli.config.common import REGULARIZATION
from dlcli.config.option import option


class ValidationOptions(Config):
    """Rows held out for validation, and folds."""

    val: float = option(
        0.0, "Fraction of the rows held out for validation.", panel=REGULARIZATION, ge=0, lt=1, also=aliases.VAL
    )
    val_rows: str | None = option(
        None,
        "Hold out the rows for which this holds: comparisons of columns with values, joined by and, or, not and "
        "parentheses, such as 'date>=2024-01-01 and shop!=north'.",
        panel=REGULARIZATION,
        metavar="CONDITION",
        also="val_where val_query val_filter val_condition test_rows holdout_rows validation_rows where filter",
    )
    val_data: tuple[str, ...] = option(
        (),
        "Tables whose rows are all held out, with the columns of DATA. Repeatable.",
        panel=REGULARIZATION,
        metavar="FILE",
        complete="file",
        also="val_file validation_data validation_file test_data test_file valid_data eval_data eval_set holdout_file",
    )
    group: str | None = option(
        None,
        "Column of groups that --val and --cv keep together; it is no feature unless --features names it.",
        panel=REGULARIZATION,
        metavar="COLUMN",
        also="groups group_column group_col group_by groupby group_kfold group_k_fold block blocks subject",
    )
    time: str | None = option(
        None,
        "Column of dates, times or numbers by which --val holds out the last rows, and each fold of --cv is trained on "
        "the rows before it.",
        panel=REGULARIZATION,
        metavar="COLUMN",
        also="time_order order_by time_split time_series time_series_split timeseries chronological forward_chaining",
    )
    early_stop: int | None = option(
        None,
        "Stop after this many reports without a lower validation loss (needs --val).",
        panel=REGULARIZATION,
        ge=1,
        metavar="PATIENCE",
        also=aliases.EARLY_STOP,
        needs=("val", 0.2),
    )
    cv: int | None = option(
        None, "Also cross-validate, with this many folds.", panel=REGULARIZATION, ge=2, metavar="K",
        also="k folds n_folds kfold kfolds k_fold nfold nfolds n_splits cv_folds cross_validate cross_validation",
    )  # fmt: skip

    @property
    def folds(self) -> int:
        """How many folds there are; 0 for none."""
        return self.cv or 0

    @property
    def holds_out(self) -> bool:
        """Whether rows are held out, those of folds apart."""
        return bool(self.val or self.val_rows is not None or self.val_data)

    def check_validation(self) -> None:
        """Raise ValueError for options that don't go together."""
        ways = {"--val": self.val, "--val-rows": self.val_rows is not None, "--val-data": self.val_data}
        given = [name for name, value in ways.items() if value]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} each say which rows are held out: give one of them")
        if self.group is not None and self.time is not None:
            raise ValueError("--group and --time each say how rows are split: give one of them")
        key = "--group" if self.group is not None else "--time" if self.time is not None else ""
        if key and not self.val and not self.folds:
            raise ValueError(f"{key} says how --val and --cv split the rows: add --val 0.2 or --cv 5")
        if self.early_stop and not self.holds_out:
            raise ValueError("--early-stop needs validation rows: add --val 0.2")
