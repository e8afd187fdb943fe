"""A restoration as a function of the observed image that gradients can be taken of, whole or a part of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from dlcli.degradations.base import Observation
from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.model.edges import Sides
from dlcli.networks.model.receptive_field import receptive_radius

Prepare = Callable[[Tensor], Observation]


class Box(NamedTuple):
    """A rectangle of the restored image, in pixels."""

    top: int
    left: int
    height: int
    width: int

    @property
    def bottom(self) -> int:
        """The first row below it."""
        return self.top + self.height

    @property
    def right(self) -> int:
        """The first column beyond it."""
        return self.left + self.width


@dataclass(frozen=True, eq=False)
class Traced:
    """What predict computes: ``prepare`` of observed images (B, C, h, w) through ``network``.

    ``scale`` is how many times larger the restored image is; ``masked``: the last channel that the network is given
    tells which pixels are missing.
    """

    network: DeconvNet
    prepare: Prepare
    scale: int = 1
    masked: bool = False

    def whole(self, observed: Tensor) -> Tensor:
        """The restored images (B, C, H, W)."""
        known = self.prepare(observed)
        made: Tensor = self.network(known.input, known.base)
        return made

    def part(self, observed: Tensor, box: Box) -> Tensor:
        """Their ``box``, (B, C, height, width): exactly that of the whole, from as much as it depends on."""
        known, seen = self.prepare(observed), self.seen(observed, box)
        place = (..., slice(seen.top, seen.bottom), slice(seen.left, seen.right))
        height, width = known.input.shape[-2:]
        sides = Sides(seen.top == 0, seen.bottom == height, seen.left == 0, seen.right == width)
        made: Tensor = self.network(known.input[place], known.base[place], sides)
        rows = slice(box.top - seen.top, box.bottom - seen.top)
        return made[..., rows, box.left - seen.left : box.right - seen.left]

    def seen(self, observed: Tensor, box: Box) -> Box:
        """What of the prepared image the network needs for ``box``: aligned to its cells."""
        multiple = self.network.spec.multiple
        reach = -(-receptive_radius(self.network.spec) // multiple) * multiple
        height, width = (side * self.scale for side in observed.shape[-2:])
        top, left = (max(start // multiple * multiple - reach, 0) for start in (box.top, box.left))
        bottom = min(-(-box.bottom // multiple) * multiple + reach, height)
        right = min(-(-box.right // multiple) * multiple + reach, width)
        return Box(top, left, bottom - top, right - left)


@contextmanager
def differentiably() -> Iterator[None]:
    """Float32 throughout with gradients, the same bits each time: no autocast, no TF32."""
    flags = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
    with flags, torch.inference_mode(False), torch.enable_grad():
        yield


def frozen(network: DeconvNet) -> DeconvNet:
    """The network, no gradient of whose weights is wanted: half of the work."""
    for weight in network.parameters():
        weight.requires_grad_(False)
    return network.eval()
