"""From what the user typed to streams of bytes: files, patterns, standard input, databases, compressed or not."""

import bz2
import difflib
import glob
import gzip
import lzma
import os
import re
import shutil
import stat
import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import unquote

import zstandard

from dlcli.errors import DlcliError
from dlcli.files import PICKLES, temporary_file
from dlcli.passwords import hidden
from dlcli.tables.contents import STARTS, compression_of, format_of, is_sparse
from dlcli.tables.decisions import Decision
from dlcli.text import printable, printable_path

if TYPE_CHECKING:
    import polars as pl

FORMATS = {
    **dict.fromkeys(("csv", "tsv", "txt", "dat", "data", "tab"), "delimited"),
    **dict.fromkeys(("jsonl", "ndjson"), "jsonl"),
    "parquet": "parquet",
    **dict.fromkeys(("arrow", "feather", "ipc"), "arrow"),
    "npy": "npy",
    "npz": "npz",
    **dict.fromkeys(("xlsx", "xlsm", "xlsb", "xls", "ods"), "excel"),
    **dict.fromkeys(("libsvm", "svmlight", "svm"), "libsvm"),
    "vw": "vw",
    **dict.fromkeys(("db", "db3", "sqlite", "sqlite3"), "sqlite"),
    "duckdb": "duckdb",
}
DATABASES = ("sqlite", "duckdb", "postgresql")
COMPRESSED = ("delimited", "jsonl", "libsvm", "vw")
COMPRESSIONS = {"gz": "gzip", "zst": "zstd", "bz2": "bzip2", "xz": "xz"}
URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
PEEKED = 1 << 16
INFLATERS = {"gzip": gzip.GzipFile, "bzip2": bz2.BZ2File, "xz": lzma.LZMAFile}
# A few bytes of zstd can stand for 128 KiB, so that only small pieces keep what comes out small.
ZSTD_PIECE = 4096


@dataclass(frozen=True)
class Source:
    """One file or database to read: where it is, what to call it, its format and its compression ("" for none).

    ``url`` is that of a database on a server, without its password; ``decisions`` are those made on the way here;
    ``held``: no row of it is trained on. ``frame`` is a table in memory, whose path is none.
    """

    path: Path
    label: str
    format: str
    compression: str = ""
    url: str = ""
    decisions: tuple[Decision, ...] = ()
    held: bool = False
    frame: "pl.DataFrame | None" = field(default=None, compare=False, repr=False)


def expand(patterns: "Sequence[str | Source]", stated: str | None = None) -> list[Source]:
    """The files that paths, glob patterns and ``-`` (standard input) stand for, patterns in sorted order.

    What is a source already stays. ``stated`` is what they hold by --file-format. Raises DlcliError for what is
    missing, empty, unreadable, a directory or of an unknown format.
    """
    if not patterns:
        raise DlcliError("no data was given", "name one file or more, or - for standard input")
    found: list[Source] = []
    for pattern in patterns:
        if isinstance(pattern, Source):
            found.append(pattern)
        elif pattern == "-":
            found.append(_spooled(sys.stdin.buffer, "standard input", stated))
        elif URL.match(pattern) and not os.path.lexists(pattern):
            found.append(_database(pattern))
        elif not os.path.lexists(pattern) and glob.has_magic(pattern):
            matches = sorted(glob.glob(pattern, recursive=True))
            if not matches:
                raise DlcliError(f"no file matches {printable_path(pattern)}", "check the pattern and the folder")
            found.extend(_source(match, stated) for match in matches if not os.path.isdir(match))
        else:
            found.append(_source(pattern, stated))
    if not found:
        raise DlcliError(
            f"{printable_path(str(patterns[0]))} matches folders only", "add a pattern for the files, as in /*.csv"
        )
    return found


def _source(name: str, stated: str | None) -> Source:
    path, label = Path(name), printable_path(name)
    mode = _mode(path, label)
    try:
        with path.open("rb") as file:
            if not stat.S_ISREG(mode):
                return _spooled(file, label, stated)
            start = file.read(STARTS)
    except OSError as error:
        raise _unreadable(label, error) from None
    called = _called(path, label)
    if not start:
        raise DlcliError(f"{label} is empty", "give a file with rows of data")
    source = Source(path, label, *called)
    return _held(source, start) if stated is None else _as_stated(source, start, stated)


def _as_stated(source: Source, start: bytes, stated: str) -> Source:
    """The source as --file-format has it; raises DlcliError where its first bytes are those of something else."""
    wanted = "delimited" if stated == "csv" else stated
    held = format_of(start, source.path) or "text"
    if held != (wanted if wanted not in COMPRESSED else "text"):
        hint = f"leave it out, or give --file-format {'csv, jsonl, libsvm or vw' if held == 'text' else held}"
        raise DlcliError(f"--file-format {stated}: {source.label} holds {_kind(held)}", hint)
    return replace(source, format=wanted, compression=source.compression or compression_of(start))


def _held(source: Source, start: bytes) -> Source:
    """The source as what it holds, by its first bytes, where that isn't what it is called.

    Raises DlcliError where neither its name nor its content tells a format.
    """
    named, held = source.format, format_of(start, source.path)
    if named in ("sqlite", "duckdb"):
        return replace(source, format=held or named)
    if named in ("", "delimited") and held:
        return replace(source, format=held, decisions=_misnamed(source, held) if named else ())
    if named == "excel" and not held and not start.lstrip().startswith(b"<"):
        return replace(source, format="delimited", decisions=_misnamed(source, "text"))
    if named in COMPRESSED or not named:
        compression = source.compression or compression_of(start)
        source = _recognized(replace(source, format=named or "delimited", compression=compression))
    if not named and source.format == "delimited":
        raise _unknown(source.path, source.label)
    return source


