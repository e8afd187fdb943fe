"""Image files in folders: walked in sorted order, without hidden files and without going in circles."""

import difflib
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dlcli.errors import DlcliError
from dlcli.files import valid_text
from dlcli.images.formats.codecs import EXTENSIONS
from dlcli.text import counted, listed, printable, printable_path

# Folders with these names hold parts of a data set, and would pass for classes.
PARTS = {"train", "training", "test", "testing", "val", "valid", "validation"}
LISTED_ENDINGS = 6
NAMED = ".png, .jpg, .webp, .tif, .bmp, .avif, .heic, .fits, .zarr, .czi, .nd2, .lif"
ANY = f"{NAMED} and camera raw"
KNOWN = f"files that end in {NAMED} or are camera raw"


@dataclass(frozen=True)
class Skipped:
    """An image that is left out and why, both fit to be shown."""

    name: str
    why: str


@dataclass(frozen=True)
class Listing:
    """Image files of a folder: names relative to it, their paths, and what could not be looked into.

    ``others`` counts the files that have no image's name, by their ending ("" for none).
    """

    names: list[str]
    paths: list[Path]
    skipped: list[Skipped]
    others: Counter[str] = field(default_factory=Counter)


def is_image_name(name: str) -> bool:
    """Whether the extension is one of an image, in either case."""
    return os.path.splitext(name)[1].lower() in EXTENSIONS


def ending(name: str) -> str:
    """The extension in small letters, by which files that are no images are counted."""
    return os.path.splitext(name)[1].lower()


def by_ending(others: Mapping[str, int]) -> str:
    """Numbers of files by ending, the most first.

    >>> by_ending({".gif": 1, ".heic": 2, "": 1})
    '2 .heic, 1 without an ending, 1 .gif'
    """
    ordered = sorted(others.items(), key=lambda item: (-item[1], item[0]))
    parts = [f"{count:,} {printable(name) if name else 'without an ending'}" for name, count in ordered]
    more = len(parts) - LISTED_ENDINGS
    rest = f" and {counted(more, 'more ending')}" if more > 0 else ""
    return ", ".join(parts[:LISTED_ENDINGS]) + rest


def note_of_others(label: str, others: Counter[str]) -> str:
    """A line for the user on the files of a folder that are left out, or ""."""
    total = others.total()
    if not total:
        return ""
    return f"{label}: {counted(total, 'file')} left out: {by_ending(others)} ({ANY} are read){how_to_use(others)}"


def how_to_use(others: Mapping[str, int]) -> str:
    """What makes files of these endings images that are read, to be appended; or ""."""
    hints = {
        "name .npy and .npz files themselves to use them": {".npy", ".npz"},
    }
    return "".join(f"; {hint}" for hint, endings in hints.items() if endings & others.keys())


def checked_mode(path: Path, label: str) -> int:
    """The mode of what is at ``path``; raises DlcliError, with the closest name, where there is nothing."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        raise DlcliError(f"{label}: there is no such file or folder", _similar(path)) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise DlcliError(f"{label} cannot be read: {printable(reason)}", "check the path and its permissions") from None


def list_images(folder: Path) -> Listing:
    """All image files in ``folder`` and the folders in it, sorted by name, "/" between the names of folders.

    Links are followed, each folder being entered once. Raises DlcliError when ``folder`` itself cannot be read.
    """
    found: list[tuple[str, Path]] = []
    skipped: list[Skipped] = []
    others = Counter[str]()
    waiting, seen = [(folder, "")], set[tuple[int, int]]()
    while waiting:
        place, prefix = waiting.pop()
        try:
            status = place.stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(place) as entries:  # which know what they are: asking for each takes a call to the disk
                inside = sorted((entry.name, entry.is_dir()) for entry in entries)
        except OSError as error:
            if not prefix:
                raise _closed(folder, error) from None
            skipped.append(Skipped(printable_path(prefix), f"cannot be read: {error.strerror}"))
            continue
        for name, is_folder in inside:
            if name.startswith("."):
                continue
            path = place / name
            if is_folder and not name.lower().endswith(".zarr"):
                waiting.append((path, f"{prefix}{name}/"))
            elif is_image_name(name):
                found.append((prefix + name, path))
            else:
                others[ending(name)] += 1
    found.sort()
    return Listing([name for name, _ in found], [path for _, path in found], skipped, others)


def list_classes(folder: Path) -> tuple[Listing, list[str], tuple[str, ...]]:
    """Image files in the class folders of ``folder``, the class of each, and all classes in sorted order.

    Raises DlcliError when there are no class folders, or one holds no image.
    """
    label = printable_path(str(folder))
    wanted = f"put the images of each class in a folder of its own, as in {label}/cat and {label}/dog"
    listing, labels, classes = Listing([], [], []), list[str](), list[str]()
    try:
        entries = sorted(os.listdir(folder))
    except OSError as error:
        raise _closed(folder, error) from None
    for entry in entries:
        if entry.startswith("."):
            continue
        if (folder / entry).is_dir():
            inner = list_images(folder / entry)
            if not inner.names:
                what = f" but {by_ending(inner.others)}" if inner.others else ""
                message = f"{label}: the class folder {printable(entry)} holds no image{what}"
                raise DlcliError(message, f"fill it with {KNOWN}, or delete it")
            # Names of classes go into models and tables, which hold no text but Unicode.
            classes.append(valid_text(entry))
            labels.extend([valid_text(entry)] * len(inner.names))
            listing.names.extend(f"{entry}/{name}" for name in inner.names)
            listing.paths.extend(inner.paths)
            listing.skipped.extend(Skipped(f"{printable_path(entry)}/{s.name}", s.why) for s in inner.skipped)
            listing.others.update(inner.others)
        elif is_image_name(entry):
            listing.skipped.append(Skipped(printable_path(entry), "is in no class folder"))
        else:
            listing.others[ending(entry)] += 1
    if not classes:
        raise DlcliError(f"{label} has no class folders", wanted)
    if {name.lower() for name in classes} <= PARTS:
        message = f"{label} holds {listed(classes)}, which are parts of a data set rather than classes"
        raise DlcliError(message, f"name one of them, as in {label}/{printable(classes[0])}")
    return listing, labels, tuple(classes)


def _closed(folder: Path, error: OSError) -> DlcliError:
    return DlcliError(f"{printable_path(str(folder))} cannot be read: {error.strerror}", "check its permissions")


def _similar(path: Path) -> str:
    try:
        close = difflib.get_close_matches(path.name, sorted(os.listdir(path.parent)), n=1)
    except (OSError, ValueError):
        close = []
    if close:
        return f"did you mean {printable_path(str(path.parent / close[0]))}?"
    return "check the path and the folder that you are in"
