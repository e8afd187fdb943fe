"""Settings of ``dlcli fit-linear``."""

from typing import ClassVar, Self

from pydantic import field_validator, model_validator

from dlcli.config.common import ScheduleOptions, TrainingOptions
from dlcli.config.linear.columns import ColumnOptions
from dlcli.config.linear.model import LinearModelOptions
from dlcli.config.linear.regularization import LinearRegularization
from dlcli.config.linear.shown import InferenceOptions, PictureOptions
from dlcli.config.linear.terms import TermOptions
from dlcli.config.linear.training import LinearTrainingOptions
from dlcli.config.linear.validation import ValidationOptions
from dlcli.config.linear.weights import WeightOptions
from dlcli.config.table_options import TableOptions
from dlcli.config.values.loss import HUBER, HUBER_FIXED, LOG_LINKED, QUANTILE, parse_loss

NAMES_COLUMNS = ("formula", "features", "drop", "log", "poly", "interactions", "reference")
TRACKERS = ("tensorboard", "mlflow")


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
        self._check_huber()
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
            "--cluster": self.cluster, "--early-stop": self.early_stop,
            "--schedule": self.schedule != "constant", "--lr": self.lr != "auto",
            "--weights-kind precision": self.weights_kind == "precision",
        }  # fmt: skip
        why = {
            "--l2": "a penalty of squares makes it no linear program; use --l1",
            "--robust": "its standard errors allow rows to differ in spread already; leave it out",
            "--cluster": "there are no standard errors by clusters of it; leave it out",
            "--weights-kind precision": "it has no variance to be known precisely; use frequency",
        }
        for name, given in unused.items():
            if given:
                rest = why.get(name, "it is solved as a linear program, in one step; leave it out")
                raise ValueError(f"{name} with --loss {self.loss}: {rest}")

    def _check_huber(self) -> None:
        """Raise ValueError for what Huber's loss has no use for."""
        if parse_loss(self.loss).name not in (HUBER, HUBER_FIXED):
            return
        for name, given in (("--robust", self.robust), ("--cluster", self.cluster)):
            if given:
                raise ValueError(f"{name} with --loss {self.loss}: its standard errors are Huber's own; leave it out")
        if self.schedule == "barzilai-borwein":
            raise ValueError(
                f"--schedule barzilai-borwein with --loss {self.loss}: far from the rows its gradient doesn't change, "
                "and such steps have no bound; use constant"
            )

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
        """Raise ValueError for columns chosen without a table, or beside a formula, which chooses them."""
        if not self.data:
            self._refuse_names_of_columns()
        if self.formula is None:
            return
        if self.features or self.drop:
            word = "--features" if self.features else "--drop"
            raise ValueError(f"--formula names the columns that are used: leave {word} out")

    def _refuse_names_of_columns(self) -> None:
        """Raise ValueError for an option that names columns of a table: there is none but the built-in example."""
        for name in NAMES_COLUMNS:
            if getattr(self, name):
                # --log tensorboard is what others call it.
                hint = f"write --log-to {self.log[0]}" if name == "log" and self.log[0] in TRACKERS else "name a file"
                flag = f"--{name.replace('_', '-')}"
                raise ValueError(f"{flag} names columns of a table, and no DATA was given: {hint}")

    def _check_path(self) -> None:
        """Raise ValueError for what a path of penalties can't go with."""
        if self.path and self.loss not in ("auto", "mse", "cross-entropy"):
            raise ValueError(f"{self.path} is for mse and cross-entropy, not for --loss {self.loss}: give a number")
        for name in ("class_weight", "offset", "exposure"):
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
