"""Flat images kept flat by a network that ends in a pixel shuffle.

Equal sums in all phases (``phases.py``) would do it, too, but cost such a network 0.10 dB (BSD68 at sigma 25 after 400
steps): noise differs from pixel to pixel of a cell, and what the last layer can't tell from a pattern stays. So
training is free, and each time the weights are handed out, the last layer is changed by what does the least to real
images of all that makes flat ones flat. After a minute's training that costs 0.03 dB (28.23 to 28.20 on 24 images of
BSD68) and 0.2 s, and leaves 0.06 of 255 levels between the pixels of a cell, of 6.8. What holds in the middle of a
flat image holds at its borders by ``edges.py``.
"""

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from dlcli.networks.model.deconv import DeconvNet, activate
from dlcli.networks.model.phases import Tensors
from dlcli.networks.model.spec import DeconvSpec

NOISE = 5  # levels of noise that a network is told of, from none to the most
LEVELS, SHADES = 64, 5  # of gray, and of each channel of color images, that are made flat
EXAMPLES = 8  # images, of the first batch, that are to be changed the least
PATCHES = 8192  # of features of real images
RIDGE = 1e-2  # of the mean variance of a feature
RANKS = (1e-4, 3e-5, 1e-5, 3e-6, 1e-6, 1e-7, 1e-8)  # of the largest variance of flat images' features, tried in turn
LEFT = 0.07 / 255  # between the pixels of a cell: then a larger rank will do


def has_cells(spec: DeconvSpec) -> bool:
    """Whether the network ends in a pixel shuffle."""
    return spec.unshuffle > 1 and spec.strides[0] == 1 and spec.head.decoder and not spec.head.classes


@torch.no_grad()
def flattened(spec: DeconvSpec, state: Tensors, images: Tensor, *, kept: bool) -> dict[str, Tensor]:
    """``state``, all of a network's tensors, with the last layer's changed so that flat images come out flat.

    Of all such changes the one with the least effect on ``images`` (B, C, H, W), inputs of the network: its mean square
    is least. ``kept``: flat images are also to stay what they are, which is for a residual.
    """
    with torch.device("meta"):  # draws no numbers, and takes no time
        network = DeconvNet(replace(spec, edges=False))  # as for what isn't flat
    network.load_state_dict(state, assign=True)
    name, last = "deconvolutions.0", network.deconvolutions[0]
    weight, bias = (last.get_parameter(part).double() for part in ("weight", "bias"))
    flat = flat_features(network.double(), flat_inputs(spec))  # (N, F)
    made = flat @ weight.sum((2, 3)) + bias
    cells = made.view(len(made), -1, spec.unshuffle**2)
    wrong = made if kept else (cells - cells.mean(2, keepdim=True)).flatten(1)
    patches = _patches(network.float(), images)
    if not bool(wrong.isfinite().all() & patches.isfinite().all()):
        return dict(state)  # it has diverged
    side = weight.shape[-1]
    constant = _with_one(flat.repeat_interleave(side * side, 1))  # (N, F side^2 + 1)
    variances = patches.T @ patches / len(patches)
    variances.diagonal().add_(RIDGE * variances.diagonal().mean() + 1e-12)
    towards = torch.cholesky_solve(constant.T, torch.linalg.cholesky(variances))
    values, vectors = torch.linalg.eigh(constant @ towards)
    for rank in RANKS:  # the fewer directions, the less changes for real images
        strong = values > rank * values[-1]
        chosen = vectors[:, strong]
        change = -towards @ (chosen / values[strong]) @ (chosen.T @ wrong)  # (F side^2 + 1, out)
        left = (made + constant @ change).view_as(cells)
        if float((left.amax(2) - left.amin(2)).max()) <= LEFT:
            break
    kernels = change[:-1].view(-1, side, side, change.shape[1]).flip(1, 2).permute(0, 3, 1, 2)
    return dict(state) | {
        f"{name}.weight": (weight + kernels).float().contiguous(), f"{name}.bias": (bias + change[-1]).float()
    }  # fmt: skip


def flat_inputs(spec: DeconvSpec) -> Tensor:
    """The channels of flat images (N, C), gray and of other colors, in float64.

    A mask's says that all is missing; the level of noise takes several values.
    """
    channels = spec.output_channels
    images = torch.linspace(0, 1, LEVELS, dtype=torch.float64)[:, None].expand(-1, channels)
    if channels > 1:
        shades = [torch.linspace(0, 1, SHADES, dtype=torch.float64)] * min(channels, 3)
        colors = torch.cartesian_prod(*shades)
        images = torch.cat([images, colors.repeat(1, -(-channels // len(shades)))[:, :channels]])
    images = images.repeat(1, -(-spec.input_channels // channels))[:, : spec.input_channels].clone()
    if spec.head.noise_map:
        told = torch.linspace(0, spec.head.noise_map, NOISE, dtype=torch.float64)
        images, told = images.repeat(NOISE, 1), told.repeat_interleave(len(images))
        images[:, -1] = told
    if spec.head.masked:
        images[:, -1] = 1
    return images


def flat_features(network: DeconvNet, inputs: Tensor) -> Tensor:
    """What the last layer is given far from the borders of flat images (N, C), (N, F), by sums of the kernels."""
    layers, modules = network.chain_of_layers
    values = [inputs]
    for number, (layer, module) in enumerate(zip(layers[:-1], modules[:-1], strict=True)):
        kernel = module.weight
        if not number:
            sums = kernel.unflatten(1, (-1, network.spec.unshuffle**2)).sum((2, 3, 4)).T
        elif layer.transposed or layer.flipped:
            sums = kernel.sum((2, 3)) / layer.stride**2  # of even phases
        else:
            sums = kernel.sum((2, 3)).T
        value = values[-1] @ sums + module.bias
        if layer.adds is not None:
            value = value + values[layer.adds]
        values.append(activate(value, network.spec.activation) if layer.activated else value)
    return values[-1]


def _patches(network: DeconvNet, images: Tensor) -> Tensor:
    """What the last layer's kernels see of images, and a 1 for its bias, (P, F side^2 + 1), in float64."""
    seen: list[Tensor] = []
    last = network.deconvolutions[0]
    handle = last.register_forward_pre_hook(lambda _module, given: seen.append(given[0]))
    network.eval()(images.float(), images[:, :1].float())
    handle.remove()
    side = last.get_parameter("weight").shape[-1]
    columns = F.unfold(seen[0], side).transpose(1, 2).flatten(0, 1)
    step = max(1, len(columns) // PATCHES)
    return _with_one(columns[::step].double())


def _with_one(rows: Tensor) -> Tensor:
    return torch.cat([rows, rows.new_ones(len(rows), 1)], 1)
