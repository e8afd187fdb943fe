"""Images that nobody has to give: generated ones stand in where training alone would look at the real ones."""

import torch
from torch import Tensor

from dlcli.degradations.task import Restoration
from dlcli.images.crops import CropSampler
from dlcli.images.dead_leaves import dead_leaves
from dlcli.networks.data.batch import Batch, Batches
from dlcli.networks.training.batches import RestorationBatches
from dlcli.networks.training.settings import NetworkPlan

COUNT, SIDE = 16, 128  # of the generated images
GRAY_OR_COLOR = (1, 3)


def generated_batches(plan: NetworkPlan, restoration: Restoration) -> Batches:
    """Batches of generated images (dead leaves), degraded as those of the clients are."""
    channels, side = plan.spec.output_channels, plan.batches.side
    images = dead_leaves(COUNT, max(SIDE, side), plan.batches.seed, channels if channels in GRAY_OR_COLOR else 1)
    degradation = restoration.degradation(crops=True)
    size = -(-side // degradation.multiple) * degradation.multiple
    if channels in GRAY_OR_COLOR and restoration.task != "pairs":
        sampler = CropSampler([images], size, degradation.margin, flips=True, seed=plan.batches.seed)
        return RestorationBatches(sampler, degradation, plan.execution.device, plan.batches.seed)
    sampler = CropSampler([images], size, 0, flips=True, seed=plan.batches.seed)
    clean = RestorationBatches(sampler, Restoration("reconstruct").degradation(), plan.execution.device, 0)

    def batches(step: int, size: int) -> Batch:
        """Clean images, in as many channels as the network has."""
        batch = clean(step, size)
        wide = _widened(batch.target, plan.spec.input_channels)
        target = _widened(batch.target, channels)
        return Batch(wide, target, target)

    return batches


def _widened(images: Tensor, channels: int) -> Tensor:
    return images if images.shape[1] == channels else torch.cat([images] * channels, 1)[:, :channels]
