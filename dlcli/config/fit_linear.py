"""Settings of ``dlcli fit-linear``."""

from typing import Literal, Self

from pydantic import field_validator, model_validator

from dlcli.config.base import option
from dlcli.config.common import DATA, ScheduleOptions, TableOptions, TrainingOptions

MODEL = "Model"
TRAINING = "Training"
REGULARISE = "Against overfitting"


class FitLinearConfig(ScheduleOptions, TableOptions, TrainingOptions):
    """Linear, logistic and softmax regression."""

    data: tuple[str, ...] = option(
        (),
        "Tables: CSV, TSV, JSON lines, Parquet, Arrow, .npy, .npz; globs; - for standard input. "
        "None: the built-in example.",
        argument=True,
        complete="file",
    )
    target: str | None = option(
        None,
        "Column to predict, by name or 1-based position; by default the one named target, y, label or class.",
        panel=DATA,
        metavar="COLUMN",
    )
    features: tuple[str, ...] = option(
        (),
        "Columns to use, separated by commas; by default all others. Repeatable.",
        panel=DATA,
        metavar="COLUMNS",
    )
    drop: tuple[str, ...] = option(
        (), "Columns to leave out, separated by commas. Repeatable.", panel=DATA, metavar="COLUMNS"
    )
    loss: Literal["auto", "mse", "cross-entropy"] = option(
        "auto",
        "Mean squared error, or cross-entropy for classes (two: logistic, more: softmax); auto goes by "
        "the target: numbers or text.",
        panel=MODEL,
    )
    intercept: bool = option(True, "Learn an intercept.", panel=MODEL, flags=("--intercept/--no-intercept",))
    standardize: bool = option(
        True,
        "Train on standardised columns; coefficients are reported in the data's own units all the same.",
        panel=MODEL,
        flags=("--standardize/--no-standardize",),
    )
    optimizer: Literal["auto", "gd", "sgd", "adam", "lbfgs", "newton", "exact"] = option(
        "auto",
        "gd: full-batch gradient descent; sgd, adam: mini-batches; lbfgs, newton: for cross-entropy; exact: "
        "QR for least squares. auto: gd for mse, newton for cross-entropy.",
        panel=TRAINING,
    )
    lr: float | Literal["auto"] = option(
        "auto",
        "Learning rate; auto takes it from the largest eigenvalue.",
        panel=TRAINING,
        metavar="NUMBER|auto",
    )
    steps: int | None = option(
        None,
        "Most steps to take; by default 1000 on the built-in example, else 1,000,000 (gd on mse), "
        "10,000 (other gd, sgd, adam) or 1000 (lbfgs, newton).",
        panel=TRAINING,
        ge=1,
    )
    minutes: float | None = option(None, "Stop after this time.", panel=TRAINING, gt=0)
    tolerance: float | None = option(
        None,
        "Stop when the gradient's norm is at most this much of the first; 0 takes every step. By default 1e-15; 1e-13 "
        "with L1, 1e-12 for gd on classes.",
        panel=TRAINING,
        ge=0,
        lt=1,
    )
    momentum: float = option(0.0, "Momentum of gd and sgd.", panel=TRAINING, ge=0, lt=1)
    nesterov: bool = option(False, "Nesterov's momentum.", panel=TRAINING, flags=("--nesterov",))
    batch_size: int = option(256, "Rows a step of sgd and adam.", panel=TRAINING, ge=1)
    report_every: int = option(
        0,
        "Steps between reports; 0: every 100 up to 1000, then every tenth of a decade.",
        panel=TRAINING,
        ge=0,
    )
    l1: float = option(0.0, "L1 penalty (lasso): exact zeros.", panel=REGULARISE, ge=0)
    l2: float = option(0.0, "L2 penalty (ridge), half the sum of squares times this.", panel=REGULARISE, ge=0)
    dropout: float = option(0.0, "Dropout on the inputs, with sgd and adam.", panel=REGULARISE, ge=0, lt=1)
    val: float = option(0.0, "Fraction of the rows held out for validation.", panel=REGULARISE, ge=0, lt=1)
    early_stop: int | None = option(
        None,
        "Stop after this many reports without a lower validation loss (needs --val).",
        panel=REGULARISE,
        ge=1,
        metavar="PATIENCE",
    )
    cv: int | None = option(None, "Cross-validate with this many folds as well.", panel=REGULARISE, ge=2, metavar="K")

    @field_validator("features", "drop", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, (list, tuple)):
            return tuple(name for item in value for name in str(item).split(",") if name)
        return value

    @field_validator("lr")
    @classmethod
    def _positive(cls, value: float | str) -> float | str:
        if isinstance(value, float) and value <= 0:
            raise ValueError("expected a positive number or auto")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        minibatch = self.optimizer in ("sgd", "adam")
        if self.dropout and not minibatch:
            raise ValueError(f"--dropout {self.dropout} needs --optimizer sgd or adam, got {self.optimizer}")
        if self.early_stop and not self.val:
            raise ValueError("--early-stop needs validation rows: add --val 0.2")
        if self.nesterov and not self.momentum:
            raise ValueError("--nesterov needs --momentum, for example --momentum 0.9")
        if self.momentum and self.optimizer not in ("auto", "gd", "sgd"):
            raise ValueError(f"--momentum works with gd and sgd, got --optimizer {self.optimizer}")
        if self.optimizer == "exact" and self.l1:
            raise ValueError("--optimizer exact has no --l1; use --optimizer gd, which gives exact zeros")
        if self.optimizer == "lbfgs" and self.l1:
            raise ValueError("--optimizer lbfgs has no --l1; use --optimizer newton or gd")
        if self.optimizer == "exact" and self.loss == "cross-entropy":
            raise ValueError("--optimizer exact is for mean squared error; use --optimizer newton")
        if self.optimizer in ("newton", "lbfgs") and self.loss == "mse":
            raise ValueError(f"--optimizer {self.optimizer} is for cross-entropy; use --optimizer exact or gd")
        if self.schedule != "constant" and self.optimizer in ("exact", "newton", "lbfgs"):
            raise ValueError(f"--schedule {self.schedule} needs --optimizer gd, sgd or adam, got {self.optimizer}")
        if self.device == "mps":
            raise ValueError("--device mps has no float64, which fit-linear needs; use --device cpu")
        return self
