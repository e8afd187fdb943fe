"""From the numbers of images to those that a network sees, where most lie between 0 and 1, and back."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dlcli.engine.arrays import AnyArray
from dlcli.errors import DlcliError
from dlcli.files import JsonObject
from dlcli.images.conversion import FLOAT32
from dlcli.images.image_set import ImageSet

LEAST, MOST = 0.1, 99.9  # percentiles that become 0 and 1: a few hot or dead pixels don't count
BITS = (8, 10, 12, 14, 16)  # that cameras give
WHITES = (1.0, 255.0, 65535.0)  # of floating-point numbers
DARK, BRIGHT = 0.05, 0.5  # a type's range is filled from below the one, and to above the other, of it
IMAGES, PIXELS = 64, 1 << 16  # that are looked at; of each
STREAMED = 8  # where each must be decoded for it
FAR = 20.0  # times the range, beyond which values outside of it are told
ORDINARY = (1, 3)  # channels that share one range: gray, and red, green and blue
ALIKE = 3.0  # inputs and targets share a range unless one is so many times wider


@dataclass(frozen=True)
class Normalization:
    """``(x - low) / (high - low)`` of images of ``dtype``: one pair for all channels, or one for each."""

    dtype: str = "uint8"
    low: tuple[float, ...] = (0.0,)
    high: tuple[float, ...] = (255.0,)

    @property
    def eight_bit(self) -> bool:
        """Whether it is that of ordinary images: 8 bits, black 0 and white 255."""
        return self == EIGHT_BIT

    @property
    def whole(self) -> bool:
        """Whether the values are whole numbers."""
        return np.dtype(self.dtype).kind != "f"

    @cached_property
    def spans(self) -> tuple[float, ...]:
        """How wide the range is, for each pair."""
        return tuple(high - low for low, high in zip(self.low, self.high, strict=True))

    @property
    def span(self) -> float:
        """The widest."""
        return max(self.spans)

    @property
    def shown(self) -> str:
        """The range, or the ranges of the channels."""
        each = [range_text(low, high) for low, high in zip(self.low, self.high, strict=True)]
        return each[0] if len(set(each)) == 1 else ", ".join(each)

    def noise(self, sigma: float) -> float:
        """A deviation that takes the range for 255, in the data's own units."""
        return sigma if self.eight_bit else sigma / 255 * self.span

    def to_json(self) -> JsonObject:
        """What ``of_json`` reads."""
        return {"dtype": self.dtype, "low": list(self.low), "high": list(self.high)}

    @classmethod
    def of_json(cls, values: JsonObject) -> "Normalization":
        """Raises ValueError, TypeError or KeyError for what ``to_json`` doesn't write."""
        low, high = (tuple(float(value) for value in values[name]) for name in ("low", "high"))
        known = values["dtype"] in ("uint8", "uint16", "float32") and len(low) == len(high) > 0
        if not known or not all(a < b and np.isfinite((a, b)).all() for a, b in zip(low, high, strict=True)):
            raise ValueError("no normalization")
        return cls(str(values["dtype"]), low, high)


def range_text(low: float, high: float) -> str:
    """From where to where a range reaches, with as many digits as tell one from the other.

    >>> range_text(0, 65535), range_text(-0.4919, 1.48723), range_text(1e6, 1e6 + 1)
    ('0 to 65535', '-0.4919 to 1.4872', '1000000 to 1000001')
    """
    digits = 5
    while digits < 17 and abs(float(f"{high:.{digits}g}") - float(f"{low:.{digits}g}") - (high - low)) > (
        0.01 * abs(high - low)
    ):
        digits += 1
    return f"{low:.{digits}g} to {high:.{digits}g}"


EIGHT_BIT = Normalization()


@dataclass(frozen=True)
class Scales:
    """The normalizations of what a network is given and of what it gives; the same but for pairs of two kinds."""

    inputs: Normalization = EIGHT_BIT
    targets: Normalization = EIGHT_BIT

    @property
    def eight_bit(self) -> bool:
        """Whether all is in 8 bits."""
        return self.inputs.eight_bit and self.targets.eight_bit

    def to_json(self) -> JsonObject:
        """What ``of_json`` reads."""
        return {"inputs": self.inputs.to_json(), "targets": self.targets.to_json()}

    @classmethod
    def of_json(cls, values: JsonObject | None) -> "Scales":
        """Those of a model's description; None is that of models of 8 bits. Raises DlcliError for others."""
        if values is None:
            return cls()
        try:
            return cls(Normalization.of_json(values["inputs"]), Normalization.of_json(values["targets"]))
        except (KeyError, TypeError, ValueError, AttributeError):
            raise DlcliError("the model file is damaged: it does not say its scale", "train it again") from None

    @property
    def note(self) -> str:
        """A line on what was learned; empty for 8 bits."""
        if self.eight_bit:
            return ""
        if self.inputs == self.targets:
            return f"values from {self.inputs.shown} ({_learned(self.inputs)}) are 0 to 1 to the network"
        both = (f"{name}' values from {scale.shown} ({_learned(scale)})" for name, scale in
                (("inputs", self.inputs), ("targets", self.targets)))  # fmt: skip
        return f"{' and '.join(both)} are 0 to 1 to the network"


EIGHT_BITS = Scales()


def _learned(scale: Normalization) -> str:
    """Where a range comes from."""
    if set(scale.low) == {0.0} and scale.whole and len(set(scale.high)) == 1:
        bits = int(scale.high[0]).bit_length()
        if bits in (8, *BITS) and scale.high[0] == 2**bits - 1:
            return f"{bits} bits" if scale.dtype == f"uint{bits}" else f"{bits} bits in {scale.dtype}"
    return f"{MOST - LEAST:g}% of the training images' pixels, {scale.dtype}"


