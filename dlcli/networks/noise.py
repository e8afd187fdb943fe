"""Noise as the user gives it, on the scale on which degradations have it: the range of the images is 255."""

from collections.abc import Sequence

from dlcli.config.values.noise import Amount
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
