"""Warnings before the first step and after the last."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.engine.loop import Step
from dlcli.engine.progress import Progress
from dlcli.linear.diagnostics.optimum import NOT_REACHED
from dlcli.linear.objectives.least_squares import LeastSquares
from dlcli.linear.objectives.loss import Kind
from dlcli.linear.plan import Plan

if TYPE_CHECKING:
    from dlcli.linear.fit import Fit

# Above this condition number gradient descent on float64 moments has no digits left to find.
HOPELESS = 1e10
# A gradient this much smaller than the first has brought what a user can see to rest.
SMALL_ENOUGH = 1e-9
RESTED = ("gradient tolerance", "rounding")  # how the reasons of fits begin that came to rest
GENTLE = 0.001  # --hyper-lr at which hypergradient descent hardly moves its rate
DECAYING = ("time", "step", "exponential", "polynomial", "cosine", "one-cycle", "adagrad", "plateau")


def announce(
    config: FitLinearConfig,
    plan: Plan,
    squares: LeastSquares,
    kind: Kind,
    stable: float | None,
    lr: float,
    progress: Progress,
) -> None:
    """Warn, before the first step, of what the eigenvalues imply."""
    if config.schedule == "polyak" and config.polyak_target is None and (kind != "mse" or config.l1 or plan.keep_rows):
        progress.note("polyak without --polyak-target takes 0 for the optimum's loss: its steps may be far too long")
    if stable is not None and config.lr != "auto" and lr > stable and config.schedule not in (
        "adagrad", "polyak", "barzilai-borwein",
    ):  # fmt: skip
        progress.warn(f"learning rate {lr:.4g} is above the largest stable one, {stable:.4g}: expect divergence")
    if plan.optimizer != "gd" or kind != "mse" or config.l2:
        return
    known, lowest = squares.condition_number, squares.largest_eigenvalue / squares.smallest_eigenvalue
    dependent = squares.rank < len(squares.penalized) and lowest < HOPELESS  # said for every optimizer, by name
    if max(known, lowest) > HOPELESS and not dependent:
        at_least = "at least " if not np.isfinite(known) else ""
        number = min(known, squares.largest_eigenvalue / squares.resolution)
        progress.warn(
            f"the condition number is {at_least}{number:.1e}: gradient descent can't reach the optimum in double "
            "precision; " + ("add --l2" if config.l1 else "use --optimizer exact, or add --l2")
        )


@dataclass(frozen=True)
class Ended:
    """What advice needs of a fit that has ended; ``lowest`` is the lowest training loss of its reports."""

    kind: Kind
    optimizer: str
    last: Step
    first: Step
    lowest: float
    separated: str
    short: bool
    lr: float
    stable: float | None
    away: float = 0.0

    @classmethod
    def of(cls, fit: "Fit") -> "Ended":
        """The metric's value in a fit."""
        lowest = min((s.loss for s in fit.steps if np.isfinite(s.loss)), default=float("nan"))
        short = fit.no_errors == NOT_REACHED or fit.last.gradient_norm > SMALL_ENOUGH * fit.steps[0].gradient_norm
        return cls(
            fit.kind, fit.optimizer, fit.last, fit.steps[0], lowest, fit.separated, short, fit.lr,
            fit.largest_stable_lr, fit.away,
        )  # fmt: skip


