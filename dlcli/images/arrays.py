"""Images in NumPy's .npy and .npz files, whose sizes are checked before anything is allocated."""

import math
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import numpy as np

from dlcli.engine.arrays import AnyArray, AnyDtype
from dlcli.errors import DlcliError
from dlcli.images.formats.idx import PLENTY
from dlcli.memory import available_memory
from dlcli.text import counted, listed, printable, printable_path

SHAPES = "(H, W), (N, H, W), (H, W, C) or (N, H, W, C) with 1, 3 or 4 channels C"
CHECKED = 1 << 24


@dataclass(frozen=True)
class Arrays:
    """``images`` (N, H, W, C), C 1, 3 or 4, uint8, uint16 or floats in [0, 1]; ``labels`` (N,) or None.

    ``shape`` is that of the file's array.
    """

    images: AnyArray
    labels: AnyArray | None
    shape: tuple[int, ...] = ()


def read_npy(path: Path) -> Arrays:
    """The images of a .npy file, mapped rather than read. Raises DlcliError for what holds no images."""
    label = printable_path(str(path))
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:
        raise _refused(label, error) from None
    if not isinstance(array, np.ndarray):
        raise DlcliError(f"{label} is a .npz file by its content", "rename it to .npz")
    return Arrays(_images(array, label), None, array.shape)


def read_npz(path: Path, part: Literal["train", "test"], labeled: bool) -> Arrays:
    """The images of a .npz file: its ``images``, ``x`` or ``X``, also with ``part`` in the name, or its one array.

    ``labeled`` asks for ``labels``, ``y`` or ``Y`` beside them. Raises DlcliError for what is lacking or unfit.
    """
    label = printable_path(str(path))
    try:
        with zipfile.ZipFile(path) as archive:
            members = {name.removesuffix(".npy"): name for name in archive.namelist() if name.endswith(".npy")}
            images = _chosen(members, _names(("images", "x", "X"), part), "images", label)
            array = _member(archive, members[images], label)
            found = _images(array, label)
            if not labeled:
                return Arrays(found, None, array.shape)
            name = _chosen(members, _names(("labels", "y", "Y"), part), "labels", label)
            labels = _member(archive, members[name], label)
    except DlcliError:
        raise
    except Exception as error:
        # Damaged headers go through Python's own tokenizer, which raises errors of many kinds.
        raise _refused(label, error) from None
    return Arrays(found, _labels(labels, len(found), label))


def _names(stems: Sequence[str], part: str) -> list[str]:
    return [name for stem in stems for name in (stem, f"{stem}_{part}", f"{part}_{stem}")]


def _chosen(members: dict[str, str], names: Sequence[str], what: str, label: str) -> str:
    for name in names:
        if name in members:
            return name
    if what == "images" and len(members) == 1:
        return next(iter(members))
    message = f"{label} has no array of {what}; its arrays are {listed(members) or 'none'}"
    raise DlcliError(message, f"call it {names[0]} or {names[3]}")


def _member(archive: zipfile.ZipFile, name: str, label: str) -> AnyArray:
    """One array, read only if its header, the zip directory and the free memory agree on its size."""
    size = archive.getinfo(name).file_size
    if size > PLENTY and size > available_memory():
        message = f"{label}: {printable(name)} expands to {size / 2**30:.1f} GiB, more than there is memory for"
        raise DlcliError(message, "save the images as .npy, which is read piece by piece")
    with archive.open(name) as file:
        shape, dtype = _described(file)
        held = size - file.tell()
    if dtype.hasobject:
        raise ValueError("Object arrays cannot be loaded")
    if math.prod(shape) * dtype.itemsize != held:
        message = f"{label}: {printable(name)} says that it has the shape {shape} of {dtype}, but holds {held:,} bytes"
        raise DlcliError(message, "save the file again")
    with archive.open(name) as file:
        return np.asarray(np.lib.format.read_array(file, allow_pickle=False))


def _described(file: IO[bytes]) -> tuple[tuple[int, ...], AnyDtype]:
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    else:
        shape, _, dtype = np.lib.format.read_array_header_2_0(file)
    return shape, dtype


def _refused(label: str, error: Exception) -> DlcliError:
    if "pickle" in str(error) or "object" in str(error).lower():
        hint = "save one array of uint8 for images of one size, or a folder of images"
        return DlcliError(f"{label} holds Python objects, which could run code and are never loaded", hint)
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    message = f"{label} cannot be read as numpy arrays: {printable(reason or type(error).__name__)}"
    return DlcliError(message, "save the file again")


def _images(array: AnyArray, label: str) -> AnyArray:
    """``array`` as (N, H, W, C); raises DlcliError for other shapes, types and values than those of images."""
    shape = array.shape
    if array.dtype.newbyteorder("=") not in (np.uint8, np.uint16) and array.dtype.kind != "f":
        kind = printable(str(array.dtype))
        message = f"{label} holds values of type {kind}, expected uint8, uint16, or floats in [0, 1]"
        raise DlcliError(message, "convert them, as in (255 * x / x.max()).astype('uint8')")
    if len(shape) == 2:
        array = array[None, :, :, None]
    elif len(shape) == 3:
        array = array[None] if shape[2] in (1, 3, 4) else array[:, :, :, None]
    if array.ndim != 4 or array.shape[3] not in (1, 3, 4):
        first = array.ndim == 4 and shape[1] in (1, 3, 4)
        hint = "put the channels last, as x.transpose(0, 2, 3, 1) does" if first else "reshape it before saving it"
        raise DlcliError(f"{label} has the shape {shape}, expected {SHAPES}", hint)
    if 0 in array.shape:
        raise DlcliError(f"{label} has the shape {shape}, which holds no pixels", "give an array with images in it")
    if array.dtype.kind == "f":
        _check_range(array, label)
    return array


def _check_range(array: AnyArray, label: str) -> None:
    """Raises DlcliError unless all floats are in [0, 1]; a piece at a time, as the array may be larger than memory."""
    step = max(1, CHECKED // array[0].nbytes)
    for start in range(0, len(array), step):
        piece = array[start : start + step]
        low, high = float(piece.min()), float(piece.max())
        if math.isnan(low) or math.isnan(high):
            raise DlcliError(f"{label} has values that are not numbers (NaN)", "leave those images out")
        if low < 0 or high > 1:
            message = f"{label} has floats from {low:g} to {high:g}, expected 0 (black) to 1 (white)"
            raise DlcliError(message, "scale them, or convert those in 0 to 255 with .astype('uint8')")


def _labels(labels: AnyArray, count: int, label: str) -> AnyArray:
    """``labels`` as (N,) of whole numbers, booleans or texts; raises DlcliError for others."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or len(labels) != count:
        message = f"{label} has labels of shape {labels.shape} for {counted(count, 'image')}, expected ({count},)"
        raise DlcliError(message, "save one label for each image")
    if labels.dtype.kind == "f" and np.all(np.isfinite(labels)) and np.all(labels == np.rint(labels)):
        labels = labels.astype(np.int64)
    if labels.dtype.kind not in "biuU":
        message = f"{label} has labels of type {printable(str(labels.dtype))}, expected whole numbers or texts"
        raise DlcliError(message, "give every class a whole number")
    return labels
