"""From what the user typed to images that can be read: folders, patterns, files, arrays and IDX."""

import glob
import math
import os
import stat
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dlcli.engine.arrays import AnyArray, AnyDtype
from dlcli.errors import DlcliError
from dlcli.files import PICKLES
from dlcli.images.arrays import Arrays, read_npy, read_npz
from dlcli.images.conversion import as_channels, as_type
from dlcli.images.folders import (
    KNOWN,
    Listing,
    Skipped,
    by_ending,
    checked_mode,
    ending,
    how_to_use,
    is_image_name,
    list_classes,
    list_images,
    note_of_others,
)
from dlcli.images.formats.axes import Axes
from dlcli.images.formats.codecs import Header, read_frame, read_header, read_small
from dlcli.images.formats.idx import find_idx, is_idx, read_idx
from dlcli.images.formats.science.zarrs import is_zarr
from dlcli.images.formats.stdin import from_stdin
from dlcli.text import counted, printable, printable_path

ARRAYS = (".npy", ".npz")
DIGITS = tuple("0123456789")
CLASSED = "to train a classifier, give a folder of class folders, a folder with IDX files, or an .npz with labels"

Part = Literal["train", "test"]


@dataclass(frozen=True)
class ArrayFile:
    """A .npy or .npz file that images of one shape come from, and the dimensions of its array."""

    path: Path
    axes: Axes


class Kin(NamedTuple):
    """Where an image belongs that has neighbors: the ``stack`` that it is of, and its ``place`` on the slowest axis."""

    stack: str
    place: int


@dataclass(frozen=True)
class Candidate:
    """What may be an image: a file at ``path``, or an ``array`` (H, W, C), of the file ``origin`` where it has one.

    ``axes`` is what --axes says of a file's dimensions, "" for nothing; ``frame`` is the number of a file's frame.
    """

    name: str
    path: Path | None = None
    array: AnyArray | None = None
    origin: ArrayFile | None = None
    axes: str = ""
    frame: int = 0
    kin: Kin | None = None

    def header(self) -> Header:
        """Its size, channels and type. Raises DlcliError for a file that is no image."""
        if self.path is not None:
            return read_header(self.path, self.name, self.frame, self.axes)
        assert self.array is not None
        height, width, channels = self.array.shape
        return Header(height, width, channels - self.has_alpha, "", self.array.dtype.newbyteorder("="))

    def opened(self, most: int, *, quickly: bool = False) -> tuple[Header, AnyArray | None]:
        """Its header, and of one with at most ``most`` pixels these too, as they are: the file is opened only once.

        Raises DlcliError for a file that is no image, or is damaged.
        """
        if self.path is None:
            return self.header(), None
        return read_small(self.path, self.name, most, self.axes, quickly=quickly)

    def load(self, label: str, channels: int, dtype: AnyDtype) -> AnyArray:
        """Its pixels (H, W, channels) as ``dtype``, on their own scale, without transparency.

        Raises DlcliError, which names it ``label``, if it is damaged.
        """
        if self.path is not None:
            pixels = read_frame(self.path, label, self.frame, self.axes).pixels
        else:
            assert self.array is not None
            pixels = self.array[:, :, :3] if self.has_alpha else self.array
        return as_channels(as_type(pixels, dtype), channels)

    @property
    def has_alpha(self) -> bool:
        """Whether the fourth channel of an array is transparency, as its channels aren't called C."""
        called = self.origin is not None and "C" in self.origin.axes.names
        return self.array is not None and self.array.shape[2] == 4 and not called


