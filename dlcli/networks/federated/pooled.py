"""The same training on all images at once, to compare with."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from dlcli.degradations.task import Restoration
from dlcli.engine.loop import Iterate, train
from dlcli.networks.data.load import TrainingImages
from dlcli.networks.model.start import Start
from dlcli.networks.training.factory import make_solver
from dlcli.networks.training.problem import make_problem
from dlcli.networks.training.settings import NetworkPlan


def train_pooled(
    plan: NetworkPlan,
    images: TrainingImages,
    restoration: Restoration,
    check_signal: Callable[[], None],
    start: Start | None = None,
) -> Iterator[Iterate[dict[str, Tensor]]]:
    """The reports of a training on all ``images`` by ``plan``, which is what train-deconv would take."""
    torch.manual_seed(plan.batches.seed)
    problem = make_problem(plan, images, restoration, start=start)
    solver = make_solver(plan, problem)
    torch.set_flush_denormal(True)
    try:
        yield from train(solver, plan.limits.criteria(), problem.validate, check_signal=check_signal)
    finally:
        torch.set_flush_denormal(False)
