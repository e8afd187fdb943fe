"""Noise as the files of cameras have it: it grows with the light, neighbors share it, and each color has its own.

Photons and the reading of the sensor make it in linear light, at each place of a Bayer pattern alone (Foi et al.,
"Practical Poissonian-Gaussian noise modeling and fitting for single-image raw-data", IEEE TIP 17(10), 2008). White
balance, demosaicing, the matrix of colors, the camera's own smoothing, the tone curve and JPEG make of it what a
file has; constants are drawn about as Brooks et al. ("Unprocessing images for learned raw denoising", CVPR 2019) and
Guo et al. ("Toward convolutional blind denoising of real photographs", CVPR 2019) do. The clean image itself goes
through none of it but JPEG: a network isn't to sharpen what demosaicing would blur.
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from dlcli.degradations.noise import Denoise
from dlcli.degradations.quantized import quantized
from dlcli.degradations.rows import CleanRows, Rows

GAINS = ((1.5, 2.4), (1.0, 1.0), (1.3, 2.2))  # of white balance, red, green and blue
READ = (1e-3, 0.3)  # the share of the variance of a gray pixel that light has no part in
MATRIX = ((1.6, -0.5, -0.1), (-0.2, 1.5, -0.3), (0.0, -0.5, 1.5))  # from a sensor's colors to sRGB, as of many cameras
LUMA = (0.299, 0.587, 0.114)
WIDTHS = (0.4, 2.0)  # deviations in pixels of the camera's own smoothing
REACH = 4  # pixels around one that smoothing and demosaicing look at
QUALITIES = (70.0, 100.0)  # of JPEG
GRAY = ((0.5 + 0.055) / 1.055) ** 2.4  # half of the range of sRGB, in linear light
DRAWS = 10  # numbers that chance gives each image


@dataclass(frozen=True)
class CameraNoise(Denoise):
    """Noise of a camera, whose deviation on a gray pixel is drawn from low..high for each image (0-255 scale).

    Low levels are drawn more often. Images are of 8 bits, in sRGB, gray or RGB; what comes out is rounded and cut at
    both ends as in a file. ``told``: the network's input has that deviation as one more channel: not what JPEG adds to
    it where there is texture, which nobody can measure of an image.
    """

    @property
    def _even(self) -> bool:
        return True

    def noisy(self, clean: Tensor, sigma: float | Tensor, generator: torch.Generator) -> Tensor:
        """Clean images (B, C, H, W) as a camera's files have them."""
        last = clean.is_contiguous(memory_format=torch.channels_last) and not clean.is_contiguous()
        found = photographed(clean.contiguous(), sigma, generator)
        return found.contiguous(memory_format=torch.channels_last) if last else found

    def observed_rows(self, clean: CleanRows, generator: torch.Generator) -> Rows:
        """Rows of the whole image, which is made at once."""
        whole = self.observe(clean.of(slice(0, clean.shape[1])), generator).shown
        return lambda rows: whole[..., rows, :]


def photographed(clean: Tensor, sigma: float | Tensor, generator: torch.Generator) -> Tensor:
    """Images (B, C, H, W) in sRGB with noise whose deviation on gray is ``sigma``, a number or (B, 1, 1, 1)."""
    count, channels, height, width = clean.shape
    drawn = torch.rand((count, DRAWS, 1, 1), generator=generator, device=generator.device).to(clean.device)
    white = torch.randn(
        (count, 1, height + 2 * REACH, width + 2 * REACH), generator=generator, device=generator.device
    ).to(clean.device)
    clean = clean.clamp(0, 1)
    linear, slope = _tones(clean, drawn[:, 9])
    color = channels == 3
    gains = _gains(drawn) if color else torch.ones_like(drawn[:, :1])
    places = _places(drawn[:, 2:3], white.shape) if color else torch.ones_like(white)
    read = READ[0] * (READ[1] / READ[0]) ** drawn[:, 3:4]
    # In units of the light of a gray pixel; the variance in that of a green one.
    light = F.pad(linear, [REACH] * 4, mode="replicate")
    at_sites = (light * (places / (gains * GRAY))).sum(1, keepdim=True) if color else light / GRAY
    sites = white * ((1 - read) * at_sites + read).sqrt_()
    kernels = _kernels(drawn[:, 4:6], color=color)
    planes = sites * (places * gains) if color else sites
    filters = kernels.view(-1, 1, *kernels.shape[-2:])
    grouped = planes.view(1, -1, *planes.shape[-2:])
    noise = F.conv2d(grouped, filters, groups=len(filters)).view(count, -1, height, width)
    on_gray = gains.square() * ((1 - read) / gains + read) * kernels.square().sum((2, 3), keepdim=True)
    if color:
        on_gray = on_gray * torch.tensor([0.25, 0.5, 0.25], device=clean.device).view(1, 3, 1, 1)
        matrix = _matrix(drawn[:, 6:8])
        noise = torch.bmm(matrix, noise.flatten(2)).view_as(noise)
        on_gray = torch.bmm(matrix.square(), on_gray.flatten(2)).unsqueeze(3)
    noise = noise * (sigma / on_gray.mean(1, keepdim=True).sqrt())
    # By the slope of the tone curve alone: that it is bent would make dark places darker on average. The mean of many
    # shots is as dark, and a network that learned to undo it made them brighter than that, by 3 of 255.
    made = noise.mul_(slope).add_(clean).clamp_(0, 1)
    quality = QUALITIES[0] + (QUALITIES[1] - QUALITIES[0]) * drawn[:, 8:9]
    return quantized(made, quality)


