"""Many images at once: their headers, then their pixels, on all cores; unreadable images are skipped."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import repeat
from typing import TypeVar

from dlcli.engine.arrays import AnyArray, AnyDtype
from dlcli.errors import DlcliError
from dlcli.images.cache import usable_cores
from dlcli.images.folders import Skipped
from dlcli.images.formats.codecs import Header
from dlcli.images.sources import Candidate, FoundImages, frames_of
from dlcli.text import printable_path

Result = TypeVar("Result")
Source = AnyArray | Callable[[], AnyArray]


@dataclass
class Opened:
    """A candidate whose header was read, and in the end where its pixels come from."""

    candidate: Candidate
    label: str | None
    header: Header
    source: Source | None = None


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
        elif header.frames == 1:
            opened.append(Opened(candidate, label, header))
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
    pixels = _in_parallel(
        lambda candidate: _tried(partial(candidate.load, candidate.name, channels, dtype), candidate),
        [one.candidate for one in opened],
    )
    kept = []
    for one, source in zip(opened, pixels, strict=True):
        if isinstance(source, str):
            skipped.append(Skipped(printable_path(one.candidate.name), source))
        else:
            kept.append(replace(one, source=source))
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
