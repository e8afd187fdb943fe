"""Degraded images a band of rows at a time, bit for bit as whole ones come out: draws follow the planes, not the rows.

Whole images are drawn plane by plane. For rows of several planes each has a generator of its own, which begins where
the plane does.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Rows = Callable[[slice], Tensor]  # rows (1, C, h, W) of an image
GROUP = 16  # torch makes so many normal numbers of so many uniform ones at a time
SKIPPED = 1 << 20  # numbers that are drawn at once to be passed over


@dataclass(frozen=True)
class CleanRows:
    """An image of ``shape`` (C, H, W) whose rows ``of`` gives."""

    shape: tuple[int, int, int]
    of: Rows


class NormalRows:
    """What ``torch.randn((1, C, H, W))`` draws, by rows from the top down."""

    def __init__(self, shape: tuple[int, int, int], generator: torch.Generator) -> None:
        channels, height, self.width = shape
        self.device, area = generator.device, height * self.width
        self._planes = []
        at = 0
        for channel in range(channels):
            first, total = channel * area, channels * area
            start = min(first // GROUP * GROUP, max(total // GROUP - 1, 0) * GROUP)
            while at < start:
                size = min(SKIPPED, start - at)
                torch.rand(size, generator=generator, device=self.device)  # takes as much of the stream
                at += size
            self._planes.append(_Stream(_copy(generator), start, first - start, total))

    def take(self, rows: int) -> Tensor:
        """The next ``rows``, (1, C, rows, W)."""
        return torch.stack([plane.take(rows * self.width).view(rows, self.width) for plane in self._planes])[None]


class _Stream:
    """The normal numbers from ``start`` on of ``total`` that are drawn at once, without the first ``skip``."""

    def __init__(self, generator: torch.Generator, start: int, skip: int, total: int) -> None:
        self.generator, self.at, self.skip, self.total = generator, start, skip, total
        self.rest = torch.empty(0, device=generator.device)

    def take(self, count: int) -> Tensor:
        while len(self.rest) < count:
            left = self.total - self.at
            size = min(-(-(count - len(self.rest) + self.skip) // GROUP) * GROUP, left)
            # The last group of all is made of what the draw ends with: it isn't parted.
            size = left if left - size < GROUP else size
            made = torch.randn(size, generator=self.generator, device=self.generator.device)
            self.rest = torch.cat([self.rest, made[self.skip :]])
            self.at, self.skip = self.at + size, 0
        made, self.rest = self.rest[:count], self.rest[count:].clone()
        return made


class PoissonRows:
    """What ``torch.poisson`` draws for the rates (1, C, H, W), by rows from the top down."""

    def __init__(self, rates: CleanRows, generator: torch.Generator, step: int, *, to_end: bool = False) -> None:
        """``step`` rows at a time are drawn to learn where a plane begins: each number takes what its rate makes it.

        ``to_end``: also where the last one ends, from which ``generator`` then goes on.
        """
        channels, height, _ = rates.shape
        self._generators = [_copy(generator)]
        for channel in range(channels if to_end else channels - 1):
            for start in range(0, height, step):
                rate = rates.of(slice(start, min(start + step, height)))[:, channel]
                torch.poisson(rate.to(generator.device), generator=generator)
            self._generators.append(_copy(generator))

    def of(self, rates: Tensor) -> Tensor:
        """For the next rows' ``rates`` (1, C, h, W)."""
        planes = rates.to(self._generators[0].device).unbind(1)
        drawn = [torch.poisson(plane, generator=g) for plane, g in zip(planes, self._generators, strict=False)]
        return torch.stack(drawn, dim=1)


class Overlapping:
    """Rows that are made one after another, asked for in bands that overlap."""

    def __init__(self, rows: Rows) -> None:
        self.rows, self.first, self.stop = rows, 0, 0
        self.held: Tensor | None = None

    def __call__(self, seen: slice) -> Tensor:
        """Those of ``seen``, which begins and ends no higher than the one before."""
        made = self.rows(slice(self.stop, seen.stop)) if seen.stop > self.stop or self.held is None else None
        if self.held is not None:
            kept = self.held[..., seen.start - self.first :, :]
            made = kept if made is None else torch.cat([kept, made], dim=-2)
        assert made is not None
        self.held, self.first, self.stop = made, seen.start, seen.stop
        return made


def _copy(generator: torch.Generator) -> torch.Generator:
    """Another with the same state."""
    copy = torch.Generator(generator.device)
    copy.set_state(generator.get_state())
    return copy
