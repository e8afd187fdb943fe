"""Settings of ``dlcli federate fit-linear``."""

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from dlcli.config import aliases
from dlcli.config.common import INFERENCE, MODEL, TRAINING
from dlcli.config.federated.clients import ClientFiles, clients_of
from dlcli.config.federated.options import FEDERATION, ROUNDS, FederationOptions
from dlcli.config.fit_linear import FitLinearConfig
from dlcli.config.option import option

LOCAL_STEPS = 10


# Pydantic takes the fields from the last base on.
class FederateLinearConfig(FitLinearConfig, FederationOptions):
    """Linear, logistic and softmax regression over data that stay apart."""

    command: ClassVar[str] = "federate fit-linear"

    optimizer: Literal["auto", "gd", "sgd", "lbfgs", "newton"] = option(
        "auto",
        "newton, lbfgs, gd: by sums over all clients' rows; gd, sgd: a client's own steps with fedavg and fedprox, sgd "
        "on mini-batches. auto: newton for classes, else gd.",
        panel=TRAINING, also=aliases.OPTIMIZER, also_as={name: name for name in ("sgd", "gd", "lbfgs", "newton")},
    )  # fmt: skip
    loss: Literal["auto", "mse", "cross-entropy"] = option(
        "auto",
        "Mean squared error; cross-entropy for classes. auto: mse for a target of numbers, else cross-entropy.",
        panel=MODEL, also="criterion objective loss_fn loss_function family model model_type task problem distribution",
    )  # fmt: skip
    robust: Literal["HC0", "HC1", "HC2", "HC3"] | None = option(
        None,
        "Not there for data that stay apart.",
        panel=INFERENCE,
        also="robust_errors cov_type vcov hc heteroscedastic",
    )
    pooled: bool = option(
        False, "Also train on all rows at once, and draw both.", panel=FEDERATION, flags=("--pooled",),
        also="compare centralized baseline centralised",
    )  # fmt: skip

    @property
    def averages(self) -> bool:
        """Whether clients take local steps, whose mean is taken; else sums give the pooled answer."""
        name = self.trained_by.name
        return name in ("fedavg", "fedprox") or (name == "auto" and (bool(self.of_rounds) or self.optimizer == "sgd"))

    def of_rounds_only(self) -> Self:
        """The same as it is planned: a fit by the rows, of as many steps as there are rounds, each of them reported."""
        steps = {"steps": self.rounds or ROUNDS, "report_every": 1, "lr": "auto"}
        return self.with_files().model_copy(update={"optimizer": "adam", **steps})

    @property
    def named_clients(self) -> list[ClientFiles]:
        """The clients and their files, where each DATA is a client's; else []."""
        return clients_of(self.data) if self.parts is None else []

    def with_files(self) -> Self:
        """The same with every file of every client as data."""
        if self.parts is not None:
            return self
        files = tuple(file for client in self.named_clients for file in client.files)
        return self.model_copy(update={"data": files})

    @model_validator(mode="after")
    def _federated(self) -> Self:
        self.check_federation(averages=self.averages)
        if self.parts is None and len(self.data) < 2:
            raise ValueError("--clients each: expected at least 2 DATA, each of which is a client's")
        refused = {
            "--cv": (self.cv, "use --val"),
            "--l1 path": (self.l1 == "path", "give the penalty as a number"),
            "--l2 path": (self.l2 == "path", "give the penalty as a number"),
            "--val-data": (self.val_data, "use --val, by which each client holds out rows of its own"),
            "--robust": (self.robust, "it takes products of each client's residuals; leave it out"),
            "--cluster": (self.cluster, "it takes products of each client's residuals; leave it out"),
            "--diagnostics": (self.diagnostics, "its pictures show rows; leave it out"),
            "--dry-run": (self.dry_run, "run dlcli fit-linear --dry-run"),
            "--formula": (self.formula, "terms learn from the rows; prepare the columns at the clients"),
            "--log": (self.log, "terms learn from the rows; prepare the columns at the clients"),
            "--poly": (self.poly, "terms learn from the rows; prepare the columns at the clients"),
            "--interactions": (self.interactions, "terms learn from the rows; prepare the columns at the clients"),
            "--log-target": (self.log_target, "it passes over the rows; take the logarithm at the clients"),
        }
        for name, (given, instead) in refused.items():
            if given:
                raise ValueError(f"{name} isn't there for data that stay apart: {instead}")
        self._check_methods()
        return self

    def _check_methods(self) -> None:
        """Raise ValueError for a loss or an optimizer that sums over clients don't serve."""
        if self.averages:
            self._check_averaging()
        elif self.optimizer == "sgd":
            raise ValueError(
                f"--optimizer {self.optimizer} goes with --algorithm fedavg --optimizer sgd, or leave it out"
            )

    def _check_averaging(self) -> None:
        """Raise ValueError for what local steps haven't got."""
        if self.optimizer not in ("auto", "gd", "sgd"):
            raise ValueError(f"--optimizer {self.optimizer}: local steps are those of gd or sgd; leave it out")
        unused = {
            "--l1": self.l1, "--momentum": self.momentum, "--dropout": self.dropout, "--steps": self.steps is not None,
            f"--schedule {self.schedule}": self.schedule != "constant",
        }  # fmt: skip
        for name, given in unused.items():
            if given:
                instead = "use --rounds and --local-steps" if name == "--steps" else "leave it out"
                raise ValueError(f"{name} with --algorithm {self.algorithm}: local steps have none; {instead}")
