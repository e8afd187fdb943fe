"""The metrics of networks, in one table for restored images and one for classes.

How like its target an image is, PSNR and SSIM, is measured on 8-bit images as papers do: images are (B, C, H, W) on any
device; both are first clamped to [0, 1], scaled to 255 and rounded. Of other images, whole numbers are rounded and cut
off as in a file, PSNR and SSIM take the range of their normalization, and there is the error in their own units, too.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dlcli.errors import DlcliError
from dlcli.images.normalization import EIGHT_BIT, Normalization
from dlcli.networks.tensors import as_written, float64, in_units, normalized_

PSNR_CAP = 100.0  # dB; JSON has no infinity. The least error of one pixel in 10^5 gives 98 dB.
WINDOW, WINDOW_SIGMA = 11, 1.5
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
LUMA = (65.481, 128.553, 24.966)


@dataclass(frozen=True)
class ImageMetric:
    """A metric of restored images: ``compute`` maps output, target, border and their normalization to values (B,).

    It is what ``of_mean`` makes of the mean of a ``map`` of two comparable images. ``axis`` is its title on charts,
    None for no chart.
    """

    name: str
    compute: Callable[[Tensor, Tensor, int, Normalization], Tensor]
    map: Callable[[Tensor, Tensor, Normalization], Tensor]
    of_mean: Callable[[Tensor], Tensor]
    higher_is_better: bool = False
    axis: str | None = None
    squares: bool = False  # whether images are joined by their squares

    def mean(self, values: Iterable[float]) -> float:
        """The mean over images, without what is not a number."""
        return mean_of(value**2 for value in values) ** 0.5 if self.squares else mean_of(values)


@dataclass(frozen=True)
class ClassMetric:
    """A metric of classes: ``compute`` maps logarithms of probabilities (N, K) and true classes (N,) to its value.

    ``axis`` is its title on charts, None for no chart.
    """

    name: str
    compute: Callable[[NDArray[np.float32], NDArray[np.int64]], float]
    higher_is_better: bool = False
    axis: str | None = None


def qualities(
    output: Tensor, target: Tensor, border: int, scale: Normalization, metrics: "Sequence[ImageMetric]"
) -> dict[str, Tensor]:
    """Each of the metrics of images (B, C, H, W) of this normalization, (B,), by name."""
    return {metric.name: metric.compute(output, target, border, scale) for metric in metrics}


def image_metrics(*scales: Normalization) -> "tuple[ImageMetric, ...]":
    """Those of images of these normalizations: the error in the data's own units where one is not the usual one."""
    return IMAGE_METRICS if all(scale.eight_bit for scale in scales) else DEEP_METRICS


