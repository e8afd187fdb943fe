"""Colors of transparent pixels where an image is filtered."""

import torch
from torch import Tensor
from torch.nn import functional


def without_holes(images: Tensor, alpha: Tensor) -> Tensor:
    """Images (B, C, H, W) whose fully transparent pixels continue the colors around them; alpha is (1, 1, H, W).

    Their own colors (black, mostly) are not to be seen, and would bleed into the edge. Pull and push of the
    lumigraph (Gortler et al. 1996): means over what is visible, coarser and coarser, and back.
    """
    seen = alpha > 0
    if bool(seen.all()) or not bool(seen.any()):
        return images
    weight = functional.avg_pool2d(alpha, 2, ceil_mode=True)
    coarse = functional.avg_pool2d(images * alpha, 2, ceil_mode=True) / weight.clamp(min=1e-12)
    coarse = without_holes(coarse, (4 * weight).clamp(max=1))
    # Twice as wide to the pixel, whatever the size, so that a part of an image is filled as the whole is.
    wide = functional.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
    return torch.where(seen, images, wide[..., : images.shape[-2], : images.shape[-1]])
