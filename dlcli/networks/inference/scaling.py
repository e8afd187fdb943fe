"""How the values of images are normalized for a network that was trained on others."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import AnyArray, AnyDtype
from dlcli.images.image_set import ImageSet
from dlcli.images.normalization import (
    Normalization,
    Scales,
    of_images,
    of_values,
    range_text,
    robust_range,
    sampled,
    some_values,
)
from dlcli.text import listed

BEYOND = 1.0  # a range reaches outside that of the training by so many times that, and isn't foreign yet
BEYOND_OF_OTHERS = 0.1  # the same of values of another type, whose units are the same only if the values are alike
NARROW = 0.02  # of the range of the training: what uses less of it is foreign
FRAMES = 16  # of a file that tell the range of all, evenly spread


@dataclass(frozen=True)
class Fitted:
    """The normalizations to take for an image; ``own``: they are those of its own range."""

    scales: Scales
    own: bool = False

    def note(self, trained: Scales) -> str:
        """A line on that; empty where they are those of the training."""
        return Ranges().taking(self).note(trained) if self.own else ""


@dataclass(frozen=True)
class Ranges:
    """How many images were mapped by ranges of their own, of which types, and from where to where those reach.

    ``frames``: some of them have several frames, which all have one range.
    """

    images: int = 0
    low: float = np.inf
    high: float = -np.inf
    dtypes: frozenset[str] = frozenset()
    frames: bool = False

    def taking(self, fit: Fitted, *, frames: bool = False) -> "Ranges":
        """With one image more."""
        if not fit.own:
            return self
        own = fit.scales.inputs
        return self.joined(Ranges(1, min(own.low), max(own.high), frozenset({own.dtype}), frames))

    def joined(self, other: "Ranges") -> "Ranges":
        """Both together."""
        return Ranges(
            self.images + other.images, min(self.low, other.low), max(self.high, other.high),
            self.dtypes | other.dtypes, self.frames or other.frames,
        )  # fmt: skip

    def note(self, trained: Scales) -> str:
        """A line on them; empty where there are none."""
        if not self.images:
            return ""
        each = "their own range" if self.images == 1 else "the own range of each"
        return (
            f"values of {listed(sorted(self.dtypes))} are mapped by {each} ({range_text(self.low, self.high)}), as the "
            f"network was trained on {trained.inputs.dtype} from {trained.inputs.shown}"
            f"{f'; frames of a file have one range, that of up to {FRAMES} of them' if self.frames else ''}"
        )


def fitted(trained: Scales, frames: Iterable[AnyArray]) -> Fitted:
    """For images (H, W, C) of one type: as in training, or by their own range where their type or values are others."""
    some: list[AnyArray] = []
    for pixels in frames:
        if is_ordinary(trained, pixels.dtype):
            return Fitted(trained)
        some.append(sampled(pixels))
    values = np.concatenate(some)
    if values.dtype.kind == "f":
        known = values[np.isfinite(values).all(axis=1)]
        values = known if len(known) else np.zeros_like(values)
    return _chosen(trained, values, of_values(values))


def is_ordinary(trained: Scales, dtype: AnyDtype) -> bool:
    """Whether images of ``dtype`` are normalized as in training whatever their values are: 8 bits, as there."""
    return dtype == np.uint8 and trained.inputs.eight_bit


def fitted_to_set(trained: Scales, images: ImageSet) -> Fitted:
    """For all images of a set, alike."""
    if is_ordinary(trained, images.dtype):
        return Fitted(trained)
    return _chosen(trained, _some(images), of_images(images))


def measurable(scales: Scales, targets: ImageSet) -> bool:
    """Whether these are targets of such a kind as a network gives that has these scales."""
    if targets.dtype == scales.targets.dtype:
        return True
    if targets.dtype == np.uint8 or _is_of_type(scales.targets):
        return False
    return _fits(_some(targets), scales.targets, BEYOND_OF_OTHERS)


def _some(images: ImageSet) -> AnyArray:
    return some_values(images, sorted({0, len(images) // 2, len(images) - 1}))


def _chosen(trained: Scales, values: AnyArray, own: Normalization) -> Fitted:
    scale = trained.inputs
    same_type = _kind(values) == scale.dtype
    # 8 bits are a range, whatever they show, and no measure in the units of deeper images.
    measured = not _is_of_type(scale) and values.dtype != np.uint8
    if (same_type or measured) and _fits(values, scale, BEYOND if same_type else BEYOND_OF_OTHERS):
        return Fitted(trained)
    if own == scale:
        return Fitted(trained)
    targets = own if trained.targets == trained.inputs else trained.targets
    return Fitted(Scales(own, targets), True)


def _kind(values: AnyArray) -> str:
    return str(values.dtype) if values.dtype in (np.uint8, np.uint16) else "float32"


def _is_of_type(scale: Normalization) -> bool:
    """Whether its range is that of a type, such as 0 to 255, which says nothing of the units of another type."""
    return scale.whole and set(scale.low) == {0.0} and all(high in (255.0, 65535.0) for high in scale.high)


def _fits(values: AnyArray, scale: Normalization, beyond: float) -> bool:
    """Whether the values lie about where those of the training did."""
    columns = values.T if len(scale.low) == values.shape[1] else [values]
    for column, low, high in zip(columns, scale.low * len(columns), scale.high * len(columns), strict=False):
        least, most = robust_range(column)
        span = high - low
        if least < low - beyond * span or most > high + beyond * span or most - least < NARROW * span:
            return False
    return True
