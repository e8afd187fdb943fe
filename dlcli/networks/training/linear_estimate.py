"""The best linear estimate of images, fixed before training: a network then learns what that one misses.

Without it a network must hand the noise through all of its layers to subtract it, of each pixel and channel, and learns
to do so first. In color that takes most of a short training: each channel's noise is its own, while the detail is
nearly the same in all. What the estimate (Wiener 1949, over the cells of the pixel shuffle) leaves is detail alone.
On 400 photographs of BSD that were given colors, at sigma 25, 200 steps come to 27.39 dB on 20 that were held out, and
to 25.91 dB without it (one seed). Trained along with the network it was worse than none.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from dlcli.networks.data.batch import Batches
from dlcli.networks.model.deconv import DeconvNet

BATCHES = 4  # by which it is chosen
RIDGE = 1e-4  # of the mean square of an input


@torch.no_grad()
def begin_with_linear_estimate(network: DeconvNet, batches: Batches, size: int) -> None:
    """Fix the linear part of ``network`` by the first ``batches`` of ``size`` images: of least squared error.

    Among those that leave flat images as they are. A network of crops that are smaller than its kernels has none.
    """
    spec, kernel = network.spec, network.get_buffer("linear")
    outputs, inputs, side, _ = kernel.shape
    middle, columns = side // 2, inputs * side * side
    products = torch.zeros(columns, columns, dtype=torch.float64)
    towards = torch.zeros(columns, outputs, dtype=torch.float64)
    count = 0
    for step in range(BATCHES):
        batch = batches(step, size)
        base = batch.input if batch.base is None else batch.base
        height, width = (length // spec.unshuffle * spec.unshuffle for length in base.shape[-2:])
        if min(height, width) < side * spec.unshuffle:
            return
        cells, wrong = (
            F.pixel_unshuffle(images[..., :height, :width], spec.unshuffle)
            for images in (batch.input, base - batch.target)
        )
        seen = F.unfold(cells, side).transpose(1, 2).flatten(0, 1)
        inside = wrong[..., middle : wrong.shape[-2] - middle, middle : wrong.shape[-1] - middle]
        target = inside.flatten(2).transpose(1, 2).flatten(0, 1)
        products += (seen.T @ seen).cpu()
        towards += (seen.T @ target).cpu()
        count += len(seen)
    products /= count
    products.diagonal().add_(RIDGE * products.diagonal().mean() + 1e-12)
    flat = torch.eye(spec.input_channels, dtype=torch.float64)
    flat = flat.repeat_interleave(spec.unshuffle**2 * side * side, 0)
    kernel.copy_(_least_squares(products, towards / count, flat).T.view(outputs, inputs, side, side))


def _least_squares(products: Tensor, towards: Tensor, flat: Tensor) -> Tensor:
    """Weights (C, O) of least squared error, from X'X (C, C) and X'Y (C, O), that make 0 of ``flat`` (C, N)."""
    root = torch.linalg.cholesky(products)
    free, unwanted = torch.cholesky_solve(towards, root), torch.cholesky_solve(flat, root)
    found: Tensor = free - unwanted @ torch.linalg.solve(flat.T @ unwanted, flat.T @ free)
    return found
