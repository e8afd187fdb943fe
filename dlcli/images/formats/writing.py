"""Pictures to files by Pillow: frames with the depth, transparency and metadata that their format can hold."""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dlcli.engine.arrays import AnyArray
from dlcli.errors import DlcliError
from dlcli.images.formats.frames import Stored
from dlcli.images.formats.layout.colors import BILEVEL, HOLDING, WITHOUT, black_and_white, with_palette
from dlcli.images.formats.layout.lossy import quality_note, save_options
from dlcli.images.formats.metadata import Metadata, is_ome
from dlcli.images.formats.science.extras import imported
from dlcli.images.formats.values import depth_in, with_depth

STACKS = ("PNG", "WEBP", "TIFF")  # that hold more than one frame
WITHOUT_ALPHA = ("JPEG", "BMP")


@dataclass(frozen=True)
class Frame:
    """``pixels`` (H, W, C), C 1 or 3, and ``alpha`` (H, W) or None, of one type."""

    pixels: AnyArray
    alpha: AnyArray | None = None


def losses(format: str, frames: Sequence[Frame], metadata: Metadata) -> list[str]:
    """What will not be kept of frames that are as the first one, for notes."""
    dtype = frames[0].pixels.dtype
    kept = depth_in(format, dtype, many=len(frames) > 1)
    found = []
    if kept != dtype:
        several = " in several frames" if kept != depth_in(format, dtype, many=False) else ""
        found.append(f"written with {8 * kept.itemsize} bits a channel, as {format} holds no {dtype}{several}")
    if format in WITHOUT_ALPHA and any(frame.alpha is not None for frame in frames):
        found.append(f"written without its transparency, which {format} doesn't hold")
    if metadata.exif and format == "BMP":
        found.append("written without its EXIF data of the exposure")
    if metadata.exif and is_ome(metadata.exif) and format != "TIFF":
        found.append("written without its OME-XML: sizes of pixels, axes and channels")
    if metadata.calibration and format != "TIFF":
        found.append(f"written without the size of its pixels, which {format} doesn't hold")
    if metadata.icc and format == "BMP":
        found.append("written without its color profile, which BMP doesn't hold")
    return found


def write_picture(path: Path, frames: Sequence[Frame], format: str, metadata: Metadata, stored: Stored) -> list[str]:
    """Write them in one of the formats of Pillow, lossless where that can be; returns notes on what is not as it was.

    ``stored`` is how their file held them. Raises DlcliError for what the format doesn't hold, OSError and others as
    Pillow does.
    """
    notes = losses(format, frames, metadata)
    values = [_joined(frame, format, frames) for frame in frames]
    if values[0].dtype == np.uint16 and values[0].shape[2] > 1:
        path.write_bytes(_deep_png(values[0], metadata))
        return notes
    # Pillow tells gray with alpha from RGB by the number of channels.
    images = [Image.fromarray(np.ascontiguousarray(v[:, :, 0] if v.shape[2] == 1 else v)) for v in values]
    if stored.colors and format in HOLDING:
        few = of_few_colors(values[0], stored.colors) if len(values) == 1 else None
        images = images if few is None else [few]
        notes += [] if few is not None else [WITHOUT[stored.colors]]
    _by_pillow(path, images, format, metadata, stored)
    return [*notes, *filter(None, [quality_note(format, stored.options)])]


def of_few_colors(values: AnyArray, colors: str) -> Image.Image | None:
    """The picture (H, W, channels and alpha) with a palette, or of black and white; None where it has more colors."""
    if values.dtype != np.uint8 or (colors == BILEVEL and values.shape[2] > 1):
        return None
    if colors == BILEVEL:
        white = black_and_white(values)
        return None if white is None else Image.fromarray(white)
    found = with_palette(values)
    if found is None:
        return None
    numbers, table = found
    clear = table.shape[1] in (2, 4)
    full = np.concatenate([np.repeat(table[:, :1], 2, axis=1), table], axis=1) if table.shape[1] < 3 else table
    picture = Image.fromarray(numbers).convert("P")
    picture.putpalette(full.tobytes(), "RGBA" if clear else "RGB")
    return picture


def _joined(frame: Frame, format: str, frames: Sequence[Frame]) -> AnyArray:
    """(H, W, channels and alpha) as deep as the format holds; an animation's are of one kind."""
    if frame.pixels.shape[2] not in (1, 3):
        message = f"{frame.pixels.shape[2]} channels cannot be written as {format}, which holds gray and RGB"
        raise DlcliError(message, "give --format tif or npy")
    dtype = depth_in(format, frame.pixels.dtype, many=len(frames) > 1)
    values = with_depth(frame.pixels, dtype)
    if values.shape[2] < max(one.pixels.shape[2] for one in frames):
        values = np.repeat(values, 3, axis=2)
    if format in WITHOUT_ALPHA or all(one.alpha is None for one in frames):
        return values
    return joined(values, frame.alpha)


def joined(values: AnyArray, alpha: AnyArray | None) -> AnyArray:
    """(H, W, C) and then ``alpha`` (H, W), white where there is none; not copied where both lie so in memory."""
    if alpha is not None and (together := _together(values, alpha)) is not None:
        return together
    white = 1 if values.dtype.kind == "f" else np.iinfo(values.dtype).max
    full = np.full(values.shape[:2], white, values.dtype) if alpha is None else with_depth(alpha, values.dtype)
    return np.concatenate([values, full[:, :, None]], axis=2)


def _together(values: AnyArray, alpha: AnyArray) -> AnyArray | None:
    """The array that both are parts of, as they are read from large files; None where there is no such."""
    whole = values.base
    if whole is None or whole is not alpha.base or whole.shape != (*values.shape[:2], values.shape[2] + 1):
        return None
    starts = [part.__array_interface__["data"][0] for part in (whole, values, alpha)]
    alike = whole.dtype == values.dtype == alpha.dtype and whole.strides == values.strides
    behind = values.shape[2] * whole.itemsize
    ours = alike and whole.strides[:2] == alpha.strides and starts == [starts[0], starts[0], starts[0] + behind]
    return whole if ours else None


def _by_pillow(path: Path, images: Sequence[Image.Image], format: str, metadata: Metadata, stored: Stored) -> None:
    if format == "HEIF":
        imported("pillow_heif", "a HEIC image", "heif").register_heif_opener()
    options = save_options(format, stored.options)
    if len(images) > 1:
        shown = metadata.durations or (100,) * len(images)
        options |= {"save_all": True, "append_images": images[1:], "loop": metadata.loop}
        options["duration"] = [round(d) if format == "WEBP" else d for d in shown]
        if format == "PNG":
            options["default_image"] = metadata.hidden_first
            options["duration"] = options["duration"][metadata.hidden_first :]
    with path.open("wb") as file:  # not into memory, where a large image would be once more
        images[0].save(file, format, **options, **metadata.save_options(format))


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
