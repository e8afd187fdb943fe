"""The noise of many images, measured on all cores."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from dlcli.errors import DlcliError
from dlcli.images.folders import Skipped
from dlcli.images.noise.measure import NoiseMeasure, measured_noise
from dlcli.images.reading import frame_notes, in_parallel, looked_at, stack_notes
from dlcli.images.sources import Candidate, FoundImages
from dlcli.images.survey.survey import Limits, chosen_of, pixels_of, why_not
from dlcli.text import printable_path


@dataclass(frozen=True, eq=False)
class Noisy:
    """An image and its noise."""

    name: str
    dtype: str
    channels: int
    noise: NoiseMeasure


@dataclass(frozen=True)
class Measurements:
    """What was measured, in the order of the images; ``skipped`` can't be read, ``unopened`` are further ones."""

    images: list[Noisy]
    skipped: list[Skipped]
    unopened: int
    notes: list[str]


def measurements(found: FoundImages, limits: Limits, offset: float | None) -> Measurements:
    """Measure the images that were found; what can't be read is skipped, with the reason. Nothing is raised for it."""
    skipped = list(found.skipped)
    opened = looked_at(found, 1, skipped, hold=0)
    chosen = [opened[place] for place in chosen_of([one.header for one in opened], limits)]

    def measure(candidate: Candidate) -> Noisy | str:
        try:
            pixels, _ = pixels_of(candidate)
        except DlcliError as error:
            return why_not(error, candidate)
        return Noisy(candidate.name, pixels.dtype.name, pixels.shape[2], measured_noise(pixels, offset))

    results = in_parallel(measure, [one.candidate for one in chosen])
    for one, result in zip(chosen, results, strict=True):
        if isinstance(result, str):
            skipped.append(Skipped(printable_path(one.candidate.name), result))
    images = [one for one in results if isinstance(one, Noisy)]
    return Measurements(images, skipped, len(opened) - len(chosen), [*stack_notes(chosen), *frame_notes(chosen)])


def table(images: Sequence[Noisy]) -> str:
    """A CSV row for each channel of each image."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(
        ["name", "dtype", "channel", "kind", "sigma", "gain", "intercept", "offset", "read", "lag_1", "lag_2", "lag_3",
         "extent", "rows", "columns", "saturated", "reliable", "why"]
    )  # fmt: skip
    for one in images:
        noise = one.noise
        tail = [f"{noise.saturated:.4g}", int(noise.reliable), noise.why]
        if not noise.channels:
            writer.writerow([one.name, one.dtype, "", noise.kind, *[""] * 11, *tail])
        for number, c in enumerate(noise.channels):
            lags = [f"{v:.4g}" for v in c.autocorrelation] or [""] * 3
            line = [f"{v:.6g}" for v in (c.sigma, c.gain, c.intercept, c.offset, c.read)]
            stripes = [f"{v:.4g}" for v in (c.rows, c.columns)]
            writer.writerow([one.name, one.dtype, number, noise.kind, *line, *lags, c.extent, *stripes, *tail])
    return stream.getvalue()
