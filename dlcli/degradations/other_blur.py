"""A blur that is given for images, instead of that of the training."""

import numpy as np

from dlcli.config.values.blur import BlurRange
from dlcli.degradations.base import Degradation, Kernel
from dlcli.degradations.blind import BlindDeblur, Fixed, Ranged
from dlcli.degradations.blur import Deblur
from dlcli.degradations.kernels import parse_blur
from dlcli.degradations.task import Restoration
from dlcli.errors import DlcliError

ALIKE = 1e-6  # how much a pixel of a kernel, of all its light, may differ: models hold them in float32


def other_blur(text: str, restoration: Restoration, trained: Degradation) -> Degradation:
    """``trained`` with the blur of --blur. Raises DlcliError for one that can't be, and for a network that has none."""
    within = BlurRange.parse(text)
    if isinstance(trained, BlindDeblur):
        return BlindDeblur(Fixed(parse_blur(text)) if within is None else Ranged(within), trained.added)
    if not isinstance(trained, Deblur):
        raise DlcliError(f"--blur {text}: the network was trained to {restoration.task}", "leave it out")
    if within is not None:
        raise DlcliError(
            f"--blur {text} is a range, and the network is told the blur of each image",
            "give one blur, or train a network on the range",
        )
    return trained.with_kernels(parse_blur(text))


def blur_note(text: str | None, restoration: Restoration) -> str:
    """A line where the network was trained on other blurs than ``text``; empty where it wasn't, or None is given."""
    if text is None or restoration.task != "deblur":
        return ""
    known = restoration.blurs
    if known is not None:
        foreign = not known.holds(text)
    else:
        kernels = [np.asarray(kernel, np.float64) for kernel in (restoration.arrays or {}).values()]
        foreign = not all(any(_alike(one, other) for other in kernels) for one in parse_blur(text))
    if not foreign:
        return ""
    on = f" ({restoration.blur})" if restoration.blur else ""
    return f"--blur {text} is a blur that the network was not trained on{on}: it may make such images worse"


def _alike(one: Kernel, other: Kernel) -> bool:
    """Whether two kernels are the same, but for zeros around one."""
    sides = [max(pair) for pair in zip(one.shape, other.shape, strict=True)]
    first, second = (
        np.pad(kernel / kernel.sum(), [((side - own) // 2,) * 2 for side, own in zip(sides, kernel.shape, strict=True)])
        for kernel in (one, other)
    )
    return bool(np.abs(first - second).max() <= ALIKE)
