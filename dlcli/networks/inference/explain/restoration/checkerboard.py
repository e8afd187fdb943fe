"""The pattern that a network of restorations leaves on flat images, on noise and on a real image."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from dlcli.engine.arrays import FloatArray
from dlcli.networks.inference.checkerboard import LEVELS
from dlcli.networks.inference.explain.restoration.pattern import (
    Overlap,
    Pattern,
    overlaps,
    pattern_of,
    shifted_outputs,
    spectrum,
)
from dlcli.networks.inference.explain.restoration.region import detailed_box
from dlcli.networks.inference.explain.restoration.traced import Traced
from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.model.edges import Sides
from dlcli.networks.model.receptive_field import receptive_radius
from dlcli.reports.explain.restoration import GIVEN

NOWHERE = Sides(False, False, False, False)
SIDES, PIXELS = (64, 48, 32, 16), 1 << 19  # pixels a side of what is looked at; of all that is computed for it
ROOM = 64  # pixels more of an image that is made up, as a blur kernel needs some


@dataclass(frozen=True, eq=False)
class Checkerboard:
    """The patterns by what the network was given, its deconvolutions, and its ``outputs`` (B, C, S, S)."""

    patterns: dict[str, Pattern]
    overlaps: list[Overlap]
    outputs: dict[str, Tensor]

    @property
    def worst(self) -> tuple[str, Pattern]:
        """On what there is most of it."""
        order = {"none": 0, "faint": 1, "visible": 2}
        return max(self.patterns.items(), key=lambda pair: (order[pair[1].verdict], pair[1].amplitude))

    def spectra(self) -> dict[str, FloatArray]:
        """The power of the outputs at each frequency."""
        return {GIVEN[name]: spectrum(made) for name, made in self.outputs.items()}


def measured_checkerboard(
    traced: Traced, observed: Tensor, deviation: float, generator: torch.Generator
) -> Checkerboard:
    """The patterns on flat images, on gray with noise of this ``deviation``, and on a square of ``observed``.

    As the network itself sees them, which is at the restored image's size.
    """
    network = traced.network
    cell = network.spec.multiple
    around = -(-receptive_radius(network.spec) // cell) * cell
    with torch.no_grad():
        known = traced.prepare(observed)
        side = _side(cell, around, min(known.input.shape[-2:]))
        box = detailed_box(known.base, 0)
        top, left = (
            min(max(start + 8 - side // 2, 0), length - side)
            for start, length in zip(box[:2], known.base.shape[-2:], strict=True)
        )
        square = (..., slice(top, top + side), slice(left, left + side))
        real = known.input[square], known.base[square]
        restore = partial(_restored, network)
        patterns = {"flat": _flat(traced, observed, cell, around)}
        room = -(-(side + ROOM) // traced.scale)
        gray = observed.new_full((*observed.shape[:2], room, room), 0.5)
        gray += deviation * torch.randn(gray.shape, generator=generator).to(gray)
        noise = [image[..., :side, :side] for image in _as_input(traced, gray)]
        outputs = {
            "noise": shifted_outputs(restore, noise, cell, around),
            "image": shifted_outputs(restore, real, cell, around),
        }
        patterns |= {name: pattern_of(made, cell) for name, made in outputs.items()}
    return Checkerboard(patterns, overlaps(network), outputs)


def _restored(network: DeconvNet, given: Tensor, base: Tensor) -> Tensor:
    made: Tensor = network(given, base, NOWHERE)
    return made


def _side(cell: int, around: int, length: int) -> int:
    """The largest side of a square for which the work is modest, of whole cells."""
    for side in SIDES:
        if side <= length and cell**2 * (side + 2 * around) ** 2 <= PIXELS:
            break
    return max(min(side, length) // cell, 1) * cell


def _flat(traced: Traced, observed: Tensor, cell: int, around: int) -> Pattern:
    """That of the level of gray that has most of it."""
    found = list[Pattern]()
    for given, base in _flat_inputs(traced, observed, cell, around):
        made = _restored(traced.network, given, base)
        inner = made[..., around : around + 4 * cell, around : around + 4 * cell]
        found.append(pattern_of(inner, cell))
    return max(found, key=lambda one: one.amplitude)


def _flat_inputs(traced: Traced, observed: Tensor, cell: int, around: int) -> Iterator[tuple[Tensor, Tensor]]:
    side = 2 * around + 4 * cell
    small = -(-side // traced.scale)
    for level in LEVELS:
        flat = observed.new_full((*observed.shape[:2], small, small), level / 255)
        given, base = _as_input(traced, flat)
        yield given[..., :side, :side], base[..., :side, :side]


def _as_input(traced: Traced, images: Tensor) -> tuple[Tensor, Tensor]:
    """What the network is given of observed images, all of it to be restored, and what its residual is taken from."""
    if not traced.masked:
        known = traced.prepare(images)
        return known.input, known.base
    # As in the middle of a hole: what is known stays as it is.
    return torch.cat([images, torch.ones_like(images[:, :1])], 1), images
