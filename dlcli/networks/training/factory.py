"""From a plan to the solver that carries it out."""

from dlcli.engine.loop import UNLIMITED
from dlcli.engine.schedules.by_name import make_schedule
from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.model.flat_images import has_cells
from dlcli.networks.optim.flat_parameters import FlatParameters
from dlcli.networks.optim.optimizers import make_optimizers
from dlcli.networks.training.problem import Problem
from dlcli.networks.training.settings import NetworkPlan
from dlcli.networks.training.solver import NetworkSolver
from dlcli.networks.training.step.settings import FlatImages, NetworkSettings


def settings_for(plan: NetworkPlan) -> NetworkSettings:
    """The settings of the solver, from the plan."""
    optimizer = plan.optimizer
    images = -(-plan.batches.size // plan.execution.ranks.count)
    places = images * plan.batches.side**2 // plan.spec.unshuffle**2
    kept = plan.keeps_flat and plan.spec.head.output == "residual"
    # L1 is for weights that are exactly zero, which the change that it takes would fill.
    flat = FlatImages(plan.spec, kept) if has_cells(plan.spec) and not optimizer.l1 else None
    return NetworkSettings(
        plan.batches.size, plan.limits.steps or UNLIMITED, plan.limits.seconds, optimizer.l1, optimizer.clip,
        optimizer.ema, optimizer.warmup, plan.batches.seed if plan.spec.dropout else None, plan.execution.compiled,
        plan.execution.ranks, unread=plan.execution.unread, places=places, flat=flat,
    )  # fmt: skip


def weights_of(network: DeconvNet, plan: NetworkPlan) -> FlatParameters:
    """The weights of ``network`` for a solver; in bfloat16 where the plan says so."""
    return FlatParameters(network, network.hidden_weights(), half=plan.execution.half)


def make_solver(plan: NetworkPlan, problem: Problem) -> NetworkSolver:
    """The solver of one network."""
    settings = plan.optimizer
    weights, ranks = weights_of(problem.network, plan), plan.execution.ranks
    for tensor in (weights.flat.detach(), *problem.network.buffers()):
        leading = tensor.contiguous()
        ranks.lead_(leading)  # other versions of torch may draw, and compute, other ones
        tensor.copy_(leading)
    weights.sync()
    optimizers = make_optimizers(
        weights, settings.name, settings.lr, momentum=settings.momentum, l2=settings.l2, ranks=ranks
    )  # fmt: skip
    return NetworkSolver(
        weights, problem.batches, problem.objective, optimizers, make_schedule(settings.schedule, settings.lr),
        settings_for(plan),
    )  # fmt: skip
