"""What a file holds by its first bytes, whatever it is called."""

import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

COMPRESSIONS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh91AY&": "bzip2", b"\xfd7zXZ\0": "xz"}
FORMATS = {
    b"PAR1": "parquet", b"ARROW1": "arrow", b"\x93NUMPY": "npy", b"PK\x03\x04": "npz", b"SQLite f": "sqlite",
    b"\xd0\xcf\x11\xe0": "excel",
}  # fmt: skip
WORKBOOKS = ("xl/workbook.xml", "xl/workbook.bin", "content.xml")
# A line of libsvm has at least one pair, and one of the first lines two.
SPARSE_LINE = re.compile(rb"[-+.\deE]+(\s+qid:\d+)?(\s+\d+:[-+.\deE]+)+\s*(#.*)?")
SPARSE_LINES = 3
STARTS = 16  # bytes that tell


def compression_of(start: bytes) -> str:
    """The name of the compression of a file with these first bytes, "" for none."""
    return next((kind for magic, kind in COMPRESSIONS.items() if start.startswith(magic)), "")


def format_of(start: bytes, path: Path) -> str:
    """The format of the file at ``path`` with these first bytes, "" where they are those of no format, as of text."""
    if start[8:12] == b"DUCK":
        return "duckdb"
    found = next((kind for magic, kind in FORMATS.items() if start.startswith(magic)), "")
    return "excel" if found == "npz" and _is_workbook(path) else found


def _is_workbook(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return not set(WORKBOOKS).isdisjoint(archive.namelist())
    except (zipfile.BadZipFile, OSError):
        return False


def is_sparse(lines: Sequence[bytes]) -> bool:
    """Whether the first lines of a text are libsvm's: a number, then pairs of numbers with a colon."""
    some = lines[:SPARSE_LINES]
    pairs = max((line.count(b":") for line in some), default=0)
    return pairs > 1 and all(SPARSE_LINE.fullmatch(line) for line in some)
