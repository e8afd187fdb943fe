"""Measuring a network: PSNR and SSIM of restored images, accuracy of classes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dlcli.data.degradations import Degradation, Observation
from dlcli.data.pictures import Pictures
from dlcli.engine.image_metrics import luminance, psnr, ssim
from dlcli.models.deconv import DeconvNet
from dlcli.tasks.deconv_batches import as_float, generator_for

# Enough to rank two states of a network, and cheap beside the steps between two reports.
MAX_IMAGES, MAX_SIDE, MAX_CLASS_IMAGES = 32, 256, 2000
SAMPLES = 4


@dataclass(frozen=True)
class Sample:
    """One validation image: its observation, the truth, and the whole image's name."""

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


class RestorationValidation:
    """PSNR and SSIM on a fixed set of images, each degraded once, by its own seed."""

    def __init__(
        self,
        network: DeconvNet,
        pictures: Pictures,
        inputs: Pictures | None,
        degradation: Degradation,
        loss: Callable[[Tensor, Tensor], Tensor],
        border: int,
        seed: int,
        device: str,
        amp: bool,
    ) -> None:
        self.network, self.loss, self.border, self.device, self.amp = network.eval(), loss, border, device, amp
        self.samples = [
            observe(pictures, inputs, index, degradation, seed, device, MAX_SIDE)
            for index in range(min(len(pictures), MAX_IMAGES))
        ]
        known = [quality(s.observed.shown, s.target, border) for s in self.samples]
        self.input_psnr, self.input_ssim = (mean_of([k[i] for k in known]) for i in (0, 1))
        self.shown: list[Shown] = []

    def __call__(self, state: dict[str, Tensor]) -> dict[str, float]:
        """loss, psnr, ssim and the inputs' own, with the weights ``state``."""
        self.network.load_state_dict(state)
        losses, psnrs, ssims = [], [], []
        self.shown = []
        for sample in self.samples:
            with torch.inference_mode(), torch.autocast(self.device.partition(":")[0], torch.bfloat16, self.amp):
                output = self.network(sample.observed.input, sample.observed.base).float()
            losses.append(float(self.loss(output, sample.target)))
            found = quality(output, sample.target, self.border)
            psnrs.append(found[0])
            ssims.append(found[1])
            if len(self.shown) < SAMPLES:
                degraded = quality(sample.observed.shown, sample.target, self.border)[0]
                caption = f"{sample.name}: input {degraded:.2f} dB, output {found[0]:.2f} dB"
                before, after, truth = (pixels_of(t) for t in (sample.observed.shown, output, sample.target))
                self.shown.append(Shown(sample.name, before, after, truth, caption))
        return {
            "loss": float(np.mean(losses)), "psnr": mean_of(psnrs), "ssim": mean_of(ssims),
            "input_psnr": self.input_psnr, "input_ssim": self.input_ssim,
        }  # fmt: skip


class ClassValidation:
    """Loss and accuracy on class images, with the confusion matrix of the last call."""

    def __init__(self, network: DeconvNet, pictures: Pictures, device: str, amp: bool, limit: int | None) -> None:
        self.network, self.device, self.amp, self.pictures = network.eval(), device, amp, pictures
        self.count = min(len(pictures), limit) if limit else len(pictures)
        self.scores = np.zeros((0, 0), np.float32)
        assert pictures.labels is not None
        self.labels = pictures.labels[: self.count]

    def __call__(self, state: dict[str, Tensor] | None) -> dict[str, float]:
        """loss, log_loss and accuracy, with the weights ``state`` (None: as they are)."""
        if state is not None:
            self.network.load_state_dict(state)
        parts = []
        for start in range(0, self.count, 256):
            images = [self.pictures.pixels(i) for i in range(start, min(start + 256, self.count))]
            x = as_float(np.ascontiguousarray(np.stack(images).transpose(0, 3, 1, 2)), self.device)
            with torch.inference_mode(), torch.autocast(self.device.partition(":")[0], torch.bfloat16, self.amp):
                parts.append(self.network(x).float().cpu())
        logs = torch.log_softmax(torch.cat(parts), dim=1)
        self.scores = logs.numpy()
        found = -self.scores[np.arange(self.count), self.labels].mean()
        accuracy = float((self.scores.argmax(1) == self.labels).mean())
        return {"loss": float(found), "log_loss": float(found), "accuracy": accuracy}

    def confusion(self) -> NDArray[np.int64]:
        """Counts (K, K): rows are true classes, columns the classes found."""
        count = len(self.pictures.classes)
        matrix = np.zeros((count, count), np.int64)
        np.add.at(matrix, (self.labels, self.scores.argmax(1)), 1)
        return matrix


def observe(
    pictures: Pictures,
    inputs: Pictures | None,
    index: int,
    degradation: Degradation,
    seed: int,
    device: str,
    max_side: int | None = None,
) -> Sample:
    """Image ``index`` and its observation, degraded by a seed of its own; the middle of it where it is large."""
    clean = _tensor(pictures.pixels(index), device, degradation.multiple, max_side)
    if inputs is not None:
        observed = degradation.prepare(_tensor(inputs.pixels(index), device, degradation.multiple, max_side))
    else:
        # From the CPU, whatever the device: the same noise everywhere.
        observed = degradation.observe(clean, generator_for(seed, index, "cpu"))
    return Sample(pictures.names[index], observed, clean)


def quality(output: Tensor, target: Tensor, border: int, *, on_luminance: bool = False) -> tuple[float, float]:
    """PSNR in dB and SSIM of one image (1, C, H, W)."""
    if on_luminance and target.shape[1] == 3:
        output, target = luminance(output.clamp(0, 1)), luminance(target)
    return float(psnr(output, target, border)[0]), float(ssim(output, target, border)[0])


def pixels_of(image: Tensor) -> NDArray[np.uint8]:
    """(1, C, H, W) in [0, 1] as uint8 (H, W, C)."""
    rounded = image[0].clamp(0, 1).mul(255).round().byte()
    return np.ascontiguousarray(rounded.permute(1, 2, 0).cpu().numpy())


def _tensor(pixels: NDArray[np.uint8], device: str, multiple: int, max_side: int | None) -> Tensor:
    height, width = pixels.shape[:2]
    high, wide = (min(side, max_side or side) // multiple * multiple for side in (height, width))
    top, left = (height - high) // 2, (width - wide) // 2
    part = pixels[top : top + high, left : left + wide]
    return as_float(np.ascontiguousarray(part.transpose(2, 0, 1)[None]), device)


def mean_of(values: Sequence[float]) -> float:
    """The mean, without what is not a number, such as the SSIM of images smaller than its window."""
    known = [value for value in values if value == value]
    return float(np.mean(known)) if known else float("nan")
