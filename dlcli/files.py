"""Writes that a kill or a full disk can't leave half done, and JSON as every file has it."""

import atexit
import contextlib
import json
import math
import os
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from dlcli.errors import DlcliError

# A JSON object from a file: what it holds is only known once it is checked.
JsonObject: TypeAlias = dict[str, Any]
# Loading one can run any code, so none is ever opened.
PICKLES = (".pt", ".pth", ".pkl", ".pickle", ".joblib", ".ckpt")


_TEMPORARY: list[Path] = []


def temporary_file(suffix: str = "") -> tuple[int, Path]:
    """A new file that is gone with this process: its descriptor, open for writing, and where it is."""
    import tempfile

    descriptor, name = tempfile.mkstemp(suffix, prefix="dlcli-")
    if not _TEMPORARY:
        atexit.register(remove_temporary_files)
    _TEMPORARY.append(Path(name))
    return descriptor, _TEMPORARY[-1]


def is_temporary(path: Path) -> bool:
    """Whether ``path`` is a ``temporary_file`` of this process."""
    return path in _TEMPORARY


def remove_temporary_files() -> None:
    """Remove every ``temporary_file``: at the end of the process, also where it leaves without the usual steps."""
    while _TEMPORARY:
        with contextlib.suppress(OSError):
            _TEMPORARY.pop().unlink()


def nameless_file() -> tuple[BinaryIO, Path]:
    """A new file for a lot of data, open for reading and writing, and the folder that it takes its room from.

    It has no name, so that however the process ends, killed or not, the system removes it. TMPDIR says where it is;
    else /var/tmp, as /tmp is in memory on many systems.
    """
    import tempfile

    for folder in [] if os.environ.get("TMPDIR") or os.name == "nt" else ["/var/tmp"]:
        with contextlib.suppress(OSError):
            return tempfile.TemporaryFile(dir=folder, prefix="dlcli-", buffering=0), Path(folder)
    return tempfile.TemporaryFile(prefix="dlcli-", buffering=0), Path(tempfile.gettempdir())


def write_atomic(path: Path, data: bytes) -> None:
    """Write ``path`` so that it holds either all of ``data`` or what it held before.

    Temporary file beside it, fsync, rename, fsync of the folder. Raises DlcliError when the disk refuses.
    """
    temporary = temporary_beside(path)
    try:
        with temporary.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise DlcliError(
            f"cannot write {path}: {error.strerror or error}", "free some space or choose --out"
        ) from error


@contextlib.contextmanager
def replaced_when_done(path: Path) -> Iterator[Path]:
    """A name beside ``path`` for a file or folder that takes its place at the end, or is removed after an error.

    Raises OSError where the disk refuses.
    """
    temporary = temporary_beside(path)
    try:
        yield temporary
        if temporary.is_dir():
            if path.is_dir():
                shutil.rmtree(path)
        else:
            with temporary.open("rb") as stream:
                os.fsync(stream.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        with contextlib.suppress(OSError):
            temporary.unlink()


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def to_json(document: object, indent: int | None = 2, *, ascii_only: bool = False) -> str:
    """JSON without NaN and infinities, which JSON doesn't have (they become null), of text that is valid Unicode.

    A file name that isn't UTF-8 stands with its bytes escaped, ``\\udce9`` for E9.
    """
    return json.dumps(_finite(document), indent=indent, ensure_ascii=ascii_only, allow_nan=False)


def _finite(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {valid_text(str(k)): _finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in value]
    return valid_text(value) if isinstance(value, str) else value


def temporary_beside(path: Path) -> Path:
    """A hidden name in the folder of ``path``, its own for each name and process, however long that name is."""
    mark = zlib.crc32(os.fsencode(path.name))
    return path.with_name(f".{mark:08x}.{os.getpid()}.tmp")


def valid_text(text: str) -> str:
    """``text`` as UTF-8 can hold it: what stands for other bytes in a file's name is escaped, as in ``\\udce9``."""
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()
