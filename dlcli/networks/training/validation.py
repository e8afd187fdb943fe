"""Measuring a network: PSNR and SSIM of restored images, accuracy of classes."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dlcli.degradations.base import Degradation, Observation
from dlcli.degradations.noise import Denoise
from dlcli.images.image_set import ImageSet
from dlcli.networks.data.split import spread, stratified
from dlcli.networks.metrics import luminance, psnr, ssim
from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.training.batches import as_float, generator_for

MAX_CLASS_IMAGES = 2000  # enough to rank two states of a network, and cheap beside the steps between two reports
SAMPLES = 4
TOGETHER = 1 << 17  # pixels that go through the network at once: about those of a training batch
LEVELS = 3


@dataclass(frozen=True)
class Sample:
    """One validation crop: its observation, the truth, and the whole image's name."""

    name: str
    observed: Observation
    target: Tensor


@dataclass(frozen=True)
class Shown:
    """An image before and after, as uint8 arrays (H, W, C), for the sheet."""

    name: str
    input: NDArray[np.uint8]
    output: NDArray[np.uint8]
    target: NDArray[np.uint8]
    caption: str


@dataclass(frozen=True)
class Restored:
    """What one measurement found: its metrics, PSNR of each sample, and some of the images."""

    metrics: dict[str, float]
    psnr: NDArray[np.float64]
    shown: list[Shown]


def levels_of(degradation: Degradation) -> list[Degradation]:
    """The degradations to measure with: for a range of noise its middle and those of its outer thirds, all as often."""
    if isinstance(degradation, Denoise) and degradation.low < degradation.high:
        width = (degradation.high - degradation.low) / LEVELS
        middles = [degradation.low + (place + 0.5) * width for place in range(LEVELS)]
        return [Denoise(sigma, sigma) for sigma in middles]
    return [degradation]