def learned(targets: ImageSet, inputs: ImageSet | None = None) -> Scales:
    """The normalizations of a training's images; those of pairs are one where both are much alike."""
    ours = of_images(targets)
    if inputs is None:
        return Scales(ours, ours)
    theirs = of_images(inputs)
    if ours == theirs or ours.dtype != theirs.dtype or not _alike(ours, theirs):
        return Scales(theirs, ours)
    low = tuple(map(min, ours.low, theirs.low))
    both = Normalization(ours.dtype, low, tuple(map(max, ours.high, theirs.high)))
    return Scales(both, both)


def _alike(one: Normalization, other: Normalization) -> bool:
    ranges = zip(one.low, one.high, other.low, other.high, strict=True)
    return all(
        max(b, d) - min(a, c) <= ALIKE * min(b - a, d - c) for a, b, c, d in ranges
    )  # fmt: skip


def of_images(image_set: ImageSet) -> Normalization:
    """That of all images of a set: learned from many pixels of many of them; of 8 bits always the type's."""
    if image_set.dtype == np.uint8 or not len(image_set):
        return EIGHT_BIT
    return of_values(some_values(image_set, _spread(image_set)))


def _spread(image_set: ImageSet) -> list[int]:
    """The images of a set that are looked at."""
    count = min(len(image_set), IMAGES if image_set.in_memory else STREAMED)
    return [round(place) for place in np.linspace(0, len(image_set) - 1, count).tolist()]


def outliers(image_set: ImageSet, scale: Normalization) -> str:
    """A line where a few values lie so far outside the range that they would rule the loss; "" elsewhere.

    Hot pixels and stars do. Images that are decoded when asked for are not looked at again.
    """
    if scale.eight_bit or not image_set.in_memory:
        return ""
    values = some_values(image_set, _spread(image_set))
    low, high = min(scale.low), max(scale.high)
    beyond = np.maximum(values.astype(np.float64) - high, low - values.astype(np.float64)) / scale.span
    if (most := float(beyond.max())) < FAR:
        return ""
    return (
        f"a few values ({float((beyond > 1).mean()):.2g} of all) lie up to {most:.3g} times the range outside of it: "
        "they rule the loss, and training may fail; clip them to what is to be restored"
    )


def of_values(values: AnyArray) -> Normalization:
    """That of values (N, C) of uint8, uint16 or floats."""
    if values.dtype == np.uint8:
        return EIGHT_BIT
    dtype = "uint16" if values.dtype == np.uint16 else "float32"
    columns = values.reshape(-1, 1) if values.shape[1] in ORDINARY else values
    pairs = [_range(column) for column in columns.T]
    if len(set(pairs)) == 1:
        pairs = pairs[:1]
    return Normalization(dtype, tuple(low for low, _ in pairs), tuple(high for _, high in pairs))


def some_values(image_set: ImageSet, numbers: Iterable[int]) -> AnyArray:
    """``sampled`` pixels (N, C) of some images; those that turn out to be damaged are left out.

    Raises DlcliError where all of them are.
    """
    found, first = list[AnyArray](), None
    for number in numbers:
        try:
            found.append(sampled(image_set.pixels(number)))
        except DlcliError as error:  # who needs the image itself will tell of it
            first = first or error
    if first is not None and not found:
        raise first
    return np.concatenate(found)


def sampled(pixels: AnyArray) -> AnyArray:
    """(H, W, C) as (N, C) with at most some ten thousand pixels, evenly spread over rows and columns."""
    step = max(1, int(np.ceil((pixels.shape[0] * pixels.shape[1] / PIXELS) ** 0.5)))
    return pixels[::step, ::step].reshape(-1, pixels.shape[2])


def _range(values: AnyArray) -> tuple[float, float]:
    """What becomes 0 and 1: the range of a type or a number of bits that the values fill, or their percentiles."""
    low, high = robust_range(values)
    least, most = float(values.min()), float(values.max())
    tops = [2.0**bits - 1 for bits in BITS] if values.dtype.kind == "u" else list(WHITES)
    for top in tops:
        if least >= 0 and most <= top and low <= DARK * top and high >= BRIGHT * top:
            return 0.0, top
    if values.dtype.kind == "f" and least >= -1 and most <= 1 and low < 0 and high - low >= 2 * BRIGHT:
        return -1.0, 1.0
    if high > low:
        return low, high
    return low, low + max(1.0, 1e-3 * abs(low))  # one value everywhere, which has no scale


def robust_range(values: AnyArray) -> tuple[float, float]:
    """Between which percentiles nearly all values lie; where those are one, between which all do.

    A few points of light on a black ground are all that there is to see.
    """
    low, high = np.percentile(values, (LEAST, MOST))
    if high <= low:
        low, high = values.min(), values.max()
    if not np.can_cast(values.dtype, FLOAT32, "safe"):
        return float(low), float(high)
    # In float32's steps, so that a file holds what a network was trained with.
    return float(np.float32(low)), float(np.float32(high))


def mapped_to_bytes(pixels: AnyArray, scale: Normalization) -> NDArray[np.uint8]:
    """(H, W, C) in 8 bits, by the normalization: for pictures, and for classes."""
    low, span = np.array(scale.low, np.float32), np.array(scale.spans, np.float32)
    values: AnyArray = (pixels.astype(np.float32) - low) * (255 / span)
    mapped: NDArray[np.uint8] = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return mapped
