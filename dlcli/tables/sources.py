"""From what the user typed to streams of bytes: files, patterns, standard input, gzip and zstd."""

import atexit
import difflib
import glob
import gzip
import os
import shutil
import stat
import sys
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import zstandard

from dlcli.errors import DlcliError
from dlcli.files import PICKLES
from dlcli.text import printable, printable_path

FORMATS = {
    **dict.fromkeys(("csv", "tsv", "txt", "dat", "data", "tab"), "delimited"),
    **dict.fromkeys(("jsonl", "ndjson"), "jsonl"),
    "parquet": "parquet",
    **dict.fromkeys(("arrow", "feather", "ipc"), "arrow"),
    "npy": "npy",
    "npz": "npz",
}
COMPRESSIONS = {"gz": "gzip", "zst": "zstd"}
MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
CONTENT = {b"PAR1": "parquet", b"ARROW1": "arrow", b"\x93NUMPY": "npy", b"PK\x03\x04": "npz"}
# A few bytes of zstd can stand for 128 KiB, so that only small pieces keep what comes out small.
ZSTD_PIECE = 4096


@dataclass(frozen=True)
class Source:
    """One file to read: where it is, what to call it, its format and its compression ("" for none)."""

    path: Path
    label: str
    format: str
    compression: str = ""


def expand(patterns: Sequence[str]) -> list[Source]:
    """The files that paths, glob patterns and ``-`` (standard input) stand for, patterns in sorted order.

    Raises DlcliError for what is missing, empty, unreadable, a directory or of an unknown format.
    """
    if not patterns:
        raise DlcliError("no data was given", "name one file or more, or - for standard input")
    found: list[Source] = []
    for pattern in patterns:
        if pattern == "-":
            found.append(_spooled(sys.stdin.buffer, "standard input"))
        elif not os.path.lexists(pattern) and glob.has_magic(pattern):
            matches = sorted(glob.glob(pattern, recursive=True))
            if not matches:
                raise DlcliError(f"no file matches {printable_path(pattern)}", "check the pattern and the folder")
            found.extend(_source(match) for match in matches if not os.path.isdir(match))
        else:
            found.append(_source(pattern))
    if not found:
        raise DlcliError(
            f"{printable_path(patterns[0])} matches folders only", "add a pattern for the files, as in /*.csv"
        )
    return found


def _source(name: str) -> Source:
    path, label = Path(name), printable_path(name)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise DlcliError(f"{label}: there is no such file", _similar(path)) from None
    except (OSError, ValueError) as error:
        raise _unreadable(label, error) from None
    if stat.S_ISDIR(mode):
        raise DlcliError(f"{label} is a folder, not a file", f"name its files, as in '{label.rstrip('/')}/*.csv'")
    try:
        with path.open("rb") as file:
            if not stat.S_ISREG(mode):
                return _spooled(file, label)
            start = file.read(8)
    except OSError as error:
        raise _unreadable(label, error) from None
    format_, compression = _format(path, label)
    if not start:
        raise DlcliError(f"{label} is empty", "give a file with rows of data")
    if not compression and format_ in ("delimited", "jsonl"):
        compression = next((kind for magic, kind in MAGIC.items() if start.startswith(magic)), "")
    return Source(path, label, format_, compression)


def _similar(path: Path) -> str:
    """A hint that names the file next to ``path`` whose name is closest."""
    try:
        names = sorted(os.listdir(path.parent))
    except (OSError, ValueError):
        return "check the path and the folder that you are in"
    close = difflib.get_close_matches(path.name, names, n=1)
    return (
        f"did you mean {printable_path(str(path.parent / close[0]))}?" if close else "check the path and its spelling"
    )


def _unreadable(label: str, error: Exception) -> DlcliError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return DlcliError(f"{label} cannot be read: {printable(reason)}", "check the path and its permissions")


