"""Blur that isn't known: by kernels of a range, drawn for each image, and for a network that sees the images alone."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from dlcli.config.values.blur import BlurRange
from dlcli.degradations.base import Common, Degradation, Kernel, Mask, Observation
from dlcli.degradations.blur import blurred_by, filtered
from dlcli.degradations.kernels import gaussian_kernel, motion_kernel
from dlcli.degradations.noise import Denoise

PARTS = 3  # of a range of blurs, that are measured
ANGLES = (30.0, 90.0, 150.0)  # of the motions at any angle among them, one for each


class Blurs(Protocol):
    """What kernels are drawn from."""

    @property
    def radius(self) -> int:
        """That of the largest one."""

    def drawn(self, draws: Tensor) -> Tensor:
        """Kernels (B, 2 radius + 1, 2 radius + 1) for draws (B, 2) from 0 to 1."""

    def parts(self) -> "Sequence[tuple[str | None, Blurs]]":
        """What to measure with, and what it is called."""


@dataclass(frozen=True, eq=False)
class BlindDeblur(Common):
    """Circular convolution by a kernel drawn for each image, then Gaussian noise of a level drawn for each.

    The blurred image is all that the network is given, and what its residual is subtracted from: no filter fits all
    kernels. Borders wrap around as those of ``Deblur``, so that both can be compared. ``blurred_by`` is what the one
    blur is called that is left of the range, of the ``levels``.
    """

    blurs: Blurs
    added: Denoise
    blurred_by: str | None = None
    multiple: ClassVar[int] = 1
    scale: ClassVar[int] = 1
    reach: ClassVar[int | None] = 0
    kernels: ClassVar[Sequence[Kernel]] = ()
    mask: ClassVar[Mask | None] = None

    @property
    def margin(self) -> int:
        """The radius of the largest kernel: a crop does not wrap around."""
        return self.blurs.radius

    @property
    def level(self) -> float:
        """That of the noise."""
        return self.added.level

    def input_channels(self, channels: int) -> int:
        """The blurred image's."""
        return channels

    def levels(self) -> Sequence[Degradation]:
        """The middle of a range of blurs and those of its outer thirds, with the middle of the noise; else its levels.

        All levels of noise with all blurs would take three times as long.
        """
        parts = self.blurs.parts()
        if len(parts) == 1:
            return [replace(self, added=added) for added in self.added.each()]
        middle = self.added.middle()
        return [replace(self, blurs=blurs, added=middle, blurred_by=name) for name, blurs in parts]

    def at_sigma(self, sigma: float, weights: tuple[float, ...] = ()) -> Degradation:
        """The same blurs, with this noise."""
        return replace(self, added=Denoise(sigma, sigma, weights))

    def observe(self, clean: Tensor, generator: torch.Generator) -> Observation:
        """Blur clean images (B, C, H, W), and add noise. Raises DlcliError for images smaller than a kernel."""
        draws = torch.rand((len(clean), 2), generator=generator, device=generator.device)
        kernels = self.blurs.drawn(draws).to(clean.device)
        return self.added.observe(filtered(clean, blurred_by(kernels, *clean.shape[-2:])), generator)

    def prepare(self, observed: Tensor) -> Observation:
        """The blurred image (B, C, H, W), as it is."""
        return Observation(observed, observed, observed)


@dataclass(frozen=True)
class Ranged:
    """Kernels of sizes, and of motions also angles, that are drawn evenly from a range."""

    range: BlurRange

    @property
    def radius(self) -> int:
        """That of the largest kernel."""
        high = self.range.high
        return math.ceil(4 * high) if self.range.kind == "gaussian" else math.ceil((high - 1) / 2)

    def drawn(self, draws: Tensor) -> Tensor:
        """As ``gaussian_kernel`` and ``motion_kernel`` make them one by one."""
        within = self.range
        sizes = within.low + (within.high - within.low) * draws[:, 0]
        place = torch.arange(-self.radius, self.radius + 1, device=draws.device, dtype=draws.dtype)
        if within.kind == "gaussian":
            size = sizes[:, None]
            line = torch.exp(-0.5 * (place / size) ** 2) * (place.abs() <= (4 * size).ceil())
            kernels = line[:, :, None] * line[:, None, :]
        else:
            degrees = 180 * draws[:, 1] if within.angle is None else torch.full_like(sizes, within.angle)
            angle, half = torch.deg2rad(degrees)[:, None, None], ((sizes - 1) / 2)[:, None, None]
            across, up, x, y = torch.cos(angle), torch.sin(angle), place[None, :], place.flip(0)[:, None]
            along = torch.maximum(torch.minimum(x * across + y * up, half), -half)
            kernels = (1 - torch.hypot(x - along * across, y - along * up)).clamp(min=0)
        return kernels / kernels.sum((1, 2), keepdim=True)

    def parts(self) -> Sequence[tuple[str | None, Blurs]]:
        """One kernel for each third of the sizes; of motions at any angle each at another."""
        within, found = self.range, list[tuple[str | None, Blurs]]()
        for place in range(PARTS):
            size = within.low + (within.high - within.low) * (place + 0.5) / PARTS
            if within.kind == "gaussian":
                found.append((f"gaussian:{size:.3g}", Fixed((gaussian_kernel(size),))))
            else:
                angle = ANGLES[place] if within.angle is None else within.angle
                found.append((f"motion:{size:.3g}:{angle:g}", Fixed((motion_kernel(size, angle),))))
        return found


@dataclass(frozen=True, eq=False)
class Fixed:
    """Some kernels, each as likely."""

    kernels: Sequence[Kernel]

    @property
    def radius(self) -> int:
        """That of the largest one."""
        return max(int(side) // 2 for kernel in self.kernels for side in kernel.shape)

    def drawn(self, draws: Tensor) -> Tensor:
        """They themselves, each in the middle of a square."""
        padded = []
        for kernel in self.kernels:
            rows, columns = (self.radius - side // 2 for side in kernel.shape)
            values = torch.from_numpy(np.ascontiguousarray(kernel, np.float32))
            padded.append(functional.pad(values, (columns, columns, rows, rows)))
        return torch.stack(padded).to(draws.device)[(draws[:, 0] * len(padded)).long().clamp(max=len(padded) - 1)]

    def parts(self) -> Sequence[tuple[str | None, Blurs]]:
        """All together, which have no name."""
        return [(None, self)]
