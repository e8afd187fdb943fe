"""The images that training, evaluation and prediction work on, held in memory or decoded when asked for."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dlcli.engine.arrays import AnyArray, AnyDtype
from dlcli.errors import DlcliError
from dlcli.images.cache import ImageCache
from dlcli.images.conversion import FLOAT32, UINT8, UINT16
from dlcli.images.folders import Skipped
from dlcli.images.kind import Kind, kind_of
from dlcli.images.reading import HELD, Opened, Source, decoded, frame_notes, looked_at, stack_notes
from dlcli.images.sources import CLASSED, Kin, Part, find_images, loader
from dlcli.memory import available_memory
from dlcli.text import counted, listed, printable, printable_path

__all__ = ["Box", "ImageSet", "ReadLimits", "Skipped", "open_image_set"]

CACHE_BYTES, CACHE_SHARE = 1 << 30, 0.5  # at most, and of what all images may take
MODEST = 256 << 20


class Box(NamedTuple):
    """A rectangle of image number ``image``, in pixels."""

    image: int
    top: int
    left: int
    height: int
    width: int

    def of(self, pixels: AnyArray) -> AnyArray:
        """A view of the rectangle in ``pixels`` (H, W, C)."""
        return pixels[self.top : self.top + self.height, self.left : self.left + self.width]


@dataclass(frozen=True, eq=False)
class ImageSet:
    """A sequence of images of any sizes, all with ``channels``: 1 (gray), 3 (RGB), or any other number.

    All are of one ``dtype``: uint8, uint16 or float32, on the scale that their files have them on.
    ``names`` are relative to the folder that was given, with extension; ``paths`` the files, None for arrays;
    ``labels`` (N,) index into ``classes``, None where there are none; ``skipped`` the images left out; ``notes``
    lines for the user; ``kin`` the stack that each is of and its place there, () where none is of one. It may be used
    by threads at the same time.
    """

    names: tuple[str, ...]
    paths: tuple[Path | None, ...]
    labels: NDArray[np.int64] | None
    classes: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]
    channels: int
    dtype: AnyDtype
    _shapes: tuple[tuple[int, int], ...] = field(repr=False)
    _sources: tuple[Source, ...] = field(repr=False)
    _cache: ImageCache = field(repr=False)
    kin: tuple[Kin | None, ...] = ()

    @classmethod
    def of_arrays(
        cls,
        arrays: Sequence[AnyArray] | AnyArray,
        names: Sequence[str] | None = None,
        labels: Sequence[int] | NDArray[np.integer] | None = None,
        classes: Sequence[str] = (),
    ) -> "ImageSet":
        """Images of uint8, uint16 or float32 that are (H, W), or (H, W, C) all with the same C; not copied."""
        held = tuple(array[:, :, None] if array.ndim == 2 else array for array in arrays)
        kinds = {(array.shape[2], array.dtype) for array in held} or {(1, UINT8)}
        ((channels, dtype), *others) = kinds
        if others or dtype not in (UINT8, UINT16, FLOAT32):
            raise ValueError("expected arrays of uint8, uint16 or float32, all with as many channels")
        return cls(
            names=tuple(names) if names is not None else tuple(f"image-{i:03d}" for i in range(len(held))),
            paths=(None,) * len(held),
            labels=None if labels is None else np.asarray(labels, dtype=np.int64),
            classes=tuple(classes),
            skipped=(),
            notes=(),
            channels=channels,
            dtype=dtype,
            _shapes=tuple((array.shape[0], array.shape[1]) for array in held),
            _sources=held,
            _cache=ImageCache(0),
        )

    def __len__(self) -> int:
        return len(self.names)

    def shape(self, i: int) -> tuple[int, int]:
        """Height and width of image ``i`` in pixels, without decoding it."""
        return self._shapes[i]

    def pixels(self, i: int) -> AnyArray:
        """Image ``i``, (H, W, channels) of ``dtype``, which may be shared: not to be written to.

        Raises DlcliError for a file that isn't held in memory and turns out to be damaged.
        """
        source = self._sources[i]
        if isinstance(source, np.ndarray):
            return source
        pixels = self._cache.get(source, source)
        if pixels.shape[:2] != self._shapes[i]:
            raise DlcliError(f"{printable_path(str(self.paths[i]))} changed while it was in use", "start again")
        return pixels

    @property
    def in_memory(self) -> bool:
        """Whether all images are held decoded."""
        return all(isinstance(source, np.ndarray) for source in self._sources)

    @property
    def at_hand(self) -> int:
        """How many images of the usual size can be held at a time; all, where they are in memory."""
        if self.in_memory:
            return len(self)
        pixels = sum(height * width for height, width in self._shapes) / max(len(self), 1)
        return max(1, int(self._cache.limit / max(pixels * self.channels * self.dtype.itemsize, 1)))

    def subset(self, indices: Iterable[int] | NDArray[np.integer]) -> "ImageSet":
        """The images at ``indices``, in that order; what was skipped and noted stays as it is."""
        chosen = [int(i) for i in indices]
        return replace(
            self,
            names=tuple(self.names[i] for i in chosen),
            paths=tuple(self.paths[i] for i in chosen),
            labels=None if self.labels is None else self.labels[chosen],
            _shapes=tuple(self._shapes[i] for i in chosen),
            _sources=tuple(self._sources[i] for i in chosen),
            kin=tuple(self.kin[i] for i in chosen) if self.kin else (),
        )

    def followed_by(self, others: "ImageSet") -> "ImageSet":
        """These images and then ``others``, which have as many channels and no classes."""
        return replace(
            self,
            names=self.names + others.names,
            paths=self.paths + others.paths,
            labels=None,
            _shapes=self._shapes + others._shapes,
            _sources=self._sources + others._sources,
            kin=(),
        )

    def mapped(self, function: Callable[[AnyArray], AnyArray], dtype: AnyDtype) -> "ImageSet":
        """The images as ``function`` makes them, of ``dtype``; themselves where they are of that type already."""
        if self.dtype == dtype:
            return self
        return replace(
            self,
            dtype=dtype,
            _sources=tuple(
                function(source) if isinstance(source, np.ndarray) else _Mapped(source, function)
                for source in self._sources
            ),
        )

    def parts(self, boxes: Sequence[Box]) -> "ImageSet":
        """The ``boxes`` as images of their own, which bear the names of those that they were cut from."""
        whole = self.subset(box.image for box in boxes)
        sources = zip(whole._sources, boxes, strict=True)
        return replace(
            whole,
            _shapes=tuple((box.height, box.width) for box in boxes),
            _sources=tuple(
                box.of(source) if isinstance(source, np.ndarray) else _Part(source, self._cache, box)
                for source, box in sources
            ),
        )


@dataclass(frozen=True, eq=False)
class _Part:
    """A call that gives a box of an image that is decoded when asked for."""

    source: Callable[[], AnyArray]
    cache: ImageCache
    box: Box

    def __call__(self) -> AnyArray:
        # Copied, as a view that is kept would keep the whole.
        return np.array(self.box.of(self.cache.get(self.source, self.source)))


@dataclass(frozen=True, eq=False)
class _Mapped:
    """A call that gives what a function makes of an image that is decoded when asked for."""

    source: Callable[[], AnyArray]
    function: Callable[[AnyArray], AnyArray]

    def __call__(self) -> AnyArray:
        return self.function(self.source())


@dataclass(frozen=True)
class ReadLimits:
    """How much memory (bytes; None: half of what is free) images may take, and how few and small they may be.

    ``once``: what is not held in memory is decoded once, which is nothing to tell of.
    """

    memory: int | None = None
    min_side: int = 1
    min_count: int = 1
    once: bool = False


def open_image_set(
    data: Sequence[str],
    *,
    channels: int | None = None,
    labeled: bool = False,
    part: Part = "train",
    limits: ReadLimits = ReadLimits(),
    axes: str = "",
) -> ImageSet:
    """The images in ``data``: folders, image files, patterns, .npy, .npz, IDX files and folders of those.

    ``channels`` None means 1 if every image is gray, 3 if there is color, or the number that most of them have.
    ``labeled`` asks for classes: class folders, IDX, or .npz with labels; ``part`` is the one to take of IDX and .npz
    files that have two. Images that can't be read or are smaller than ``limits.min_side`` pixels on a side are
    skipped. If all of them take more than ``limits.memory`` files are only looked at now, and decoded when asked for.
    ``axes`` names those of files with several frames.

    Raises DlcliError when fewer than ``limits.min_count`` images or 2 classes remain, or a class without images.
    """
    found = find_images(data, labeled, part, axes)
    given = printable_path(data[0]) + (f" and {len(data) - 1} more" if len(data) > 1 else "")
    if labeled and found.labels is None:
        raise DlcliError(f"{given}: not all of it has classes", CLASSED)
    skipped, total = list(found.skipped), len(found.candidates) + len(found.skipped)
    opened = looked_at(found, limits.min_side, skipped, HELD if limits.memory is None else min(limits.memory, HELD))
    kind = kind_of(opened, channels)
    size = sum(one.header.height * one.header.width for one in opened) * kind.channels * kind.dtype.itemsize
    limit = _memory_limit(size) if limits.memory is None else limits.memory
    notes, told = [*found.notes, *stack_notes(opened), *frame_notes(opened)], ""
    if size <= limit:
        opened = decoded(opened, kind.channels, kind.dtype, skipped)
        if opened and (left := kind_of(opened, kind.channels)).dtype != kind.dtype:
            # The type was that of images that can't be used: it must not decide what becomes of the others.
            opened, kind = decoded(opened, kind.channels, left.dtype, skipped), left
    else:
        told = _stream(opened, kind, size, limit)
    notes += [*kind.notes, *([told] if told and not limits.once else [])]
    if len(opened) < limits.min_count:
        raise _too_few(given, len(opened), total, limits.min_count, skipped)
    if labeled:
        _check_classes(given, found.classes, opened, skipped)
    return ImageSet(
        names=tuple(one.candidate.name for one in opened),
        paths=tuple(one.candidate.path for one in opened),
        labels=None if found.labels is None else _codes(opened, found.classes),
        classes=found.classes,
        skipped=tuple(skipped),
        notes=tuple(notes),
        channels=kind.channels,
        dtype=kind.dtype,
        _shapes=tuple((one.header.height, one.header.width) for one in opened),
        _sources=tuple(one.source for one in opened if one.source is not None),
        _cache=ImageCache(min(CACHE_BYTES, int(limit * CACHE_SHARE))),
        kin=tuple(one.candidate.kin for one in opened) if any(one.candidate.kin for one in opened) else (),
    )


def _stream(opened: Sequence[Opened], kind: Kind, size: int, limit: int) -> str:
    """Leave the images to be decoded when they are asked for; the note on it, as they take ``size`` bytes."""
    for one in opened:
        one.source = loader(one.candidate, kind.channels, kind.dtype)
    taken = f"{size / 2**30:.1f} GiB, of {limit / 2**30:.1f} GiB to spare"
    return f"decoded, the images take {taken}: they are read from disk whenever they are used"


def _memory_limit(size: int) -> int:
    """Bytes that images which need ``size`` may take; a little is never asked about, as asking takes time."""
    return MODEST if size <= MODEST else available_memory() // 2


def _too_few(given: str, count: int, total: int, wanted: int, skipped: Sequence[Skipped]) -> DlcliError:
    if not skipped:
        return DlcliError(f"{given}: {counted(count, 'image')}, expected {wanted} or more", "add images")
    first = f"{skipped[0].name} {skipped[0].why}"
    message = f"{given}: {count} of {counted(total, 'image')} can be used, expected {wanted} or more; {first}"
    return DlcliError(message, "fix those images or give others")


def _check_classes(given: str, classes: Sequence[str], opened: Sequence[Opened], skipped: Sequence[Skipped]) -> None:
    """Raises DlcliError for fewer than two classes, and for one all of whose images were skipped."""
    if len(classes) < 2:
        raise DlcliError(f"{given}: there is one class only, {listed(classes)}, expected 2 or more", CLASSED)
    lost = {skip.name.split("/")[0]: skip for skip in reversed(skipped)}
    for name in set(classes) - {one.label for one in opened}:
        if (skip := lost.get(printable_path(name))) is not None:
            message = f"{given}: no image of the class {printable(name)} can be used: {skip.name} {skip.why}"
            raise DlcliError(message, "fix its images, or delete its folder")


def _codes(opened: Sequence[Opened], classes: Sequence[str]) -> NDArray[np.int64]:
    places = {name: code for code, name in enumerate(classes)}
    return np.array([places[one.label] for one in opened if one.label is not None], dtype=np.int64)
