"""Restored images to files: every frame of an image, or an array for an array; what can't be kept is reported."""

import errno
import shutil
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from dlcli.engine.arrays import AnyArray, AnyDtype
from dlcli.errors import DlcliError
from dlcli.files import temporary_beside
from dlcli.images.formats.codecs import opened_stack, read_frames
from dlcli.images.formats.frames import DecodedImage, Stored
from dlcli.images.formats.metadata import Metadata
from dlcli.images.formats.opening import INSTEAD
from dlcli.images.formats.output import UnwritableError, Wanted, of_type, opened_writer
from dlcli.images.formats.values import depth_in, is_share
from dlcli.images.formats.writing import Frame
from dlcli.images.outputs import STDOUT, Output
from dlcli.images.sources import Candidate
from dlcli.networks.inference.restoring import Restorer, check_memory
from dlcli.networks.inference.scaling import FRAMES, Fitted, fitted, is_ordinary
from dlcli.reports.predict import Note
from dlcli.text import printable_path

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
LINES = 20  # of notes that are shown
WRITTEN_AS = "written as"  # so begin notes on how a file was written, which are no warnings


class UnwrittenError(DlcliError):
    """An image that was restored and can't be written; ``full``: nor can any other."""

    def __init__(self, message: str, hint: str, *, full: bool = False) -> None:
        super().__init__(message, hint)
        self.full = full


class Told:
    """Notes on images, each kind once."""

    def __init__(self) -> None:
        self._names: dict[str, list[str]] = {}

    def add(self, name: str, note: str) -> None:
        """Add a note on one image, unless it is empty or the image has it already."""
        names = self._names.setdefault(note, []) if note else []
        if name not in names[-1:]:
            names.append(name)

    def take(self, others: "Told") -> None:
        """Add all that ``others`` have."""
        for note, names in others._names.items():
            for name in names:
                self.add(name, note)

    def lines(self) -> list[str]:
        """A line for each kind, with the first image that it is about and how many more there are."""
        lines = [
            f"{names[0]}{f' and {len(names) - 1:,} more' if len(names) > 1 else ''}: {note}"
            for note, names in self._names.items()
        ]
        more = len(lines) - LINES
        return lines if more <= 0 else [*lines[:LINES], f"and {more:,} notes more, which --json lists"]

    def notes(self) -> list[Note]:
        """``notes`` of the report."""
        return [Note(name=name, note=note) for note, names in self._names.items() for name in names]


def write_restored(output: Output, restorer: Restorer, told: Told) -> int:
    """Restore the images of ``output`` and write them; returns their number.

    Raises UnwrittenError for a target that can't be written, another DlcliError for an image that can't be restored.
    """
    first, restorer = output.candidates[0], _with_fit(output, restorer)
    if output.format == "NPY" and first.origin is not None:
        told.add(output.shown, "written as .npy" if first.origin.path.suffix.lower() == ".npz" else "")
        return _write_array(output, restorer, told)
    # A generator, so that what goes wrong with the work isn't taken for damage of the file.
    frames = read_frames(first.path, first.name, first.axes) if first.path else _array_frames(output.candidates)
    with closing(frames):
        return _write_frames(output, frames, restorer, told)


def _with_fit(output: Output, restorer: Restorer) -> Restorer:
    """With one normalization for all frames, where they have one."""
    fit = _of_all_frames(output.candidates, restorer)
    if fit is None:
        return restorer
    restorer.changes.mapped = restorer.changes.mapped.taking(fit, frames=True)
    return replace(restorer, fit=fit)


def _of_all_frames(candidates: Sequence[Candidate], restorer: Restorer) -> Fitted | None:
    """One normalization for all frames of a file, so that none is brighter than the next; None where each has its own.

    Pages of several sizes or types are no frames of one thing.
    """
    first, scales = candidates[0], restorer.trained.scales
    if first.path is None:
        if len(candidates) == 1 or is_ordinary(scales, first.header().dtype):
            return None
        return fitted(scales, (_frame(candidates[i]).pixels for i in _some(len(candidates))))
    with opened_stack(first.path, first.name, first.axes) as stack:
        header = stack.header(0)
        if header.frames == 1 or not header.uniform or is_ordinary(scales, header.dtype):
            return None
        return fitted(scales, (stack.frame(i).pixels for i in _some(header.frames)))


