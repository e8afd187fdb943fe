"""What a network is trained on: batches, loss and validation, for restoration and for classes."""

from dataclasses import dataclass

import torch
from torch import Tensor

from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.data.crops import CropSampler
from dlcli.engine.losses import LOSSES, binary_cross_entropy_of_scores
from dlcli.engine.network import Batch, Batches, Objective
from dlcli.models.deconv import DeconvNet
from dlcli.tasks.deconv_batches import ClassBatches, RestorationBatches
from dlcli.tasks.deconv_data import TrainingImages
from dlcli.tasks.deconv_plan import NetworkPlan
from dlcli.tasks.deconv_validation import MAX_CLASS_IMAGES, ClassValidation, RestorationValidation
from dlcli.tasks.restoration import Restoration

Validation = RestorationValidation | ClassValidation


@dataclass(frozen=True)
class Problem:
    """A network, and all that its training needs to be told."""

    network: DeconvNet
    batches: Batches
    objective: Objective
    validate: Validation | None


def make_problem(
    config: TrainDeconvConfig,
    plan: NetworkPlan,
    images: TrainingImages,
    restoration: Restoration,
    device: str,
    *,
    amp: bool,
    measure: Validation | None = None,
) -> Problem:
    """Build the network and everything around it, on ``device``; ``measure`` is taken from a problem that is alike."""
    network = _network(plan, device)
    measured = _network(plan, device) if images.val and measure is None else None
    loss = LOSSES[plan.loss]
    flips = plan.augment == "flips"
    by_scores = plan.loss == "bce" and network.ends_in_sigmoid
    minimised = binary_cross_entropy_of_scores if by_scores else loss
    network.ends_in_sigmoid &= not by_scores

    def objective(output: Tensor, batch: Batch) -> Tensor:
        return minimised(output, batch.target)

    if config.task == "classify":
        sampler = CropSampler([images.train], plan.side, 0, flips=flips, seed=config.seed)
        validate = measure
        if measured and images.val:
            validate = ClassValidation(measured, images.val, device, amp, MAX_CLASS_IMAGES)
        return Problem(network, ClassBatches(sampler, plan.augment, device, config.seed), objective, validate)
    degradation = restoration.degradation(crops=True)
    sets = [s for s in (images.train_inputs, images.train) if s is not None]
    side = -(-plan.side // degradation.multiple) * degradation.multiple
    margin = 0 if len(sets) == 2 else degradation.margin
    sampler = CropSampler(sets, side, margin, flips=flips, seed=config.seed)
    batches = RestorationBatches(sampler, degradation, device, config.seed)
    checked = measure
    if measured and images.val:
        border = restoration.scale if config.task == "upscale" else 0
        checked = RestorationValidation(
            measured, images.val, images.val_inputs, restoration.degradation(), loss, border,
            config.seed_of_data, device, amp,
        )  # fmt: skip
    return Problem(network, batches, objective, checked)


def _network(plan: NetworkPlan, device: str) -> DeconvNet:
    network = DeconvNet(plan.spec).to(device)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
