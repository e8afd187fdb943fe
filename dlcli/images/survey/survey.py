"""Many images looked at on all cores: the headers of all, the pixels of as many as the limits allow."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from dlcli.engine.arrays import AnyArray
from dlcli.errors import DlcliError
from dlcli.images.conversion import check_finite
from dlcli.images.folders import Skipped
from dlcli.images.formats.codecs import Header, read_frame
from dlcli.images.reading import SMALL, Opened, in_parallel, in_turn, looked_at
from dlcli.images.sources import Candidate, FoundImages
from dlcli.images.survey.measures import Measures, measured
from dlcli.text import printable_path

MOST_HEADERS, MOST_IMAGES, MOST_PIXELS = 100_000, 5_000, 1_000_000_000
DRAWS, MOST_DRAWS = 4 << 20, 4096  # values kept of all images together, and of one
SIDE = 144  # of the pictures that are kept to be shown, in pixels, at most

Result = TypeVar("Result")


@dataclass(frozen=True)
class Limits:
    """How many images are looked at: ``sample`` of them, or None for 5,000 and 1,000 megapixels; ``shown`` are kept."""

    sample: int | None = None
    shown: int = 24
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Looked:
    """One image: where it stands among all that are readable, and what was measured; ``picture`` to be shown."""

    place: int
    measures: Measures
    picture: AnyArray | None


@dataclass(frozen=True)
class Survey:
    """What was found: ``images`` that can be read, ``looked`` at in their order, ``skipped`` ones with the reasons.

    ``unopened`` is how many more there are, of which nothing was read.
    """

    images: list[Opened]
    looked: list[Looked]
    skipped: list[Skipped]
    unopened: int = 0


def survey(found: FoundImages, limits: Limits) -> Survey:
    """Look at the images that were found; what can't be read is skipped, with the reason. Nothing is raised for it.

    Which ones are looked at depends on the seed alone. Memory: an image on each core, and some kB for each image.
    """
    skipped, unopened = list(found.skipped), len(found.candidates) - MOST_HEADERS
    if unopened > 0:
        some = _some(len(found.candidates), MOST_HEADERS, limits.seed)
        labels = None if found.labels is None else [found.labels[i] for i in some]
        found = FoundImages([found.candidates[i] for i in some], labels)
    opened = looked_at(found, 1, skipped, hold=0)
    chosen = chosen_of([one.header for one in opened], limits)
    kept = set(_spread(len(chosen), limits.shown))
    draws = int(np.clip(DRAWS // max(len(chosen), 1), 16, MOST_DRAWS))

    def look(numbered: tuple[int, int]) -> tuple[Measures, AnyArray | None] | str:
        number, place = numbered
        return _looked_at(opened[place].candidate, draws, limits.seed + place, shown=number in kept)

    small = all(opened[place].header.height * opened[place].header.width <= SMALL for place in chosen)
    results = (in_turn if small else in_parallel)(look, list(enumerate(chosen)))
    broken = {place: why for place, why in zip(chosen, results, strict=True) if isinstance(why, str)}
    skipped += [Skipped(printable_path(opened[place].candidate.name), why) for place, why in broken.items()]
    places = np.cumsum([place not in broken for place in range(len(opened))]) - 1
    return Survey(
        [one for place, one in enumerate(opened) if place not in broken],
        [
            Looked(int(places[place]), *result)
            for place, result in zip(chosen, results, strict=True)
            if not isinstance(result, str)
        ],
        skipped,
        max(unopened, 0),
    )


def _looked_at(candidate: Candidate, draws: int, seed: int, *, shown: bool) -> tuple[Measures, AnyArray | None] | str:
    """The measures of an image, its picture where it is to be shown, or why it can't be read."""
    try:
        pixels, alpha = pixels_of(candidate)
    except DlcliError as error:
        return why_not(error, candidate)
    return measured(pixels, alpha, draws, seed), picture(pixels) if shown else None


def pixels_of(candidate: Candidate) -> tuple[AnyArray, AnyArray | None]:
    """The first frame as its file holds it, and its transparency. Raises DlcliError for what can't be measured."""
    if candidate.path is None:
        assert candidate.array is not None
        pixels, alpha = candidate.array, None
    else:
        first = read_frame(candidate.path, candidate.name, candidate.frame, candidate.axes)
        pixels, alpha = first.pixels, first.alpha
    _check_numbers(pixels)
    return pixels, alpha


def _check_numbers(pixels: AnyArray) -> None:
    """Raises DlcliError where there is nothing to measure, or it is beyond what training computes with."""
    if pixels.dtype.kind != "f":
        return
    known = np.isfinite(pixels)
    if not known.any():
        raise DlcliError("holds no numbers, only NaN or infinities", "leave it out")
    check_finite(pixels if known.all() else np.where(known, pixels, 0))


def why_not(error: DlcliError, candidate: Candidate) -> str:
    """Why an image can't be read, without its name."""
    return error.message.removeprefix(printable_path(candidate.name)).lstrip(" :")


def picture(pixels: AnyArray) -> NDArray[np.float32]:
    """``pixels`` (H, W, C) small enough to be shown: (h, w, 1 or 3), cells of whole pixels averaged."""
    shown = pixels[:, :, :3] if pixels.shape[2] >= 3 else pixels[:, :, :1]
    times = -(-max(pixels.shape[:2]) // SIDE)
    if times == 1:
        return shown.astype(np.float32)
    height, width = (max(side // times, 1) for side in shown.shape[:2])
    cut = shown[: height * times, : width * times]
    small = np.empty((height, width, shown.shape[2]), dtype=np.float32)
    for row in range(height):
        rows = cut[row * times : (row + 1) * times].mean(axis=0, dtype=np.float64)
        columns = np.add.reduceat(rows, np.arange(width) * times, axis=0)
        small[row] = columns / np.minimum(times, len(rows) - np.arange(width) * times)[:, None]
    return small


def chosen_of(headers: Sequence[Header], limits: Limits) -> list[int]:
    """Places of the images whose pixels are looked at, in order: all, or some at random."""
    if limits.sample is not None:
        return _some(len(headers), limits.sample, limits.seed)
    order = np.random.default_rng((limits.seed, 1)).permutation(len(headers))[:MOST_IMAGES]
    sizes = np.array([headers[i].height * headers[i].width for i in order], dtype=np.float64)
    fitting = max(1, int(np.searchsorted(np.cumsum(sizes), MOST_PIXELS, side="right")))
    return sorted(order[:fitting].tolist())


def _some(count: int, wanted: int, seed: int) -> list[int]:
    """``wanted`` of the numbers below ``count``, at random, in order; all where there are fewer."""
    return sorted(np.random.default_rng((seed, 1)).permutation(count)[:wanted].tolist())


def _spread(count: int, wanted: int) -> list[int]:
    return [int((place + 0.5) * count / wanted) for place in range(wanted)] if count > wanted else list(range(count))