def class_metrics(log_probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> dict[str, float]:
    """Every metric of classes, by name; log_probabilities (N, K), labels (N,)."""
    return {metric.name: metric.compute(log_probabilities, labels) for metric in CLASS_METRICS}


def mean_of(values: Iterable[float]) -> float:
    """The mean, without what is not a number, such as the SSIM of images smaller than its window."""
    known = [value for value in values if value == value]
    return float(np.mean(known)) if known else float("nan")


def psnr(output: Tensor, target: Tensor, border: int = 0, scale: Normalization = EIGHT_BIT) -> Tensor:
    """Peak signal-to-noise ratio (B,) in dB, 10 log10(range^2 / mean squared error), float64; of 8 bits 255.

    ``border`` pixels on each side don't count. At most 100 dB, which is what equal images get; nan where the border
    leaves nothing. Raises DlcliError for two shapes.
    """
    x, y = _inside(output, target, border, scale)
    return decibels(squared_error(x, y, scale).mean(dim=(1, 2, 3)))


def psnr_range(scale: Normalization) -> float:
    """The range that PSNR takes; of channels with ranges of their own the widest."""
    return scale.span


def rmse(output: Tensor, target: Tensor, border: int = 0, scale: Normalization = EIGHT_BIT) -> Tensor:
    """Root mean squared error (B,) in the units of the data, float64."""
    x, y = _inside(output, target, border, scale)
    return squared_error_in_units(x, y, scale).mean(dim=(1, 2, 3)).sqrt()


def ssim(output: Tensor, target: Tensor, border: int = 0, scale: Normalization = EIGHT_BIT) -> Tensor:
    """Structural similarity (B,), at most 1, averaged over channels and over where the window fits, float64.

    Wang et al., "Image quality assessment", 2004: Gaussian window of 11x11 and deviation 1.5, K1 0.01, K2 0.03, L 255,
    covariances of the population. ``border`` pixels on each side don't count. nan for images smaller than the window.
    Raises DlcliError for two shapes.
    """
    x, y = _inside(output, target, border, scale)
    return similarity(x, y, scale).mean(dim=(1, 2, 3))


def luminance(images: Tensor, *, whole: bool = False) -> Tensor:
    """The luma (B, 1, H, W) of color images (B, 3, H, W), in [16/255, 235/255]; gray images are taken as they are.

    ITU-R BT.601, studio range, as MATLAB's rgb2ycbcr: what upscaling is measured on. ``whole``: in [0, 1] instead.
    """
    if images.shape[1] == 1:
        return images
    weights = torch.tensor(LUMA, dtype=images.dtype, device=images.device).view(1, 3, 1, 1)
    luma = (images * weights).sum(dim=1, keepdim=True)
    return luma / sum(LUMA) if whole else (luma + 16) / 255


def squared_error(x: Tensor, y: Tensor, _scale: Normalization) -> Tensor:
    """Of each value of comparable images, on the scale 0 to 255."""
    return (x - y).square_()


def squared_error_in_units(x: Tensor, y: Tensor, scale: Normalization) -> Tensor:
    """The same in the units of the data."""
    spans = torch.tensor(scale.spans, dtype=x.dtype, device=x.device).view(1, -1, 1, 1)
    return ((x - y) * (spans / 255)).square()


def similarity(x: Tensor, y: Tensor, _scale: Normalization) -> Tensor:
    """SSIM's map of comparable images (B, C, H, W), (B, C, H - 10, W - 10); empty where the window doesn't fit."""
    if min(x.shape[-2:]) < WINDOW:
        return x[..., :0, :0]
    mean_x, mean_y, square_x, square_y, product = _window_means(torch.stack([x, y, x * x, y * y, x * y]))
    both, squares = mean_x * mean_y, mean_x**2 + mean_y**2
    variances, covariance = square_x + square_y - squares, product - both
    similar: Tensor = (2 * both + C1) * (2 * covariance + C2) / ((squares + C1) * (variances + C2))
    return similar


def decibels(error: Tensor) -> Tensor:
    """Of a mean squared error on the scale 0 to 255."""
    return (-10 * torch.log10(error / 255**2)).clamp(max=PSNR_CAP)


def _inside(output: Tensor, target: Tensor, border: int, scale: Normalization) -> tuple[Tensor, Tensor]:
    """Both comparable, without their border."""
    check_alike(output, target)
    inside = slice(border, -border or None)
    x, y = (comparable(images[..., inside, inside], scale) for images in (output, target))
    return x, y


def check_alike(output: Tensor, target: Tensor) -> None:
    """Raises DlcliError for two shapes."""
    if output.shape != target.shape:
        have, need = ("x".join(map(str, images.shape)) for images in (output, target))
        raise DlcliError(f"an image of {have} cannot be compared with one of {need}", "give images of one size")


def comparable(images: Tensor, scale: Normalization) -> Tensor:
    """As a file holds them, on a scale of 0 to 255, in float64, which SSIM's differences of squares need."""
    if scale.eight_bit:
        return float64(images).clamp(0, 1).mul_(255).round_()
    return normalized_(as_written(in_units(images, scale), np.dtype(scale.dtype)), scale).mul(255)


def _window_means(maps: Tensor) -> Tensor:
    """Gaussian-weighted means of (..., H, W) where the window fits: (..., H - 10, W - 10)."""
    place = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    weights = torch.exp(-0.5 * (place / WINDOW_SIGMA) ** 2)
    # Sums of shifted images: in float64 they are ten times quicker than torch's convolution.
    for dim in (-2, -1):
        size = maps.shape[dim] - WINDOW + 1
        total = torch.zeros_like(maps.narrow(dim, 0, size))
        for shift, weight in enumerate((weights / weights.sum()).tolist()):
            total.add_(maps.narrow(dim, shift, size), alpha=weight)
        maps = total
    return maps


def log_loss(log_probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """The mean negative logarithm of the true class's probability."""
    return float(-log_probabilities[np.arange(len(labels)), labels].mean())


def accuracy(log_probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """The share of images whose most probable class is the true one."""
    return float((log_probabilities.argmax(1) == labels).mean())


def confusion_counts(guesses: NDArray[np.int64], labels: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """How often each class was taken for each, (K, K): rows are true classes, columns the classes found."""
    return np.bincount(labels * classes + guesses, minlength=classes**2).reshape(classes, classes)


def class_qualities(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Precision, recall and F1 of each class, (K, 3), from ``confusion_counts``; nan where nothing is divided by 0."""
    hits = counts.diagonal().astype(np.float64)
    found, actual = counts.sum(axis=0), counts.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.stack([hits / found, hits / actual, 2 * hits / (found + actual)], axis=1)


def balanced_accuracy(log_probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """The mean recall of the classes that there are images of: each counts as much, however few its images."""
    return _mean_over_present(log_probabilities, labels, 1)


def macro_f1(log_probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """The mean F1 of the classes that there are images of."""
    return _mean_over_present(log_probabilities, labels, 2)


def _mean_over_present(log_probabilities: NDArray[np.float32], labels: NDArray[np.int64], column: int) -> float:
    counts = confusion_counts(log_probabilities.argmax(1), labels, log_probabilities.shape[1])
    return float(class_qualities(counts)[counts.sum(axis=1) > 0, column].mean())


# In the order of reports, where the loss of restored images, which is that of the training, comes first.
IMAGE_METRICS = (
    ImageMetric("psnr", psnr, squared_error, decibels, higher_is_better=True, axis="PSNR (dB)"),
    ImageMetric("ssim", ssim, similarity, torch.clone, higher_is_better=True),
)
DEEP_METRICS = (*IMAGE_METRICS, ImageMetric("rmse", rmse, squared_error_in_units, torch.sqrt, squares=True))
CLASS_METRICS = (
    ClassMetric("loss", log_loss),
    ClassMetric("log_loss", log_loss),
    ClassMetric("accuracy", accuracy, higher_is_better=True, axis="accuracy"),
    ClassMetric("balanced_accuracy", balanced_accuracy, higher_is_better=True),
    ClassMetric("macro_f1", macro_f1, higher_is_better=True),
)
