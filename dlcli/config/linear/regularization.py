"""Options of the penalties of a linear model, and of the path along one."""

from typing import Literal

from pydantic import field_validator

from dlcli.config import aliases
from dlcli.config.base import Config
from dlcli.config.common import REGULARIZATION
from dlcli.config.option import option

FOLDS_OF_PATH = 10  # where --cv doesn't say
Strength = float | Literal["path"]


class LinearRegularization(Config):
    """Penalties."""

    l1: Strength = option(
        0.0,
        "L1 penalty (lasso): exact zeros; path: many penalties, of which cross-validation chooses one.",
        panel=REGULARIZATION,
        metavar="NUMBER|path",
        also=aliases.L1,
    )
    l2: Strength = option(
        0.0,
        "L2 penalty (ridge): this times half the sum of squares; path: many, of which cross-validation chooses one.",
        panel=REGULARIZATION,
        metavar="NUMBER|path",
        also=aliases.L2,
    )
    path_choice: Literal["min", "1se"] = option(
        "1se",
        "Penalty of a path to take: of the lowest cross-validated loss (min), or the largest whose loss is within one "
        "standard error of it.",
        panel=REGULARIZATION,
        also="lambda_choice lambda_rule selection_rule one_se",
    )
    path_length: int = option(
        100, "Penalties on a path.", panel=REGULARIZATION, ge=2, le=10_000,
        also="nlambda n_lambda n_alphas alphas lambdas n_penalties cs",
    )  # fmt: skip
    path_ratio: float | None = option(
        None,
        "Smallest penalty of a path by its largest; by default 1e-4 (l1; 1e-2 with fewer rows than columns) or 1e-8 "
        "(l2).",
        panel=REGULARIZATION,
        gt=0,
        lt=1,
        also="lambda_min_ratio lambda_min alpha_min_ratio path_eps",
    )
    dropout: float = option(
        0.0, "Dropout on the inputs, with sgd and adam.", panel=REGULARIZATION, ge=0, lt=1,
        also="dropout_rate drop_rate input_dropout", needs=("optimizer", "sgd"),
    )  # fmt: skip

    @field_validator("l1", "l2")
    @classmethod
    def _strength(cls, value: float | str) -> float | str:
        if isinstance(value, float) and value < 0:
            raise ValueError("expected a number of at least 0, or path")
        return value

    @property
    def path(self) -> Literal["", "--l1 path", "--l2 path"]:
        """The path that is asked for, as it is typed."""
        return "--l1 path" if self.l1 == "path" else "--l2 path" if self.l2 == "path" else ""

    @property
    def folds_of_path(self) -> int:
        """The folds of a path where none are asked for; 0 without a path."""
        return FOLDS_OF_PATH if self.path else 0

    def check_penalties(self, unfit: list[str]) -> None:
        """Raise ValueError for a path that there can't be; ``unfit``: other options, given with which there is none."""
        if self.l1 == self.l2 == "path":
            raise ValueError("--l1 path --l2 path: one penalty can be a path; for an elastic net --l1 path --l2 0.01")
        if self.l2 == "path" and self.l1:
            raise ValueError(f"--l2 path has no --l1 {self.l1}; for an elastic net --l1 path --l2 0.01")
        if self.path and unfit:
            raise ValueError(f"{self.path} has no {unfit[0]}: each fit is at its optimum; leave one of them out")
        own = LinearRegularization.model_fields  # a config that a run wrote names them all
        given = [
            name
            for name in ("path_choice", "path_length", "path_ratio")
            if getattr(self, name) != own[name].get_default()
        ]
        if given and not self.path:
            name = "--" + given[0].replace("_", "-")
            raise ValueError(f"{name} is of a path of penalties: add --l1 path or --l2 path")
