"""What the user should know before the first step and after the last."""

import numpy as np

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.engine.least_squares import LeastSquares
from dlcli.engine.loop import Step
from dlcli.models.linear import Kind
from dlcli.tasks.linear_plan import Plan
from dlcli.tasks.progress import Progress

# Above this condition number gradient descent on float64 moments has no digits left to find.
HOPELESS = 1e10
# A gradient this much smaller than the first has brought what a user can see to rest.
SMALL_ENOUGH = 1e-9


def announce(
    config: FitLinearConfig,
    plan: Plan,
    squares: LeastSquares,
    kind: Kind,
    stable: float | None,
    lr: float,
    progress: Progress,
) -> None:
    """Say before the first step what the eigenvalues already tell."""
    if stable is not None and config.lr != "auto" and lr > stable and config.schedule not in (
        "adagrad", "polyak", "barzilai-borwein",
    ):  # fmt: skip
        progress.warn(f"learning rate {lr:.4g} is above the largest stable one, {stable:.4g}: expect divergence")
    if plan.optimizer != "gd" or kind != "mse" or config.l2:
        return
    known, lowest = squares.condition_number, squares.largest_eigenvalue / squares.smallest_eigenvalue
    dependent = squares.rank < len(squares.penalised) and lowest < HOPELESS  # said for every optimizer, by name
    if max(known, lowest) > HOPELESS and not dependent:
        at_least = "at least " if not np.isfinite(known) else ""
        number = min(known, squares.largest_eigenvalue / squares.resolution)
        progress.warn(
            f"the condition number is {at_least}{number:.1e}: gradient descent can't reach the optimum in double "
            "precision; use --optimizer exact, or add --l2"
        )


def advise(
    config: FitLinearConfig, plan: Plan, last: Step, separated: str, first: float, kind: Kind, progress: Progress
) -> None:
    """After the last step: what the user should know about it."""
    if separated:
        which = "perfectly separable" if separated == "perfect" else "separable in part"
        progress.warn(
            f"the classes are {which}: the loss has no minimum and the coefficients grow without bound; "
            "add --l2 0.001 for a finite answer"
        )
        return
    full_batch = plan.optimizer in ("gd", "newton", "lbfgs")
    if full_batch and last.status == "finished" and last.gradient_norm > SMALL_ENOUGH * first:
        progress.warn(
            f"not converged after {last.step:,} steps (gradient norm {last.gradient_norm:.2g}); raise --steps, "
            + ("or use --optimizer exact" if kind == "mse" else "or use --optimizer newton")
        )
