"""One image through a network that restores: channels, transparency, what is missing, and memory."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from dlcli.degradations.base import Degradation, Mask
from dlcli.degradations.downsample import enlarge
from dlcli.degradations.noise import SEEN
from dlcli.errors import DlcliError
from dlcli.images.conversion import check_finite
from dlcli.images.formats.writing import Frame
from dlcli.images.normalization import Normalization
from dlcli.images.transparency import without_holes
from dlcli.memory import available_memory
from dlcli.networks.inference.compressed.qualities import LUMA, Qualities, by_luma, luma_of
from dlcli.networks.inference.large.bands import VALUES, Band, Bands
from dlcli.networks.inference.large.measuring import WHOLE
from dlcli.networks.inference.noise_level import Levels, denoiser_for
from dlcli.networks.inference.scaling import Fitted, Ranges, fitted
from dlcli.networks.inference.settings import AS_MEASURED, Strength
from dlcli.networks.inference.shown.before_after import Shots
from dlcli.networks.inference.shown.meter import Meter
from dlcli.networks.inference.trained import TrainedNetwork, exactly
from dlcli.networks.model.receptive_field import receptive_radius
from dlcli.networks.tensors import Image, image_to_tensor, in_units, tensor_to_image, units_to_image, white_of

COPIES = 6  # of an image, in float32, that are alive at once beside the network's own memory
SMALL = 256 << 20  # bytes: asking for the free memory takes longer than it is worth below


class MemoryShortError(DlcliError):
    """An image takes more memory than is free."""


@dataclass
class Changes:
    """How many images were restored, and whether the network has changed a pixel of any.

    ``mapped`` are those whose values were not normalized as in training.
    """

    images: int = 0
    any: bool = False
    mapped: Ranges = field(default_factory=Ranges)
    levels: Levels = field(default_factory=Levels)
    qualities: Qualities = field(default_factory=Qualities)

    def compare(self, before: Callable[[], Image], after: Image) -> None:
        """A part of an image; ``before`` is asked for only as long as nothing has changed."""
        self.any = self.any or not np.array_equal(before(), after)

    def take(self, others: "Changes") -> None:
        """Count ``others`` as well."""
        self.images += others.images
        self.any = self.any or others.any
        self.mapped = self.mapped.joined(others.mapped)
        self.levels.take(others.levels)
        self.qualities.take(others.qualities)


@dataclass(frozen=True)
class Restorer:
    """A network with what --mask and --kernel say of all images; ``changes`` is what became of those so far.

    ``fit`` is how the values of all frames of a file are normalized, None for each frame by itself; ``shots`` takes
    pictures of some frames. ``others`` are networks for images of other numbers of channels.
    """

    trained: TrainedNetwork
    mask: Mask | None
    kernel: int
    changes: Changes = field(default_factory=Changes)
    meter: Meter = field(default_factory=Meter)
    fit: Fitted | None = None
    shots: Shots = field(default_factory=Shots)
    strength: Strength = AS_MEASURED
    others: Mapping[int, TrainedNetwork] = field(default_factory=dict)

    def of_channels(self, channels: int) -> "Restorer":
        """With the network for images of so many channels."""
        other = self.others.get(channels)
        return replace(self, trained=replace(other, beside=self.trained.beside)) if other else self

    @property
    def scale(self) -> int:
        """How many times larger images become."""
        return self.trained.degradation.scale

    def restored(self, image: Frame, *, spent: bool = False) -> Frame:
        """The image, as deep as it was; a ``spent`` one's memory may be used for it.

        Raises DlcliError where memory is short or what is missing isn't known.
        """
        with exactly():
            fitting = self.of_channels(image.pixels.shape[2])
            if image.pixels.size > WHOLE:
                fitting = replace(fitting, trained=fitting.trained.quickly(image.pixels.dtype))
            return _restored(fitting, image, spent=spent)


def _restored(restorer: Restorer, image: Frame, *, spent: bool) -> Frame:
    height = image.pixels.shape[0]
    values = image.pixels.size * restorer.scale**2
    in_bands = restorer.trained.degradation.reach is not None and values > VALUES
    if not in_bands:
        check_memory(values * restorer.trained.beside)

    def cut(stride: int) -> Sequence[Band]:
        whole = Band(slice(0, height), slice(0, height))
        return list(_bands_of(restorer, image, stride)) if in_bands else [whole]

    try:
        return _through(restorer, image, cut, spent=spent)
    except (MemoryError, RuntimeError) as error:
        # Torch says that memory ran out by a RuntimeError, or by a kind of it.
        if isinstance(error, RuntimeError) and "memory" not in str(error).lower():
            raise
        raise MemoryShortError("needs more memory than there is", "give a smaller --tile, or cut the image") from None


def _through(restorer: Restorer, image: Frame, cut: Callable[[int], Sequence[Band]], *, spent: bool) -> Frame:
    """The image in the bands into which it is ``cut`` by the stride of its pixels that the network sees."""
    trained, degradation, scale = restorer.trained, restorer.trained.degradation, restorer.scale
    factor = 1.0 if trained.told else restorer.strength.factor
    missing = _missing(degradation, image, restorer.mask) if degradation.needs_mask else None
    check_finite(image.pixels)
    fit = restorer.fit or fitted(trained.scales, [image.pixels])
    within, changes = _limits(fit, image.pixels), Changes(1)
    if restorer.fit is None:
        changes.mapped = changes.mapped.taking(fit)
    passes = denoiser_for(trained, restorer.strength, image.pixels, fit.scales.inputs, changes.levels)
    if passes is None:
        restorer.changes.take(changes)
        return image
    brightness = by_luma(trained, image.pixels.shape[2])

    def compute(band: Band) -> Image:
        x = _input(trained, _rows(image, band.seen), fit.scales.inputs)
        part, rows = _rows(image, band.rows), band.inner(scale)
        observed = passes.observed(luma_of(x) if brightness else x, restorer.kernel, missing)
        made, base = passes.restored(trained, observed, rows), observed.base[..., rows, :]
        if factor != 1:
            made = torch.lerp(base.to(made.dtype), made, factor)
        if brightness:  # as much is added to red, green and blue
            made, base = x[..., rows, :] + (made - base), x[..., rows, :]
        pixels = _output(trained, made, part, fit, within)
        changes.compare(lambda: _output(trained, base, part, fit, within), pixels)
        if part.alpha is not None and scale == 1 and not degradation.needs_mask:
            pixels = np.where(part.alpha[:, :, None] == 0, part.pixels, pixels)  # unseen: none of our business
        return pixels

    made = _joined(image, _counted(restorer, cut(passes.stride), compute), scale, spent=spent)
    restorer.changes.take(changes)
    alpha = image.alpha
    if missing is not None and alpha is not None:
        alpha = np.where(missing, alpha.dtype.type(white_of(alpha.dtype)), alpha)  # what was filled can be seen
    return Frame(made, _enlarged(alpha, scale))


def _counted(
    restorer: Restorer, bands: Sequence[Band], compute: Callable[[Band], Image]
) -> Iterator[tuple[Band, Image]]:
    """Each band with what ``compute`` makes of it; who waits for the image hears how far it is."""
    for number, band in enumerate(bands, 1):
        pixels = compute(band)
        restorer.meter.part(number, len(bands), pixels[..., 0].size)
        yield band, pixels


def _joined(image: Frame, pieces: Iterable[tuple[Band, Image]], scale: int, *, spent: bool) -> Image:
    """The whole result; where it is the ``spent`` image itself, the next piece has seen the rows that one replaces."""
    made: Image | None = None
    waiting: tuple[slice, Image] | None = None
    for band, pixels in pieces:
        if len(pixels) == image.pixels.shape[0] * scale:
            return pixels
        if made is None:
            made = _place_for(image, pixels, scale, spent=spent)
        if waiting is not None:
            made[waiting[0]] = waiting[1]
        waiting = slice(band.rows.start * scale, band.rows.stop * scale), pixels
    assert made is not None
    assert waiting is not None
    made[waiting[0]] = waiting[1]
    return made


def _bands_of(restorer: Restorer, image: Frame, stride: int) -> Iterator[Band]:
    """For a network that sees every ``stride``-th pixel."""
    scale, spec = restorer.scale, restorer.trained.network.spec
    height, width, channels = image.pixels.shape
    seen = SEEN if restorer.trained.told else 0
    reach = -(-stride * receptive_radius(spec) // scale) + (restorer.trained.degradation.reach or 0) + stride * seen
    holes = image.alpha is not None and not image.alpha.all()
    return Bands.of(width * channels * scale**2, reach, stride * spec.multiple, holes=holes)(height)


def _place_for(image: Frame, pixels: Image, scale: int, *, spent: bool) -> Image:
    """Where the whole result goes, of which ``pixels`` are some rows: into a ``spent`` image itself, if that fits."""
    height, width, channels = image.pixels.shape
    if spent and scale == 1 and image.pixels.flags.writeable and pixels.dtype == image.pixels.dtype:
        return image.pixels
    return np.empty((height * scale, width * scale, channels), pixels.dtype)


def _rows(image: Frame, rows: slice) -> Frame:
    return Frame(image.pixels[rows], None if image.alpha is None else image.alpha[rows])


def _input(trained: TrainedNetwork, image: Frame, scale: Normalization) -> Tensor:
    """The image with the network's channels; for a gray network each channel by itself, (C, 1, H, W).

    Raises DlcliError where it has too few or too many.
    """
    have = image.pixels.shape[2]
    if trained.channels not in (1, have) and (have, trained.channels) != (1, 3):
        hint = "give images of as many channels, or train another network"
        raise DlcliError(f"has {have} channels, and the network was trained on {trained.channels}", hint)
    x = image_to_tensor(image.pixels, trained.device, scale)
    if image.alpha is not None and not trained.degradation.needs_mask:
        x = without_holes(x, image_to_tensor(image.alpha[:, :, None], trained.device))
    if trained.channels == 1:
        return x.transpose(0, 1)
    return x.expand(-1, trained.channels, -1, -1)


def _limits(fit: Fitted, pixels: Image) -> tuple[float, float] | None:
    """Within which the network's values have to stay, as it was trained on other values than these; None: anywhere."""
    if not (fit.own and fit.scales.inputs == fit.scales.targets):
        return None
    targets = fit.scales.targets
    return min(float(pixels.min()), *targets.low), max(float(pixels.max()), *targets.high)


