"""Blur kernels, from a short text or a file: 2-D, finite, non-negative, of odd sides, summing to 1."""

import math
import re
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dlcli.degradations.base import Kernel
from dlcli.errors import DlcliError

MAX_SIDE = 127
MAX_GAUSSIAN = 15.0  # four deviations on each side still fit MAX_SIDE
# What NumPy and Pillow raise for broken files.
_UNREADABLE = (OSError, ValueError, EOFError, SyntaxError, MemoryError, KeyError, RuntimeError, zlib.error,
               zipfile.BadZipFile, tokenize.TokenError, struct.error)  # fmt: skip
_FORMS = "gaussian:SIGMA, motion:LENGTH:ANGLE, FILE.npy, FILE.npz, FILE.npz:NAME or an image file"


def parse_blur(text: str) -> list[Kernel]:
    """The kernels that ``text`` names; several only from an .npz file, in the file's order.

    gaussian:SIGMA (pixels), motion:LENGTH:ANGLE (pixels; degrees anticlockwise from the x axis), FILE.npy, FILE.npz,
    FILE.npz:NAME, or a gray image file. Raises DlcliError for anything else and for kernels that are not 2-D, finite,
    non-negative, of positive sum and of at most 127 a side.
    """
    name, _, rest = text.partition(":")
    if name == "gaussian":
        return [gaussian_kernel(*_numbers(text, rest, 1))]
    if name == "motion":
        return [motion_kernel(*_numbers(text, rest, 2))]
    archive = re.fullmatch(r"(?P<file>.+\.npz)(:(?P<member>[^:/\\]+))?", text, re.IGNORECASE)
    if archive:
        arrays = _read(archive["file"], lambda path: _read_npz(path, archive["member"]))
    elif text.lower().endswith(".npy"):
        arrays = _read(text, lambda path: {text: _read_npy(path)})
    elif Path(text).suffix:
        arrays = _read(text, lambda path: {text: _read_image(path)})
    else:
        raise DlcliError(f"{text!r} is not a blur", f"give {_FORMS}")
    return [normalized(array, where) for where, array in arrays.items()]


def normalized(array: npt.NDArray[np.generic], where: str) -> Kernel:
    """The (h, w) array as a kernel: divided by its sum, even sides zero-padded at their ends to odd ones.

    ``where`` names it in messages. Raises DlcliError as parse_blur does.
    """
    shape = "x".join(map(str, array.shape)) or "a single number"
    if array.ndim != 2 or not array.size or max(array.shape) > MAX_SIDE:
        raise DlcliError(
            f"{where}: a blur kernel is a 2-D array of at most {MAX_SIDE}x{MAX_SIDE}, this is {shape}",
            "give an array of height x width, one kernel each",
        )
    if array.dtype.kind not in "biuf":
        raise DlcliError(f"{where}: a blur kernel holds numbers, this holds {array.dtype}", "save real numbers")
    kernel = array.astype(np.float64)
    if not np.isfinite(kernel).all() or kernel.min() < 0 or kernel.max() <= 0:
        raise DlcliError(
            f"{where}: a blur kernel holds finite numbers of at least 0, not all 0; this holds "
            f"{kernel.min():g} to {kernel.max():g}",
            "give the share of light that each pixel receives",
        )
    # By the largest first: a sum of huge or tiny values would leave the range of floats.
    kernel /= kernel.max()
    # Padding the end keeps the center at index side // 2, where other programs put that of an even kernel.
    padded = np.pad(kernel, [(0, 1 - side % 2) for side in kernel.shape])
    return np.asarray(padded / padded.sum(), np.float64)


def gaussian_kernel(sigma: float) -> Kernel:
    """A Gaussian of deviation ``sigma`` pixels, cut at four deviations. Raises DlcliError outside 0 < sigma <= 15."""
    if not 0 < sigma <= MAX_GAUSSIAN:
        raise DlcliError(
            f"gaussian:{sigma:g}: sigma is in pixels, above 0 and up to {MAX_GAUSSIAN:g}", "such as gaussian:1.6"
        )
    radius = math.ceil(4 * sigma)
    line = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return normalized(np.outer(line, line), f"gaussian:{sigma:g}")


