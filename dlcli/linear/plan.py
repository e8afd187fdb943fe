"""How a linear model is to be trained: every ``auto`` resolved, and the config taken apart into small settings.

Below this module nothing sees the config: a function gets the settings that it needs, or the plan that holds them all.
"""

from dataclasses import dataclass, field
from typing import Literal

from dlcli.config.common import DECAY_FACTORS
from dlcli.config.fit_linear import FitLinearConfig
from dlcli.engine.loop import StoppingCriteria
from dlcli.engine.schedules.base import ScheduleSettings
from dlcli.errors import DlcliError
from dlcli.linear.data.split import Split
from dlcli.linear.objectives.loss import Kind, loss_of, of_classes, of_quantile
from dlcli.linear.objectives.moments import Moments
from dlcli.linear.objectives.penalty import Penalty
from dlcli.linear.solvers.descent import MiniBatchSettings
from dlcli.linear.solvers.momentum import Momentum

Optimizer = Literal["gd", "sgd", "adam", "lbfgs", "newton", "exact"]
Averaging = Literal["fedavg", "fedprox"]  # of clients whose rows stay apart: no option chooses it
# The built-in example runs as in the article that it comes from.
DEMO_STEPS, DEMO_RATE = 1000, 0.1
# Coefficients, (classes - 1) x columns, beyond which a step of Newton's method takes longer than all of L-BFGS's; with
# L1, where the alternative is gradient descent, and far slower, twice as many.
MOST_FOR_NEWTON = 1000


@dataclass(frozen=True)
class Weighting:
    """How rows count: whether weights are those of ``precision`` (of one row each), and what ``classes`` weigh, as
    --class-weight has it.
    """

    precision: bool = False
    classes: str | None = None

    def observations(self, moments: Moments) -> float:
        """How many independent rows those behind ``moments`` stand for: the sum of frequencies, or their number."""
        return moments.number if self.precision else moments.count


@dataclass(frozen=True)
class ColumnSettings:
    """Whether there is a column of ones, whether training is on standardized columns, and how rows count."""

    intercept: bool = True
    standardize: bool = True
    weighting: Weighting = field(default_factory=Weighting)


@dataclass(frozen=True)
class Given:
    """What the user gave where dlcli would else choose (None: it chose). Advice is to be about what can be changed."""

    lr: float | None = None
    tolerance: float | None = None
    optimizer: str | None = None


@dataclass(frozen=True)
class Plan:
    """How to train: the method, the loss, and all settings.

    Of classes ``kind`` is softmax as long as nobody knows how many there are. ``lr`` is None where the first learning
    rate is to come from the eigenvalues; ``given`` says what the user gave.
    """

    optimizer: Optimizer | Averaging
    kind: Kind
    lr: float | None
    tolerance: float
    stopping: StoppingCriteria
    columns: ColumnSettings
    penalty: Penalty
    momentum: Momentum
    schedule: ScheduleSettings
    batches: MiniBatchSettings
    split: Split
    given: Given

    @property
    def keep_rows(self) -> bool:
        """Whether the method needs the rows.

        Least squares by full-batch descent needs moments only: constant memory, whatever the file's size.
        """
        return not (self.kind == "mse" and self.optimizer == "gd")

    @property
    def steps(self) -> int:
        """The most steps to take."""
        return self.stopping.steps

    @property
    def stops_early(self) -> bool:
        """Whether the weights of the lowest held-out loss are kept."""
        return self.stopping.patience is not None


def make_plan(config: FitLinearConfig, kind: Kind, *, demo: bool, coefficients: int = 0) -> Plan:
    """Resolve ``auto``. Raises DlcliError for an optimizer that the loss hasn't got.

    ``coefficients``: of a fit by rows, (classes - 1) x columns, of numbers columns; 0 as long as nobody knows.
    """
    squares = kind == "mse"
    optimizer = _optimizer(config, kind, coefficients)
    given = Given(
        None if config.lr == "auto" else config.lr,
        config.tolerance,
        None if config.optimizer == "auto" else config.optimizer,
    )
    lr = given.lr
    if demo and lr is None and optimizer == "gd":
        lr, tolerance = DEMO_RATE, config.tolerance or 0.0
    else:
        tolerance = _tolerance(config, optimizer, squares=squares)
    steps = config.steps or _steps(optimizer, squares=squares, demo=demo)
    return Plan(
        optimizer, kind, lr, tolerance,
        StoppingCriteria(steps, config.report_every, config.minutes, config.early_stop),
        ColumnSettings(
            config.intercept, config.standardize, Weighting(config.weights_kind == "precision", config.class_weight)
        ),
        penalty_of(config),
        Momentum(config.momentum, config.nesterov),
        _schedule_settings(config, steps),
        MiniBatchSettings(config.batch_size, config.dropout, config.seed),
        split_of(config),
        given,
    )  # fmt: skip


