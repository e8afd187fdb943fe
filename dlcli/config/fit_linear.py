"""Settings of ``dlcli fit-linear``."""

from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import field_validator, model_validator

from dlcli.config import aliases
from dlcli.config.base import Config
from dlcli.config.common import (
    DATA,
    INFERENCE,
    MODEL,
    OUTPUT,
    TRAINING,
    ScheduleOptions,
    TrainingOptions,
    by_commas,
)
from dlcli.config.linear.regularization import LinearRegularization
from dlcli.config.linear.terms import TermOptions
from dlcli.config.linear.validation import ValidationOptions
from dlcli.config.linear.weights import WeightOptions
from dlcli.config.option import option
from dlcli.config.table_options import TableOptions
from dlcli.config.values.loss import LOG_LINKED, QUANTILE, loss_forms, parse_loss


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


LossName = Literal[
    "auto", "mse", "cross-entropy", "poisson", "gamma", "negative-binomial", "tweedie:1.5", "quantile:0.5"
]  # fmt: skip


class LinearModelOptions(Config):
    """What is fitted."""

    # The words are those that shells complete.
    loss: LossName | str = option(
        "auto",
        "Mean squared error; cross-entropy for classes (two: logistic, more: softmax); the deviance of counts "
        "(poisson; negative-binomial, whose ALPHA is estimated if not given) or of positive numbers (gamma; tweedie:P, "
        "of variance mean^P); the pinball loss of a quantile (quantile:0.5: the median). auto: mse for a target of "
        "numbers, cross-entropy for one of text.",
        panel=MODEL,
        metavar="|".join(loss_forms()),
        also="criterion objective loss_fn loss_function family model model_type task problem distribution",
        also_as={
            "poisson": "poisson",
            "gamma": "gamma",
            "negative_binomial": "negative-binomial",
            "lad": "quantile:0.5",
        },
    )
    link: Literal["auto", "log", "identity", "inverse"] = option(
        "auto",
        "How the mean hangs on the columns with poisson, gamma, negative-binomial and tweedie: log(mean), the mean, or "
        "1/mean is linear in them. auto: log; of tweedie:0 identity.",
        panel=MODEL,
        also="link_function link_fn glm_link",
    )
    intercept: bool = option(
        True,
        "Fit an intercept.",
        panel=MODEL,
        flags=("--intercept/--no-intercept",),
        also="fit_intercept bias use_bias add_constant constant const add_intercept",
        also_as={"no_bias": False, "no_constant": False, "no_const": False, "no_fit_intercept": False},
    )
    standardize: bool = option(
        True,
        "Train on standardized columns; coefficients are always reported in the units of the data.",
        panel=MODEL,
        flags=("--standardize/--no-standardize",),
        also="standardise normalize normalise scale scaler scaling standard_scaler zscore",
        also_as={"no_standardise": False, "no_normalize": False, "no_scale": False, "no_scaling": False},
    )


class LinearTrainingOptions(Config):
    """How the model is fitted, and when the fit stops."""

    init: Path | None = option(
        None,
        "Start from the coefficients of this run or model file, by the names of columns and classes, in the units of "
        "the data; by default from 0.",
        panel=TRAINING, complete="dir", metavar="RUN|FILE",
        also="pretrained init_from warm_start coef_init start_from initial_weights start_params from_pretrained",
    )  # fmt: skip

    optimizer: Literal["auto", "gd", "sgd", "adam", "lbfgs", "newton", "exact"] = option(
        "auto",
        "gd: full-batch gradient descent; sgd, adam: mini-batches; lbfgs, newton: for all losses but mse; exact: "
        "QR for least squares, a linear program for quantile. auto: gd for mse, exact for quantile, else newton (with "
        "more than 1000 coefficients lbfgs).",
        panel=TRAINING,
        also=aliases.OPTIMIZER,
        also_as={"adam": "adam", "sgd": "sgd", "gd": "gd", "lbfgs": "lbfgs", "newton": "newton", "exact": "exact"},
    )
    lr: float | Literal["auto"] = option(
        "auto",
        "Learning rate; auto: from the largest eigenvalue.",
        panel=TRAINING,
        metavar="NUMBER|auto",
        also=aliases.LR,
    )
    steps: int | None = option(
        None,
        "Maximum steps; by default 1000 on the built-in example, else 1,000,000 (gd on mse), "
        "10,000 (other gd, sgd, adam) or 1000 (lbfgs, newton).",
        panel=TRAINING,
        ge=1,
        also=aliases.STEPS + " epoch epochs max_epochs num_epochs n_epochs nb_epochs num_train_epochs",
    )
    minutes: float | None = option(None, "Stop after this time.", panel=TRAINING, gt=0, also=aliases.MINUTES)
    tolerance: float | None = option(
        None,
        "Stop when the gradient norm is at most this fraction of the first; 0: take every step. By default 1e-15; "
        "1e-13 with L1, 1e-12 for gd on classes.",
        panel=TRAINING,
        ge=0,
        lt=1,
        also="tol gtol ftol xtol eps epsilon rtol atol convergence_tol stop_thr threshold",
    )
    momentum: float = option(0.0, "Momentum of gd and sgd.", panel=TRAINING, ge=0, lt=1, also="mom beta")
    nesterov: bool = option(
        False, "Nesterov momentum.", panel=TRAINING, flags=("--nesterov",),
        also="nesterovs_momentum nesterov_momentum nag", needs=("momentum", 0.9),
    )  # fmt: skip
    batch_size: int = option(256, "Rows per step of sgd and adam.", panel=TRAINING, ge=1, also=aliases.BATCH_SIZE)
    report_every: int = option(
        0,
        "Steps between reports; 0: every 100 up to 1000, then ten per decade of steps.",
        panel=TRAINING,
        ge=0,
        also=aliases.REPORT_EVERY,
    )