def motion_kernel(length: float, angle: float) -> Kernel:
    """A straight camera motion of ``length`` pixels at ``angle`` degrees, anticlockwise from the x axis.

    A pixel's weight falls from 1 on the segment of length - 1 between the end pixels' centers to 0 at a distance of
    one pixel, so that a level line of n pixels has n equal weights. Raises DlcliError outside 1 <= length <= 125.
    """
    if not 1 <= length <= MAX_SIDE - 2 or not math.isfinite(angle):
        raise DlcliError(
            f"motion:{length:g}:{angle:g}: the length is in pixels, from 1 to {MAX_SIDE - 2}, the angle in degrees",
            "such as motion:15:30",
        )
    half = (length - 1) / 2
    across, up = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    # Less a hair: the cosine of 90 degrees is 6e-17, not 0, and must not widen the kernel.
    x_radius, y_radius = (math.ceil(half * abs(reach) + 1 - 1e-9) - 1 for reach in (across, up))
    x, y = np.arange(-x_radius, x_radius + 1)[None, :], np.arange(y_radius, -y_radius - 1, -1)[:, None]
    along = np.clip(x * across + y * up, -half, half)
    distance = np.hypot(x - along * across, y - along * up)
    return normalized(np.maximum(1 - distance, 0), f"motion:{length:g}:{angle:g}")


def _numbers(text: str, rest: str, count: int) -> list[float]:
    try:
        values = [float(part) for part in rest.split(":")]
    except ValueError:
        values = []
    if len(values) != count:
        raise DlcliError(f"{text!r} is not a blur", f"give {_FORMS}")
    return values


def _read(
    file: str, reader: Callable[[Path], dict[str, npt.NDArray[np.generic]]]
) -> dict[str, npt.NDArray[np.generic]]:
    """What ``reader`` returns for the file. Raises DlcliError in place of its exceptions."""
    path = Path(file)
    if not path.is_file():
        raise DlcliError(f"{file}: no such file", f"give {_FORMS}")
    try:
        return reader(path)
    except _UNREADABLE as error:
        raise DlcliError(
            f"{file}: no blur kernel can be read from it: it is damaged, pickled, or of another format",
            "save plain arrays with numpy.save or numpy.savez, or a gray image",
        ) from error


def _read_npy(path: Path) -> npt.NDArray[np.generic]:
    with path.open("rb") as file:  # opened here: NumPy leaves a broken archive open
        loaded = np.load(file, allow_pickle=False)
    if not isinstance(loaded, np.ndarray):
        raise ValueError("an .npz file under another name")
    return loaded


def _read_npz(path: Path, member: str | None) -> dict[str, npt.NDArray[np.generic]]:
    with path.open("rb") as file:
        archive = np.load(file, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("an .npy file under another name")
        if not archive.files or (member and member not in archive.files):
            held = ", ".join(archive.files) or "nothing"
            raise DlcliError(f"{path}: has no array {member or 'at all'}; it holds {held}", "name one of its arrays")
        return {f"{path}:{name}": archive[name] for name in ([member] if member else archive.files)}


def _read_image(path: Path) -> npt.NDArray[np.generic]:
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, about oddities of the file; what counts is checked afterwards
        try:
            opened = Image.open(path)
        except Image.DecompressionBombError as error:
            raise ValueError("far too large") from error
        with opened as image:
            if max(image.size) > MAX_SIDE:  # before decoding, which a hostile file could make very large
                return np.broadcast_to(np.float64(0), image.size[::-1])
            # 16-bit and float images are gray already, and converting them would clip them.
            return np.asarray(image if image.mode.startswith(("I", "F")) else image.convert("L"))
