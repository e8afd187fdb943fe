"""From a plan to the solver that carries it out, and to when it reports and stops."""

import math
from dataclasses import replace

from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.degradations.task import Restoration
from dlcli.engine.loop import UNLIMITED, StoppingCriteria
from dlcli.engine.precision import bfloat16_is_fast
from dlcli.engine.schedules import Schedule
from dlcli.networks.data.load import TrainingImages
from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.optim.flat_parameters import FlatParameters
from dlcli.networks.optim.optimizers import make_optimizers
from dlcli.networks.training.plan import REPORTS, NetworkPlan, make_plan
from dlcli.networks.training.problem import Problem
from dlcli.networks.training.solver import NetworkSettings, NetworkSolver

LONG_ENOUGH_TO_COMPILE = 300.0  # seconds; compiling takes up to a minute


def plan_for(config: TrainDeconvConfig, images: TrainingImages, restoration: Restoration) -> NetworkPlan:
    """The plan of training on these images."""
    channels = images.train.channels
    classes = len(images.train.classes) if config.task == "classify" else 0
    inputs = channels if classes else restoration.degradation().input_channels(channels)
    plan = make_plan(config, inputs, channels, classes, len(images.train), images.side)
    return replace(plan, val=images.fraction)


def uses_bfloat16(config: TrainDeconvConfig, device: str) -> bool:
    """Whether --amp means bfloat16 here."""
    return config.amp == "on" or (config.amp == "auto" and bfloat16_is_fast(device))


def settings_for(config: TrainDeconvConfig, plan: NetworkPlan, device: str) -> NetworkSettings:
    """What the solver is told of the plan."""
    return NetworkSettings(
        plan.batch_size, plan.steps or UNLIMITED, plan.seconds, config.l1, config.clip, plan.ema, plan.warmup,
        config.seed if plan.spec.dropout else None,
    )  # fmt: skip


def weights_of(network: DeconvNet, config: TrainDeconvConfig, device: str) -> FlatParameters:
    """The weights of ``network`` for a solver; in bfloat16 where --amp means that."""
    return FlatParameters(network, network.hidden_weights(), half=uses_bfloat16(config, device))


def make_solver(config: TrainDeconvConfig, plan: NetworkPlan, problem: Problem, device: str) -> NetworkSolver:
    """The solver of one network."""
    weights = weights_of(problem.network, config, device)
    optimizers = make_optimizers(weights, plan.optimizer, plan.lr, momentum=config.momentum, l2=config.l2)
    return NetworkSolver(
        weights, problem.batches, problem.objective, optimizers, Schedule(plan.schedule, plan.lr),
        settings_for(config, plan, device), compiled=_compiles(config, plan, device),
    )  # fmt: skip


def _compiles(config: TrainDeconvConfig, plan: NetworkPlan, device: str) -> bool:
    long = (plan.seconds or 0.0) >= LONG_ENOUGH_TO_COMPILE
    return config.compile == "on" or (config.compile == "auto" and device.startswith("cuda") and long)


def limits_of(config: TrainDeconvConfig, plan: NetworkPlan) -> StoppingCriteria:
    """When to report and when to stop."""
    return StoppingCriteria(
        plan.steps or UNLIMITED,
        plan.report_every,
        None if plan.seconds is None else plan.seconds / 60,
        config.early_stop,
        plan.seconds / REPORTS if plan.seconds and not config.report_every else math.inf,
    )