def frames_of(candidate: Candidate, header: Header) -> list[Candidate]:
    """A file of several frames as a candidate each: ``stack/t3z07.tif`` for one of ``stack.tif``."""
    if header.frames == 1:
        return [candidate]
    root, extension = os.path.splitext(candidate.name)
    names, lengths = zip(*header.axes, strict=True)
    widths = [len(str(length - 1)) for length in lengths]
    slow = math.prod(lengths[1:])
    frames = []
    for number in range(header.frames):
        place = zip(names, np.unravel_index(number, lengths), widths, strict=True)
        label = "".join(f"{name.lower()}{int(index):0{width}d}" for name, index, width in place)
        kin = Kin(str(candidate.path), number // slow)
        frames.append(replace(candidate, name=f"{root}/{label}{extension}", frame=number, kin=kin))
    return frames


@dataclass
class FoundImages:
    """Candidates, the class of each (None: not known), the classes in order, and what was left out.

    ``notes`` are lines for the user about files that are no images.
    """

    candidates: list[Candidate] = field(default_factory=list)
    labels: list[str] | None = None
    classes: tuple[str, ...] = ()
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def find_images(data: Sequence[str], labeled: bool, part: Part, axes: str = "") -> FoundImages:
    """All that ``data`` stands for, in its order, with names made unique; ``axes`` are those of files and arrays.

    Raises DlcliError for what is missing, unknown or refused, and for folders and patterns without images.
    """
    if not data:
        raise DlcliError("no images were given", "name a folder with images, or image files")
    items = [_item(text, labeled, part, axes) for text in dict.fromkeys(data)]
    every = [labels for item in items if (labels := item.labels) is not None]
    candidates = [candidate for item in items for candidate in item.candidates]
    names = unique_file_names(candidate.name for candidate in candidates)
    renamed = [replace(c, name=name, axes=axes) for c, name in zip(candidates, names, strict=True)]
    return FoundImages(
        renamed,
        [label for labels in every for label in labels] if len(every) == len(items) else None,
        _merged([item.classes for item in items]) if len(every) == len(items) else (),
        [skipped for item in items for skipped in item.skipped],
        [note for item in items for note in item.notes],
    )


def _item(text: str, labeled: bool, part: Part, axes: str) -> FoundImages:
    """One of the things that the user typed."""
    if text == "-":
        path = from_stdin()
        return _file(path, f"stdin{path.suffix}", labeled, part, axes)
    label = printable_path(text)
    if not os.path.lexists(text) and glob.has_magic(text):
        return _pattern(text, labeled, part, axes)
    path = Path(text)
    mode = checked_mode(path, label)
    if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
        raise DlcliError(f"{label} is neither a file nor a folder", "save what it gives as a file first")
    if stat.S_ISREG(mode):
        return _file(path, path.name, labeled, part, axes)
    if is_zarr(path) and not labeled:
        name = path.name if path.suffix.lower() == ".zarr" else f"{path.name}.zarr"
        return FoundImages([Candidate(name, path)])
    if (idx := find_idx(path, part)) is not None:
        return _idx(*idx, part)
    if labeled:
        listing, labels, classes = list_classes(path)
        return FoundImages(
            _files(listing.names, listing.paths), labels, classes, listing.skipped, _notes(label, listing)
        )
    listing = list_images(path)
    if not listing.names:
        other = find_idx(path, "test" if part == "train" else "train") is not None
        hint = (
            f"its IDX files are not those of the {part} part"
            if other
            else f"expected {KNOWN}{how_to_use(listing.others)}"
        )
        what = f" but {by_ending(listing.others)}" if listing.others else ""
        raise DlcliError(f"{label} holds no image{what}", hint)
    return FoundImages(_files(listing.names, listing.paths), skipped=listing.skipped, notes=_notes(label, listing))


def _notes(label: str, listing: Listing) -> list[str]:
    note = note_of_others(label, listing.others)
    return [note] if note else []


def _files(names: Sequence[str], paths: Sequence[Path]) -> list[Candidate]:
    return [Candidate(name, path) for name, path in zip(names, paths, strict=True)]


def _pattern(pattern: str, labeled: bool, part: Part, axes: str) -> FoundImages:
    """The image and array files that a pattern matches, named as seen from its first folder without * ? or [."""
    base = Path(pattern)
    while glob.has_magic(str(base)):
        base = base.parent
    found, others = FoundImages(), Counter[str]()
    for match in sorted(glob.glob(pattern, recursive=True)):
        path = Path(match)
        known = is_image_name(match) or path.suffix.lower() in ARRAYS
        if not path.is_dir() and not known:
            others[ending(match)] += 1
        if not path.is_dir() and known:
            inner = _file(path, path.relative_to(base).as_posix(), labeled, part, axes)
            found.candidates.extend(inner.candidates)
            if inner.labels is not None:
                found.labels = (found.labels or []) + inner.labels
                found.classes = _merged([found.classes, inner.classes])
    if not found.candidates:
        what = f"; what does is {by_ending(others)}" if others else ""
        raise DlcliError(f"no image matches {printable_path(pattern)}{what}", _slashed(pattern) or f"expected {KNOWN}")
    if others:
        found.notes.append(note_of_others(printable_path(pattern), others))
    return found


def _slashed(pattern: str) -> str:
    """What to type for a pattern as Windows has them, or ""."""
    slashed = pattern.replace("\\", "/")
    return f"did you mean {printable_path(slashed)}?" if slashed != pattern and glob.glob(slashed) else ""


def _file(path: Path, name: str, labeled: bool, part: Part, axes: str) -> FoundImages:
    label, extension = printable_path(str(path)), path.suffix.lower()
    if extension in PICKLES:
        hint = "save the images as .npz, or as PNG files"
        raise DlcliError(f"{label} holds pickled objects, which could run code and are never loaded", hint)
    if labeled and extension != ".npz":
        raise DlcliError(f"{label} is one file without classes", CLASSED)
    if is_image_name(name):
        return FoundImages([Candidate(name, path)])
    stem = os.path.splitext(name)[0]
    if extension == ".npy":
        return _arrays(read_npy(path, axes), stem, path)
    if extension == ".npz":
        return _arrays(read_npz(path, part, labeled, axes), stem, path)
    if is_idx(path):
        return _arrays(Arrays(_idx_images(path), None), name.removesuffix(".gz").removesuffix("-ubyte"))
    what = f"the extension {printable(extension)}, which is not read" if extension else "no extension"
    raise DlcliError(f"{label} has {what}", f"give {KNOWN}, .npy, .npz, or a folder of them")


def _arrays(arrays: Arrays, stem: str, path: Path | None = None) -> FoundImages:
    images = arrays.images
    width = max(3, len(str(len(images) - 1)))
    origin = None if path is None or arrays.axes is None else ArrayFile(path, arrays.axes)
    candidates = [Candidate(f"{stem}-{i:0{width}d}", None, image, origin) for i, image in enumerate(images)]
    if arrays.labels is None:
        return FoundImages(candidates)
    values = arrays.labels.tolist()
    return FoundImages(candidates, [str(value) for value in values], tuple(str(value) for value in sorted(set(values))))


def _idx_images(path: Path) -> NDArray[np.uint8]:
    values = read_idx(path)
    if values.ndim != 3:
        raise DlcliError(f"{printable_path(str(path))} holds labels, expected images", "give the file of the images")
    return values[:, :, :, None]


def _idx(images_path: Path, labels_path: Path, part: Part) -> FoundImages:
    """MNIST's pair of files; there are ten classes even if not all occur."""
    images, labels = _idx_images(images_path), read_idx(labels_path)
    if labels.shape != images.shape[:1]:
        message = (
            f"{printable_path(str(images_path))} holds {counted(len(images), 'image')}, but its labels have the shape"
        )
        raise DlcliError(f"{message} {labels.shape}", "fetch both files again")
    found = _arrays(Arrays(images, None), part)
    found.labels = [str(label) for label in labels.tolist()]
    found.classes = _merged([DIGITS, tuple(str(label) for label in np.unique(labels).tolist())])
    return found


def _merged(groups: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """All classes once: numbers by size, else in alphabetical order."""
    names = {name for group in groups for name in group}
    if all(name.isdecimal() for name in names):
        return tuple(sorted(names, key=lambda name: (int(name), name)))
    return tuple(sorted(names))


def unique_file_names(names: Iterable[str]) -> list[str]:
    """Names with -2, -3... before the extension of those that occurred before, as outputs are named after them."""
    every = list(names)
    taken, used = set(every), set[str]()
    unique = []
    for name in every:
        root, extension = os.path.splitext(name)
        number, new = 2, name
        while new in used or (new != name and new in taken):
            new, number = f"{root}-{number}{extension}", number + 1
        used.add(new)
        unique.append(new)
    return unique


def loader(candidate: Candidate, channels: int, dtype: AnyDtype) -> "partial[AnyArray]":
    """A call that gives a candidate's pixels, its errors naming the whole path."""
    return partial(candidate.load, str(candidate.path or candidate.name), channels, dtype)