def advise(config: FitLinearConfig, ended: Ended, progress: Progress) -> None:
    """After the last step: what the user should know about it."""
    last = ended.last
    if ended.separated:
        which = "perfectly separable" if ended.separated == "perfect" else "separable in part"
        progress.warn(
            f"the classes are {which}: the loss has no minimum and the coefficients grow without bound; "
            "add --l2 0.001 for a finite answer"
        )
    elif ended.optimizer in ("sgd", "adam"):
        if last.status == "finished" and last.loss > ended.first.loss * (1 + 1e-9):
            progress.warn(
                f"the loss ended above where it began ({last.loss:.4g}, from {ended.first.loss:.4g}), as steps of this "
                f"size only move about the optimum; use {' or '.join(_smaller_steps(config, ended))}"
            )
        elif last.status == "finished" and ended.away:
            solver = "newton" if ended.kind != "mse" else "gd" if config.l1 else "exact"
            progress.warn(
                f"{ended.optimizer} ended far from the optimum: coefficients are off by up to {ended.away:.2g} of "
                f"themselves, or of their standard errors; use --optimizer {solver}, or raise --steps"
            )
    elif ended.optimizer != "exact" and ended.short and last.reason.startswith("step limit reached"):
        progress.warn(
            f"not converged after {last.step:,} steps (gradient norm {last.gradient_norm:.2g}); "
            + ", or ".join(_toward_the_optimum(config, ended))
        )
    elif last.status == "stopped" and last.reason.startswith(RESTED) and ended.optimizer != "exact":
        others = [text for text in _toward_the_optimum(config, ended) if text != "raise --steps"]
        if config.tolerance:
            others.insert(0, "lower --tolerance")
        if not others:
            others = ["drop columns that nearly depend on others"] + ([] if config.l2 else ["add --l2"])
        progress.warn(f"not at the optimum ({last.reason}); {', or '.join(others)}")


def _smaller_steps(config: FitLinearConfig, ended: Ended) -> list[str]:
    found = [f"--lr {ended.lr / 10:.2g}"]
    if config.schedule == "constant":
        found.append("--schedule cosine")
    return found


def _toward_the_optimum(config: FitLinearConfig, ended: Ended) -> list[str]:
    """What brings a fit to its optimum that isn't there, of what hasn't been tried and won't be refused."""
    found = []
    if ended.optimizer == "gd":
        if not config.standardize:
            found.append("leave out --no-standardize")
        if config.schedule == "polyak" and (ended.kind != "mse" or config.l1):
            found.append("use --schedule constant")
        elif config.schedule in DECAYING:
            found.append(f"use --schedule constant, as {config.schedule} makes the steps ever shorter")
    found.append("raise --steps")
    if ended.kind != "mse" and ended.optimizer != "newton":
        found.append("use --optimizer newton")
    elif ended.kind == "mse" and not config.l1:
        found.append("use --optimizer exact")
    elif ended.optimizer == "gd" and not config.momentum and config.lr == "auto" and config.schedule == "constant":
        found.append("add --momentum 0.9")
    return found


def against_divergence(config: FitLinearConfig, ended: Ended) -> str:
    """What helps a run that diverged, of what hasn't been tried and won't be refused."""
    rate = config.lr if isinstance(config.lr, float) else None
    if config.schedule == "polyak" and ended.optimizer == "gd":
        # Polyak's step takes too long a one where the loss can't fall to the target.
        if config.polyak_target is None and ended.kind != "mse" and not config.l1 and not config.l2:
            return (
                f"use --polyak-target {_rounded_up(ended.lowest):g}, a loss that can be reached, or --schedule constant"
            )
        return "use --schedule constant"
    if config.schedule == "hypergradient" and (rate is None or ended.stable is None or rate < ended.stable):
        smaller = f"--hyper-lr {GENTLE:g}, or " if config.hyper_lr > GENTLE else ""
        return f"use {smaller}--schedule constant"
    if rate is not None:
        below = (
            f", or a learning rate below {ended.stable:.4g}" if ended.stable is not None and rate > ended.stable else ""
        )
        return f"use --lr auto{below}"
    if config.schedule != "constant":
        return "use --schedule constant"
    if ended.optimizer in ("sgd", "adam"):
        return f"use --lr {ended.lr / 10:.2g}"
    if config.momentum:
        return "use less --momentum"
    if ended.kind != "mse" and ended.optimizer != "newton":
        return "use --optimizer newton"
    return "add --l2 0.001" if config.l1 or ended.kind != "mse" else "use --optimizer exact"


def _rounded_up(loss: float) -> float:
    """The loss with three digits, not below it."""
    if not loss > 0:
        return 0.0
    unit = 10.0 ** (np.floor(np.log10(loss)) - 2)
    return float(np.ceil(loss / unit) * unit)
