"""Paths in config files: relative to the file's own folder, so that a run works on when it is moved with its data."""

import glob
import os
import re
from pathlib import Path

STANDARD_INPUT = "-"
DATABASE_FILE = re.compile(r"(?i)((?:sqlite|duckdb)(?:\+\w+)?:///)(.*)", re.DOTALL)


def _fixed(path: str) -> bool:
    return path in ("", STANDARD_INPUT) or "://" in path or os.path.isabs(path)


def written_in(folder: Path, path: str) -> str:
    """``path``, relative to the current folder, as a file in ``folder`` has it. Absolute ones and - stay.

    By the folders' real places, as .. behind a symbolic link leads to where the link points.
    """
    if found_url := DATABASE_FILE.fullmatch(path):
        return found_url[1] + written_in(folder, found_url[2])
    if _fixed(path):
        return path
    place, name = os.path.split(path.rstrip("/"))
    found = os.path.join(os.path.realpath(place), name)
    try:
        return os.path.relpath(found, os.path.realpath(folder))
    except ValueError:  # on another drive
        return found


def read_from(folder: Path, path: str) -> str:
    """``path``, of a file in ``folder``, relative to the current folder. Absolute ones and - stay."""
    if found_url := DATABASE_FILE.fullmatch(path):
        return found_url[1] + read_from(folder, found_url[2])
    path = _native(path)
    if _fixed(path):
        return path
    base, here = os.path.realpath(folder), os.getcwd()
    if is_pattern(os.path.join(base, path)):
        base, here = glob.escape(base), glob.escape(here)
        found = os.path.join(base, path)
    else:
        place, name = os.path.split(os.path.join(base, path.rstrip("/")))
        found = os.path.join(os.path.realpath(place), name)
    try:
        return os.path.relpath(found, here)
    except ValueError:
        return found


def _native(path: str) -> str:
    """``path`` for a system whose encoding lacks its characters: the same bytes, which are UTF-8."""
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return os.fsdecode(path.encode(errors="surrogateescape"))
    return path


def is_pattern(path: str) -> bool:
    """Whether ``path`` stands for the files that it matches."""
    return glob.has_magic(path) and not os.path.lexists(path)


def is_there(folder: Path, path: str) -> bool:
    """Whether ``folder`` has what ``path`` names or, as a pattern, matches."""
    if found_url := DATABASE_FILE.fullmatch(path):
        path = found_url[2]
    path = _native(path)
    if os.path.lexists(folder / path):
        return True
    return glob.has_magic(path) and any(glob.iglob(os.path.join(glob.escape(str(folder)), path), recursive=True))
