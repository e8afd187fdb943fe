"""Where restored images go: under the names that they came with, never over an input."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dlcli.engine.arrays import AnyDtype
from dlcli.errors import DlcliError
from dlcli.files import temporary_file
from dlcli.images.folders import Skipped
from dlcli.images.formats.opening import EXTENSIONS, INSTEAD
from dlcli.images.formats.science.extras import imported
from dlcli.images.formats.science.zarrs import is_zarr
from dlcli.images.sources import Candidate, find_images, unique_file_names
from dlcli.text import counted, printable_path

ARRAY = ".npy"
STDOUT = Path("-")
ENDINGS = {form: ending for ending, form in reversed(EXTENSIONS.items())} | {"NPY": ARRAY}
FORMATS_BY_NAME = "out.png, out.jpg, out.webp, out.tif or out.bmp"


@dataclass(frozen=True)
class Output:
    """One file to write: the image that it is made from (the images of an array), and where it goes.

    ``format`` is NPY for an array, one of FORMATS where the target's name or --format decides it, else None: the
    image's own; ``dtype`` None is that of its values.
    """

    candidates: tuple[Candidate, ...]
    target: Path
    format: str | None
    dtype: AnyDtype | None = None

    @property
    def name(self) -> str:
        """What errors and reports call it."""
        first = self.candidates[0]
        return first.origin.path.name if self.format == "NPY" and first.origin else first.name

    @property
    def shown(self) -> str:
        """Its name, fit for a terminal."""
        return printable_path(self.name)

    @property
    def source(self) -> Path | None:
        """The file that must not be overwritten."""
        first = self.candidates[0]
        return first.path or (first.origin.path if first.origin else None)


@dataclass(frozen=True)
class OutputPlan:
    """All images to restore, what can't even be listed, and lines for the user."""

    outputs: list[Output]
    skipped: list[Skipped]
    notes: list[str]


def plan_outputs(
    data: Sequence[str],
    out: Path | None,
    *,
    force: bool,
    form: str | None = None,
    dtype: AnyDtype | None = None,
    axes: str = "",
) -> OutputPlan:
    """Where each image in ``data`` goes: into the folder ``out`` under its own name, or to the image file ``out``.

    ``form`` and ``dtype`` are those to write, None for their own; ``axes`` those of files with several frames. For
    stdout, ``out`` "-", the target is a temporary file.

    Raises DlcliError for no ``out``, one that holds an input or (without ``force``) an output already, and a file
    name for several images. Nothing is written.
    """
    if not data:
        raise DlcliError("no images to restore were given", "give DATA: a folder, or image files")
    if out is None:
        raise DlcliError("restored images need a place to go to", "add --out FOLDER, or --out FILE.png for one image")
    if form == "HEIF":
        imported("pillow_heif", "--format heic", "heif")
    found = find_images(data, False, "test", axes)
    candidates, note = _without_earlier(found.candidates, data, out)
    if out == STDOUT:
        outputs = [_for_stdout(candidates, form)]
    elif _is_file_name(out):
        outputs = [_single(candidates, out, form)]
    else:
        _check_folder(out)
        outputs = _into_folder(candidates, out, form)
    if out != STDOUT:
        _check_targets(outputs, out, force=force)
    outputs = [replace(one, dtype=dtype) for one in outputs]
    return OutputPlan(outputs, list(found.skipped), [*found.notes, *([note] if note else [])])


def _for_stdout(candidates: list[Candidate], form: str | None) -> Output:
    """One image, first to a temporary file, as formats are written with going back and forth."""
    if len({id(candidate.origin or candidate) for candidate in candidates}) > 1:
        raise DlcliError(f"--out - is for one image, and there are {len(candidates):,}", "give a folder")
    form = form or EXTENSIONS.get(Path(_file_name(candidates[0])).suffix.lower(), "NPY")
    if form == "ZARR":
        raise DlcliError("--out -: a Zarr array is a folder, which stdout doesn't take", "add --format tif")
    handle, path = temporary_file(ENDINGS[form])
    os.close(handle)
    return Output(tuple(candidates), path, form)


def _into_folder(candidates: list[Candidate], out: Path, form: str | None) -> list[Output]:
    """Under their own names: images of an array file in an array again, those of IDX files as PNG."""
    groups: list[list[Candidate]] = []
    for one in candidates:
        if groups and one.origin is not None and groups[-1][0].origin is one.origin:
            groups[-1].append(one)
        else:
            groups.append([one])
    names = [_file_name(group[0], form) for group in groups]
    formats = [form or ("NPY" if group[0].origin else None) for group in groups]
    unique = unique_file_names(names)
    return [Output(tuple(g), out / name, form) for g, name, form in zip(groups, unique, formats, strict=True)]


