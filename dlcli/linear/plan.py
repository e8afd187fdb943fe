"""How a linear model is to be trained: every ``auto`` resolved."""

from dataclasses import dataclass
from typing import Literal

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.errors import DlcliError
from dlcli.linear.objectives.loss import Kind

# The built-in example runs as in the article that it comes from.
DEMO_STEPS, DEMO_RATE = 1000, 0.1


@dataclass(frozen=True)
class Plan:
    """How to train: the method, whether it needs the rows, and for how long."""

    optimizer: Literal["gd", "sgd", "adam", "lbfgs", "newton", "exact"]
    keep_rows: bool
    steps: int
    lr: float | None
    tolerance: float


def make_plan(config: FitLinearConfig, kind: Kind, *, demo: bool) -> Plan:
    """Resolve ``auto``. Raises DlcliError for an optimizer that the loss hasn't got."""
    squares = kind == "mse"
    optimizer = config.optimizer
    if optimizer == "auto":
        descent = squares or config.momentum or config.schedule != "constant" or config.lr != "auto"
        optimizer = "gd" if descent else "newton"
    if squares and optimizer in ("newton", "lbfgs"):
        raise DlcliError(
            f"--optimizer {optimizer} is for classes, and the target holds numbers",
            "use --optimizer exact or gd, or --loss cross-entropy",
        )
    if not squares and optimizer == "exact":
        raise DlcliError("--optimizer exact is for least squares, and the target holds classes", "use newton")
    defaults = {"newton": 1000, "lbfgs": 1000, "exact": 1}
    steps = DEMO_STEPS if demo else defaults.get(optimizer, 1_000_000 if squares and optimizer == "gd" else 10_000)
    # Least squares by full-batch descent needs moments only: constant memory, whatever the file's size.
    keep_rows = not (squares and optimizer == "gd")
    lr = None if config.lr == "auto" else config.lr
    if demo and lr is None and optimizer == "gd":
        return Plan(optimizer, keep_rows, config.steps or steps, DEMO_RATE, config.tolerance or 0.0)
    tolerance = config.tolerance
    if tolerance is None:
        rounding_bound = optimizer == "gd" and (keep_rows or config.l1 > 0)
        tolerance = 1e-12 if rounding_bound and keep_rows else 1e-13 if rounding_bound else 1e-15
    return Plan(optimizer, keep_rows, config.steps or steps, lr, tolerance)
