"""TIFF files written page by page, laid out as the file that their images came from."""

import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, TiffImagePlugin

from dlcli.engine.arrays import AnyArray
from dlcli.images.formats.frames import Stored
from dlcli.images.formats.layout.colors import BILEVEL, MOST, PALETTE, WITHOUT, black_and_white, with_palette
from dlcli.images.formats.layout.pyramids import levels_of
from dlcli.images.formats.metadata import DESCRIPTION, EXIF_IFD, GPS_IFD, Metadata, text_tags
from dlcli.images.formats.tiffs.descriptions import description_of

LARGEST = 4_000_000_000  # bytes that offsets of 32 bits reach
RGB, WHITE_IS_ZERO, SEPARATE, ASSOCIATED = 2, 0, 2, 1
# Of the compressions that lose nothing; by those that do, restored images would be spoiled again.
LOSSLESS = {1: None, 5: "lzw", 8: "zlib", 32946: "zlib", 32773: "packbits", 34925: "lzma", 50000: "zstd"}
FAXES = (2, 3, 4)  # of black and white, which tifffile only reads
WITH_PREDICTOR = ("lzw", "zlib", "lzma", "zstd")


class TiffPages:
    """A TIFF file that pages are added to, one at a time; ``notes`` say what is not as it was."""

    def __init__(self, path: Path, metadata: Metadata, stored: Stored, frames: int) -> None:
        self.path, self.metadata, self.stored, self.frames = path, metadata, stored, frames
        self.notes: list[str] = []
        self._writer: Any = None
        self._known = "kind" in stored.options  # a file that tifffile has read
        self.compression, self.predictor = self._compression()

    def add(self, values: AnyArray, *, clear: bool, scale: float) -> None:
        """One frame, (H, W, C), the last channel its transparency if ``clear``; ``scale`` times as large as it was."""
        if self._writer is None:
            self._open(values, scale)
        sizes = [(round(height * scale), round(width * scale)) for height, width in self.stored.levels]
        pages = [values[:, :, i : i + 1] for i in range(values.shape[2])] if self.stored.planes else [values]
        for page in pages:
            levels = levels_of(page, sizes)
            if len(levels) < len(sizes):
                self._note("written without the smaller levels of its pyramid that are no whole fractions of it")
            inside = len(levels) if self.stored.options.get("subifds", True) else 0
            self._write(page, clear=clear and not self.stored.planes, subifds=inside)
            for level in levels:
                self._write(level, clear=clear and not self.stored.planes, subfiletype=1)

    def close(self) -> None:
        """The file is complete."""
        if self._writer is not None:
            self._writer.close()
            self._add_exif()

    def _open(self, values: AnyArray, scale: float) -> None:
        from tifffile import TiffWriter

        options = self.stored.options
        size = self.frames * values.nbytes * (1.5 if self.stored.levels else 1)
        big = bool(options.get("bigtiff")) or size > LARGEST
        self._writer = TiffWriter(self.path, bigtiff=big, byteorder=options.get("byteorder"))
        self._big = big
        height, width = values.shape[:2]
        text = description_of(self.stored, (height, width), values.dtype, scale)
        self._described = bool(text)
        self._first: dict[str, Any] = {"extratags": [*self._texts(), *self._pointers(), *options.get("extratags", [])]}
        if text:
            self._first["description"] = text.encode()

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def _write(self, values: AnyArray, *, clear: bool, **more: Any) -> None:
        """One page of the file; ``more`` are options of tifffile's."""
        layout = self._of_few_colors(values) if self.stored.colors else {}
        known = self.metadata
        if known.dpi or known.calibration:
            more["resolution"] = known.dpi or known.calibration
            more["resolutionunit"] = "INCH" if known.dpi else "NONE"
        self._writer.write(
            **(layout or self._layout(values, clear=clear)),
            compression=self.compression,
            iccprofile=known.icc or None,
            metadata=None,
            software=False,
            contiguous=False,
            **more,
            **(self._first or {"extratags": self._texts()}),
        )
        self._first = {}

    def _layout(self, values: AnyArray, *, clear: bool) -> dict[str, Any]:
        """The page as it is, and what its channels mean."""
        channels, options = values.shape[2], self.stored.options
        own = options.get("photometric", RGB)
        color = channels >= 3 and (own == RGB if self._known else channels in (3, 4))
        planar = channels > 1 and options.get("planarconfig") == SEPARATE
        extra = ["UNSPECIFIED"] * (channels - (3 if color else 1))
        if clear and extra:
            extra[-1] = "ASSOCALPHA" if options.get("extrasamples") == [ASSOCIATED] else "UNASSALPHA"
        white_is_zero = self._known and own == WHITE_IS_ZERO and channels == 1
        page = values[:, :, 0] if channels == 1 else values.transpose(2, 0, 1) if planar else values
        return {
            "data": np.ascontiguousarray(page),
            "photometric": "rgb" if color else "miniswhite" if white_is_zero else "minisblack",
            "extrasamples": extra or None,
            "planarconfig": ("separate" if planar else "contig") if channels > 1 else None,
            "tile": options.get("tile"),
            "predictor": (2 if values.dtype.kind in "ui" else 3) if self._predicts(values) else None,
        }

    def _of_few_colors(self, values: AnyArray) -> dict[str, Any]:
        """The page with a palette or in black and white, as it was; nothing where it has more colors now."""
        shallow = values.dtype == np.uint8
        if self.stored.colors == BILEVEL and shallow and values.shape[2] == 1:
            white = black_and_white(values)
            if white is not None and self.stored.options.get("photometric") == WHITE_IS_ZERO:
                return {"data": ~white, "photometric": "miniswhite"}
            if white is not None:
                return {"data": white, "photometric": "minisblack"}
        few = self.stored.colors == PALETTE and shallow and values.shape[2] in (1, 3)
        if few and (found := with_palette(values)) is not None:
            numbers, table = found
            colors = np.zeros((3, MOST), np.uint16)
            colors[:, : len(table)] = table.T.astype(np.uint16) * 257
            return {"data": numbers, "photometric": "palette", "colormap": colors}
        self._note(WITHOUT[self.stored.colors])
        return {}

    def _compression(self) -> tuple[str | None, bool]:
        if "compression" not in self.stored.options:
            return "zlib", True
        code, predictor = self.stored.options["compression"], bool(self.stored.options["predictor"])
        if code in LOSSLESS and encodable(code):
            return LOSSLESS[code], predictor
        why = "takes imagecodecs" if code in LOSSLESS else "isn't written" if code in FAXES else "may lose details"
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
