"""An image from standard input, kept in a temporary file, as its readers go back and forth."""

import os
import shutil
import sys
from pathlib import Path

from dlcli.errors import DlcliError
from dlcli.files import temporary_file
from dlcli.images.formats.opening import FITS, HEIF_BRANDS, TIFF

MARKS = {
    b"\x89PNG": ".png", b"\xff\xd8": ".jpg", b"BM": ".bmp", b"\x93NUMPY": ".npy", b"PK": ".npz", FITS: ".fits",
    **dict.fromkeys(TIFF, ".tif"),
}  # fmt: skip


_READ: dict[str, tuple[object, Path]] = {}  # the stream, which gives nothing more to who asks again, and its file


def from_stdin() -> Path:
    """The file, which is named by its content; the same when asked again.

    Raises DlcliError for a terminal, nothing, and no image.
    """
    stream, known = _READ.get("stdin", (None, Path()))
    if stream is sys.stdin and known.exists():
        return known
    if sys.stdin.isatty():
        raise DlcliError("DATA - is standard input, which is a terminal here", "name a file, or pipe one in")
    handle, path = temporary_file(".image")
    with open(handle, "wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    with path.open("rb") as read:
        start = read.read(12)
    if not start:
        raise DlcliError("DATA -: standard input is empty", "pipe an image in, or name a file")
    ending = next((ending for mark, ending in MARKS.items() if start.startswith(mark)), "")
    if start[:4] == b"RIFF" and start[8:] == b"WEBP":
        ending = ".webp"
    elif start[4:8] == b"ftyp":
        ending = ".heic" if start[8:] in HEIF_BRANDS else ".avif"
    if not ending:
        hint = "pipe in a PNG, JPEG, WebP, TIFF, BMP, AVIF, HEIC, FITS or .npy file"
        raise DlcliError("DATA -: standard input is no image that is known by its first bytes", hint)
    handle, named = temporary_file(ending)
    os.close(handle)
    os.replace(path, named)
    _READ["stdin"] = sys.stdin, named
    return named
