"""A large image degraded, restored and measured in bands of rows."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from dlcli.degradations.base import Identity, Observation
from dlcli.degradations.noise import SEEN
from dlcli.degradations.rows import CleanRows, Overlapping, Rows
from dlcli.networks.comparison import Comparison
from dlcli.networks.inference.large.bands import VALUES, Bands
from dlcli.networks.inference.trained import TrainedNetwork
from dlcli.networks.model.receptive_field import receptive_radius

WHOLE = 1 << 21  # values of an image that isn't large


@dataclass(frozen=True)
class CaseInRows:
    """One image of which rows are asked for from the top down: what is known of it, and the truth."""

    name: str
    shown: Rows
    clean: CleanRows
    color: bool = False  # whether the truth is in color
    of_color: bool = False  # whether it is the luma of color
    prepare: Callable[[Tensor], Observation] = Identity().prepare


Found = dict[str, tuple[dict[str, float], float | None]]  # by method its metrics, and the seconds that it took


def measured_in_bands(case: CaseInRows, trained: TrainedNetwork, comparison: Comparison) -> Found:
    """The input and what the network makes of it, by their names; the same but for rounding as of the whole image."""
    channels, height, width = case.clean.shape
    spec = trained.network.spec
    reach = receptive_radius(spec) + (SEEN if trained.told else 0)
    bands = Bands.of(width * channels, reach, spec.multiple, VALUES // trained.beside)
    plain, made = (comparison.running(height, color=case.color) for _ in range(2))
    observed, seconds = Overlapping(case.shown), 0.0
    for band in bands(height):
        shown, clean, inner = observed(band.seen), case.clean.of(band.rows), band.inner(1)
        plain.add(shown[..., inner, :], clean)
        start = time.monotonic()
        output = trained.restored(case.prepare(shown), inner)
        if output.device.type == "cuda":
            torch.cuda.synchronize(output.device)
        seconds += time.monotonic() - start
        made.add(output, clean)
    return {"input": (plain.found(), None), "network": (made.found(), seconds)}
