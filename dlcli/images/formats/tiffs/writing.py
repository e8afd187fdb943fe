"""TIFF files written page by page, laid out as the file that their images came from."""

import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, TiffImagePlugin

from dlcli.engine.arrays import AnyArray
from dlcli.images.formats.frames import Stored
from dlcli.images.formats.metadata import DESCRIPTION, EXIF_IFD, GPS_IFD, Metadata, text_tags
from dlcli.images.formats.tiffs.descriptions import description_of

LARGEST = 4_000_000_000  # bytes that offsets of 32 bits reach
RGB, WHITE_IS_ZERO, SEPARATE, ASSOCIATED = 2, 0, 2, 1
# Of the compressions that lose nothing; by those that do, restored images would be spoiled again.
LOSSLESS = {1: None, 5: "lzw", 8: "zlib", 32946: "zlib", 32773: "packbits", 34925: "lzma", 50000: "zstd"}
WITH_PREDICTOR = ("lzw", "zlib", "lzma", "zstd")


class TiffPages:
    """A TIFF file that pages are added to, one at a time; ``notes`` say what is not as it was."""

    def __init__(self, path: Path, metadata: Metadata, stored: Stored, frames: int) -> None:
        self.path, self.metadata, self.stored, self.frames = path, metadata, stored, frames
        self.notes: list[str] = []
        self._writer: Any = None
        self._known = bool(stored.options)
        self.compression, self.predictor = self._compression()

    def add(self, values: AnyArray, *, clear: bool, scale: float) -> None:
        """One frame, (H, W, C), the last channel its transparency if ``clear``; ``scale`` times as large as it was."""
        if self._writer is None:
            self._open(values, scale)
        if self.stored.planes:
            for channel in range(values.shape[2]):
                self._write(values[:, :, channel : channel + 1], clear=False)
        else:
            self._write(values, clear=clear)

    def close(self) -> None:
        """The file is complete."""
        if self._writer is not None:
            self._writer.close()
            self._add_exif()

    def _open(self, values: AnyArray, scale: float) -> None:
        from tifffile import TiffWriter

        options = self.stored.options
        big = bool(options.get("bigtiff")) or self.frames * values.nbytes > LARGEST
        self._writer = TiffWriter(self.path, bigtiff=big, byteorder=options.get("byteorder"))
        self._big = big
        height, width = values.shape[:2]
        text = description_of(self.stored, (height, width), values.dtype, scale)
        self._described = bool(text)
        self._first: dict[str, Any] = {"extratags": [*self._texts(), *self._pointers(), *options.get("extratags", [])]}
        if text:
            self._first["description"] = text.encode()

    def _write(self, values: AnyArray, *, clear: bool) -> None:
        channels, options = values.shape[2], self.stored.options
        own = options.get("photometric", RGB)
        color = channels >= 3 and (own == RGB if self._known else channels in (3, 4))
        planar = channels > 1 and options.get("planarconfig") == SEPARATE
        extra = ["UNSPECIFIED"] * (channels - (3 if color else 1))
        if clear and extra:
            extra[-1] = "ASSOCALPHA" if options.get("extrasamples") == [ASSOCIATED] else "UNASSALPHA"
        white_is_zero = self._known and own == WHITE_IS_ZERO and channels == 1
        kind = "rgb" if color else "miniswhite" if white_is_zero else "minisblack"
        page = values[:, :, 0] if channels == 1 else values.transpose(2, 0, 1) if planar else values
        known = self.metadata
        resolution: dict[str, Any] = {}
        if known.dpi or known.calibration:
            resolution["resolution"] = known.dpi or known.calibration
            resolution["resolutionunit"] = "INCH" if known.dpi else "NONE"
        self._writer.write(
            np.ascontiguousarray(page),
            photometric=kind,
            extrasamples=extra or None,
            planarconfig=("separate" if planar else "contig") if channels > 1 else None,
            tile=options.get("tile"),
            compression=self.compression,
            predictor=(2 if values.dtype.kind in "ui" else 3) if self._predicts(values) else None,
            iccprofile=known.icc or None,
            metadata=None,
            software=False,
            contiguous=False,
            **resolution,
            **(self._first or {"extratags": self._texts()}),
        )
        self._first = {}

    def _compression(self) -> tuple[str | None, bool]:
        if not self._known:
            return "zlib", True
        code, predictor = self.stored.options["compression"], bool(self.stored.options["predictor"])
        if code in LOSSLESS and encodable(code):
            return LOSSLESS[code], predictor
        why = "takes imagecodecs" if code in LOSSLESS else "may lose details"
        self.notes.append(f"compressed by deflate, as the compression that it had {why}")
        return "zlib", True

    def _predicts(self, values: AnyArray) -> bool:
        if not self.predictor or self.compression not in WITH_PREDICTOR:
            return False
        return values.dtype.kind in "ui" or (values.dtype.kind == "f" and self._known and with_float_predictor())

    def _texts(self) -> list[Any]:
        texts, _ = text_tags(self.metadata.exif) if self.metadata.exif else ([], False)
        return [(tag, "s", 0, text, True) for tag, text in texts if tag != DESCRIPTION or not self._described]

    def _pointers(self) -> list[Any]:
        """Room for where the parts of EXIF will be, which follow the pages."""
        self._parts = {} if self._big or not self.metadata.exif else exif_parts(self.metadata.exif)
        # tifffile writes no tags that point; these sort as they do, and become them at the end.
        return [(tag - 1, "I", 1, 0, True) for tag in sorted(self._parts)]

    def _add_exif(self) -> None:
        """The parts of EXIF after the pages, and where they are in the first page's tags."""
        if not self._parts:
            return
        with self.path.open("r+b") as file:
            mark = file.read(4)
            order = "<" if mark[:2] == b"II" else ">"
            (table,) = struct.unpack(order + "I", file.read(4))
            file.seek(table)
            (count,) = struct.unpack(order + "H", file.read(2))
            tags = [struct.unpack(order + "H", file.read(12)[:2])[0] for _ in range(count)]
            for tag, values in self._parts.items():
                part = TiffImagePlugin.ImageFileDirectory_v2(mark + bytes(4))
                for key, value in values.items():
                    part[key] = value
                place = file.seek(0, os.SEEK_END)
                place += file.write(bytes(place % 2))
                file.write(part.tobytes(place))
                entry = table + 2 + 12 * tags.index(tag - 1)
                file.seek(entry)
                file.write(struct.pack(order + "H", tag))
                file.seek(entry + 8)
                file.write(struct.pack(order + "I", place))


def exif_parts(exif: bytes) -> dict[int, dict[int, Any]]:
    """The parts of EXIF that a TIFF has apart from its own tags: of the exposure, and of the place."""
    found = Image.Exif()
    found.load(exif)
    parts = {tag: dict(found.get_ifd(tag)) for tag in (EXIF_IFD, GPS_IFD) if tag in found}
    return {tag: values for tag, values in parts.items() if values}


def encodable(code: int) -> bool:
    """Whether what tifffile needs to compress so is installed."""
    from tifffile import TIFF

    try:
        TIFF.COMPRESSORS[code]
    except (KeyError, ValueError, ImportError):
        return False
    return True


def with_float_predictor() -> bool:
    """Whether floating-point numbers can be written as differences, which takes imagecodecs."""
    from tifffile import TIFF

    try:
        TIFF.PREDICTORS[3]
    except (KeyError, ValueError, ImportError):
        return False
    return True
