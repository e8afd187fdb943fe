"""Measuring a network that restores: PSNR and SSIM of crops that are degraded once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dlcli.degradations.base import Degradation, Observation
from dlcli.degradations.task import INPUT_IS_BASE
from dlcli.engine.ranks import Ranks
from dlcli.images.image_set import ImageSet
from dlcli.images.normalization import EIGHT_BITS, Scales
from dlcli.networks.comparison import USUAL, Comparison, compared_of
from dlcli.networks.data.split import spread
from dlcli.networks.losses.supervised import Compare
from dlcli.networks.metrics import mean_of, psnr_range
from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.noise import kind_of_levels, level_name
from dlcli.networks.tensors import image_to_tensor, squeeze_gray, tensor_to_image
from dlcli.networks.training.batches import generator_for
from dlcli.networks.training.settings import ExecutionSettings
from dlcli.networks.training.validation.base import inference
from dlcli.reports.train_deconv import Level, ValidationSummary
from dlcli.text import counted

SAMPLES = 4
TOGETHER = 1 << 17  # pixels that go through the network at once: about those of a training batch


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


@dataclass(frozen=True)
class MeasureSettings:
    """How a restoring network is measured, on images of these scales."""

    loss: Compare
    seed: int
    execution: ExecutionSettings
    comparison: Comparison = USUAL
    scales: Scales = EIGHT_BITS


@dataclass(frozen=True)
class Known:
    """PSNR of the inputs and of the simple estimates, image by image, and every metric of the inputs on average."""

    input_psnrs: NDArray[np.float64]
    base_psnrs: NDArray[np.float64]
    input_means: dict[str, float]

    @classmethod
    def of(cls, samples: Sequence[Sample], comparison: Comparison) -> "Known":
        """Measure the samples."""
        found = [comparison.quality(s.observed.shown, s.target) for s in samples]
        base = np.array([float(comparison.psnr(s.observed.base, s.target)) for s in samples])
        means = comparison.means({name: [one[name] for one in found] for name in found[0]})
        return cls(np.array([one["psnr"] for one in found]), base, means)


class RestorationValidation:
    """PSNR and SSIM on a fixed set of crops, each degraded at each noise level once, by a seed of its own."""

    def __init__(
        self, network: DeconvNet, sets: Sequence[ImageSet], degradation: Degradation, settings: MeasureSettings
    ) -> None:
        """``sets`` are the crops, with their inputs in front where there are pairs."""
        self.network, self.settings = network.eval(), settings
        self.levels = degradation.levels()
        self.count = len(sets[-1])  # crops of each level; the samples are in the order of the levels
        self.scale = settings.scales.targets
        self.samples = [
            _sample(sets, index, level, place * self.count + index, settings)
            for place, level in enumerate(self.levels)
            for index in range(self.count)
        ]
        self.chosen = spread(len(self.samples), SAMPLES)
        self.mine, self.others = _dealt(len(self.samples), self.chosen, settings.execution.ranks)
        self.groups = _groups({i: self.samples[i].target.shape for i in self.mine})
        self.comparison = settings.comparison
        self.known = Known.of(self.samples, self.comparison)
        self.latest: Restored | None = None
        self.kept: Restored | None = None
        self.has_kept = self.is_news = False  # whether the saved weights were measured, and not been drawn yet

    def __call__(self, state: dict[str, Tensor]) -> dict[str, float]:
        """loss, every metric and the inputs' own, with the weights ``state``."""
        self.network.load_state_dict(state)
        names = ["loss", *(metric.name for metric in self.comparison.metrics)]
        found = dict(zip(names, np.zeros((len(names), len(self.samples))), strict=True))
        shown: dict[int, Shown] = {}
        for group in self.groups:
            samples = [self.samples[i] for i in group]
            target = torch.cat([s.target for s in samples])
            inputs, base = (torch.cat([getattr(s.observed, name) for s in samples]) for name in ("input", "base"))
            with inference(self.settings.execution):
                output = self.network(inputs, base).float()
            for name, values in self.comparison.qualities(output, target).items():
                found[name][group] = values.cpu().numpy()
            for place, i in enumerate(group):
                found["loss"][i] = float(self.settings.loss(output[place : place + 1], target[place : place + 1]))
                if i in self.chosen:
                    shown[i] = self._shown(i, output[place : place + 1], float(found["psnr"][i]))
        found = self._of_all(found)
        metrics = {"loss": float(np.mean(found.pop("loss")))}
        metrics |= self.comparison.means(found)
        metrics |= {f"input_{name}": mean for name, mean in self.known.input_means.items()}
        self.latest = Restored(metrics, found["psnr"], [shown[i] for i in sorted(shown)])
        return dict(metrics)

    def _of_all(self, found: dict[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
        """What all ranks ``found``, each of its own samples, by name."""
        for values in found.values():
            values[self.others] = 0.0
        every = self.settings.execution.ranks.add_arrays(np.stack(list(found.values())))
        return dict(zip(found, every, strict=True))

    def keep(self) -> None:
        """The latest measurement is that of the weights that are saved."""
        self.kept, self.has_kept, self.is_news = self.latest, True, True

    def _shown(self, number: int, output: Tensor, found: float) -> Shown:
        sample = self.samples[number]
        level = self.levels[number // self.count]
        at = f", {level_name(level, self.scale)}" if len(self.levels) > 1 else ""
        caption = f"{sample.name}{at}: input {self.known.input_psnrs[number]:.2f} dB, output {found:.2f} dB"
        before, after, truth = (tensor_to_image(t, np.uint8) for t in (sample.observed.shown, output, sample.target))
        return Shown(sample.name, before, after, truth, caption)

    def scope(self, _held: int) -> str:
        """How many crops, and at how many noise levels."""
        kind, _ = kind_of_levels(self.levels[0])
        levels = f" at {len(self.levels)} {kind}" if len(self.levels) > 1 else ""
        return f" ({counted(self.count, 'crop')} measured{levels})"

    def summary(self, selects: bool, lent: int) -> ValidationSummary:
        """With PSNR by noise level, and whether the network changes anything."""
        return ValidationSummary(
            selects=selects, measured=self.count, lent_by_training_images=lent, levels=self.by_level(),
            unchanged=self.unchanged(), psnr_range=psnr_range(self.scale),
            psnr_of=compared_of(self.comparison.takes_luminance(sample.target) for sample in self.samples),
        )  # fmt: skip

    def confusion(self) -> None:
        """There are no classes."""

    def mistakes_sheet(self) -> None:
        """Restored images are not right or wrong."""

    def sheet(self) -> bytes:
        """Input, output and target of some crops."""
        from dlcli.reports.charts.sheets import sample_sheet

        shown = self.kept.shown if self.kept else []
        rows = [(squeeze_gray(s.input), squeeze_gray(s.output), squeeze_gray(s.target)) for s in shown]
        return sample_sheet(rows, [s.caption for s in shown])

    def shortcomings(self, task: str) -> list[str]:
        """Where the network changes nothing, or restores no better than its input."""
        if self.kept is None or task == "reconstruct":
            return []
        if self.unchanged():
            given = "returns its input: predict would change no pixel"
            estimate = "adds nothing to the simple estimate that it starts from: predict would return that estimate"
            return [f"the network {given if task in INPUT_IS_BASE else estimate}; give more steps, or another --lr"]
        metrics, better = self.kept.metrics, "give more steps, or more images like those that it is for"
        if metrics["psnr"] <= metrics["input_psnr"]:
            both = f"{metrics['psnr']:.2f} dB, the input {metrics['input_psnr']:.2f} dB"
            return [f"the network restores no better than its input, on what was held out: {both}; {better}"]
        worse = [level for level in self.by_level() if level.psnr < level.input_psnr]
        return [
            f"at {level.named} the network makes images worse: {level.psnr:.2f} dB where "
            f"the input has {level.input_psnr:.2f} dB; {better}"
            for level in worse
        ]

    def by_level(self) -> list[Level]:
        """PSNR of the saved weights at each noise level, where there are several."""
        if self.kept is None or len(self.levels) < 2:
            return []
        found = []
        for place, level in enumerate(self.levels):
            part = slice(place * self.count, (place + 1) * self.count)
            assert level.level is not None
            found_psnr, input_psnr = mean_of(self.kept.psnr[part]), mean_of(self.known.input_psnrs[part])
            sigma = self.scale.noise(level.level)
            found.append(
                Level(sigma=sigma, psnr=found_psnr, input_psnr=input_psnr, blur=level.blurred_by, quality=level.quality)
            )
        return found

    def unchanged(self) -> bool:
        """Whether the saved weights give back the simple estimate that they start from, to the last of 8 bits."""
        return self.kept is not None and np.array_equal(self.kept.psnr, self.known.base_psnrs, equal_nan=True)


def _dealt(count: int, chosen: Sequence[int], ranks: Ranks) -> tuple[list[int], list[int]]:
    """Which of ``count`` samples this rank measures, and which of those are another's to count.

    The first measures the ``chosen`` ones, too, which it shows.
    """
    order = sorted(range(count), key=lambda i: i not in chosen)
    mine = order[ranks.slice_of(count)]
    extra = [i for i in chosen if i not in mine] if ranks.leads else []
    return sorted(mine + extra), extra


def _groups(shapes: Mapping[int, torch.Size]) -> list[list[int]]:
    """Numbers of the samples that go through the network together: of one size, and not too many pixels."""
    alike: dict[torch.Size, list[int]] = {}
    for number, shape in shapes.items():
        alike.setdefault(shape, []).append(number)
    groups: list[list[int]] = []
    for shape, numbers in alike.items():
        most = max(1, TOGETHER // (shape[-1] * shape[-2]))
        groups.extend(numbers[start : start + most] for start in range(0, len(numbers), most))
    return groups


def _sample(
    sets: Sequence[ImageSet], index: int, degradation: Degradation, number: int, settings: MeasureSettings
) -> Sample:
    """Image ``index`` and its observation, degraded by a seed of its own; the ``number`` of it among all samples."""
    device, scales = settings.execution.device, settings.scales
    clean = image_to_tensor(sets[-1].pixels(index), device, scales.targets)
    if len(sets) > 1:
        observed = degradation.prepare(image_to_tensor(sets[0].pixels(index), device, scales.inputs))
    else:
        # From the CPU, whatever the device: the same noise everywhere.
        observed = degradation.observe(clean, generator_for(settings.seed, number, "cpu"))
    return Sample(sets[-1].names[index], observed, clean)