def _tones(clean: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """Of sRGB values (B, C, H, W) the linear light, and the slope of the tone curve there in that on gray.

    Cameras bend the curve of sRGB more, by a part of a smooth step that ``share`` (B, 1, 1) draws; it leaves gray.
    """
    tables = _curves(str(clean.device))
    light, rise = (torch.lerp(*pair, share.view(-1, 1)) for pair in tables.unbind(1))  # type: ignore[call-overload]
    slope = rise[:, 128:129] / rise
    # Images have 8 bits: a table of what they may hold takes a quarter of the time.
    begins = 256 * torch.arange(len(clean), device=clean.device, dtype=torch.int32).view(-1, 1, 1, 1)
    places = ((clean * 255).round_().int() + begins).view(-1)
    found = [table.reshape(-1).index_select(0, places).view_as(clean) for table in (light, slope)]
    return found[0], found[1]


@lru_cache(8)
def _curves(device: str) -> Tensor:
    """(2, 2, 256): by the curve of sRGB and with the smooth step, the light of each value, and how it rises there."""
    values = torch.arange(256, dtype=torch.float64) / 255
    undone = 0.5 - torch.sin(torch.asin(1 - 2 * values) / 3)  # of y = 3 x^2 - 2 x^3
    curves = [decoded(curve) for curve in (values, undone)]
    made = torch.stack([torch.stack([light, torch.gradient(light)[0]]) for light in curves])
    return made.float().to(device)


def decoded(values: Tensor) -> Tensor:
    """sRGB values as linear light (IEC 61966-2-1)."""
    return torch.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _gains(drawn: Tensor) -> Tensor:
    """(B, 3, 1, 1)"""
    red, _, blue = (low + (high - low) * drawn[:, i : i + 1] for i, (low, high) in zip((0, 0, 1), GAINS, strict=True))
    return torch.cat([red, torch.ones_like(red), blue], 1)


def _matrix(drawn: Tensor) -> Tensor:
    """(B, 3, 3): from the sensor's colors to sRGB, and then a part of what differs between the colors is taken away.

    Cameras do that to the noise, which in their files is nearly gray.
    """
    device = drawn.device
    eye, to_srgb, luminance = (
        torch.tensor(rows, device=device) for rows in (((1.0, 0, 0), (0, 1.0, 0), (0, 0, 1.0)), MATRIX, (LUMA,) * 3)
    )
    return luminance.lerp(eye, drawn[:, 1]) @ eye.lerp(to_srgb, drawn[:, 0])


def _places(drawn: Tensor, shape: torch.Size) -> Tensor:
    """Where a sensor sees red, green and blue, (B, 3, H, W): one of four ways to lay the Bayer pattern."""
    count, _, height, width = shape
    cells = _bayer(str(drawn.device))[(drawn.view(-1) * 4).long()]
    across = cells.repeat(1, 1, 1, -(-width // 2))[..., :width]
    return across.repeat(1, 1, -(-height // 2), 1)[..., :height, :].view(count, 3, height, width)


@lru_cache(8)
def _bayer(device: str) -> Tensor:
    """(4, 3, 2, 2)"""
    red = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    turns = [red.roll((down, right), (0, 1)) for down in (0, 1) for right in (0, 1)]
    blues = [one.roll((1, 1), (0, 1)) for one in turns]
    return torch.stack([torch.stack([r, 1 - r - b, b]) for r, b in zip(turns, blues, strict=True)]).to(device)


def _kernels(drawn: Tensor, *, color: bool) -> Tensor:
    """Demosaicing and smoothing in one, (B, C, k, k), from two numbers for each image."""
    width = WIDTHS[0] + (WIDTHS[1] - WIDTHS[0]) * drawn[:, :1]
    share = drawn[:, 1:]
    reach = REACH - 1
    away = torch.arange(-reach, reach + 1, device=drawn.device, dtype=torch.float32)
    bell = torch.exp(-0.5 * (away.view(1, 1, 1, -1) / width).square())
    bell = bell / bell.sum(3, keepdim=True)
    smooth = share * (bell.transpose(2, 3) * bell)
    smooth[:, :, reach, reach] += 1 - share[:, :, 0, 0]
    base = _bilinear(str(drawn.device))
    # Gray photographs are of color, mostly of its green: what neighbors share of that is what they share.
    return F.conv2d(smooth, base if color else base[1:2], padding=2)


@lru_cache(8)
def _bilinear(device: str) -> Tensor:
    """Red and blue from the mean of the nearest two or four, green from that of four, (3, 1, 3, 3)."""
    red = torch.tensor([[0.25, 0.5, 0.25], [0.5, 1.0, 0.5], [0.25, 0.5, 0.25]], device=device)
    green = torch.tensor([[0.0, 0.25, 0.0], [0.25, 1.0, 0.25], [0.0, 0.25, 0.0]], device=device)
    return torch.stack([red, green, red])[:, None]
