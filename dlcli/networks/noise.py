"""Noise as the user gives it, on the scale on which degradations have it; and what the levels of one are called."""

from collections.abc import Sequence

from dlcli.config.values.noise import Amount
from dlcli.degradations.base import Degradation
from dlcli.errors import DlcliError
from dlcli.images.normalization import Normalization


def noise_on(amount: Amount, scale: Normalization, given: str) -> float:
    """How much noise that is in images of this scale; of several ranges the widest counts.

    Raises DlcliError, which calls it ``given``, for more than their range.
    """
    sigma = amount.of_255(None if scale.eight_bit else scale.span)
    if sigma > 255:
        message = f"{given} is more than the range of the images, {scale.shown}"
        raise DlcliError(message, f"give it on that scale, such as {scale.noise(25):.3g}, or as 25/255 of the range")
    return sigma


def weights_of(amounts: Sequence[Amount], scale: Normalization) -> tuple[float, ...]:
    """What multiplies noise that is given in the data's own units where channels have ranges of their own."""
    return () if all(amount.share for amount in amounts) else spans_of(scale)


def spans_of(scale: Normalization) -> tuple[float, ...]:
    """The widest range over that of each channel; () where all are as wide."""
    return () if len(set(scale.spans)) == 1 else tuple(scale.span / span for span in scale.spans)


def level_name(level: Degradation, scale: Normalization) -> str:
    """What one of several levels of a degradation is called."""
    if level.quality is not None:
        return f"quality {level.quality}"
    return level.blurred_by or f"sigma {scale.noise(level.level or 0):.3g}"


def kind_of_levels(level: Degradation) -> tuple[str, str]:
    """What such levels are, in the plural, and the option of eval that gives one of them."""
    if level.quality is not None:
        return "qualities", "--quality"
    return ("noise levels", "--sigma") if level.blurred_by is None else ("blurs", "--blur")
