"""The images that a restoring network is measured on, each degraded by a seed of its own."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from dlcli.config.values.noise import Amount
from dlcli.degradations.base import Degradation, Identity, Kernel, Observation
from dlcli.degradations.blur import Deblur
from dlcli.degradations.jpeg import Jpeg
from dlcli.degradations.other_blur import blur_note, other_blur
from dlcli.degradations.rows import CleanRows
from dlcli.degradations.task import MEASURED
from dlcli.engine.arrays import AnyArray
from dlcli.engine.progress import Progress
from dlcli.errors import DlcliError
from dlcli.images.image_set import ImageSet, Skipped, open_image_set
from dlcli.images.normalization import EIGHT_BITS, Normalization, Scales
from dlcli.images.pairs import open_pairs
from dlcli.networks.inference.held_out import images_without_data
from dlcli.networks.inference.large.measuring import WHOLE, CaseInRows
from dlcli.networks.inference.scaling import Fitted, fitted_to_set, measurable
from dlcli.networks.inference.settings import EvaluationSettings
from dlcli.networks.inference.trained import TrainedNetwork
from dlcli.networks.metrics import luminance
from dlcli.networks.noise import kind_of_levels, level_name, noise_on, spans_of, weights_of
from dlcli.networks.tensors import float64, image_to_tensor
from dlcli.networks.training.batches import generator_for
from dlcli.reports.measured_on import MeasuredOn

ROWS = 256  # of an image that are compared at a time


@dataclass(frozen=True)
class Case:
    """One image: what is known of it, the truth (1, C, H, W), and the blur kernel's number where there is one."""

    name: str
    observed: Observation
    clean: Tensor
    kernel: Kernel | None = None
    kernel_number: int | None = None
    of_color: bool = False  # whether ``clean`` is the luma of an image in color


