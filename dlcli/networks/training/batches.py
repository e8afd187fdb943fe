"""Training batches of restoration: crops, degraded on the device."""

from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from dlcli.degradations.base import Degradation
from dlcli.engine.arrays import AnyArray
from dlcli.images.crops import CropSampler
from dlcli.images.normalization import EIGHT_BITS, Scales
from dlcli.networks.data.batch import Batch
from dlcli.networks.data.pool import ImagePool, fits, moved
from dlcli.networks.tensors import normalized_


class RestorationBatches:
    """Batches for restoration: clean crops and their degraded observations, or given pairs."""

    def __init__(
        self, sampler: CropSampler, degradation: Degradation, device: str, seed: int, scales: Scales = EIGHT_BITS
    ) -> None:
        self.sampler, self.degradation, self.device, self.seed = sampler, degradation, device, seed
        self.scales = (scales.inputs, scales.targets) if len(sampler.sets) == 2 else (scales.targets,)
        self._crops = crops_on(sampler, device)

    def __call__(self, step: int, size: int) -> Batch:
        """Batch ``step``; the same numbers give the same batch."""
        crops = zip(self._crops.batch(step, size), self.scales, strict=True)
        images = [normalized_(as_floats(pixels, torch.channels_last), scale) for pixels, scale in crops]
        if len(images) == 2:
            observed = self.degradation.prepare(images[0])
            return Batch(observed.input, observed.base, images[1])
        observed = self.degradation.observe(images[0], generator_for(self.seed, step, self.device))
        margin = self.sampler.margin
        return Batch(cut(observed.input, margin), cut(observed.base, margin), cut(images[0], margin))


class BatchesAhead:
    """The same, each made by another thread while the one before it trains: for what takes the processor long.

    Compressing 8 crops of 96 x 96 takes some 4 ms, mostly of Pillow's own Python.
    """

    def __init__(
        self, sampler: CropSampler, degradation: Degradation, device: str, seed: int, scales: Scales = EIGHT_BITS
    ) -> None:
        self.batches, self.device = RestorationBatches(sampler, degradation, "cpu", seed, scales), device
        self.pool = ThreadPoolExecutor(1, "dlcli-ahead", _alone)
        self.next: tuple[int, int, Future[Batch]] | None = None

    def __call__(self, step: int, size: int) -> Batch:
        """Batch ``step``; the same numbers give the same batch."""
        ready = self.next
        made = ready[2].result() if ready and ready[:2] == (step, size) else self.batches(step, size)
        self.next = (step + 1, size, self.pool.submit(self.batches, step + 1, size))
        seen, base = moved(made.input, self.device), made.base
        if base is not None:
            base = seen if base is made.input else moved(base, self.device)
        return Batch(seen, base, moved(made.target, self.device))


def _alone() -> None:
    """A thread beside those that train does not ask them to help."""
    torch.set_num_threads(1)


def crops_on(sampler: CropSampler, device: str) -> "ImagePool | _Ahead":
    """Who cuts the crops: the device, where all images fit on it; else the processor."""
    return ImagePool(sampler, device) if fits(sampler, device) else _Ahead(sampler, device)


class _Ahead:
    """Cuts the next batch while this one trains, on a GPU, or where images are decoded when they are asked for.

    From images in memory this takes so little that on the CPU it would only be in the way.
    """

    def __init__(self, sampler: CropSampler, device: str) -> None:
        self.sampler, self.device = sampler, device
        self.pool = ThreadPoolExecutor(1) if device.startswith("cuda") or not sampler.in_memory else None
        self.next: tuple[int, int, Future[list[AnyArray]]] | None = None

    def batch(self, step: int, size: int) -> list[Tensor]:
        return [moved(torch.from_numpy(pixels), self.device) for pixels in self._cut(step, size)]

    def _cut(self, step: int, size: int) -> list[AnyArray]:
        if self.pool is None:
            return self.sampler.batch(step, size)
        ready = self.next
        made = ready[2].result() if ready and ready[:2] == (step, size) else self.sampler.batch(step, size)
        self.next = (step + 1, size, self.pool.submit(self.sampler.batch, step + 1, size))
        return made


def as_floats(pixels: Tensor, memory_format: torch.memory_format) -> Tensor:
    """(B, C, H, W) of any type as float32, which is free to be changed."""
    values = pixels.to(torch.float32, memory_format=memory_format)
    return values.clone(memory_format=torch.preserve_format) if values is pixels else values


def cut(images: Tensor, margin: int) -> Tensor:
    """``images`` without ``margin`` pixels on each side."""
    return images[..., margin:-margin, margin:-margin] if margin else images


def generator_for(seed: int, step: int, device: str) -> torch.Generator:
    """A generator whose stream depends on the seed and the step alone."""
    state = np.random.SeedSequence((seed, step)).generate_state(1, np.uint64)[0]
    return torch.Generator(device).manual_seed(int(state >> np.uint64(1)))
