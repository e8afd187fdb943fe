"""Images to files: every frame, with the depth, transparency and metadata that the format can hold."""

import io
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dlcli.engine.arrays import AnyArray, AnyDtype
from dlcli.errors import DlcliError
from dlcli.files import write_atomic
from dlcli.images.formats.metadata import Metadata, is_ome, text_tags
from dlcli.text import printable, printable_path

STACKS = ("PNG", "WEBP", "TIFF")  # that hold more than one frame
WITHOUT_ALPHA = ("JPEG", "BMP")
LOSSLESS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},  # as nearly as it can
    "WEBP": {"lossless": True, "exact": True},
}
LARGEST_TIFF = 4_000_000_000  # bytes that offsets of 32 bits reach


@dataclass(frozen=True)
class Frame:
    """``pixels`` (H, W, C), C 1 or 3, and ``alpha`` (H, W) or None, of one type."""

    pixels: AnyArray
    alpha: AnyArray | None = None


def with_depth(values: AnyArray, dtype: Any) -> AnyArray:
    """uint8, uint16 or floats in [0, 1], of any shape, as another of those types, white staying white."""
    dtype = np.dtype(dtype)
    if values.dtype == dtype:
        return values
    if dtype.kind == "f" or values.dtype.kind == "f":
        white = 1.0 if values.dtype.kind == "f" else float(np.iinfo(values.dtype).max)
        scaled = values.astype(np.float64) / white
        return scaled.astype(dtype) if dtype.kind == "f" else np.rint(scaled * np.iinfo(dtype).max).astype(dtype)
    if dtype == np.uint16:
        return values.astype(np.uint16) * 257
    return ((values.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)


def depth_in(format: str, dtype: AnyDtype, *, many: bool) -> AnyDtype:
    """The type nearest to ``dtype`` that files of ``format`` hold, in several frames if ``many``."""
    shallow: AnyDtype = np.dtype(np.uint16 if format == "PNG" and not many else np.uint8)
    if format == "TIFF" or dtype == np.uint8:
        return dtype
    return shallow


def losses(format: str, frames: Sequence[Frame], metadata: Metadata) -> list[str]:
    """What will not be kept, for notes."""
    dtype = frames[0].pixels.dtype
    kept = depth_in(format, dtype, many=len(frames) > 1)
    found = []
    if kept != dtype:
        found.append(f"written with {8 * kept.itemsize} bits a channel, as {format} holds no {dtype}")
    if format in WITHOUT_ALPHA and any(frame.alpha is not None for frame in frames):
        found.append(f"written without its transparency, which {format} doesn't hold")
    if metadata.exif and (format == "BMP" or (format == "TIFF" and text_tags(metadata.exif)[1])):
        found.append("written without its EXIF data of the exposure")
    if metadata.exif and is_ome(metadata.exif):
        found.append("written without its OME-XML: sizes of pixels, axes and channels")
    if metadata.calibration and format != "TIFF":
        found.append(f"written without the size of its pixels, which {format} doesn't hold")
    if metadata.icc and format == "BMP":
        found.append("written without its color profile, which BMP doesn't hold")
    return found


def write_frames(path: Path, frames: Sequence[Frame], format: str, metadata: Metadata) -> None:
    """Write them in one of FORMATS, whole or not at all; lossless but for JPEG. What can't be kept, see ``losses``.

    Raises DlcliError when the disk or the format refuses, and for several frames where it holds one.
    """
    if len(frames) > 1 and format not in STACKS:
        raise DlcliError(
            f"{printable_path(path.name)}: {len(frames)} frames cannot be written as {format}, which holds one",
            "give a folder, or a name that ends in .tif",
        )
    values = [_joined(frame, format, frames) for frame in frames]
    try:
        if format == "TIFF":
            data = _tiff(values, metadata)
        elif values[0].dtype == np.uint16 and values[0].shape[2] > 1:
            data = _deep_png(values[0], metadata)
        else:
            data = _by_pillow(values, format, metadata)
    except (OSError, ValueError, MemoryError, struct.error) as error:
        size = f"{values[0].shape[1]} x {values[0].shape[0]} pixels"
        reason = printable(str(error) or type(error).__name__)
        message = f"{printable_path(str(path))}: {size} cannot be written as {format}: {reason}"
        raise DlcliError(message, "write a PNG") from None
    write_atomic(path, data)


def _joined(frame: Frame, format: str, frames: Sequence[Frame]) -> AnyArray:
    """(H, W, channels and alpha) as deep as the format holds; an animation's are of one kind."""
    kind = [frame] if format == "TIFF" else frames
    dtype = depth_in(format, frame.pixels.dtype, many=len(frames) > 1)
    values = with_depth(frame.pixels, dtype)
    if values.shape[2] < max(one.pixels.shape[2] for one in kind):
        values = np.repeat(values, 3, axis=2)
    if format in WITHOUT_ALPHA or all(one.alpha is None for one in kind):
        return values
    alpha = frame.alpha
    white = 1 if dtype.kind == "f" else np.iinfo(dtype).max
    full = np.full(values.shape[:2], white, dtype) if alpha is None else with_depth(alpha, dtype)
    return np.concatenate([values, full[:, :, None]], axis=2)


def _by_pillow(values: Sequence[AnyArray], format: str, metadata: Metadata) -> bytes:
    options = dict(LOSSLESS.get(format, {}))
    # Pillow tells gray with alpha from RGB by the number of channels.
    images = [Image.fromarray(np.ascontiguousarray(v[:, :, 0] if v.shape[2] == 1 else v)) for v in values]
    if len(images) > 1:
        shown = metadata.durations or (100,) * len(images)
        options |= {"save_all": True, "append_images": images[1:], "loop": metadata.loop}
        options["duration"] = [round(d) if format == "WEBP" else d for d in shown]
        if format == "PNG":
            options["default_image"] = metadata.hidden_first
            options["duration"] = options["duration"][metadata.hidden_first :]
    stream = io.BytesIO()
    images[0].save(stream, format, **options, **metadata.save_options(format))
    return stream.getvalue()


def _tiff(values: Sequence[AnyArray], metadata: Metadata) -> bytes:
    import tifffile

    stream = io.BytesIO()
    texts, _ = text_tags(metadata.exif) if metadata.exif else ([], False)
    options: dict[str, Any] = {
        "compression": "zlib", "metadata": None, "software": False, "contiguous": False,
        "iccprofile": metadata.icc or None,
        "extratags": [(tag, "s", 0, text, True) for tag, text in texts],
    }  # fmt: skip
    if metadata.dpi or metadata.calibration:
        options["resolution"] = metadata.dpi or metadata.calibration
        options["resolutionunit"] = "INCH" if metadata.dpi else "NONE"
    with tifffile.TiffWriter(stream, bigtiff=sum(v.nbytes for v in values) > LARGEST_TIFF) as writer:
        for page in values:
            channels = page.shape[2]
            writer.write(
                page if channels > 1 else page[:, :, 0],
                photometric="rgb" if channels > 2 else "minisblack",
                extrasamples=["UNASSALPHA"] if channels in (2, 4) else None,
                planarconfig="contig" if channels > 1 else None,
                predictor=2 if page.dtype.kind == "u" else None,
                **options,
            )
    return stream.getvalue()


def _deep_png(values: NDArray[np.uint16], metadata: Metadata) -> bytes:
    """A PNG of 16 bits a channel, which Pillow writes of gray alone: RGB, or either with alpha (H, W, 2 to 4)."""
    height, width, channels = values.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))]
    if metadata.icc:
        chunks.append((b"iCCP", b"ICC Profile\0\0" + zlib.compress(metadata.icc)))
    else:
        chunks.extend(metadata.chunks)
    if metadata.dpi:
        across, down = (round(dots / 0.0254) for dots in metadata.dpi)
        chunks.append((b"pHYs", struct.pack(">IIB", across, down, 1)))
    if metadata.exif:
        chunks.append((b"eXIf", metadata.exif.removeprefix(b"Exif\0\0")))
    chunks += [(b"IDAT", zlib.compress(_filtered(values), 6)), (b"IEND", b"")]
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def _filtered(values: NDArray[np.uint16]) -> bytes:
    """The bytes of a PNG's rows, each as its difference to the pixel on the left or above: the smaller of the two."""
    height, width, channels = values.shape
    rows = np.frombuffer(values.astype(">u2").tobytes(), np.uint8).reshape(height, 2 * width * channels)
    left, above = rows.copy(), rows.copy()
    left[:, 2 * channels :] -= rows[:, : -2 * channels]
    above[1:] -= rows[:-1]
    sizes = [np.abs(filtered.view(np.int8).astype(np.int16)).sum(axis=1) for filtered in (left, above)]
    up = sizes[1] < sizes[0]
    chosen = np.where(up[:, None], above, left)
    return np.concatenate([np.where(up, 2, 1).astype(np.uint8)[:, None], chosen], axis=1).tobytes()
