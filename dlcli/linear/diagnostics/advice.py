"""Warnings before the first step and after the last."""

from dataclasses import dataclass

import numpy as np

from dlcli.engine.loop import Step
from dlcli.engine.progress import Progress
from dlcli.engine.schedules.by_name import schedule_class
from dlcli.linear.diagnostics.optimum import NOT_REACHED, said_of_columns
from dlcli.linear.objectives.loss import Kind
from dlcli.linear.plan import Plan
from dlcli.linear.problem import FitProblem
from dlcli.linear.result import Fit
from dlcli.linear.solvers.separable.zeros import ZEROS
from dlcli.text import counted

# Above this condition number gradient descent on float64 moments has no digits left to find.
HOPELESS = 1e10
# A gradient this much smaller than the first has brought what a user can see to rest.
SMALL_ENOUGH = 1e-9
RESTED = ("gradient tolerance", "rounding")  # how the reasons of fits begin that came to rest
AVERAGING = ("fedavg", "fedprox")  # of clients that take steps of their own
GENTLE = 0.001  # --hyper-lr at which hypergradient descent hardly moves its rate


def announce(problem: FitProblem, stable: float | None, lr: float, progress: Progress) -> None:
    """Warn, before the first step, of what the eigenvalues imply."""
    plan, squares, kind = problem.plan, problem.squares, problem.kind
    l1, schedule = plan.penalty.l1, plan.schedule
    if schedule.name == "polyak" and schedule.polyak_target is None and (kind != "mse" or l1 or plan.keep_rows):
        progress.note("polyak without --polyak-target takes 0 for the optimum's loss: its steps may be far too long")
    if stable is not None and plan.given.lr is not None and lr > stable and schedule_class(schedule.name).follows_lr:
        progress.warn(f"learning rate {lr:.4g} is above the largest stable one, {stable:.4g}: expect divergence")
    if plan.optimizer != "gd" or kind != "mse" or plan.penalty.l2:
        return
    known, lowest = squares.condition_number, squares.largest_eigenvalue / squares.smallest_eigenvalue
    dependent = squares.rank < len(squares.penalized) and lowest < HOPELESS  # said for every optimizer, by name
    if max(known, lowest) > HOPELESS and not dependent:
        at_least = "at least " if not np.isfinite(known) else ""
        number = min(known, squares.largest_eigenvalue / squares.resolution)
        progress.warn(
            f"the condition number is {at_least}{number:.1e}: gradient descent can't reach the optimum in double "
            "precision; " + ("add --l2" if l1 else "use --optimizer exact, or add --l2")
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
    separating: tuple[str, ...] = ()

    @classmethod
    def of(cls, fit: Fit) -> "Ended":
        """What advice needs of a fit."""
        trace, verdict = fit.trace, fit.verdict
        first, last = trace.steps[0], trace.last
        lowest = min((s.loss for s in trace.steps if np.isfinite(s.loss)), default=float("nan"))
        short = verdict.no_errors == NOT_REACHED or last.gradient_norm > SMALL_ENOUGH * first.gradient_norm
        return cls(
            fit.model.kind, trace.optimizer, last, first, lowest, verdict.separated, short, trace.lr, trace.stable,
            verdict.away, verdict.separating,
        )  # fmt: skip


def advise(plan: Plan, ended: Ended, progress: Progress) -> None:
    """After the last step: what the user should know about it."""
    last = ended.last
    if ended.optimizer in AVERAGING:
        _advise_on_rounds(ended, progress)
        return
    if ended.separated == ZEROS:
        progress.warn(
            f"the target is 0 in all rows that are told apart{said_of_columns(ended.separating)}: the loss has no "
            "minimum, and coefficients fall without bound; add --l2 0.001 for a finite answer"
        )
    elif ended.separated:
        which = "perfectly separable" if ended.separated == "perfect" else "separable in part"
        progress.warn(
            f"the classes are {which}{said_of_columns(ended.separating)}: the loss has no minimum and the coefficients "
            "grow without bound; add --l2 0.001 for a finite answer"
        )
    elif ended.optimizer in ("sgd", "adam"):
        _advise_on_mini_batches(plan, ended, progress)
    elif ended.optimizer != "exact" and ended.short and last.reason.startswith("step limit reached"):
        progress.warn(
            f"not converged after {counted(last.step, 'step')} (gradient norm {last.gradient_norm:.2g}); "
            + ", or ".join(_toward_the_optimum(plan, ended))
        )
    elif last.status == "stopped" and last.reason.startswith(RESTED) and ended.optimizer != "exact":
        others = [text for text in _toward_the_optimum(plan, ended) if text != "raise --steps"]
        if plan.given.tolerance:
            others.insert(0, "lower --tolerance")
        if not others:
            others = ["drop columns that nearly depend on others"] + ([] if plan.penalty.l2 else ["add --l2"])
        progress.warn(f"not at the optimum ({last.reason}); {', or '.join(others)}")


def _advise_on_mini_batches(plan: Plan, ended: Ended, progress: Progress) -> None:
    """The same after mini-batches."""
    last = ended.last
    if last.status == "finished" and last.loss > ended.first.loss * (1 + 1e-9):
        progress.warn(
            f"the loss ended above where it began ({last.loss:.4g}, from {ended.first.loss:.4g}), as steps of this "
            f"size only move about the optimum; use {' or '.join(_smaller_steps(plan, ended))}"
        )
    elif last.status == "finished" and ended.away:
        solver = "newton" if ended.kind != "mse" else "gd" if plan.penalty.l1 else "exact"
        progress.warn(
            f"{ended.optimizer} ended far from the optimum: coefficients are off by up to {ended.away:.2g} of "
            f"themselves, or of their standard errors; use --optimizer {solver}, or raise --steps"
        )


def _advise_on_rounds(ended: Ended, progress: Progress) -> None:
    """The same after rounds over clients."""
    if ended.last.status == "finished" and ended.away:
        progress.warn(
            f"{ended.optimizer} ended far from the optimum of all rows: coefficients are off by up to {ended.away:.2g} "
            "of themselves, or of their standard errors; use --algorithm exact, or raise --rounds"
        )


def _smaller_steps(plan: Plan, ended: Ended) -> list[str]:
    found = [f"--lr {ended.lr / 10:.2g}"]
    if plan.schedule.name == "constant":
        found.append("--schedule cosine")
    return found


def _toward_the_optimum(plan: Plan, ended: Ended) -> list[str]:
    """What brings a fit to its optimum that isn't there, of what hasn't been tried and won't be refused."""
    found = []
    if ended.optimizer == "gd":
        if not plan.columns.standardize:
            found.append("leave out --no-standardize")
        if plan.schedule.name == "polyak" and (ended.kind != "mse" or plan.penalty.l1):
            found.append("use --schedule constant")
        elif schedule_class(plan.schedule.name).decays:
            found.append(
                f"use --schedule constant, as {plan.schedule.name.replace('_', '-')} makes the steps ever shorter"
            )
    found.append("raise --steps")
    if ended.kind != "mse" and ended.optimizer != "newton":
        # Where dlcli has chosen lbfgs, there are too many coefficients for newton.
        found += ["use --optimizer newton"] if plan.given.optimizer or ended.optimizer != "lbfgs" else []
    elif ended.kind == "mse" and not plan.penalty.l1:
        found.append("use --optimizer exact")
    elif (
        ended.optimizer == "gd"
        and not plan.momentum.factor
        and plan.given.lr is None
        and plan.schedule.name == "constant"
    ):
        found.append("add --momentum 0.9")
    return found


def against_divergence(plan: Plan, ended: Ended) -> str:
    """What helps a run that diverged, of what hasn't been tried and won't be refused."""
    rate, schedule, penalty = plan.given.lr, plan.schedule, plan.penalty
    if plan.schedule.name == "polyak" and ended.optimizer == "gd":
        # Polyak's step takes too long a one where the loss can't fall to the target.
        if schedule.polyak_target is None and ended.kind != "mse" and not penalty.present:
            return (
                f"use --polyak-target {_rounded_up(ended.lowest):g}, a loss that can be reached, or --schedule constant"
            )
        return "use --schedule constant"
    if plan.schedule.name == "hypergradient" and (rate is None or ended.stable is None or rate < ended.stable):
        smaller = f"--hyper-lr {GENTLE:g}, or " if schedule.hyper_lr > GENTLE else ""
        return f"use {smaller}--schedule constant"
    if rate is not None:
        below = (
            f", or a learning rate below {ended.stable:.4g}" if ended.stable is not None and rate > ended.stable else ""
        )
        return f"use --lr auto{below}"
    if plan.schedule.name != "constant":
        return "use --schedule constant"
    if ended.optimizer in ("sgd", "adam", *AVERAGING):
        return f"use --lr {ended.lr / 10:.2g}"
    if plan.momentum.factor:
        return "use less --momentum"
    if ended.kind != "mse" and ended.optimizer != "newton":
        return "use --optimizer newton"
    return "add --l2 0.001" if plan.penalty.l1 or ended.kind != "mse" else "use --optimizer exact"


def _rounded_up(loss: float) -> float:
    """The loss with three digits, not below it."""
    if not loss > 0:
        return 0.0
    unit = 10.0 ** (np.floor(np.log10(loss)) - 2)
    return float(np.ceil(loss / unit) * unit)