def _file_name(candidate: Candidate, form: str | None = None) -> str:
    """The name of what is made of a candidate, whose format is not always one that is written."""
    if form is not None and EXTENSIONS.get(os.path.splitext(candidate.name)[1].lower()) != form:
        return f"{candidate.origin.path.stem if candidate.origin else _stem(candidate.name)}{ENDINGS[form]}"
    if candidate.path is None:
        return f"{candidate.origin.path.stem}.npy" if candidate.origin else f"{candidate.name}.png"
    stem, ending = _stem(candidate.name), os.path.splitext(candidate.name)[1]
    return f"{stem}.tif" if EXTENSIONS.get(ending.lower()) in INSTEAD else candidate.name


def _stem(name: str) -> str:
    """A file's name without its ending, with the folders that it is in; ``.ome.tif`` is one."""
    root, ending = os.path.splitext(name)
    if EXTENSIONS.get(ending.lower()) is None:
        return name
    return root.removesuffix(".ome")


def _without_earlier(candidates: list[Candidate], data: Sequence[str], out: Path) -> tuple[list[Candidate], str]:
    """The images without those that an earlier run left in ``out``, where that lies within a folder of ``data``."""
    place = out.resolve()
    if not any(Path(text).resolve() in place.parents for text in data if Path(text).is_dir()):
        return candidates, ""
    kept = [c for c in candidates if c.path is None or place not in c.path.resolve().parents]
    left = len(candidates) - len(kept)
    if not kept:
        raise DlcliError(f"all images given lie in --out {printable_path(str(out))}", "give another --out")
    return kept, f"left out {counted(left, 'image')} in --out {printable_path(str(out))}" if left else ""


def _is_file_name(out: Path) -> bool:
    return out.suffix.lower() in (*EXTENSIONS, ARRAY) and (not out.is_dir() or is_zarr(out))


def _single(candidates: list[Candidate], out: Path, wanted: str | None) -> Output:
    array = out.suffix.lower() == ARRAY
    files = len({id(candidate.origin or candidate) for candidate in candidates})
    if array and files > 1:
        raise DlcliError(f"--out {printable_path(str(out))} is for one .npy or .npz file", "give a folder")
    if files > 1:
        raise DlcliError(
            f"--out {printable_path(str(out))} names one file, and there are {len(candidates):,} images",
            "give a folder",
        )
    if not out.parent.is_dir():
        raise DlcliError(f"--out {out}: there is no directory {out.parent}", "create it first")
    form = "NPY" if array else EXTENSIONS[out.suffix.lower()]
    if wanted not in (None, form):
        hint = f"name it {out.stem}{ENDINGS[wanted]}, or leave --format out"
        raise DlcliError(f"--out {printable_path(str(out))} is named as another format than --format says", hint)
    if form in INSTEAD:
        raise DlcliError(f"--out {printable_path(str(out))}: such files aren't written", f"name it {out.stem}.tif")
    return Output(tuple(candidates), out, form)


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
    inputs = {_identity(one.source) for one in outputs if one.source is not None}
    there = [one.target for one in outputs if os.path.lexists(one.target)]
    for target in there:
        if target.exists() and _identity(target) in inputs:
            raise DlcliError(
                f"--out {printable_path(str(out))} would overwrite the input {printable_path(str(target))}",
                "give another folder",
            )
        if target.is_dir() and not is_zarr(target):
            raise DlcliError(f"{printable_path(str(target))} is a folder, not an image", "give another --out")
    if there and not force:
        more = f", and so do {len(there) - 1:,} more" if len(there) > 1 else ""
        raise DlcliError(f"--out: {printable_path(str(there[0]))} exists{more}", "choose another, or add --force")


def check_sheet(sheet: Path, outputs: Sequence[Output], *, force: bool) -> None:
    """Raises DlcliError where a picture of images can't be written to ``sheet``, before any work is done."""
    shown = printable_path(str(sheet))
    if sheet.suffix.lower() != ".png":
        raise DlcliError(f"--before-after {shown}: expected a name that ends in .png", "rename it")
    if sheet.is_dir() or not sheet.parent.is_dir() or not os.access(sheet.parent, os.W_OK):
        raise DlcliError(
            f"--before-after {shown} is a folder, or in none that can be written to", "give another file name"
        )
    same = {one.target.resolve() for one in outputs}
    used = [one for one in outputs if one.source is not None and _identity(one.source) == _identity(sheet)]
    if sheet.resolve() in same or (used and sheet.exists()):
        raise DlcliError(f"--before-after {shown} is one of the images themselves", "give another file name")
    if sheet.exists() and not force:
        raise DlcliError(f"--before-after {shown} exists", "choose another name, or add --force")


def _identity(path: Path | None) -> tuple[int, int] | None:
    try:
        status = os.stat(path) if path is not None else None
    except OSError:
        return None  # a dangling link: nothing to overwrite
    return None if status is None else (status.st_dev, status.st_ino)
