"""Zarr arrays and OME-Zarr images, by zarr: read and written chunk by chunk."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from dlcli.engine.arrays import AnyArray
from dlcli.errors import DlcliError
from dlcli.images.formats.axes import Axes, guessed_axes, named_axes
from dlcli.images.formats.frames import DecodedImage, Header, Stored
from dlcli.images.formats.layout.pyramids import shrunk
from dlcli.images.formats.science.extras import imported
from dlcli.text import counted, printable

MARKS = ("zarr.json", ".zgroup", ".zarray", ".zattrs")


def is_zarr(path: Path) -> bool:
    """Whether it is a folder that holds an array or a group of Zarr, or is named as a zip file of one."""
    return (path.is_dir() and any((path / mark).is_file() for mark in MARKS)) or path.name.endswith(".zarr.zip")


@contextmanager
def opened_zarr(path: Path, most: int, axes: str) -> Iterator["ZarrStack"]:
    """The frames of the array, or of the first image, of at most ``most`` pixels each. Raises DlcliError for others."""
    zarr = imported("zarr", "a Zarr array", "zarr")
    try:
        store = zarr.storage.ZipStore(path, mode="r") if path.is_file() else str(path)
        yield ZarrStack(zarr.open(store, mode="r"), most, axes)
    except DlcliError:
        raise
    except Exception as error:
        raise DlcliError(f"is damaged: {printable(str(error) or type(error).__name__)}", "save it again") from None


class ZarrStack:
    """The frames of an open array."""

    def __init__(self, found: Any, most: int, given: str) -> None:
        self.attributes: dict[str, Any] = dict(found.attrs)
        self.levels: list[str] = []
        names = ""
        if not hasattr(found, "dtype"):
            found, names = self._image(found)
        self.array = found
        if np.dtype(found.dtype).kind not in "uif":
            raise DlcliError(f"holds values of type {printable(str(found.dtype))}, expected numbers", "convert them")
        shape = tuple(map(int, found.shape))
        told = getattr(getattr(found, "metadata", None), "dimension_names", None)
        names = names or "".join(str(name)[:1].upper() for name in told or () if name)
        fits = len(names) == len(shape) == len(set(names))
        self.axes: Axes = named_axes(names, shape, given) if fits else guessed_axes(shape, given)
        height, width, _ = self.axes.size
        if height * width > most:
            raise DlcliError(f"has more than {most // 10**6} million pixels", "cut it into smaller images")
        self.dtype = np.dtype(found.dtype).newbyteorder("=")

    def _image(self, group: Any) -> tuple[Any, str]:
        """The largest level of the first image, and its axes."""
        told = self.attributes.get("ome", self.attributes).get("multiscales")
        if not told:
            arrays = [name for name, _ in group.arrays()]
            if len(arrays) == 1:
                return group[arrays[0]], ""
            message = f"is a group with {counted(len(arrays), 'array')} and no image of OME-Zarr"
            raise DlcliError(message, "name the array, as in FILE.zarr/0")
        self.levels = [str(one["path"]) for one in told[0]["datasets"]]
        letters = [one["name"] if isinstance(one, dict) else one for one in told[0].get("axes", ())]
        return group[self.levels[0]], "".join(str(letter)[:1].upper() for letter in letters)

    def __len__(self) -> int:
        return self.axes.frames

    def header(self, number: int) -> Header:
        """What each frame is."""
        del number
        height, width, channels = self.axes.size
        along = tuple(zip(self.axes.frame_names, self.axes.frame_shape, strict=True))
        return Header(height, width, channels, "", self.dtype, len(self), along)

    def frame(self, number: int) -> DecodedImage:
        """Frame ``number``: the chunks that it lies in are decoded."""
        values = np.array(self.axes.image(np.asarray(self.array[self.axes.index(number)])), self.dtype, order="C")
        options = {
            "attributes": self.attributes, "levels": self.levels, "chunks": self.array.chunks,
            "version": self.array.metadata.zarr_format, "name": self.levels[0] if self.levels else "",
        }  # fmt: skip
        return DecodedImage(
            values, None, "ZARR", "", stored=Stored(options, self.axes.names, self.axes.shape, False, len(self))
        )


class ZarrFile:
    """A Zarr array, or an OME-Zarr image, that is filled frame by frame; smaller levels are means of blocks."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes: list[str] = []
        self._arrays: list[tuple[Any, int]] = []
        self._count = 0

    def add(self, values: AnyArray, stored: Stored, frames: int, scale: float) -> None:
        """One frame, (H, W, C), ``scale`` times as large as it was; ``stored`` says how it was held."""
        if not self._arrays:
            self._begin(values, stored, frames, scale)
        for array, factor in self._arrays:
            smaller = values if factor == 1 else shrunk(values, factor)
            array[self.axes.index(self._count)] = self.axes.array(smaller)
        self._count += 1

    def close(self) -> None:
        """Nothing waits."""

    def _begin(self, values: AnyArray, stored: Stored, frames: int, scale: float) -> None:
        zarr = imported("zarr", "a Zarr array", "zarr")
        height, width, channels = values.shape
        if stored.axes:
            sizes = {"Y": height, "X": width}
            shape = tuple(sizes.get(name, size) for name, size in zip(stored.axes, stored.shape, strict=True))
            self.axes = Axes(stored.axes, shape)
        else:
            names = ("Z" if frames > 1 else "") + "YX" + ("C" if channels > 1 else "")
            lengths = {"Z": frames, "Y": height, "X": width, "C": channels}
            self.axes = Axes(names, tuple(lengths[name] for name in names))
        options = stored.options
        version = options.get("version", 2)
        attributes = _rescaled(options.get("attributes", {}), scale)
        levels, factors = options.get("levels") or [""], [1]
        while len(factors) < len(levels) and min(height, width) >> len(factors) > 0:
            factors.append(2 * factors[-1])
        root = None
        if levels[0]:
            root = zarr.create_group(str(self.path), zarr_format=version, attributes=attributes)
        for name, factor in zip(levels, factors, strict=False):
            lengths = {"Y": height // factor, "X": width // factor}
            pairs = zip(self.axes.names, self.axes.shape, strict=True)
            shape = tuple(lengths.get(letter, size) for letter, size in pairs)
            chunks = tuple(map(min, options.get("chunks") or _chunks(self.axes, shape), shape))
            if root is None:
                array = zarr.create_array(
                    str(self.path), shape=shape, chunks=chunks, dtype=values.dtype, zarr_format=version,
                    attributes=attributes,
                )  # fmt: skip
            else:
                array = root.create_array(name, shape=shape, chunks=chunks, dtype=values.dtype)
            self._arrays.append((array, factor))


def _chunks(axes: Axes, shape: tuple[int, ...]) -> tuple[int, ...]:
    """A frame each, in squares of up to 1024 pixels."""
    most = {"Y": 1024, "X": 1024, "C": 16, "S": 16}
    return tuple(min(size, most.get(name, 1)) for name, size in zip(axes.names, shape, strict=True))


def _rescaled(attributes: dict[str, Any], scale: float) -> dict[str, Any]:
    """The attributes for pixels that are ``scale`` times as many: sizes of pixels along y and x."""
    if scale == 1:
        return attributes
    told = attributes.get("ome", attributes).get("multiscales", [])
    for image in told:
        letters = [one["name"] if isinstance(one, dict) else one for one in image.get("axes", ())]
        for level in image.get("datasets", ()):
            for transformation in level.get("coordinateTransformations", ()):
                if transformation.get("type") == "scale":
                    pairs = zip(letters, transformation["scale"], strict=False)
                    transformation["scale"] = [size / scale if name in ("x", "y") else size for name, size in pairs]
    return attributes