class RestorationValidation:
    """PSNR and SSIM on a fixed set of crops, each degraded at each noise level once, by a seed of its own."""

    def __init__(
        self,
        network: DeconvNet,
        sets: Sequence[ImageSet],
        degradation: Degradation,
        loss: Callable[[Tensor, Tensor], Tensor],
        border: int,
        seed: int,
        device: str,
        amp: bool,
    ) -> None:
        """``sets`` are the crops, with their inputs in front where there are pairs."""
        self.network, self.loss, self.border, self.device, self.amp = network.eval(), loss, border, device, amp
        self.levels = levels_of(degradation)
        self.count = len(sets[-1])  # crops of each level; the samples are in the order of the levels
        self.samples = [
            observe(
                sets[-1], sets[0] if len(sets) > 1 else None, index, level, (seed, place * self.count + index), device
            )
            for place, level in enumerate(self.levels)
            for index in range(self.count)
        ]
        self.groups = _groups([sample.target.shape for sample in self.samples])
        known = [quality(s.observed.shown, s.target, border) for s in self.samples]
        self.input_psnrs, input_ssims = np.array(known).T
        self.base_psnrs = np.array([quality(s.observed.base, s.target, border)[0] for s in self.samples])
        self.input_psnr, self.input_ssim = mean_of(self.input_psnrs), mean_of(input_ssims)
        self.latest: Restored | None = None
        self.kept: Restored | None = None
        self.has_kept = self.is_news = False  # whether the saved weights were measured, and not been drawn yet

    def __call__(self, state: dict[str, Tensor]) -> dict[str, float]:
        """loss, psnr, ssim and the inputs' own, with the weights ``state``."""
        self.network.load_state_dict(state)
        losses, psnrs, ssims = (np.empty(len(self.samples)) for _ in range(3))
        chosen = spread(len(self.samples), SAMPLES)
        shown: dict[int, Shown] = {}
        for group in self.groups:
            samples = [self.samples[i] for i in group]
            target = torch.cat([s.target for s in samples])
            inputs, base = (torch.cat([getattr(s.observed, name) for s in samples]) for name in ("input", "base"))
            with torch.inference_mode(), torch.autocast(self.device.partition(":")[0], torch.bfloat16, self.amp):
                output = self.network(inputs, base).float()
            psnrs[group], ssims[group] = (m.cpu().numpy() for m in _qualities(output, target, self.border))
            for place, i in enumerate(group):
                losses[i] = float(self.loss(output[place : place + 1], target[place : place + 1]))
                if i in chosen:
                    shown[i] = self._shown(i, output[place : place + 1], float(psnrs[i]))
        metrics = {
            "loss": float(np.mean(losses)), "psnr": mean_of(psnrs), "ssim": mean_of(ssims),
            "input_psnr": self.input_psnr, "input_ssim": self.input_ssim,
        }  # fmt: skip
        self.latest = Restored(metrics, psnrs, [shown[i] for i in sorted(shown)])
        return dict(metrics)

    def keep(self) -> None:
        """The latest measurement is that of the weights that are saved."""
        self.kept, self.has_kept, self.is_news = self.latest, True, True

    def _shown(self, number: int, output: Tensor, found: float) -> Shown:
        sample = self.samples[number]
        level = self.levels[number // self.count]
        noise = f", sigma {level.low:.3g}" if len(self.levels) > 1 and isinstance(level, Denoise) else ""
        caption = f"{sample.name}{noise}: input {self.input_psnrs[number]:.2f} dB, output {found:.2f} dB"
        before, after, truth = (pixels_of(t) for t in (sample.observed.shown, output, sample.target))
        return Shown(sample.name, before, after, truth, caption)

    def by_level(self) -> list[dict[str, float]]:
        """Of the saved weights: sigma, psnr and input_psnr at each noise level, where there are several."""
        if self.kept is None or len(self.levels) < 2:
            return []
        found = []
        for place, level in enumerate(self.levels):
            part = slice(place * self.count, (place + 1) * self.count)
            assert isinstance(level, Denoise)
            found.append({
                "sigma": level.low, "psnr": mean_of(self.kept.psnr[part]),
                "input_psnr": mean_of(self.input_psnrs[part]),
            })  # fmt: skip
        return found

    def unchanged(self) -> bool:
        """Whether the saved weights give back the simple estimate that they start from, to the last of 8 bits."""
        return self.kept is not None and np.array_equal(self.kept.psnr, self.base_psnrs, equal_nan=True)


def _groups(shapes: Sequence[torch.Size]) -> list[list[int]]:
    """Numbers of the samples that go through the network together: of one size, and not too many pixels."""
    alike: dict[torch.Size, list[int]] = {}
    for number, shape in enumerate(shapes):
        alike.setdefault(shape, []).append(number)
    groups: list[list[int]] = []
    for shape, numbers in alike.items():
        most = max(1, TOGETHER // (shape[-1] * shape[-2]))
        groups.extend(numbers[start : start + most] for start in range(0, len(numbers), most))
    return groups


class ClassValidation:
    """Loss and accuracy on class images, with the confusion matrix of the call that was kept, else of the last."""

    def __init__(self, network: DeconvNet, image_set: ImageSet, device: str, amp: bool, limit: int | None) -> None:
        """Measure ``image_set``, or about ``limit`` of them, of every class its share."""
        self.network, self.device, self.amp = network.eval(), device, amp
        assert image_set.labels is not None
        self.image_set = image_set if limit is None else image_set.subset(stratified(image_set.labels, limit))
        self.count = len(self.image_set)
        self.latest = self.kept = np.zeros((0, 0), np.float32)
        self.has_kept = self.is_news = False  # whether the saved weights were measured, and not been drawn yet
        assert self.image_set.labels is not None
        self.labels = self.image_set.labels

    def __call__(self, state: dict[str, Tensor] | None) -> dict[str, float]:
        """loss, log_loss and accuracy, with the weights ``state`` (None: as they are)."""
        if state is not None:
            self.network.load_state_dict(state)
        parts = []
        for start in range(0, self.count, 256):
            images = [self.image_set.pixels(i) for i in range(start, min(start + 256, self.count))]
            x = as_float(np.ascontiguousarray(np.stack(images).transpose(0, 3, 1, 2)), self.device)
            with torch.inference_mode(), torch.autocast(self.device.partition(":")[0], torch.bfloat16, self.amp):
                parts.append(self.network(x).float().cpu())
        logs = torch.log_softmax(torch.cat(parts), dim=1)
        self.latest = logs.numpy()
        found = -self.latest[np.arange(self.count), self.labels].mean()
        accuracy = float((self.latest.argmax(1) == self.labels).mean())
        return {"loss": float(found), "log_loss": float(found), "accuracy": accuracy}

    @property
    def scores(self) -> NDArray[np.float32]:
        """Logarithms of the classes' probabilities (N, K)."""
        return self.kept if len(self.kept) else self.latest

    def keep(self) -> None:
        """The latest measurement is that of the weights that are saved."""
        self.kept, self.has_kept, self.is_news = self.latest, True, True

    def confusion(self) -> NDArray[np.int64]:
        """Counts (K, K): rows are true classes, columns the classes found."""
        count = len(self.image_set.classes)
        matrix = np.zeros((count, count), np.int64)
        np.add.at(matrix, (self.labels, self.scores.argmax(1)), 1)
        return matrix


def observe(
    image_set: ImageSet,
    inputs: ImageSet | None,
    index: int,
    degradation: Degradation,
    seed: tuple[int, int],
    device: str,
) -> Sample:
    """Image ``index`` and its observation, degraded by a seed of its own."""
    clean = _tensor(image_set.pixels(index), device)
    if inputs is not None:
        observed = degradation.prepare(_tensor(inputs.pixels(index), device))
    else:
        # From the CPU, whatever the device: the same noise everywhere.
        observed = degradation.observe(clean, generator_for(*seed, "cpu"))
    return Sample(image_set.names[index], observed, clean)


def quality(output: Tensor, target: Tensor, border: int, *, on_luminance: bool = False) -> tuple[float, float]:
    """PSNR in dB and SSIM of one image (1, C, H, W)."""
    if on_luminance and target.shape[1] == 3:
        output, target = luminance(output.clamp(0, 1)), luminance(target)
    found = _qualities(output, target, border)
    return float(found[0][0]), float(found[1][0])


def _qualities(output: Tensor, target: Tensor, border: int) -> tuple[Tensor, Tensor]:
    """PSNR in dB and SSIM of images (B, C, H, W), each (B,)."""
    return psnr(output, target, border), ssim(output, target, border)


def pixels_of(image: Tensor) -> NDArray[np.uint8]:
    """(1, C, H, W) in [0, 1] as uint8 (H, W, C)."""
    rounded = image[0].clamp(0, 1).mul(255).round().byte()
    return np.ascontiguousarray(rounded.permute(1, 2, 0).cpu().numpy())


def _tensor(pixels: NDArray[np.uint8], device: str) -> Tensor:
    return as_float(np.ascontiguousarray(pixels.transpose(2, 0, 1)[None]), device)


def mean_of(values: Iterable[float]) -> float:
    """The mean, without what is not a number, such as the SSIM of images smaller than its window."""
    known = [value for value in values if value == value]
    return float(np.mean(known)) if known else float("nan")
