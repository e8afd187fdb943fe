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
from dlcli.images.formats.axes import Axes
from dlcli.images.formats.idx import PLENTY
from dlcli.memory import available_memory
from dlcli.text import counted, listed, printable, printable_path

SHAPES = "(H, W), (N, H, W), (H, W, C) or (N, H, W, C) with 1, 3 or 4 channels C"
CONVERT = "convert them, as in x.astype('float32')"
FEW = (1, 3, 4)  # channels that a last dimension may be without a question
FEWEST, MANY = 8, 16  # a width of an image that isn't taken for channels; channels that micrographs have
_NAMES = {2: "YX", 4: "NYXS"}


@dataclass(frozen=True)
class Arrays:
    """``images`` (N, H, W, C) of any type of numbers; ``labels`` (N,) or None; ``axes`` of the file's array."""

    images: AnyArray
    labels: AnyArray | None
    axes: Axes | None = None


def read_npy(path: Path, axes: str = "") -> Arrays:
    """The images of a .npy file, mapped rather than read; ``axes`` name its dimensions.

    Raises DlcliError for what holds no images.
    """
    label = printable_path(str(path))
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:
        raise _refused(label, error) from None
    if not isinstance(array, np.ndarray):
        raise DlcliError(f"{label} is a .npz file by its content", "rename it to .npz")
    known = array_axes(array.shape, axes, label)
    return Arrays(_images(array, known, label), None, known)


def of_array(array: AnyArray, label: str, axes: str = "") -> Arrays:
    """The images of an array that a program holds, which messages call ``label``; ``axes`` name its dimensions.

    Raises DlcliError for what holds no images.
    """
    known = array_axes(array.shape, axes, label)
    return Arrays(_images(array, known, label), None, known)


def read_npz(path: Path, part: Literal["train", "test"], labeled: bool, axes: str = "") -> Arrays:
    """The images of a .npz file: its ``images``, ``x`` or ``X``, also with ``part`` in the name, or its one array.

    ``labeled`` asks for ``labels``, ``y`` or ``Y`` beside them. Raises DlcliError for what is lacking or unfit.
    """
    label = printable_path(str(path))
    try:
        with zipfile.ZipFile(path) as archive:
            members = {name.removesuffix(".npy"): name for name in archive.namelist() if name.endswith(".npy")}
            images = _chosen(members, _names(("images", "x", "X"), part), "images", label)
            array = _member(archive, members[images], label)
            # Labels are of images one after the other.
            several = labeled or any(name in members for name in _names(("labels", "y", "Y"), part))
            known = array_axes(array.shape, axes or ("NYX" if several and array.ndim == 3 else ""), label)
            found = _images(array, known, label)
            if not labeled:
                return Arrays(found, None, known)
            name = _chosen(members, _names(("labels", "y", "Y"), part), "labels", label)
            labels = _member(archive, members[name], label)
    except DlcliError:
        raise
    except Exception as error:
        # Damaged headers go through Python's own tokenizer, which raises errors of many kinds.
        raise _refused(label, error) from None
    return Arrays(found, _labels(labels, len(found), label), known)


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


def _images(array: AnyArray, axes: Axes, label: str) -> AnyArray:
    """``array`` as (N, H, W, C); raises DlcliError for other types than those of images."""
    if array.dtype.kind not in "uif":
        kind = printable(str(array.dtype))
        raise DlcliError(f"{label} holds values of type {kind}, expected whole or floating-point numbers", CONVERT)
    order = [axes.names.index(letter) for letter in (*axes.frame_names, "Y", "X", *axes.channel)]
    # A view, unless frames along several dimensions lie apart.
    return array.transpose(order).reshape(-1, *axes.size)


def array_axes(shape: tuple[int, ...], given: str, label: str) -> Axes:
    """The dimensions of an array: ``given``, or what its shape can only mean. Raises DlcliError where it can't be told.

    Channels called S are as in files, where a fourth is transparency; those called C are what they are.
    """
    names = given or _NAMES.get(len(shape), "")
    if not given and len(shape) == 3:
        names = _of_three(shape, label)
    elif not given and (len(shape) == 4 and shape[3] not in FEW):
        what = f"{label} has the shape {shape}, where channels can be the second or the last dimension"
        raise DlcliError(what, f"say which: --axes {'NYXC' if shape[3] < shape[1] else 'NCYX'}")
    if not names:
        hint = "name its dimensions by --axes, such as TZYX, or reshape it before saving it"
        raise DlcliError(f"{label} has the shape {shape}, expected {SHAPES}", hint)
    try:
        return Axes(names, shape)
    except DlcliError as error:
        raise DlcliError(f"{label} {error.message}", error.hint) from None


def _of_three(shape: tuple[int, ...], label: str) -> str:
    """The names of three dimensions. Raises DlcliError for what may be images one after the other, or channels."""
    first, middle, last = shape
    if last in FEW:
        return "YXS"
    if first in FEW[1:] and first < min(middle, last):
        ask = f"{first} gray images, or one of {first} channels", "NYX", "CYX"
    elif last < min(first, middle) and (last < FEWEST or (last <= MANY and min(first, middle) >= 4 * last)):
        ask = f"{first} gray images of a width of {last}, or one of {last} channels", "NYX", "YXC"
    else:
        return "NYX"
    what, several, one = ask
    raise DlcliError(f"{label} has the shape {shape}: {what}", f"say which: --axes {several}, or --axes {one}")


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