class InferenceOptions(Config):
    """What the summary says of the coefficients."""

    robust: Literal["HC0", "HC1", "HC2", "HC3"] | None = option(
        None,
        "Standard errors that hold where rows differ in variance: HC0 is White's, HC1 that by degrees of freedom, "
        "HC2 and HC3 by leverages.",
        panel=INFERENCE,
        also="vce vcov cov_type hc sandwich robust_se white huber_white",
        also_as={"hc0": "HC0", "hc1": "HC1", "hc2": "HC2", "hc3": "HC3"},
    )
    cluster: str | None = option(
        None,
        "Column whose values say which rows hang together, for standard errors by clusters; no feature unless "
        "--features names it.",
        panel=INFERENCE,
        metavar="COLUMN",
        also="clusters cluster_by cluster_column cluster_id panel_id",
    )
    confidence: float = option(
        0.95,
        "Confidence of the coefficients' intervals.",
        panel=INFERENCE,
        gt=0,
        lt=1,
        also="confidence_level conf_level ci conf_int",
    )
    baseline: str | None = option(
        None,
        "Class that the others are compared with in the table of coefficients; by default of two the first, of more "
        "none: their coefficients sum to 0.",
        panel=INFERENCE,
        metavar="CLASS",
        also="base base_class reference_class base_outcome ref pivot",
    )
    per_sd: bool = option(
        False,
        "Also report coefficients of columns, and of a target of numbers, with standard deviation 1.",
        panel=INFERENCE,
        flags=("--per-sd",),
        also="betas beta_weights standardized standardized_coefficients std_coef standardised",
    )


class PictureOptions(Config):
    """What is drawn of the fitted model."""

    diagnostics: bool = option(
        False,
        "Also draw the fitted model into plots/: coefficients with intervals; of numbers residuals, Q-Q, scale, "
        "leverage and predictions; of classes ROC, precision-recall, calibration and confusion. Reads DATA once more.",
        panel=OUTPUT,
        flags=("--diagnostics",),
        also="pictures plot_diagnostics diagnostic_plots residual_plots plot_residuals plot_model",
    )