def _output(trained: TrainedNetwork, y: Tensor, image: Frame, fit: Fitted, within: tuple[float, float] | None) -> Image:
    """The network's images as one with the channels of ``image``, and its type unless targets have another."""
    if trained.channels == 1:
        y = y.transpose(0, 1)
    elif image.pixels.shape[2] == 1 and trained.channels == 3:
        y = (y * torch.tensor(LUMA, device=y.device).view(1, 3, 1, 1)).sum(1, keepdim=True)
    given, wanted = trained.scales.inputs.dtype, trained.scales.targets.dtype
    dtype = image.pixels.dtype if given == wanted else np.dtype(wanted)
    values = in_units(y, fit.scales.targets)
    if within is not None:
        values = values.clamp(*within)
    return units_to_image(values, dtype)


def _missing(degradation: Degradation, image: Frame, mask: Mask | None) -> Mask:
    """The pixels to fill: those of --mask, else of the network's own mask if it fits, else the transparent ones."""
    if mask is not None:
        return mask
    own = degradation.mask
    if own is not None and own.shape == image.pixels.shape[:2]:
        return own
    if image.alpha is not None and (image.alpha == 0).any():
        transparent: Mask = image.alpha == 0
        if transparent.all():
            raise DlcliError("is entirely transparent, so no pixel is known", "give --mask FILE")
        return transparent
    if own is not None:
        return own  # prepare tells the two shapes
    raise DlcliError(
        "does not say which pixels are missing: it has no transparent ones",
        "give --mask FILE, an image of its size that is white where pixels are missing",
    )


def _enlarged(alpha: Image | None, scale: int) -> Image | None:
    if alpha is None or scale == 1:
        return alpha
    return tensor_to_image(enlarge(image_to_tensor(alpha[:, :, None], "cpu"), scale).double(), alpha.dtype)[:, :, 0]


def check_memory(values: int) -> None:
    """Raise MemoryShortError where an image of so many values takes more memory than is free."""
    needed = values * 4 * COPIES
    if needed > SMALL and needed > available_memory():
        raise MemoryShortError(f"needs about {needed / 2**30:.1f} GiB of memory, more than is free", "cut the image")