def _format(path: Path, label: str) -> tuple[str, str]:
    """Format and compression by the file's extension; raises DlcliError for one that isn't known."""
    extensions = [extension.lower() for extension in path.name.split(".")[1:]]
    last = extensions[-1] if extensions else ""
    if last in COMPRESSIONS and len(extensions) > 1:
        format_ = FORMATS.get(extensions[-2], "")
        if format_ in ("delimited", "jsonl"):
            return format_, COMPRESSIONS[last]
        raise DlcliError(f"{label}: only delimited text and JSON lines are read compressed", "decompress it first")
    if last in FORMATS:
        return FORMATS[last], ""
    if f".{last}" in PICKLES:
        hint = "save the arrays as .npz, or the table as .csv or .parquet"
        raise DlcliError(f"{label} holds pickled objects, which could run code and are never loaded", hint)
    if last in ("xlsx", "xls", "ods"):
        raise DlcliError(f"{label} is a spreadsheet", "save the sheet as .csv")
    known = ", ".join(f".{extension}" for extension in FORMATS)
    what = f"the unknown extension .{printable(last)}" if last else "no extension"
    raise DlcliError(f"{label} has {what}", f"rename it to what it holds: {known} (text also with .gz or .zst)")


def _spooled(stream: BinaryIO, label: str) -> Source:
    """A pipe's content copied to a temporary file, as training reads its data more than once."""
    descriptor, name = tempfile.mkstemp(prefix="dlcli-")
    path = Path(name)
    atexit.register(_forget, path)
    try:
        with os.fdopen(descriptor, "wb") as file:
            shutil.copyfileobj(stream, file, 1 << 20)
        with path.open("rb") as file:
            start = file.read(8)
        compression = next((kind for magic, kind in MAGIC.items() if start.startswith(magic)), "")
        format_ = next((kind for magic, kind in CONTENT.items() if start.startswith(magic)), "delimited")
        source = Source(path, label, format_, compression)
        if compression:
            start = next(byte_pieces(source, 8), b"")[:8]
    except OSError as error:
        raise _unreadable(label, error) from None
    if not start:
        raise DlcliError(f"{label} is empty", "give a file with rows of data")
    if start.lstrip().startswith(b"{"):
        return Source(path, label, "jsonl", compression)
    return source


def _forget(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


def byte_pieces(source: Source, size: int) -> Iterator[bytes]:
    """The decompressed bytes of ``source`` in pieces of about ``size``; raises DlcliError if it is damaged."""
    try:
        if source.compression == "gzip":
            with gzip.open(source.path, "rb") as file:
                yield from iter(lambda: file.read(size), b"")
        elif source.compression == "zstd":
            with source.path.open("rb") as raw:
                yield from _zstd_pieces(raw, size)
        else:
            with source.path.open("rb") as raw:
                yield from iter(lambda: raw.read(size), b"")
    except (EOFError, zlib.error, zstandard.ZstdError, gzip.BadGzipFile) as error:
        message = f"{source.label} is not whole {source.compression} data: {printable(str(error))}"
        raise DlcliError(message, "fetch the file again, or drop the extension if it isn't compressed") from None
    except OSError as error:
        raise _unreadable(source.label, error) from None


def _zstd_pieces(raw: BinaryIO, size: int) -> Iterator[bytes]:
    """Decompressed pieces of one zstd frame after another; raises EOFError if the last one is cut short."""
    inflater = zstandard.ZstdDecompressor().decompressobj()
    parts: list[bytes] = []
    length, begun = 0, False
    while piece := raw.read(ZSTD_PIECE):
        while piece:
            parts.append(inflater.decompress(piece))
            length += len(parts[-1])
            piece, begun = b"", True
            if inflater.eof:
                piece = inflater.unused_data
                inflater, begun = zstandard.ZstdDecompressor().decompressobj(), False
        if length >= size:
            yield b"".join(parts)
            parts, length = [], 0
    if begun:
        raise EOFError("the data end too early")
    if length:
        yield b"".join(parts)
