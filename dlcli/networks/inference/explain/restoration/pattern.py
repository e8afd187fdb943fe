"""Whether a network leaves a pattern at its strides: the checkerboard artifact, and where it comes from.

Odena, Dumoulin and Olah, "Deconvolution and Checkerboard Artifacts", Distill 2016; Aitken et al., "Checkerboard
artifact free sub-pixel convolution", 2017.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from dlcli.engine.arrays import FloatArray

Verdict = Literal["none", "faint", "visible"]
Restore = Callable[..., Tensor]  # of what a network is given and of what its residual is subtracted from
LEVEL = 255  # of the range: what one step of 8 bits is
FAINT, VISIBLE = 0.1, 0.5  # levels: the least that counts, and half a step of 8 bits, from which it shows
CHANCE = 4.0  # times the pattern that chance leaves
PARTS = 4  # a side, into which an image is cut to see how much is chance
NEAR = 16  # frequencies on each side that a peak is compared with


@dataclass(frozen=True, eq=False)
class Pattern:
    """What an output (C, H, W) has in common in all cells of ``cell`` pixels a side.

    ``amplitude`` is the root mean square of the mean cell around its mean, and ``chance`` that which the parts of the
    image differ by, both in levels of 255. ``peak`` is the power at the strongest of the stride's ``frequency`` (cycles
    a pixel, down and across) over that of its neighbors, in dB.
    """

    cell: int
    amplitude: float
    chance: float
    peak: float
    frequency: tuple[float, float]

    @property
    def verdict(self) -> Verdict:
        """Whether there is one."""
        if self.amplitude < max(FAINT, CHANCE * self.chance):
            return "none"
        return "visible" if self.amplitude >= VISIBLE else "faint"


@dataclass(frozen=True)
class Overlap:
    """A deconvolution that enlarges: ``uneven`` where its kernel is no multiple of its stride.

    Pixels then get unequal numbers of terms, whatever the weights are. ``phases`` is by how much the sums of the
    weights of the stride's phases differ, as a share of the weights' own size: 0 where what is flat stays so.
    """

    kernel: int
    stride: int
    phases: float

    @property
    def uneven(self) -> bool:
        """Whether pixels get unequal numbers of terms."""
        return self.kernel % self.stride != 0


def pattern_of(made: Tensor, cell: int) -> Pattern:
    """The pattern in outputs (B, C, H, W); H and W are cut to whole cells.

    Of ``shifted_outputs`` the stripes of the image itself are at all phases alike, and cancel each other.
    """
    height, width = (side // cell * cell for side in made.shape[-2:])
    images = made[..., :height, :width].double() * LEVEL
    mean = _mean_cell(images, cell)
    each = [_mean_cell(part, cell) for part in _parts(images, cell)]
    error = torch.stack(each).std(0, correction=1) / len(each) ** 0.5 if each else torch.zeros_like(mean)
    peak, frequency = _peak(images, cell)
    return Pattern(cell, _size(mean), float(error.square().mean().sqrt()), peak, frequency)


def shifted_outputs(restore: Restore, images: Sequence[Tensor], cell: int, around: int) -> Tensor:
    """What ``restore`` makes of ``images``, each (1, C, S, S), moved to each place of a cell: (B, C, S, S).

    They go on around their ends, for ``around`` pixels, a multiple of the cell, so that no border counts.
    """
    made = []
    for place in product(range(cell), repeat=2):
        moved = [wrapped(torch.roll(image, place, (2, 3)), around) for image in images]
        made.append(restore(*moved)[..., around:-around, around:-around] if around else restore(*moved))
    return torch.cat(made)


def wrapped(image: Tensor, around: int) -> Tensor:
    """An image (1, C, S, S) that goes on around its ends, however far."""
    side = image.shape[-1]
    place = torch.arange(-around, side + around, device=image.device) % side
    return image.index_select(2, place).index_select(3, place)


def spectrum(made: Tensor) -> FloatArray:
    """The power of outputs (B, C, H, W) at each frequency, (H, W // 2 + 1), windowed by Hann; in levels squared."""
    images = made.double() * LEVEL
    images = images - images.mean((2, 3), keepdim=True)
    rows, columns = (torch.hann_window(side, dtype=torch.float64) for side in images.shape[-2:])
    window = (rows[:, None] * columns[None, :]).to(images.device)
    power = torch.fft.rfft2(images * window).abs().square() / window.square().sum()
    found: FloatArray = power.mean((0, 1)).cpu().numpy()
    return found


def overlaps(network: nn.Module) -> list[Overlap]:
    """The deconvolutions of a network that enlarge, from its input on."""
    found = []
    for module in network.modules():
        if isinstance(module, nn.ConvTranspose2d) and int(module.stride[0]) > 1:
            stride, kernel = int(module.stride[0]), int(module.kernel_size[0])
            found.append(Overlap(kernel, stride, _phases(module.weight.detach().double(), stride)))
    return found


def _phases(weight: Tensor, stride: int) -> float:
    """How much the sums of the phases of weights (in, out, k, k) differ, relative to the weights."""
    kernel = weight.shape[-1]
    sums = torch.stack([
        weight[..., down::stride, right::stride].sum((2, 3))
        for down, right in product(range(min(stride, kernel)), repeat=2)
    ])  # fmt: skip
    apart = (sums - sums.mean(0)).square().mean().sqrt()
    size = weight.square().sum((2, 3)).mean().sqrt()
    return float(apart / size) if float(size) > 0 else 0.0


def _mean_cell(images: Tensor, cell: int) -> Tensor:
    """The mean over images and cells, (C, cell, cell), around the mean of each channel."""
    count, channels, height, width = images.shape
    cells = images.reshape(count, channels, height // cell, cell, width // cell, cell).mean((0, 2, 4))
    return cells - cells.mean((1, 2), keepdim=True)


def _parts(images: Tensor, cell: int) -> list[Tensor]:
    """Parts of the images, of whole cells; none where they are too small."""
    height, width = (side // (PARTS * cell) * cell for side in images.shape[-2:])
    if not height or not width:
        return []
    return [
        images[..., row * height : (row + 1) * height, column * width : (column + 1) * width]
        for row, column in product(range(PARTS), repeat=2)
    ]


def _size(cells: Tensor) -> float:
    return float(cells.square().mean().sqrt())


def _peak(images: Tensor, cell: int) -> tuple[float, tuple[float, float]]:
    """The strongest of the stride's frequencies over its neighbors along both axes, in dB."""
    if cell == 1:
        return 0.0, (0.0, 0.0)
    power = spectrum(images / LEVEL)
    height, columns = power.shape
    width = images.shape[-1]
    best = (-np.inf, (0.0, 0.0))
    for down, right in product(range(cell), range(cell // 2 + 1)):
        row, column = down * height // cell, right * width // cell
        if (down, right) == (0, 0) or column >= columns:
            continue
        offsets = [step for step in range(-NEAR, NEAR + 1) if abs(step) > 2]  # the window's own width is left out
        beside = [power[(row + step) % height, column] for step in offsets if _apart(row + step, height, cell)]
        along = [
            power[row, abs(column + step)] for step in offsets
            if abs(column + step) < columns and _apart(column + step, width, cell)
        ]  # fmt: skip
        if not beside and not along:
            continue
        reference = max(float(np.mean(beside or [0.0])), float(np.mean(along or [0.0])), 1e-12)
        found = 10 * np.log10(max(float(power[row, column]), 1e-12) / reference)
        best = max(best, (float(found), (min(down, cell - down) / cell, right / cell)))
    return best if np.isfinite(best[0]) else (0.0, (0.0, 0.0))


def _apart(place: int, side: int, cell: int) -> bool:
    """Whether a frequency is none of the stride's own, nor the window's width from one."""
    nearest = place * cell / side
    return abs(nearest - round(nearest)) * side / cell > 2