# Pydantic takes the fields from the last base on: the order in --help and config.toml.
class FitLinearConfig(
    PictureOptions,
    TrainingOptions,
    InferenceOptions,
    ValidationOptions,
    LinearRegularization,
    ScheduleOptions,
    LinearTrainingOptions,
    LinearModelOptions,
    WeightOptions,
    TableOptions,
    TermOptions,
    ColumnOptions,
):
    """Linear, logistic and softmax regression."""

    command: ClassVar[str] = "fit-linear"
    path_fields: ClassVar[tuple[str, ...]] = ("data", "val_data", "init")

    @field_validator("loss")
    @classmethod
    def _loss(cls, value: str) -> str:
        parse_loss(value)
        return value

    @property
    def folds(self) -> int:
        """How many folds there are, those of a path included; 0 for none."""
        return self.cv or self.folds_of_path

    @field_validator("lr")
    @classmethod
    def _positive(cls, value: float | str) -> float | str:
        if isinstance(value, float) and value <= 0:
            raise ValueError("expected a positive number or auto")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        self._check_momentum_and_dropout()
        self._check_quantile()
        self._check_optimizer()
        self._check_link()
        if self.robust and self.cluster:
            raise ValueError(f"--robust {self.robust} and --cluster {self.cluster}: expected one of them")
        self._check_pictures()
        self.check_validation()
        self.check_terms()
        self._check_columns()
        self._check_path()
        if self.device == "mps":
            raise ValueError("--device mps has no float64, which fit-linear needs; use --device cpu")
        return self

    def _check_pictures(self) -> None:
        """Raise ValueError for pictures that can't be drawn."""
        if self.diagnostics and self.plots == "none":
            raise ValueError("--diagnostics draws pictures, and --plots none draws none: leave one of them out")
        if self.diagnostics and parse_loss(self.loss).name in LOG_LINKED:
            raise ValueError(f"--diagnostics draws no residuals of --loss {self.loss} yet: leave it out")
        if self.diagnostics and "-" in (*self.data, *self.val_data):
            raise ValueError("--diagnostics reads DATA once more, which standard input can't be: give a file")

    def _check_quantile(self) -> None:
        """Raise ValueError for what a linear program has no use for."""
        if parse_loss(self.loss).name != QUANTILE:
            return
        if self.optimizer not in ("auto", "exact"):
            raise ValueError(
                f"--optimizer {self.optimizer}: --loss {self.loss} is solved as a linear program; leave it out"
            )
        unused = {
            "--l2": self.l2, "--momentum": self.momentum, "--init": self.init, "--robust": self.robust,
            "--cluster": self.cluster, "--early-stop": self.early_stop, "--diagnostics": self.diagnostics,
            "--schedule": self.schedule != "constant", "--lr": self.lr != "auto",
            "--weights-kind precision": self.weights_kind == "precision",
        }  # fmt: skip
        why = {
            "--l2": "a penalty of squares makes it no linear program; use --l1",
            "--robust": "its standard errors allow rows to differ in spread already; leave it out",
            "--cluster": "there are no standard errors by clusters of it; leave it out",
            "--diagnostics": "there are no pictures of it yet; leave it out",
            "--weights-kind precision": "it has no variance to be known precisely; use frequency",
        }
        for name, given in unused.items():
            if given:
                rest = why.get(name, "it is solved as a linear program, in one step; leave it out")
                raise ValueError(f"{name} with --loss {self.loss}: {rest}")

    def _check_link(self) -> None:
        """Raise ValueError for a link that the loss hasn't got."""
        name = parse_loss(self.loss).name
        if self.link == "auto":
            return
        if name not in LOG_LINKED:
            raise ValueError(f"--link {self.link} goes with --loss {', '.join(LOG_LINKED)}, got --loss {self.loss}")
        if self.link == "inverse" and name not in ("gamma", "tweedie"):
            raise ValueError(f"--link inverse goes with gamma and tweedie; with --loss {self.loss} use log or identity")

    def _check_columns(self) -> None:
        """Raise ValueError for columns chosen beside a formula, which chooses them."""
        if self.formula is None:
            return
        if self.features or self.drop:
            word = "--features" if self.features else "--drop"
            raise ValueError(f"--formula names the columns that are used: leave {word} out")
        if not self.data:
            raise ValueError("--formula names columns of a table, and no DATA was given: name a file")

    def _check_path(self) -> None:
        """Raise ValueError for what a path of penalties can't go with."""
        if self.path and self.loss not in ("auto", "mse", "cross-entropy"):
            raise ValueError(f"{self.path} is for mse and cross-entropy, not for --loss {self.loss}: give a number")
        for name in ("weights", "class_weight", "offset", "exposure"):
            if self.path and getattr(self, name):
                raise ValueError(f"{self.path} has no --{name.replace('_', '-')} yet: give the penalty as a number")
        unfit = {
            "--init": self.init is not None,
            f"--schedule {self.schedule}": self.schedule != "constant",
            f"--optimizer {self.optimizer}": self.optimizer in ("sgd", "adam"),
            "--early-stop": self.early_stop is not None,
            "--minutes": self.minutes is not None,
        }
        self.check_penalties([name for name, given in unfit.items() if given])

    def _check_momentum_and_dropout(self) -> None:
        """Raise ValueError for an option that lacks the one it depends on."""
        if self.dropout and self.optimizer not in ("sgd", "adam"):
            raise ValueError(f"--dropout {self.dropout} needs --optimizer sgd or adam, got {self.optimizer}")
        if self.nesterov and not self.momentum:
            raise ValueError("--nesterov needs --momentum, for example --momentum 0.9")
        if self.momentum and self.optimizer not in ("auto", "gd", "sgd"):
            raise ValueError(f"--momentum works with gd and sgd, got --optimizer {self.optimizer}")

    def _check_optimizer(self) -> None:
        """Raise ValueError for a loss, penalty or schedule that the optimizer can't have."""
        if self.optimizer == "exact" and self.init is not None:
            raise ValueError("--optimizer exact solves directly and starts nowhere; leave --init or it out")
        quantile = parse_loss(self.loss).name == QUANTILE
        if self.optimizer == "exact" and self.l1 and not quantile:
            raise ValueError("--optimizer exact has no --l1; use --optimizer gd, which gives exact zeros")
        if self.optimizer == "lbfgs" and self.l1:
            raise ValueError("--optimizer lbfgs has no --l1; use --optimizer newton or gd")
        if self.optimizer == "exact" and self.loss not in ("auto", "mse") and not quantile:
            raise ValueError("--optimizer exact is for mean squared error; use --optimizer newton")
        if self.optimizer in ("newton", "lbfgs") and self.loss == "mse":
            raise ValueError(f"--optimizer {self.optimizer} is for other losses than mse; use --optimizer exact or gd")
        if self.schedule != "constant" and self.optimizer in ("exact", "newton", "lbfgs"):
            raise ValueError(f"--schedule {self.schedule} needs --optimizer gd, sgd or adam, got {self.optimizer}")
