"""The images that a restoring network is explained on: clean ones that are degraded, or such as predict takes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from dlcli.config.values.noise import Amount
from dlcli.degradations.base import Degradation, Mask
from dlcli.degradations.downsample import Upscale, shrink
from dlcli.degradations.lines import LineNoise
from dlcli.degradations.noise import Denoise
from dlcli.engine.progress import Progress
from dlcli.errors import DlcliError
from dlcli.images.formats.codecs import read_frame
from dlcli.images.image_set import ImageSet, Skipped, open_image_set
from dlcli.images.normalization import Normalization
from dlcli.networks.data.load import warn_of_skipped
from dlcli.networks.inference.explain.restoration.traced import Box, Traced
from dlcli.networks.inference.explain.settings import ExplainingSettings
from dlcli.networks.inference.noise_level import LEAST, Levels, denoiser_for
from dlcli.networks.inference.observations import Observations, open_observations
from dlcli.networks.inference.scaling import Fitted, fitted_to_set
from dlcli.networks.inference.settings import EvaluationSettings, Strength
from dlcli.networks.inference.trained import TrainedNetwork
from dlcli.networks.noise import level_name
from dlcli.networks.tensors import image_to_tensor
from dlcli.reports.measured_on import MeasuredOn
from dlcli.text import printable_path

MOST = 24  # images that are looked at
SMALLEST = 16  # pixels of a side
USUAL = 25.0  # of 255
LARGE = 1024  # pixels a side: of larger images so much, around the region


@dataclass(frozen=True, eq=False)
class Subject:
    """An image as the network is given it: ``observed`` (1, C, h, w), and ``clean`` (1, C, H, W) where that is known.

    ``missing`` (h, w) are the pixels to fill, ``variance`` that of independent Gaussian noise of one level, as the
    network sees values, None where the noise is of another kind. ``offset`` is the place of its upper left pixel in
    the whole restored image, which is ``size`` (H, W) large.
    """

    name: str
    observed: Tensor
    degradation: Degradation
    size: tuple[int, int]
    clean: Tensor | None = None
    kernel: int = 0
    missing: Mask | None = None
    variance: float | None = None
    level: float | None = None
    offset: tuple[int, int] = (0, 0)

    def traced(self, trained: TrainedNetwork) -> Traced:
        """What predict computes of it."""
        degradation, kernel, missing = self.degradation, self.kernel, self.missing
        return Traced(
            trained.network, lambda x: degradation.prepare_known(x, kernel, missing), degradation.scale,
            degradation.needs_mask,
        )  # fmt: skip

    def around(self, box: Box | None, side: int, multiple: int) -> "Subject":
        """At most ``side`` restored pixels a side of it, around a ``box`` of the whole restored image or in its middle.

        Cut at multiples of the network's cells.
        """
        scale = self.degradation.scale
        middle = box or Box(self.size[0] // 2, self.size[1] // 2, 0, 0)
        top, bottom = _span(self.size[0], (middle.top, middle.height), side, multiple * scale)
        left, right = _span(self.size[1], (middle.left, middle.width), side, multiple * scale)
        small = (..., slice(top // scale, bottom // scale), slice(left // scale, right // scale))
        return replace(
            self,
            observed=self.observed[small],
            clean=None if self.clean is None else self.clean[..., top:bottom, left:right],
            missing=None if self.missing is None else self.missing[small],
            offset=(self.offset[0] + top, self.offset[1] + left),
        )


@dataclass(frozen=True, eq=False)
class Subjects:
    """The images to explain on, which they are of how many, and what to know of them."""

    each: list[Subject]
    on: MeasuredOn
    count: int
    fit: Fitted
    findings: list[str]


def open_subjects(settings: ExplainingSettings, trained: TrainedNetwork, progress: Progress) -> Subjects:
    """The first images of ``settings``, at most MOST. Raises DlcliError where none fits."""
    if settings.degraded and not settings.data:
        raise DlcliError(
            "--degraded says what the images of DATA are, and there are none", "give DATA, or leave it out"
        )
    own = settings.data and (settings.degraded or _trained_on_noisy(trained, progress))
    return _as_they_are(settings, trained, progress) if own else _degraded(settings, trained, progress)


def _trained_on_noisy(trained: TrainedNetwork, progress: Progress) -> bool:
    """Whether its images were noisy from the start: then others will be, too."""
    if trained.task != "denoise" or trained.training_config().targets != "noisy":
        return False
    progress.note("the network was trained on noisy images: DATA are taken as noisy, as with --degraded")
    return True


def _degraded(settings: ExplainingSettings, trained: TrainedNetwork, progress: Progress) -> Subjects:
    """Clean images, degraded as eval does it."""
    sigma = settings.sigma or _usual(trained, progress)
    wanted = EvaluationSettings(settings.source, settings.data, (), False, sigma, settings.seed)
    images = open_observations(wanted, trained, progress)
    level = images.levels // 2
    if images.levels > 1:
        shown = level_name(images.degradations[level], images.scales.targets)
        progress.note(f"images are degraded at {shown}, the middle of what the network was trained on"
                      + ("; --sigma takes another" if "sigma" in shown else ""))  # fmt: skip
    if settings.data and trained.task != "pairs":
        progress.note("DATA are taken as clean images, and degraded as in training; --degraded takes them as they are")
    found, skipped = list[Subject](), list(images.skipped)
    for index in range(len(images)):
        if len(found) == MOST:
            break
        try:
            found.append(_of_case(images, index, level))
        except DlcliError as error:
            skipped.append(Skipped(printable_path(images.image_set.names[index]), error.message))
    _check(found, skipped, progress)
    return Subjects(found, images.on, len(images), Fitted(images.scales), [])


def _usual(trained: TrainedNetwork, progress: Progress) -> str | None:
    """The noise to add where the network is for a range: that of most published tables, or the middle."""
    low, high = trained.restoration.sigma
    if not isinstance(trained.degradation, Denoise) or low == high:
        return None
    sigma = USUAL if low <= USUAL <= high else (low + high) / 2
    shown = trained.scales.targets.noise(sigma)
    progress.note(f"images are degraded at sigma {shown:.3g}, of {low:g} to {high:g} that the network is good for; "
                  "--sigma takes another")  # fmt: skip
    return f"{sigma!r}/255"


def _of_case(images: Observations, index: int, level: int) -> Subject:
    case = images.case(index, level)
    number = level if images.sigmas else index % len(images.degradations)
    degradation, observed, missing = images.degradations[number], case.observed.shown, None
    if isinstance(degradation, Upscale):
        observed = shrink(case.clean, degradation.scale, deep=degradation.deep)
    if degradation.needs_mask:
        missing = case.observed.input[0, -1].bool().cpu().numpy()
    height, width = case.clean.shape[-2:]
    return Subject(
        case.name, observed.clone(), degradation, (height, width), case.clean, 0, missing,
        *_noise_of(degradation, images.scales.targets),
    )  # fmt: skip


def _as_they_are(settings: ExplainingSettings, trained: TrainedNetwork, progress: Progress) -> Subjects:
    """Images as predict takes them."""
    if trained.task == "pairs" and len(settings.data) == 2:
        progress.note("DATA names two folders: all are taken as inputs")
    images = open_image_set(settings.data, channels=trained.channels, part="test", axes=settings.source.axes)
    fit = fitted_to_set(trained.scales, images)
    if fit.own:
        progress.note(fit.note(trained.scales))
    for note in images.notes:
        progress.note(note)
    strength = Strength(None if settings.sigma is None else Amount.parse(settings.sigma))
    if strength.sigma is not None and trained.task != "denoise":
        raise DlcliError(f"--sigma is for networks that denoise, and this one was trained to {trained.task}",
                         "leave it out")  # fmt: skip
    found, skipped, findings = list[Subject](), list(images.skipped), list[str]()
    for index in range(min(len(images), MOST)):
        try:
            subject, several = _of_image(images, index, trained, (fit, strength, settings.source.kernel or 0))
        except DlcliError as error:
            skipped.append(Skipped(printable_path(images.names[index]), error.message))
            if len(images) == 1:
                raise DlcliError(f"{printable_path(images.names[0])} {error.message}", error.hint) from None
            continue
        found.append(subject)
        if several and not findings:
            findings.append(f"{printable_path(subject.name)}: neighbors share noise, so predict also restores every "
                            "other pixel by itself; what is explained is the pass of the whole image")  # fmt: skip
    _check(found, skipped, progress)
    return Subjects(found, MeasuredOn(paths=settings.data, part="given"), len(images), fit, findings)


def _of_image(
    images: ImageSet, index: int, trained: TrainedNetwork, how: tuple[Fitted, Strength, int]
) -> tuple[Subject, bool]:
    """One, and whether predict makes several passes of it. Raises DlcliError where it can't be explained."""
    fit, strength, kernel = how
    pixels = images.pixels(index)
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        raise DlcliError("holds values that are no numbers", "replace them first")
    x = image_to_tensor(pixels, trained.device, fit.scales.inputs)
    levels = Levels()
    passes = denoiser_for(trained, strength, pixels, fit.scales.inputs, levels)
    if passes is None:
        raise DlcliError(
            f"has no noise that can be told from its rounding (sigma below {LEAST:g}), so predict leaves it as it is",
            "leave --degraded out, which adds noise as in training, or give --sigma",
        )
    degradation, several = passes.each[0].degradation, len(passes.each) > 1
    missing = _missing(images, index, trained.degradation) if degradation.needs_mask else None
    scale = degradation.scale
    size = (pixels.shape[0] * scale, pixels.shape[1] * scale)
    noise, given = fit.scales.inputs, None
    if strength.sigma is not None:
        given = strength.sigma.of_255(None if noise.eight_bit else noise.span)
    variance, level = _noise_of(degradation, noise) if trained.told and not several else (None, None)
    if given is not None:
        variance, level = (given / 255) ** 2, noise.noise(given)
    elif level is None and levels.found:
        level = levels.found[-1]
    return Subject(images.names[index], x, degradation, size, None, kernel, missing, variance, level), several


