"""Where restored images go: under the names that they came with, never over an input."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dlcli.data.names import printable_path
from dlcli.data.picture_files import Skipped
from dlcli.data.picture_sources import Candidate, gather
from dlcli.errors import DlcliError

FORMATS_BY_NAME = "out.png, out.jpg, out.webp, out.tif or out.bmp"


@dataclass(frozen=True)
class Output:
    """One image to restore: where it comes from and goes to, and its format where the target's name decides it."""

    candidate: Candidate
    target: Path
    format: str | None


@dataclass(frozen=True)
class OutputPlan:
    """All images to restore, what can't even be listed, and lines for the user."""

    outputs: list[Output]
    skipped: list[Skipped]
    notes: list[str]


def plan_outputs(data: Sequence[str], out: Path | None, *, force: bool) -> OutputPlan:
    """Where each image in ``data`` goes: into the folder ``out`` under its own name, or to the image file ``out``.

    Raises DlcliError for no ``out``, one that holds an input or (without ``force``) an output already, and a file
    name for several images. Nothing is written.
    """
    if not data:
        raise DlcliError("which images to restore was not said", "give DATA: a folder, or image files")
    if out is None:
        raise DlcliError("restored images need a place to go to", "add --out FOLDER, or --out FILE.png for one image")
    found = gather(data, False, "test")
    candidates, note = _without_earlier(found.candidates, data, out)
    if _is_file_name(out):
        outputs = [_single(candidates, out)]
    else:
        _check_folder(out)
        outputs = [Output(c, out / (c.name if c.path else f"{c.name}.png"), None) for c in candidates]
    _check_targets(outputs, out, force=force)
    return OutputPlan(outputs, list(found.skipped), [*found.notes, *([note] if note else [])])


def _without_earlier(candidates: list[Candidate], data: Sequence[str], out: Path) -> tuple[list[Candidate], str]:
    """The images without those that an earlier run left in ``out``, where that lies within a folder of ``data``."""
    place = out.resolve()
    if not any(Path(text).resolve() in place.parents for text in data if Path(text).is_dir()):
        return candidates, ""
    kept = [c for c in candidates if c.path is None or place not in c.path.resolve().parents]
    left = len(candidates) - len(kept)
    if not kept:
        raise DlcliError(f"all images given lie in --out {printable_path(str(out))}", "give another --out")
    return kept, f"left out {left:,} images that lie in --out {printable_path(str(out))}" if left else ""


def _is_file_name(out: Path) -> bool:
    from dlcli.data.images import EXTENSIONS

    return out.suffix.lower() in EXTENSIONS and not out.is_dir()


def _single(candidates: list[Candidate], out: Path) -> Output:
    from dlcli.data.images import EXTENSIONS

    if len(candidates) != 1:
        raise DlcliError(
            f"--out {printable_path(str(out))} names one file, and there are {len(candidates):,} images",
            "give a folder",
        )
    if not out.parent.is_dir():
        raise DlcliError(f"--out {out}: there is no directory {out.parent}", "make it first")
    return Output(candidates[0], out, EXTENSIONS[out.suffix.lower()])


def _check_folder(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise DlcliError(
            f"--out {printable_path(str(out))} is a file, and not named as an image",
            f"give a folder, or for one image a name such as {FORMATS_BY_NAME}",
        )
    parent = out
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise DlcliError(f"--out {printable_path(str(out))}: cannot write to {parent}", "choose another folder")


def _check_targets(outputs: list[Output], out: Path, *, force: bool) -> None:
    """Inputs are told by device and inode: a link, or a name in other letters, is the same file too."""
    inputs = {_identity(one.candidate.path) for one in outputs if one.candidate.path is not None}
    there = [one.target for one in outputs if os.path.lexists(one.target)]
    for target in there:
        if target.exists() and _identity(target) in inputs:
            raise DlcliError(
                f"--out {printable_path(str(out))} would overwrite the input {printable_path(str(target))}",
                "give another folder",
            )
        if target.is_dir():
            raise DlcliError(f"{printable_path(str(target))} is a folder, not an image", "give another --out")
    if there and not force:
        more = f", and so do {len(there) - 1:,} more" if len(there) > 1 else ""
        raise DlcliError(f"--out: {printable_path(str(there[0]))} exists{more}", "choose another, or add --force")


def _identity(path: Path | None) -> tuple[int, int] | None:
    try:
        status = os.stat(path) if path is not None else None
    except OSError:
        return None  # a dangling link: nothing to overwrite
    return None if status is None else (status.st_dev, status.st_ino)
