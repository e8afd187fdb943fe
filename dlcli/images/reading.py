"""Many images at once: their headers, then their pixels, on all cores; unreadable images are skipped."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import repeat
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from dlcli.errors import DlcliError
from dlcli.images.cache import usable_cores
from dlcli.images.folders import Skipped
from dlcli.images.formats.codecs import Header
from dlcli.images.sources import Candidate, FoundImages
from dlcli.text import counted, printable_path

Result = TypeVar("Result")
DIM, LOOKED_AT = 64, 8  # a quarter of the range of 8 bits; images that are looked at for how much of it they use
Source = NDArray[np.uint8] | Callable[[], NDArray[np.uint8]]


@dataclass
class Opened:
    """A candidate whose header was read, and in the end where its pixels come from."""

    candidate: Candidate
    label: str | None
    header: Header
    source: Source | None = None

    def pixels(self) -> NDArray[np.uint8]:
        """Its pixels (H, W, C), decoded now where they are not held."""
        assert self.source is not None
        return self.source if isinstance(self.source, np.ndarray) else self.source()


def _in_parallel(function: Callable[[Candidate], Result], candidates: Sequence[Candidate]) -> list[Result]:
    """``function`` of each candidate, in order, on as many threads as there are cores for this process."""
    if all(candidate.path is None for candidate in candidates):
        return [function(candidate) for candidate in candidates]
    with ThreadPoolExecutor(usable_cores()) as pool:
        try:
            return list(pool.map(function, candidates))
        except BaseException:  # Ctrl-C must not wait for thousands of images
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _tried(function: Callable[[], Result], candidate: Candidate) -> Result | str:
    """What ``function`` gives, or why it can't, without the name of the candidate."""
    try:
        return function()
    except DlcliError as error:
        return error.message.removeprefix(printable_path(candidate.name)).lstrip(" :")


def looked_at(found: FoundImages, min_side: int, skipped: list[Skipped]) -> list[Opened]:
    """The candidates that have a header and are large enough; the others are added to ``skipped``."""
    opened = []
    headers = _in_parallel(lambda candidate: _tried(candidate.header, candidate), found.candidates)
    for candidate, header, label in zip(found.candidates, headers, found.labels or repeat(None), strict=False):
        if not isinstance(header, str) and min(header.height, header.width) < min_side:
            header = f"is {header.width} x {header.height} pixels, expected {min_side} or more on a side"
        if isinstance(header, str):
            skipped.append(Skipped(printable_path(candidate.name), header))
        else:
            opened.append(Opened(candidate, label, header))
    return opened


def decoded(opened: Sequence[Opened], channels: int, skipped: list[Skipped]) -> list[Opened]:
    """Those that decode to the very end, with their pixels; the others are added to ``skipped``."""
    pixels = _in_parallel(
        lambda candidate: _tried(partial(candidate.load, candidate.name, channels), candidate),
        [one.candidate for one in opened],
    )
    kept = []
    for one, source in zip(opened, pixels, strict=True):
        if isinstance(source, str):
            skipped.append(Skipped(printable_path(one.candidate.name), source))
        else:
            kept.append(replace(one, source=source))
    return kept


def frame_notes(opened: Sequence[Opened]) -> list[str]:
    """One line for each kind of note, with the first image that it is about and how many more there are."""
    about: dict[str, list[str]] = {}
    for one in opened:
        if one.header.note:
            about.setdefault(one.header.note, []).append(printable_path(one.candidate.name))
    return [
        f"{names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}: {note}" for note, names in about.items()
    ]


def depth_notes(opened: Sequence[Opened]) -> list[str]:
    """A line where images of 16 bits use so little of their range that 8 bits hold nearly nothing of them."""
    deep = [one for one in opened if one.header.bits > 8]
    step = max(1, len(deep) // LOOKED_AT)
    top = max((int(one.pixels().max()) for one in deep[::step]), default=255)
    if top >= DIM:
        return []
    count = f"{counted(len(deep), 'image')} of 16 bits"
    return [
        f"{count}: read as 8 bits they reach {top} of 255, so that most of what they show is lost; map their own range "
        "to 8 bits first, all by the same two limits"
    ]
