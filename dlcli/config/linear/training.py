"""Options of how a linear model is fitted."""

from pathlib import Path
from typing import Literal

from dlcli.config import aliases
from dlcli.config.base import Config
from dlcli.config.common import TRAINING
from dlcli.config.option import option


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
