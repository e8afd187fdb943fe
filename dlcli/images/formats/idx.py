"""The IDX format of the MNIST digits: big-endian sizes, then bytes, gzipped or not."""

import gzip
import math
import zlib
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from dlcli.errors import DlcliError
from dlcli.memory import available_memory
from dlcli.text import printable, printable_path

BYTES = 0x08
TYPES = {0x09: "signed bytes", 0x0B: "16-bit integers", 0x0C: "32-bit integers", 0x0D: "floats", 0x0E: "doubles"}
PREFIXES = {"train": "train", "test": "t10k"}
GZIP = b"\x1f\x8b"
# The most that deflate can shrink anything.
RATIO = 1032
PIECE = 1 << 20
# Up to here nobody asks how much memory there is.
PLENTY = 1 << 30
AGAIN = "fetch the file again"


def find_idx(folder: Path, part: Literal["train", "test"]) -> tuple[Path, Path] | None:
    """The files of images and labels of ``part`` in ``folder`` (train-*-ubyte, t10k-*-ubyte, also .gz), or None.

    Raises DlcliError when there are images without labels.
    """
    prefix = PREFIXES[part]
    try:
        names = sorted(entry.name for entry in folder.iterdir() if entry.name.startswith(prefix + "-"))
    except OSError:
        return None
    files = {
        kind: next((n for n in names if kind in n and n.removesuffix(".gz").endswith("-ubyte")), None)
        for kind in ("images", "labels")
    }
    if files["images"] is None:
        return None
    if files["labels"] is None:
        label = printable_path(str(folder / files["images"]))
        raise DlcliError(f"{label} has no labels beside it", f"add {prefix}-labels-idx1-ubyte to its folder")
    return folder / files["images"], folder / files["labels"]


def is_idx(path: Path) -> bool:
    """Whether the name says IDX, as MNIST's files are named."""
    return path.name.removesuffix(".gz").endswith("-ubyte")


def read_idx(path: Path) -> NDArray[np.uint8]:
    """The (N, H, W) images or (N,) labels in ``path``.

    Raises DlcliError for what cannot be read, isn't IDX of unsigned bytes, or doesn't hold what its header says;
    no more memory is taken than the file has bytes for.
    """
    label = printable_path(str(path))
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == GZIP
            raw.seek(0)
            ratio = RATIO if packed else 1
            with gzip.open(raw) if packed else raw as stream:
                return _read(stream, path.stat().st_size * ratio, label)
    except FileNotFoundError:
        raise DlcliError(f"{label}: there is no such file", "check the path and its spelling") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DlcliError(f"{label} is incomplete or damaged gzip data: {printable(str(error))}", AGAIN) from None
    except (OSError, ValueError, MemoryError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        message = f"{label} cannot be read: {printable(reason or 'not enough memory')}"
        raise DlcliError(message, "check the path and its permissions") from None


def _read(stream: BinaryIO | gzip.GzipFile, most: int, label: str) -> NDArray[np.uint8]:
    """What ``stream`` holds, of which there can be at most ``most`` bytes."""
    shape = _shape(stream, label)
    promised = math.prod(shape)
    shown = " x ".join(str(side) for side in shape)
    if promised > most:
        raise DlcliError(f"{label} says that it holds {shown} bytes, more than a file of its size can", AGAIN)
    if promised > PLENTY and promised > available_memory():
        message = f"{label} holds {shown} bytes, more than there is memory for"
        raise DlcliError(message, "save the images as .npy, which is read piece by piece")
    values = bytearray()
    # One byte more than promised is enough to tell, however far a gzip file would expand.
    while len(values) <= promised and (piece := stream.read(min(PIECE, promised + 1 - len(values)))):
        values += piece
    if len(values) != promised:
        there = "more" if len(values) > promised else f"{len(values):,}"
        raise DlcliError(f"{label} says that it holds {shown} = {promised:,} bytes, but {there} are there", AGAIN)
    if promised == 0:
        raise DlcliError(f"{label} holds nothing: its sizes are {shown}", "give a file with images or labels")
    return np.frombuffer(values, dtype=np.uint8).reshape(shape)


def _shape(stream: BinaryIO | gzip.GzipFile, label: str) -> tuple[int, ...]:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in (BYTES, *TYPES):
        raise DlcliError(f"{label} is not in the IDX format", "give files such as train-images-idx3-ubyte.gz")
    if magic[2] != BYTES:
        raise DlcliError(f"{label} holds {TYPES[magic[2]]}, expected unsigned bytes", "save the arrays as .npz")
    if magic[3] not in (1, 3):
        message = f"{label} has {magic[3]} dimensions, expected 3 for images or 1 for labels"
        raise DlcliError(message, "save the arrays as .npz")
    sizes = stream.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise DlcliError(f"{label} ends within its header", AGAIN)
    return tuple(int(size) for size in np.frombuffer(sizes, dtype=">u4"))
