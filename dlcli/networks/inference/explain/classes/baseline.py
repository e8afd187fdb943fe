"""What integrated gradients compare an image with: one on which there is nothing to see."""

import torch
from torch import Tensor

from dlcli.config.values.explanations import BaselineName
from dlcli.images.image_set import ImageSet
from dlcli.networks.inference.classify import batches

SHADES: dict[BaselineName, float] = {"black": 0.0, "gray": 0.5, "white": 1.0}


def baseline_of(name: BaselineName, image_set: ImageSet, device: str) -> Tensor:
    """An image of one shade, or the mean of the images, (1, C, H, W) as the network takes it."""
    height, width = image_set.shape(0)
    flat = torch.full((1, image_set.channels, height, width), SHADES.get(name, 0.0), device=device)
    if name != "mean":
        return flat
    total = torch.zeros((image_set.channels, height, width), dtype=torch.float64)
    for x in batches(image_set, "cpu"):
        total += x.sum(0, dtype=torch.float64)
    return flat + (total / max(len(image_set), 1)).to(device, torch.float32)