def _some(frames: int) -> list[int]:
    return sorted({round(place) for place in np.linspace(0, frames - 1, min(frames, FRAMES))})


def _write_frames(output: Output, frames: Iterator[DecodedImage], restorer: Restorer, told: Told) -> int:
    """Every frame, one at a time, so that however many there are, few are in memory."""
    image = next(frames)
    count = image.stored.frames
    restorer.meter.begin(count)
    form = output.format or INSTEAD.get(image.format, image.format)
    dtype = depth_in(form, output.dtype or image.pixels.dtype, many=count > 1)
    made = _within(_restored(image, restorer, output, told, 0), image, dtype)
    scale = made.pixels.shape[0] / image.pixels.shape[0]
    told.add(output.shown, "written as TIFF" if image.format in INSTEAD and form == "TIFF" else "")
    stored = image.stored if image.format == form else image.stored.in_any_format
    wanted = Wanted(form, count, _scaled(image.metadata, scale), stored, output.dtype)
    try:
        output.target.parent.mkdir(parents=True, exist_ok=True)
        with opened_writer(output.target, wanted) as writer:
            writer.add(made, shown=image.shown, scale=scale)
            restorer.meter.frame(1, count, made.pixels[..., 0].size)
            for number, image in enumerate(frames, 2):
                # Those that wait to be written take a part of what is free.
                check_memory(writer.waiting // 8)
                made = _within(_restored(image, restorer, output, told, number - 1), image, dtype)
                held = image.stored if image.format == form else None
                writer.add(made, shown=image.shown, scale=scale, stored=held)
                restorer.meter.frame(number, count, made.pixels[..., 0].size)
        for note in writer.notes:
            told.add(output.shown, note)
    except (UnwritableError, OSError) as error:
        raise _unwritten(output.target, error) from None
    return 1


def send(path: Path, out: Path | None) -> None:
    """The file's bytes to standard output, where ``out`` says so."""
    if out != STDOUT:
        return
    sys.stdout.flush()
    with path.open("rb") as file:
        shutil.copyfileobj(file, sys.stdout.buffer)
    sys.stdout.buffer.flush()


def _restored(image: DecodedImage, restorer: Restorer, output: Output, told: Told, number: int) -> Frame:
    """Frame ``number`` of a file, from 0."""
    told.add(output.shown, image.note)
    restorer.changes.qualities.look(restorer.trained, image.stored.options, image.pixels.shape[2])
    before = restorer.shots.before(Frame(image.pixels, image.alpha), number, image.stored.frames)
    made = _with_unknown(image, restorer, output, told)
    restorer.shots.after(before, made)
    return made


def _with_unknown(image: DecodedImage, restorer: Restorer, output: Output, told: Told) -> Frame:
    """What becomes of a frame; what are no numbers in it stays."""
    unknown = None if image.pixels.dtype.kind != "f" else ~np.isfinite(image.pixels)
    if unknown is None or not unknown.any():
        return restorer.restored(Frame(image.pixels, image.alpha), spent=True)
    told.add(output.shown, "values that are no numbers stay so, and count as the median of the others for what is near")
    known = image.pixels[~unknown]
    if not known.size:
        raise DlcliError("holds no numbers, only NaN or infinities", "leave it out")
    made = restorer.restored(Frame(np.where(unknown, np.median(known), image.pixels), image.alpha), spent=True)
    scale = made.pixels.shape[0] // image.pixels.shape[0]
    for number, axis in ((scale, 0), (scale, 1)):
        unknown = unknown.repeat(number, axis)
    blank = image.pixels.repeat(scale, 0).repeat(scale, 1)
    return Frame(np.where(unknown, blank, made.pixels).astype(made.pixels.dtype), made.alpha)


def _within(made: Frame, image: DecodedImage, dtype: AnyDtype | None) -> Frame:
    """Within 0 and 1, where what it is made of is, and these become black and white as whole numbers of ``dtype``."""
    if dtype is None or dtype.kind == "f" or not is_share(image.pixels):
        return made
    return Frame(made.pixels.clip(0, 1), made.alpha)


def _scaled(metadata: Metadata, scale: float) -> Metadata:
    """The size of pixels is a measure of what is shown, which is as large as before."""
    if metadata.calibration is None:
        return metadata
    across, down = metadata.calibration
    return replace(metadata, calibration=(across * scale, down * scale))


def _array_frames(candidates: Sequence[Candidate]) -> Generator[DecodedImage, None, None]:
    """The images of an array."""
    for candidate in candidates:
        frame = _frame(candidate)
        yield DecodedImage(frame.pixels, frame.alpha, "PNG", "", stored=Stored(frames=len(candidates)))


def _frame(candidate: Candidate) -> Frame:
    """The image of an array; a fourth channel is its transparency."""
    assert candidate.array is not None
    values = np.array(candidate.array).astype(candidate.array.dtype.newbyteorder("="))
    return Frame(values[:, :, :3], values[:, :, 3]) if candidate.has_alpha else Frame(values)


def _restored_parts(
    output: Output, restorer: Restorer, told: Told
) -> Iterator[tuple[tuple[int, ...], tuple[int | slice, ...], AnyArray]]:
    """Image by image: the shape of the whole result, which of it this is, and this, of the axes of the array."""
    origin = output.candidates[0].origin
    assert origin is not None
    restorer.meter.begin(len(output.candidates))
    for place, image in enumerate(_array_frames(output.candidates)):
        restored = _restored(image, restorer, output, told, place)
        frame = of_type(_within(restored, image, output.dtype), output.dtype)
        both = frame.pixels if frame.alpha is None else np.dstack([frame.pixels, frame.alpha])
        yield origin.axes.shape_of(both.shape), origin.axes.index(place), origin.axes.array(both)
        restorer.meter.frame(place + 1, len(output.candidates), frame.pixels[..., 0].size)


def restored_array(output: Output, restorer: Restorer, told: Told) -> AnyArray:
    """The images of an array restored, in an array of the same order of axes. Raises DlcliError."""
    made: AnyArray | None = None
    for shape, place, part in _restored_parts(output, _with_fit(output, restorer), told):
        if made is None:
            made = np.empty(shape, part.dtype)
        made[place] = part
    assert made is not None
    return made


def _write_array(output: Output, restorer: Restorer, told: Told) -> int:
    """An array of the same type and order of axes, written image by image, whole or not at all."""
    temporary = temporary_beside(output.target)
    made: AnyArray | None = None
    try:
        output.target.parent.mkdir(parents=True, exist_ok=True)
        for shape, place, part in _restored_parts(output, restorer, told):
            if made is None:
                made = np.lib.format.open_memmap(temporary, "w+", part.dtype, shape)
            made[place] = part
        assert made is not None
        made.flush()  # type: ignore[attr-defined]
        del made
        temporary.replace(output.target)
    except OSError as error:
        raise _unwritten(output.target, error) from None
    finally:
        temporary.unlink(missing_ok=True)
    return len(output.candidates)


def _unwritten(target: Path, error: DlcliError | OSError) -> UnwrittenError:
    cause = error if isinstance(error, OSError) else error.__cause__
    if not isinstance(cause, OSError):
        assert isinstance(error, DlcliError)
        return UnwrittenError(error.message, error.hint)  # the format refuses
    reason = f"cannot be written to {printable_path(str(target.parent))}: {cause.strerror or cause}"
    return UnwrittenError(reason, "free some space, or give another --out", full=cause.errno in FULL)
