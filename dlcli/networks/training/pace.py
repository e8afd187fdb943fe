"""How fast steps are on this machine as it is now, for plans by time."""

import time
from dataclasses import replace

import torch

from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.networks.data.batch import Batch
from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.training.advice import FEW_STEPS
from dlcli.networks.training.factory import settings_for, weights_of
from dlcli.networks.training.presets import FAST, LONGER_DEPTH
from dlcli.networks.training.settings import NetworkPlan
from dlcli.networks.training.step.gradient import LossGradient

SHORTEST = 60.0  # seconds of a run for which steps are timed: shorter ones keep the smaller network
# Steps of the deeper network from which it is the better one: about those of four minutes on two idle cores, from
# which on it was.
ENOUGH_FOR_LONGER = 400
TIMED = 2


def depth_is_open(config: TrainDeconvConfig, plan: NetworkPlan) -> bool:
    """Whether the depth of ``fast`` is chosen by how many steps the time given allows."""
    restores = config.task not in ("classify", "reconstruct")
    by_time = plan.limits.seconds is not None and plan.limits.seconds >= SHORTEST
    return config.arch == "fast" and restores and config.depth is None and plan.execution.device == "cpu" and by_time


def paced(plan: NetworkPlan) -> tuple[NetworkPlan, int]:
    """The plan with the depth that suits the steps which its time allows, and how many these are.

    Of several ranks the slowest decides for all. What the plan says after that is what the run's config has, so that
    a run taken up again keeps it.
    """
    assert plan.limits.seconds is not None
    shallow = replace(plan, spec=replace(plan.spec, depth=FAST.depth))
    step = max(plan.execution.ranks.gather(step_seconds(shallow)))
    deeper = replace(plan, spec=replace(plan.spec, depth=LONGER_DEPTH))
    of_longer = step * _weights(deeper) / _weights(shallow)
    if plan.limits.seconds / of_longer >= ENOUGH_FOR_LONGER:
        return deeper, int(plan.limits.seconds / of_longer)
    return shallow, int(plan.limits.seconds / step)


def step_seconds(plan: NetworkPlan) -> float:
    """Seconds of a step of the plan's network with its own threads; no random number is taken."""
    spec, side = plan.spec, plan.batches.side
    images = -(-plan.batches.size // plan.execution.ranks.count)
    with torch.random.fork_rng(devices=[]):
        network = DeconvNet(spec).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    gradient = LossGradient(
        weights_of(network, plan), lambda model, batch: (model(batch.input, batch.base) - batch.target).square().mean(),
        replace(settings_for(plan), compiled=False),
    )  # fmt: skip
    target = torch.full((images, spec.output_channels, side, side), 0.5)
    batch = Batch(torch.full((images, spec.input_channels, side, side), 0.5), target, target)
    with gradient.lanes.opened():
        gradient.backward(batch, 0)  # the first one chooses kernels and fetches memory
        begin = time.perf_counter()
        for _ in range(TIMED):
            gradient.backward(batch, 0)
    return (time.perf_counter() - begin) / TIMED


def few_steps(steps: int, seconds: float) -> str | None:
    """A line on a run that will have too few steps, and what would help."""
    if steps >= FEW_STEPS:
        return None
    return (
        f"about {steps} steps fit into {seconds / 60:g} minutes on this machine as it is now, in which a network "
        f"learns little: {FEW_STEPS} or more take more --minutes, a smaller --crop or --filters, or a machine with "
        "fewer other programs"
    )


def _weights(plan: NetworkPlan) -> int:
    """Those of the plan's network, which a step's time is about proportional to."""
    with torch.device("meta"):
        return sum(weight.numel() for weight in DeconvNet(plan.spec).parameters())
