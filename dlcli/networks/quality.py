"""Every metric of one image that comes in rows, of which only strips are held in float64."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from dlcli.images.normalization import Normalization
from dlcli.networks.metrics import WINDOW, ImageMetric, check_alike, comparable, similarity

STRIP, LEAST_ROWS = 1 << 20, 6 * WINDOW  # values of a strip; rows, at least: windows reach back by ten

Compared = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]  # output and target as what of them is compared


class RunningQuality:
    """The metrics of an image of ``height`` rows, from the top down; ``border`` pixels on each side don't count."""

    def __init__(
        self, metrics: Sequence[ImageMetric], scale: Normalization, border: int, height: int, compared: Compared
    ) -> None:
        self.metrics, self.scale, self.border, self.height, self.compared = metrics, scale, border, height, compared
        self._sums = dict.fromkeys((metric.name for metric in metrics), 0.0)
        self._counts = dict.fromkeys(self._sums, 0)
        self._row = 0
        self._above: tuple[Tensor, Tensor] | None = None  # rows that windows reach back to

    def add(self, output: Tensor, target: Tensor) -> None:
        """The next rows (1, C, h, W) of both. Raises DlcliError for two shapes."""
        check_alike(output, target)
        step = max(STRIP // max(target.shape[1] * target.shape[3], 1), LEAST_ROWS)
        for start in range(0, target.shape[2], step):
            strip = slice(start, min(start + step, target.shape[2]))
            self._take(output[..., strip, :], target[..., strip, :])

    def _take(self, output: Tensor, target: Tensor) -> None:
        first, self._row = self._row, self._row + target.shape[2]
        rows = slice(max(self.border - first, 0), max(min(self.height - self.border, self._row) - first, 0))
        columns = slice(self.border, -self.border or None)
        both = self.compared(output[..., rows, columns], target[..., rows, columns])
        x, y = (comparable(images, self.scale) for images in both)
        for metric in self.metrics:
            if metric.map is not similarity:
                self._count(metric.name, metric.map(x, y, self.scale))
        if self._above is not None:
            x, y = (torch.cat(both, dim=-2) for both in zip(self._above, (x, y), strict=True))
        self._above = x[..., 1 - WINDOW :, :].clone(), y[..., 1 - WINDOW :, :].clone()
        together = x.numel() <= 2 * STRIP
        for channel in (slice(None),) if together else (slice(c, c + 1) for c in range(x.shape[1])):
            self._count("ssim", similarity(x[:, channel], y[:, channel], self.scale))

    def _count(self, name: str, values: Tensor) -> None:
        self._sums[name] += float(values.sum())
        self._counts[name] += values.numel()

    def found(self) -> dict[str, float]:
        """By name; nan of what there was nothing for."""
        return {metric.name: float(metric.of_mean(self._mean(metric.name))) for metric in self.metrics}

    def _mean(self, name: str) -> Tensor:
        return torch.tensor(self._sums[name], dtype=torch.float64) / self._counts[name]