def penalty_of(config: FitLinearConfig) -> Penalty:
    """The penalties, of which one may be a path."""
    l1, l2 = (0.0 if value == "path" else value for value in (config.l1, config.l2))
    return Penalty(l1, l2, "l1" if config.l1 == "path" else "l2" if config.l2 == "path" else "")


def split_of(config: FitLinearConfig) -> Split:
    """How the rows of a config's table are dealt out."""
    return Split(config.val, config.folds, config.seed_of_data)


def _optimizer(config: FitLinearConfig, kind: Kind, coefficients: int) -> Optimizer:
    squares, optimizer = kind == "mse", config.optimizer
    if of_quantile(kind):
        return "exact"
    if optimizer == "auto":
        descent = squares or config.momentum or config.schedule != "constant" or config.lr != "auto"
        optimizer = "gd" if descent else _second_order(config, coefficients)
    if squares and optimizer in ("newton", "lbfgs"):
        raise DlcliError(
            f"--optimizer {optimizer} is for other losses than mse, and the target holds numbers",
            "use --optimizer exact or gd, or another --loss",
        )
    if not squares and optimizer == "exact":
        what = "the target holds classes" if of_classes(kind) else f"the loss is {loss_of(kind).name}"
        raise DlcliError(f"--optimizer exact is for least squares, and {what}", "use newton")
    return optimizer


def _second_order(config: FitLinearConfig, coefficients: int) -> Optimizer:
    """Newton's method, whose steps take time with the cube of the coefficients, or what does without its matrix."""
    if config.l1:
        return "newton" if coefficients <= 2 * MOST_FOR_NEWTON else "gd"
    return "newton" if coefficients <= MOST_FOR_NEWTON else "lbfgs"


def said_of_optimizer(plan: Plan, coefficients: int) -> str:
    """What to say where Newton's method gave way to another, else ""."""
    if plan.given.optimizer or plan.optimizer == "newton" or coefficients <= MOST_FOR_NEWTON:
        return ""
    if plan.optimizer == "gd" and (plan.momentum.factor or plan.given.lr or plan.schedule.name != "constant"):
        return ""  # which asked for descent
    return (
        f"{coefficients:,} coefficients{' (classes less one, times columns)' if of_classes(plan.kind) else ''}: "
        f"--optimizer {plan.optimizer}, as newton would solve for all of them at once in every step"
    )


def _steps(optimizer: Optimizer, *, squares: bool, demo: bool) -> int:
    """The maximum steps where none are given."""
    if demo:
        return DEMO_STEPS
    defaults: dict[Optimizer, int] = {"newton": 1000, "lbfgs": 1000, "exact": 1}
    return defaults.get(optimizer, 1_000_000 if squares and optimizer == "gd" else 10_000)


def _tolerance(config: FitLinearConfig, optimizer: Optimizer, *, squares: bool) -> float:
    """The gradient tolerance: as small as rounding lets the gradient get."""
    if config.tolerance is not None:
        return config.tolerance
    rounding_bound = optimizer == "gd" and (not squares or bool(config.l1))
    return 1e-12 if rounding_bound and not squares else 1e-13 if rounding_bound else 1e-15


def _schedule_settings(config: FitLinearConfig, steps: int) -> ScheduleSettings:
    return ScheduleSettings(
        name=config.schedule.replace("-", "_"),
        decay_rate=config.decay_rate,
        decay_factor=config.decay_factor or DECAY_FACTORS.get(config.schedule, 0.5),
        decay_every=config.decay_every,
        decay_power=config.decay_power,
        hyper_lr=config.hyper_lr,
        polyak_target=config.polyak_target,
        plateau_patience=config.plateau_patience,
        total_steps=steps,
    )
