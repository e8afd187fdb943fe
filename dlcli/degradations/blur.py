"""Blur by known kernels, and the Wiener filter that a deblurring network starts from."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from dlcli.degradations.base import Common, Degradation, Kernel, Mask, Observation
from dlcli.degradations.noise import MAX_SIGMA, add_noise, weighted
from dlcli.errors import DlcliError

# Measured on four images of Set12 and four kernels of Levin et al., at sigma 0.5, 2.55, 7.65 and 12.75: of 0.1 to 800
# times the noise variance, 30 is best at each, over 10 by 0.7 to 0.9 dB and over 60 by 0.1 to 0.3; |L|^2 beats |L|, at
# its own best factor, by 0.2 to 0.3 dB.
REGULARIZATION = 30.0
TOGETHER = 1 << 20  # values of the spectra of all kernels, up to which they are kept beside each other
ROUNDING_VARIANCE = 1 / 12  # of 8-bit images, on the 0-255 scale: no photograph has less noise than that


@dataclass(frozen=True, eq=False)
class Deblur(Common):
    """Circular convolution by a kernel drawn for each image, then Gaussian noise of ``sigma`` (0-255 scale).

    ``weights`` multiply the noise, one for each channel, where there are some.

    The protocol of Zhang et al. (USRNet, CVPR 2020; DPIR, 2021): borders wrap around, the kernel is known. ``kernels``
    are 2-D, of odd sides, and sum to 1, as parse_blur gives them.

    The base is a Wiener deconvolution, and the input is the blurred image beside it (2C channels). Raises DlcliError
    for a sigma outside 0..255 and for no kernels.
    """

    kernels: Sequence[Kernel]
    sigma: float
    weights: tuple[float, ...] = ()
    multiple: ClassVar[int] = 1
    scale: ClassVar[int] = 1
    mask: ClassVar[Mask | None] = None
    _spectra: dict[tuple[object, ...], tuple[Tensor, Tensor]] = field(default_factory=dict, init=False, repr=False)
    _stacked: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if not 0 <= self.sigma <= MAX_SIGMA:
            raise DlcliError(
                f"noise sigma {self.sigma:g} is not in 0..{MAX_SIGMA:g}", "such as 2.55, on the 0-255 scale"
            )
        if not self.kernels:
            raise DlcliError("no blur kernel was given", "give one, such as gaussian:1.6")

    @property
    def margin(self) -> int:
        """Two radii of the largest kernel.

        A crop does not wrap around, and the filter's rings from that reach far. With two radii cut off, the error
        against the clean image is within 2% of that of a filtered whole image (Levin kernels, Set12).
        """
        return 2 * self._radius

    @property
    def _radius(self) -> int:
        return max(int(side) // 2 for kernel in self.kernels for side in kernel.shape)

    def input_channels(self, channels: int) -> int:
        """The blurred image's and the filtered image's."""
        return 2 * channels

    def observe(self, clean: Tensor, generator: torch.Generator) -> Observation:
        """Blur clean images (B, C, H, W), add noise, and filter.

        Raises DlcliError for images smaller than a kernel.
        """
        draw = torch.randint(len(self.kernels), (len(clean),), generator=generator, device=generator.device)
        blur, wiener = self._drawn(draw, clean)
        blurred = add_noise(filtered(clean, blur), weighted(self.sigma / 255, self.weights, clean.device), generator)
        return _observation(blurred, filtered(blurred, wiener))

    def prepare(self, observed: Tensor, kernel_index: int = 0) -> Observation:
        """Filter real photographs (B, C, H, W), all blurred by one of the kernels.

        A photograph does not wrap around: each side is extended by its border's value for one kernel radius, and the
        two ends are blended where they meet. On crops of blurred images that loses 2.3 dB at sigma 2.55 and 1.0
        at 7.65, against filtering the whole; without it 8.0 and 3.9 are lost (Levin kernels, Set12).
        """
        pad = max(self._radius, 1)
        extended = _periodic(_periodic(observed, pad, -2), pad, -1)
        _, wiener = self._filters([kernel_index] * len(observed), extended)
        height, width = observed.shape[-2:]
        return _observation(observed, filtered(extended, wiener)[..., pad : pad + height, pad : pad + width])

    def prepare_known(self, observed: Tensor, kernel: int, _mask: Mask | None) -> Observation:
        """Filter photographs blurred by the kernel of this number."""
        return self.prepare(observed, kernel)

    @property
    def noise(self) -> float:
        """What the Wiener filter is made for."""
        return self.sigma

    def at_sigma(self, sigma: float, weights: tuple[float, ...] = ()) -> Degradation:
        """The same kernels, with this noise."""
        return replace(self, sigma=sigma, weights=weights)

    def with_kernels(self, kernels: Sequence[Kernel]) -> "Deblur":
        """The same noise, after a blur by one of these."""
        return replace(self, kernels=kernels)

    def _drawn(self, draw: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
        """Spectra for each image of the kernel that was drawn for it; crops' are kept beside each other on the device.

        What a GPU has drawn is then nowhere read, which would wait for all that it has to do.
        """
        every = range(len(self.kernels))
        if len(every) * images.shape[-2] * images.shape[-1] > TOGETHER:
            return self._filters(draw.tolist(), images)
        place = (*images.shape[-2:], images.device)
        known = self._stacked.get("latest")  # asked for once, as another thread may put others there
        if known is None or known[0] != place:
            known = self._stacked["latest"] = place, self._filters(every, images)
        chosen = draw.to(images.device)
        return known[1][0][chosen], known[1][1][chosen]

    def _filters(self, indices: Sequence[int], images: Tensor) -> tuple[Tensor, Tensor]:
        """Spectra (B, 1, H, W // 2 + 1) of the blur and of its Wiener filter, for each image its kernel's.

        Where noise differs by channel, so do the filters, (B, C, H, W // 2 + 1).
        """
        height, width = images.shape[-2:]
        for kernel in sorted(self.kernels, key=lambda k: -max(k.shape)):
            _check_room(kernel.shape, height, width)
        place = (height, width, images.device)
        # One size is kept, the crops': whole images of several sizes would fill the memory. Copied and asked for with
        # get, as another thread may be clearing it.
        if any(key[1:] != place for key in list(self._spectra)):
            self._spectra.clear()
        pairs = []
        for index in indices:
            pair = self._spectra.get((index, *place))
            if pair is None:
                sigmas = [self.sigma * weight for weight in self.weights or (1.0,)]
                blur, wiener = _spectra(self.kernels[index], sigmas, height, width)
                pair = self._spectra[(index, *place)] = blur.to(images.device), wiener.to(images.device)
            pairs.append(pair)
        return torch.stack([pair[0] for pair in pairs]), torch.stack([pair[1] for pair in pairs])


def _spectra(kernel: Kernel, sigmas: Sequence[float], height: int, width: int) -> tuple[Tensor, Tensor]:
    """Spectra of the kernel K, centered at the origin, (1, H, W // 2 + 1), and of its Wiener filter for each noise.

    The filter is conj(K) / (|K|^2 + c s^2 |L|^2), with the noise variance s^2 and L the discrete Laplacian, whose
    square falls as natural images' spectra rise (Gonzalez and Woods, "Digital Image Processing", constrained least
    squares filtering). At frequency 0 it is 1: brightness is kept.
    """
    rows, columns = kernel.shape
    grid = torch.zeros((height, width), dtype=torch.float64)
    grid[:rows, :columns] = torch.from_numpy(kernel)
    blur = torch.fft.rfft2(torch.roll(grid, (-(rows // 2), -(columns // 2)), (0, 1)))
    y = torch.fft.fftfreq(height, dtype=torch.float64)[:, None]
    x = torch.fft.rfftfreq(width, dtype=torch.float64)[None, :]
    laplacian = 4 - 2 * torch.cos(2 * math.pi * y) - 2 * torch.cos(2 * math.pi * x)
    variances = [(sigma**2 + ROUNDING_VARIANCE) / 255**2 for sigma in sigmas]
    wieners = [blur.conj() / (blur.abs() ** 2 + REGULARIZATION * variance * laplacian**2) for variance in variances]
    return blur[None].to(torch.complex64), torch.stack(wieners).to(torch.complex64)


def blurred_by(kernels: Tensor, height: int, width: int) -> Tensor:
    """Spectra (B, 1, H, W // 2 + 1) of kernels (B, h, w) of odd sides, centered at the origin.

    Raises DlcliError for an image of a height and width that are less than a kernel's.
    """
    rows, columns = kernels.shape[-2:]
    _check_room((rows, columns), height, width)
    grid = functional.pad(kernels, (0, width - columns, 0, height - rows))
    spectra: Tensor = torch.fft.rfft2(torch.roll(grid, (-(rows // 2), -(columns // 2)), (1, 2)))
    return spectra[:, None]


def _check_room(kernel: tuple[int, ...], height: int, width: int) -> None:
    if kernel[0] > height or kernel[1] > width:
        raise DlcliError(
            f"an image of {height}x{width} is smaller than the blur kernel of {kernel[0]}x{kernel[1]}",
            "give larger images, or a smaller blur",
        )


def filtered(images: Tensor, spectrum: Tensor) -> Tensor:
    """Images (B, C, H, W) whose spectra are multiplied."""
    height, width = images.shape[-2:]
    filtered: Tensor = torch.fft.irfft2(torch.fft.rfft2(images) * spectrum, s=(height, width))
    return filtered


def _observation(blurred: Tensor, filtered: Tensor) -> Observation:
    return Observation(torch.cat([blurred, filtered], dim=1), filtered, blurred)


def _periodic(images: Tensor, pad: int, dim: int) -> Tensor:
    """``images`` longer by ``pad`` at both ends of ``dim``, without a step where the ends meet."""
    size = images.shape[dim]
    ramp = torch.arange(0.5, 2 * pad, device=images.device) / (2 * pad)
    weight = 0.5 + 0.5 * torch.cos(math.pi * ramp)
    weight = weight[:, None] if dim == -2 else weight
    gap = images.narrow(dim, size - 1, 1) * weight + images.narrow(dim, 0, 1) * (1 - weight)
    return torch.cat([gap.narrow(dim, pad, pad), images, gap.narrow(dim, 0, pad)], dim)