def _misnamed(source: Source, what: str) -> tuple[Decision, ...]:
    settle = f"--file-format {'csv' if what == 'text' else what}"
    return (Decision(f"{source.label} holds {_kind(what)}, whatever its name says, and is read as that", settle),)


def _kind(held: str) -> str:
    return {"excel": "a workbook", "text": "text"}.get(held, f"a file of {held}")


def _mode(path: Path, label: str) -> int:
    """What kind of file there is; raises DlcliError where there is none, or a folder."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise DlcliError(f"{label}: there is no such file", _similar(path)) from None
    except (OSError, ValueError) as error:
        raise _unreadable(label, error) from None
    if stat.S_ISDIR(mode):
        raise DlcliError(f"{label} is a folder, not a file", f"name its files, as in '{label.rstrip('/')}/*.csv'")
    return mode


def _recognized(source: Source) -> Source:
    """The source, as libsvm where text looks like that."""
    if source.format != "delimited" or not is_sparse(next(byte_pieces(source, PEEKED), b"").splitlines()):
        return source
    what = f"{source.label} looks like libsvm's format, and is read as that"
    return replace(source, format="libsvm", decisions=(Decision(what, "--file-format libsvm"),))


def _database(url: str) -> Source:
    """The database that a URL names; its file is looked for as SQLAlchemy does: after three slashes from here."""
    shown = hidden(url)
    scheme = url.partition("://")[0].partition("+")[0].lower()
    if scheme in ("postgresql", "postgres"):
        return Source(Path(), printable_path(shown), "postgresql", url=shown)
    if scheme not in ("sqlite", "duckdb"):
        message = f"{printable_path(shown)}: tables are read from files, SQLite, DuckDB and PostgreSQL"
        raise DlcliError(message, "download it, or give sqlite:///FILE, duckdb:///FILE or postgresql://USER@HOST/NAME")
    name = unquote(url.partition("://")[2].partition("?")[0])
    from_here = name.removeprefix("/")
    path = Path(name if not os.path.exists(from_here) and os.path.exists(name) else from_here)
    _mode(path, printable_path(str(path)))
    return Source(path, printable_path(shown), scheme)


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


def _called(path: Path, label: str) -> tuple[str, str]:
    """Format and compression by the file's extension, "" where that isn't known; raises DlcliError for pickles."""
    extensions = [extension.lower() for extension in path.name.split(".")[1:]]
    last = extensions[-1] if extensions else ""
    if last in COMPRESSIONS and len(extensions) > 1:
        format_ = FORMATS.get(extensions[-2], "")
        if format_ in COMPRESSED or not format_:
            return format_, COMPRESSIONS[last]
        raise DlcliError(f"{label}: only text is read compressed: CSV, JSON lines, libsvm", "decompress it first")
    if f".{last}" in PICKLES:
        hint = "save the arrays as .npz, or the table as .csv or .parquet"
        raise DlcliError(f"{label} holds pickled objects, which could run code and are never loaded", hint)
    return FORMATS.get(last, ""), ""


def _unknown(path: Path, label: str) -> DlcliError:
    extension = path.suffix.lower().removeprefix(".")
    known = ", ".join(f".{extension}" for extension in FORMATS)
    what = f"the unknown extension .{printable(extension)}" if extension else "no extension"
    return DlcliError(
        f"{label} has {what}",
        f"say what it holds, as in --file-format csv, or rename it: {known} (text also with .gz, .zst, .bz2 or .xz)",
    )


def _spooled(stream: BinaryIO, label: str, stated: str | None) -> Source:
    """A pipe's content copied to a temporary file, as training reads its data more than once."""
    descriptor, path = temporary_file()
    try:
        with os.fdopen(descriptor, "wb") as file:
            shutil.copyfileobj(stream, file, 1 << 20)
        with path.open("rb") as file:
            start = file.read(STARTS)
        compression = compression_of(start)
        source = Source(path, label, format_of(start, path) or "delimited", compression)
        if start and stated is not None:
            return _as_stated(source, start, stated)
        if compression:
            start = next(byte_pieces(source, 8), b"")[:8]
    except OSError as error:
        raise _unreadable(label, error) from None
    if not start:
        raise DlcliError(f"{label} is empty", "give a file with rows of data")
    if start.lstrip().startswith(b"{"):
        return Source(path, label, "jsonl", compression)
    return _recognized(source)


def byte_pieces(source: Source, size: int) -> Iterator[bytes]:
    """The decompressed bytes of ``source`` in pieces of about ``size``; raises DlcliError if it is damaged."""
    try:
        if source.compression in INFLATERS:
            with INFLATERS[source.compression](source.path) as file:
                yield from iter(lambda: file.read(size), b"")
        elif source.compression == "zstd":
            with source.path.open("rb") as raw:
                yield from _zstd_pieces(raw, size)
        else:
            with source.path.open("rb") as raw:
                yield from iter(lambda: raw.read(size), b"")
    except (EOFError, zlib.error, zstandard.ZstdError, lzma.LZMAError, gzip.BadGzipFile) as error:
        message = f"{source.label} is not whole {source.compression} data: {printable(str(error))}"
        raise DlcliError(message, "fetch the file again, or drop the extension if it isn't compressed") from None
    except OSError as error:
        if source.compression == "bzip2" and error.errno is None:
            raise DlcliError(f"{source.label} is not whole bzip2 data", "fetch the file again") from None
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