@dataclass(frozen=True)
class Observations:
    """Images to measure on. ``inputs`` are the degraded ones of pairs; ``skipped`` grows with what can't be used.

    ``scales`` normalize them. ``sigmas`` are the noise levels, on the scale 0 to 255 or for deeper images in their
    units, that each image is measured at where there are several;
    ``degradations`` are those of these then, and else are taken in turn, as the kernels are.
    """

    image_set: ImageSet
    inputs: ImageSet | None
    on: MeasuredOn
    degradations: Sequence[Degradation]
    kernels: Sequence[Kernel]
    first_kernel: int
    luma: bool
    seed: int
    device: str
    sigmas: tuple[float, ...] = ()
    scales: Scales = EIGHT_BITS
    skipped: list[Skipped] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.image_set)

    @property
    def levels(self) -> int:
        """How often each image is measured."""
        return len(self.sigmas) or 1

    def case(self, index: int, level: int = 0) -> Case:
        """Image ``index``, degraded at noise level ``level``; the kernels in turn.

        Raises DlcliError for one that can't be used.
        """
        number, degradation = self._degradation(index, level)
        kernel = self.kernels[number] if self.kernels else None
        truth, of_color = self._truth(index, degradation.multiple)
        clean = truth.of(slice(0, truth.shape[1]))
        if self.inputs is not None:
            given = image_to_tensor(self.inputs.pixels(index), self.device, self.scales.inputs)
            observed = degradation.prepare(given)
        else:
            # From the CPU, whatever the device: the same noise everywhere.
            observed = degradation.observe(clean, self._generator(index, level))
        place = None if kernel is None else self.first_kernel + number
        return Case(self.image_set.names[index], observed, clean, kernel, place, of_color)

    def in_rows(self, index: int, level: int) -> CaseInRows | None:
        """The same for a large image, whose rows don't depend on all others; None where it is to be taken whole."""
        _, degradation = self._degradation(index, level)
        if self.values(index) <= WHOLE or degradation.reach is None:
            return None
        truth, of_color = self._truth(index, degradation.multiple)
        if self.inputs is None:
            shown = degradation.observed_rows(truth, self._generator(index, level))
        else:
            given = self.inputs.pixels(index)

            def shown(rows: slice) -> Tensor:
                return image_to_tensor(given[rows], self.device, self.scales.inputs)

        color = truth.shape[0] == 3 and in_color(self.image_set.pixels(index))
        # What is shown is the input, but for the map of a network that is told the noise.
        told = degradation.input_channels(1) > 1
        prepare = degradation.prepare if told else Identity().prepare
        return CaseInRows(self.image_set.names[index], shown, truth, color, of_color, prepare)

    def values(self, index: int) -> int:
        """How many values image ``index`` has."""
        height, width = self.image_set.shape(index)
        return height * width * self.image_set.channels

    def _degradation(self, index: int, level: int) -> tuple[int, Degradation]:
        number = level if self.sigmas else index % len(self.degradations)
        return number, self.degradations[number]

    def _generator(self, index: int, level: int) -> torch.Generator:
        return generator_for(self.seed, level * len(self) + index, "cpu")

    def _truth(self, index: int, multiple: int) -> tuple[CleanRows, bool]:
        """The truth, and whether it is the luma of color."""
        pixels = self.image_set.pixels(index)
        # As in the published protocol: what is too much is cut off at the bottom and on the right.
        height, width = (side // multiple * multiple for side in pixels.shape[:2])
        if not height or not width:
            raise DlcliError(f"has a side of less than {multiple} pixels")
        color = self.luma and in_color(pixels)
        pixels = pixels[:height, :width]

        def rows(part: slice) -> Tensor:
            image = image_to_tensor(pixels[part], self.device, self.scales.targets)
            if not self.luma:
                return image
            if not color:
                return image[:, :1]
            if not self.scales.eight_bit:
                return luminance(image, whole=True)
            return luminance(image).mul(255).round().div(255)

        return CleanRows((1 if self.luma else pixels.shape[2], height, width), rows), color


def in_color(pixels: AnyArray) -> bool:
    """Whether the channels of an image (H, W, C) differ anywhere."""
    some = range(0, len(pixels), ROWS)
    return any(bool((pixels[top : top + ROWS] != pixels[top : top + ROWS, :, :1]).any()) for top in some)


def open_observations(settings: EvaluationSettings, trained: TrainedNetwork, progress: Progress) -> Observations:
    """The images of ``settings``, or those that the run was trained on. Raises DlcliError for data that don't fit."""
    # A gray network that upscales is measured on the luma of color images, as published; others on plain gray.
    luma = trained.task == "upscale" and trained.channels == 1
    channels = None if luma else trained.channels
    if settings.data:
        image_set, inputs = _given(settings.data, trained, channels, settings.source.axes)
        on = MeasuredOn(paths=settings.data, part="given")
    else:
        image_set, inputs, on = images_without_data(trained, channels, progress)
        mask = trained.degradation.mask
        if mask is not None and image_set.shape(0) != mask.shape:  # parts of images: it lies on them as in training
            trained = replace(trained, degradation=trained.restoration.degradation(crops=True))
    fit = fitted_to_set(trained.scales, image_set if inputs is None else inputs)
    if trained.task == "dejpeg" and not fit.scales.eight_bit:
        raise DlcliError(
            f"eval compresses clean images, and JPEG holds 8 bits; these are {image_set.dtype} from "
            f"{fit.scales.targets.shown}", "convert them to 8 bits first",
        )  # fmt: skip
    if fit.own:
        progress.note(fit.note(trained.scales))
    if inputs is not None and not measurable(fit.scales, image_set):
        raise DlcliError(
            f"the targets are {image_set.dtype}, and for these inputs the network gives {fit.scales.targets.dtype} "
            f"from {fit.scales.targets.shown}",
            "give inputs and targets as those that it was trained on",
        )
    if told := blur_note(settings.source.blur, trained.restoration):
        progress.warn(told)
    degradation = _degradation(settings, trained, fit, progress)
    degradations, kernels = _each(degradation, settings.source.kernel)
    found = Observations(
        image_set, inputs, on, degradations, kernels, settings.source.kernel or 0, luma and image_set.channels == 3,
        settings.seed, trained.device, _sigmas(degradations, fit.scales.targets), fit.scales,
    )  # fmt: skip
    for source in (image_set, inputs):
        found.skipped.extend(source.skipped if source else ())
        for note in source.notes if source else ():
            progress.note(note)
    return found


def tell_levels(images: Observations, progress: Progress) -> None:
    """Note at which levels each image is measured, where there are several."""
    if images.sigmas:
        *shown, last = (level_name(level, images.scales.targets) for level in images.degradations)
        _, option = kind_of_levels(images.degradations[0])
        progress.note(f"each image is measured at {', '.join(shown)} and {last}; {option} takes one alone")


def _given(
    data: tuple[str, ...], trained: TrainedNetwork, channels: int | None, axes: str
) -> tuple[ImageSet, ImageSet | None]:
    """The images of DATA, and the inputs of pairs."""
    if trained.task != "pairs":
        return open_image_set(data, channels=channels, part="test", axes=axes), None
    if len(data) != 2:
        raise DlcliError(
            f"the network was trained on pairs, and DATA names {len(data)} of them",
            "give two folders: the inputs, then the targets",
        )
    inputs, targets = open_pairs(data[0], data[1], channels=channels, axes=axes)
    return targets, inputs


def _degradation(settings: EvaluationSettings, trained: TrainedNetwork, fit: Fitted, progress: Progress) -> Degradation:
    """That of the training, or with the noise of --sigma, or the quality of --quality."""
    scale, restoration = fit.scales.targets, trained.restoration
    if settings.quality is not None and trained.task != "dejpeg":
        raise DlcliError(f"--quality is for networks that remove JPEG artifacts, and this one was trained to "
                         f"{trained.task}", "leave it out")  # fmt: skip
    if settings.quality is not None:
        return Jpeg(settings.quality, settings.quality)
    if settings.sigma is None:
        if not fit.own or not restoration.sigma[1]:
            return trained.degradation
        low, high = (f"{scale.noise(sigma):.3g}" for sigma in restoration.sigma)
        progress.note(
            f"noise of sigma {low if low == high else f'{low} to {high}'} is added, as large a share of their range as "
            "in training; --sigma gives another"
        )
        # Given in the units of the training's images, which differed in range by channel, as these may.
        if not restoration.weights:
            return trained.degradation
        channels = replace(restoration.by_channel, weights=spans_of(scale))
        weighted = replace(restoration, by_channel=channels).degradation()
        blur = settings.source.blur
        return weighted if blur is None else other_blur(blur, restoration, weighted)
    amount = Amount.parse(settings.sigma)
    sigma = noise_on(amount, scale, f"--sigma {settings.sigma}")
    changed = trained.degradation.at_sigma(sigma, weights_of([amount], scale))
    if changed is None:
        raise DlcliError(
            f"--sigma {settings.sigma} is for Gaussian noise, and the network was trained otherwise "
            f"({_trained_for(trained)})",
            "leave it out",
        )
    return changed


def _each(degradation: Degradation, kernel: int | None) -> tuple[Sequence[Degradation], list[Kernel]]:
    """One degradation for each kernel that is to be used, or each noise level; and the kernels."""
    if not isinstance(degradation, Deblur):
        # A level drawn for each image would make its PSNR one of chance.
        return degradation.levels(), []
    kernels = list(degradation.kernels)
    if kernel is not None:
        kernels = [kernels[kernel]]
    return [degradation.with_kernels([kernel]) for kernel in kernels], kernels


def _sigmas(degradations: Sequence[Degradation], scale: Normalization) -> tuple[float, ...]:
    """The noise levels, where there are several, in the units of the images."""
    levels = tuple(scale.noise(d.level) for d in degradations if d.level is not None)
    return levels if len(degradations) > 1 else ()


def _trained_for(trained: TrainedNetwork) -> str:
    photons = trained.restoration.poisson
    if trained.restoration.noise == MEASURED:
        return "noise as it was measured of other images"
    return f"Poisson noise of {photons:g} photons" if photons is not None else trained.task


def noise_level(case: Case) -> float:
    """The standard deviation of what an observation adds to the clean image, on the scale 0 to 1."""
    return float(float64(case.observed.shown - case.clean).square().mean().sqrt())
