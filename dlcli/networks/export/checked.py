"""Whether an exported network gives what dlcli gives, on sizes that are not whole multiples of anything."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import AnyArray
from dlcli.errors import DlcliError
from dlcli.exports.session import refuse_unlike
from dlcli.networks.export.image_model import ImageModel

SIZES = ((1, 1), (7, 5), (64, 64), (257, 131))  # height and width
TOLERANCE = 1e-3  # of the range of the images


@dataclass(frozen=True)
class Checked:
    """The largest difference that was found, as a share of the range of the images, and on what."""

    difference: float
    on: str


def check(model: ImageModel, run: Callable[[Mapping[str, AnyArray]], AnyArray]) -> Checked:
    """Compare what ``run`` gives. Raises DlcliError where it is unlike dlcli's own output by more than TOLERANCE."""
    side = model.trained.network.spec.head.side
    sizes = [(side, side)] if model.trained.classes else list(SIZES)
    ours, largest = model.trained.scales.targets, 0.0
    span = ours.span if model.form.own and not model.trained.classes else 1.0
    batch = 2 if isinstance(model.form.batch, str) else 1
    for number, (height, width) in enumerate(sizes):
        inputs = model.example(height, width, number, batch)
        expected, found = model.by_dlcli(inputs), run(inputs)
        if not np.isfinite(expected).all():
            raise DlcliError("the network's outputs are not finite: its training has diverged", "train it again")
        if found.shape != expected.shape:
            refuse_unlike(np.inf, TOLERANCE, "shapes")
        largest = max(largest, float(np.abs(found - expected).max()) / span)
        if np.isnan(found).any():
            largest = np.inf
    refuse_unlike(largest, TOLERANCE, "images" if not model.trained.classes else "probabilities")
    return Checked(largest, ", ".join(f"{h}x{w}" for h, w in sizes))