def _noise_of(degradation: Degradation, units: Normalization) -> tuple[float | None, float | None]:
    """The variance of Gaussian noise of one level, as the network sees values, and its deviation in the data's."""
    if isinstance(degradation, LineNoise):
        even = len(degradation.gain) == 1 and not degradation.gain.any() and np.ptp(degradation.intercept) == 0
        white = not degradation.correlation and degradation.colors is None
        variance = float(degradation.intercept.flat[0]) if even and white else None
        return variance, units.noise(255 * variance**0.5) if variance is not None else None
    if type(degradation) is Denoise and degradation.low == degradation.high and not degradation.weights:
        return (degradation.low / 255) ** 2, units.noise(degradation.low)
    return None, None if degradation.level is None else units.noise(degradation.level)


def _missing(images: ImageSet, index: int, degradation: Degradation) -> Mask:
    """The pixels to fill: those of the network's own mask where it fits, else the transparent ones."""
    own, path = degradation.mask, images.paths[index]
    if own is not None and own.shape == images.shape(index):
        return own
    alpha = None if path is None else read_frame(path, images.names[index]).alpha
    if alpha is None or not (alpha == 0).any() or alpha.shape != images.shape(index):
        raise DlcliError(
            "does not say which pixels are missing: it has no transparent ones",
            "give an image whose missing pixels are transparent, or leave --degraded out",
        )
    missing: Mask = alpha == 0
    return missing


def _check(found: Sequence[Subject], skipped: Sequence[Skipped], progress: Progress) -> None:
    """Raises DlcliError where there is no image."""
    small = [subject for subject in found if min(subject.size) < SMALLEST]
    if small:
        raise DlcliError(
            f"{printable_path(small[0].name)} has a side of less than {SMALLEST} pixels, which show nothing of how "
            "far a network sees", "give larger images",
        )  # fmt: skip
    if not found:
        raise DlcliError(f"no image can be used; {skipped[0].name}: {skipped[0].why}", "fix them, or give others")
    warn_of_skipped(list(skipped), len(found) + len(skipped), progress)


def _span(length: int, inner: tuple[int, int], side: int, step: int) -> tuple[int, int]:
    """From where to where, in multiples of ``step``: about ``side`` of a ``length``, around ``inner``."""
    start, wide = inner
    room = max(side, wide + 2 * step)
    begin = min(max(start + wide // 2 - room // 2, 0), max(length - room, 0)) // step * step
    return begin, min(begin + -(-room // step) * step, length)
