"""The noise of several images of one kind, taken together."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dlcli.images.noise.level import Level
from dlcli.images.noise.line import Line, growing
from dlcli.images.noise.measure import ChannelNoise, Kind, NoiseMeasure, black_level, read_noise

RANGES = 16  # of brightness that are kept of many images


def pooled(measures: Sequence[NoiseMeasure], offset: float | None = None) -> NoiseMeasure:
    """What images with equally many channels have in common: medians, and one line through the levels of all.

    Those that couldn't be measured don't count, nor those with a mere hint unless there is nothing else. One image is
    as it is. Raises ValueError for none that was measured.
    """
    measured = [one for one in measures if one.channels]
    measured = [one for one in measured if one.reliable] or measured
    if len(measured) <= 1:
        return measured[0] if measured else _none(measures)
    counts = Counter(one.kind for one in measured)
    white = sum(count for kind, count in counts.items() if kind != "correlated") * 2 >= len(measured)
    alike = [one for one in measured if one.white == white]
    channels = tuple(_together([one.channels[c] for one in alike], offset) for c in range(len(alike[0].channels)))
    kind: Kind = "correlated"
    if white:
        none = counts["none"] * 2 > len(measured)
        kind = "none" if none else "poisson-gaussian" if any(c.gain > 0 for c in channels) else "gaussian"
    return NoiseMeasure(
        channels,
        kind,
        int(np.median([one.extent for one in alike])),
        float(np.mean([one.saturated for one in measured])),
        alike[0].reliable,
        alike[0].why,
    )


def _none(measures: Sequence[NoiseMeasure]) -> NoiseMeasure:
    if not measures:
        raise ValueError("no image was measured")
    return measures[0]


def _together(channels: Sequence[ChannelNoise], offset: float | None) -> ChannelNoise:
    """One channel of several images."""
    levels = sorted((one for channel in channels for one in channel.levels), key=lambda one: one.mean)
    sigma = float(np.median([one.sigma for one in channels]))
    line = growing(levels) or Line(0.0, sigma**2, 0.0)
    black = black_level(line, offset)
    seen = [one.autocorrelation for one in channels if one.autocorrelation]
    return replace(
        channels[0],
        sigma=sigma,
        gain=line.gain,
        intercept=line.intercept,
        offset=black,
        read=read_noise(line, black),
        levels=tuple(_merged(levels)),
        autocorrelation=tuple(np.median(seen, axis=0).tolist()) if seen else (),
        extent=int(np.median([one.extent for one in channels])),
        rows=float(np.median([one.rows for one in channels])),
        columns=float(np.median([one.columns for one in channels])),
    )


def _merged(levels: Sequence[Level]) -> list[Level]:
    """Ranges with equally many levels each, where there are many."""
    if len(levels) <= RANGES:
        return list(levels)
    found = []
    for part in np.array_split(np.arange(len(levels)), RANGES):
        some = [levels[i] for i in part]
        counts = [one.count for one in some]
        variance = float(np.median([one.sigma**2 for one in some]))
        found.append(replace(
            some[0], sigma=variance**0.5, mean=float(np.average([one.mean for one in some], weights=counts)),
            count=sum(counts),
        ))  # fmt: skip
    return found
