"""Many images at once: their headers and small ones whole, then the pixels of the others on all cores.

Unreadable images are skipped.
"""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import repeat
from typing import TypeVar

from dlcli.engine.arrays import AnyArray, AnyDtype
from dlcli.errors import DlcliError
from dlcli.images.cache import usable_cores
from dlcli.images.conversion import as_channels, as_type
from dlcli.images.folders import Skipped
from dlcli.images.formats.codecs import Header
from dlcli.images.sources import Candidate, FoundImages, frames_of
from dlcli.text import printable_path

Item = TypeVar("Item")
Result = TypeVar("Result")
Source = AnyArray | Callable[[], AnyArray]
SMALL = 1 << 16  # pixels of an image that is decoded as its header is read
HELD = 256 << 20  # bytes of such images, at most
MANY = 1000  # files: to decode so many it pays to import another decoder
PROBE, SLOW = 64, 1e-3  # files that tell how fast they are opened; seconds for one that had to be waited for


@dataclass
class Opened:
    """A candidate whose header was read, and in the end where its pixels come from.

    ``pixels`` are those of its file, of a small one that was decoded at once.
    """

    candidate: Candidate
    label: str | None
    header: Header
    source: Source | None = None
    pixels: AnyArray | None = None

    @property
    def waits(self) -> bool:
        """Whether its file is still to be decoded."""
        return self.pixels is None and self.candidate.path is not None

    def load(self, channels: int, dtype: AnyDtype) -> AnyArray:
        """Its pixels (H, W, channels) as ``dtype``. Raises DlcliError if it is damaged."""
        if self.pixels is not None:
            return as_channels(as_type(self.pixels, dtype), channels)
        return self.candidate.load(self.candidate.name, channels, dtype)


def in_turn(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """``function`` of each item, in order, in this thread: work that is Python's own more than a library's.

    Threads would hand its lock to and fro at each file (0.23 ms instead of 0.07 for a header on two idle cores). Where
    files have to be waited for, as from another machine, they share the waiting.
    """
    begun, computed = time.perf_counter(), time.thread_time()
    first = [function(item) for item in items[:PROBE]]
    waited = time.perf_counter() - begun
    if waited > SLOW * PROBE and time.thread_time() - computed < waited / 4:
        return first + in_parallel(function, items[PROBE:])
    return first + [function(item) for item in items[PROBE:]]


def in_parallel(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """``function`` of each item, in order, on as many threads as there are cores for this process."""
    with ThreadPoolExecutor(usable_cores()) as pool:
        try:
            return list(pool.map(function, items))
        except BaseException:  # Ctrl-C must not wait for thousands of images
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _tried(function: Callable[[], Result], candidate: Candidate) -> Result | str:
    """What ``function`` gives, or why it can't, without the name of the candidate."""
    try:
        return function()
    except DlcliError as error:
        return error.message.removeprefix(printable_path(candidate.name)).lstrip(" :")


def looked_at(found: FoundImages, min_side: int, skipped: list[Skipped], hold: int = HELD) -> list[Opened]:
    """The candidates that have a header and are large enough; the others are added to ``skipped``.

    Small ones are decoded, until they take ``hold`` bytes.
    """
    opened, held, quickly = list[Opened](), 0, len(found.candidates) >= MANY

    def look(candidate: Candidate) -> tuple[Header | str, AnyArray | None]:
        nonlocal held
        result = _tried(partial(candidate.opened, SMALL if held < hold else 0, quickly=quickly), candidate)
        if isinstance(result, str):
            return result, None
        held += 0 if result[1] is None else result[1].nbytes
        return result

    results = in_turn(look, found.candidates)
    for candidate, (header, pixels), label in zip(
        found.candidates, results, found.labels or repeat(None), strict=False
    ):
        if not isinstance(header, str) and min(header.height, header.width) < min_side:
            header = f"is {header.width} x {header.height} pixels, expected {min_side} or more on a side"
        if isinstance(header, str):
            skipped.append(Skipped(printable_path(candidate.name), header))
        elif header.frames == 1:
            opened.append(Opened(candidate, label, header, pixels=pixels))
        else:
            opened.extend(_frames(candidate, label, header, skipped))
    return opened


def _frames(candidate: Candidate, label: str | None, first: Header, skipped: list[Skipped]) -> list[Opened]:
    """Every frame of a file, those of one that holds various each with a header of its own."""
    frames = frames_of(candidate, first)
    headers = [first if first.uniform else _tried(one.header, one) for one in frames]
    found = []
    for one, header in zip(frames, headers, strict=True):
        if isinstance(header, str):
            skipped.append(Skipped(printable_path(one.name), header))
        else:
            found.append(Opened(one, label, header))
    return found


def decoded(opened: Sequence[Opened], channels: int, dtype: AnyDtype, skipped: list[Skipped]) -> list[Opened]:
    """Those that decode to the very end, with their pixels; the others are added to ``skipped``."""

    def load(one: Opened) -> AnyArray | str:
        return _tried(partial(one.load, channels, dtype), one.candidate)

    waiting = [one for one in opened if one.waits]
    loaded = iter(in_parallel(load, waiting)) if waiting else iter(())
    kept = []
    for one in opened:
        source = next(loaded) if one.waits else load(one)
        if isinstance(source, str):
            skipped.append(Skipped(printable_path(one.candidate.name), source))
        else:
            kept.append(replace(one, source=source, pixels=None))
    return kept


def stack_notes(opened: Sequence[Opened]) -> list[str]:
    """A line on the files that give several images: how many, and along which of their axes."""
    stacks = {one.candidate.kin.stack: one for one in opened if one.candidate.kin is not None}
    if not stacks:
        return []
    one = next(iter(stacks.values()))
    along = " and ".join(f"{length:,} along {name}" for name, length in one.header.axes)
    count = sum(one.candidate.kin is not None for one in opened)
    name = printable_path(os.path.dirname(one.candidate.name) + os.path.splitext(one.candidate.name)[1])
    more = f" and {len(stacks) - 1:,} more" if len(stacks) > 1 else ""
    return [
        f"{name}{more}: {count:,} frames ({along}), each an image; neighbors are held out together; --axes names "
        "other axes"
    ]


def frame_notes(opened: Sequence[Opened]) -> list[str]:
    """One line for each kind of note, with the first image that it is about and how many more there are."""
    about: dict[str, list[str]] = {}
    for one in opened:
        if one.header.note:
            about.setdefault(one.header.note, []).append(printable_path(one.candidate.name))
    return [
        f"{names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}: {note}" for note, names in about.items()
    ]
