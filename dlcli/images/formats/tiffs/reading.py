"""TIFF files read by tifffile: any depth, sign, floats, planes, tiles, pages, and the axes that programs write."""

import logging
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np

from dlcli.engine.arrays import AnyArray
from dlcli.errors import DlcliError
from dlcli.images.formats.axes import Axes, named_axes
from dlcli.images.formats.depth import OtherTiffError
from dlcli.images.formats.frames import DecodedImage, Header, Stored
from dlcli.images.formats.metadata import TEXTS, Metadata, calibration_of, exif_in_tiff, exif_with
from dlcli.images.formats.orientation import upright
from dlcli.memory import available_memory
from dlcli.text import counted, printable

DEFLATE, ICC, UNIT, ORIENTATION, RESOLUTION = (8, 32946), 34675, 296, 274, 282
EXIF, GPS = 34665, 34853
# Of values as they are: gray, colors, and what cameras write. Pillow knows palettes, CMYK, YCbCr and bilevel pages.
WHITE_IS_ZERO, GRAY, COLOR, CAMERA = 0, 1, 2, (32803, 34892)
ASSOCIATED, UNASSOCIATED = 1, 2
ANOTHER = "save it again as RGB or gray"
BUFFER = 32 << 20  # bytes of a file that are read at a time
PLENTY = 256 << 20  # bytes of a frame: nobody asks whether there is room for less
# Kinds of files whose pages make up one array; others are a picture and what belongs to it, such as a label.
ARRAYS = ("ome", "imagej", "shaped", "lsm", "stk", "mmstack", "ndtiff", "fluoview", "scanimage", "uniform", "generic")
IMAGEJ_TAGS = (50838, 50839)  # of the lookup tables, labels and outlines that ImageJ keeps


@contextmanager
def opened_tiff(path: Path, most: int, axes: str) -> Iterator["TiffStack"]:
    """The frames of a file, of at most ``most`` pixels each, by the ``axes`` that it tells, or those given.

    Raises OtherTiffError for kinds that Pillow may know, DlcliError for others and for damage.
    """
    import tifffile

    logging.getLogger("tifffile").setLevel(logging.CRITICAL + 1)  # what it finds odd is told by the errors here
    try:
        with tifffile.TiffFile(path, _multifile=False) as file:
            yield TiffStack(file, most, axes)
    except DlcliError:
        raise
    except Exception as error:
        raise DlcliError(f"is damaged: {printable(str(error))}", "fetch or save the image again") from None


class TiffStack:
    """The frames of an open TIFF."""

    def __init__(self, file: Any, most: int, given: str) -> None:
        if not len(file.pages):
            raise DlcliError("holds no image", "fetch or save it again")
        series, self.left_out = file.series, 0
        self.kind = str(series[0].kind)
        _check_pages(file, self.kind)
        if self.kind in ("generic", "uniform", "shaped") and len(series) > 1:
            pages = [page for page in file.pages if not page.is_reduced] or list(file.pages)
            series = [_alone(page) for page in pages]
        elif self.kind not in ARRAYS:
            series, self.left_out = series[:1], len(series) - 1
        self.parts = [_Part(one, most, given) for one in series]
        self.starts = np.cumsum([0, *(part.axes.frames for part in self.parts)])
        self.file = file

    def __len__(self) -> int:
        return int(self.starts[-1])

    def _place(self, number: int) -> tuple["_Part", int]:
        part = int(np.searchsorted(self.starts, number, side="right")) - 1
        return self.parts[part], number - int(self.starts[part])

    def header(self, number: int) -> Header:
        """What frame ``number`` is; its ``axes`` are those of the whole file."""
        part, _ = self._place(number)
        height, width, channels = part.size
        axes = tuple(zip(part.axes.frame_names, part.axes.frame_shape, strict=True))
        if len(self.parts) > 1:
            axes = (("I", len(self)),)
        uniform = all(one.like(self.parts[0]) for one in self.parts)
        return Header(height, width, channels, self._note(), part.dtype, len(self), axes, uniform)

    def frame(self, number: int) -> DecodedImage:
        """Frame ``number``, upright. Raises DlcliError where it is damaged or too large."""
        part, place = self._place(number)
        values = upright(part.values(place), part.orientation)
        pixels, alpha = (values[:, :, :-1], values[:, :, -1]) if part.clear else (values, None)
        metadata, lost = self._metadata(part.key, first=not number).fitting(pixels.shape[2])
        notes = "; ".join(filter(None, (self._note(), lost)))
        return DecodedImage(pixels, alpha, "TIFF", notes, metadata, stored=self._stored(part))

    def _metadata(self, page: Any, *, first: bool) -> Metadata:
        tags = page.tags
        exif = exif_with({tag: str(tags[tag].value) for tag in TEXTS if tag in tags})
        if first and any(tag in tags for tag in (EXIF, GPS)):
            exif = exif_in_tiff(Path(self.file.filehandle.path)) or exif
        icc = bytes(tags[ICC].value) if ICC in tags else b""
        dpi, calibration = None, None
        if UNIT in tags and int(tags[UNIT].value) in (2, 3):
            scale = 1.0 if int(tags[UNIT].value) == 2 else 2.54
            across, down = (scale * value for value in page.resolution)
            dpi = (across, down)
        elif RESOLUTION in tags:
            calibration = calibration_of(page.resolution)
        return Metadata(icc, dpi, exif, calibration=calibration)

    def _note(self) -> str:
        return f"{counted(self.left_out, 'further image')} of it are left out" if self.left_out else ""

    def _stored(self, part: "_Part") -> Stored:
        key, axes = part.key, part.axes
        options: dict[str, Any] = {
            "compression": int(key.compression),
            "predictor": int(key.predictor) > 1,
            "planarconfig": int(key.planarconfig),
            "photometric": int(key.photometric),
            "extrasamples": [int(sample) for sample in key.extrasamples],
            "tile": tuple(key.tile) if key.is_tiled and len(key.tile) == 2 else None,
            "byteorder": self.file.byteorder,
            "bigtiff": self.file.is_bigtiff,
            "description": key.description,
            "kind": self.kind,
            "subifds": bool(key.subifds),
            "extratags": [
                (tag.code, int(tag.dtype), tag.count, tag.value, True) for tag in key.tags if tag.code in IMAGEJ_TAGS
            ],
        }
        planes = bool(part.channel_pages)
        return Stored(options, axes.names, axes.shape, planes, len(self), levels=part.levels)


def _check_pages(file: Any, kind: str) -> None:
    """Raises ValueError where there are fewer pages than the file says: tifffile reads those that there are."""
    last, size = file.pages[-1], file.filehandle.size
    big = file.is_bigtiff
    count, entry, pointer = (8, 20, 8) if big else (2, 12, 4)
    order: Literal["little", "big"] = "little" if file.byteorder == "<" else "big"

    def number(offset: int, length: int) -> int:
        file.filehandle.seek(offset)
        return int.from_bytes(file.filehandle.read(length), order)

    following = number(last.offset + count + entry * number(last.offset, count), pointer)
    if following >= size:
        raise ValueError(f"it ends before page {len(file.pages) + 1}")
    if file.pages[0].is_ome and kind != "ome":
        raise ValueError("its OME-XML doesn't fit its pages")
    told = (file.imagej_metadata or {}).get("images", 1) if file.is_imagej else 1
    if isinstance(told, int) and told > math.prod(file.series[0].shape[:-2]):
        raise ValueError(f"it says that it holds {told:,} images, and has {len(file.pages):,}")


def _alone(page: Any) -> Any:
    """A page as a series of its own."""
    return SimpleNamespace(pages=[page], keyframe=page, dataoffset=None, axes=page.axes, shape=page.shape)


class _Part:
    """One array of the file: its axes, and the pages that it is made of, or where its numbers begin."""

    def __init__(self, series: Any, most: int, given: str) -> None:
        self.pages, self.key, self.offset = series.pages, series.keyframe, series.dataoffset
        _check_kind(self.key)
        self.dtype = np.dtype(self.key.dtype)
        self.axes: Axes = named_axes(series.axes.upper(), tuple(map(int, series.shape)), given)
        depth = len(self.key.shape)
        self.lead, self.inner = self.axes.shape[:-depth], self.axes.shape[-depth:]
        paged = math.prod(self.lead) == len(self.pages) and self.inner == tuple(self.key.shape)
        self.numbers = np.arange(len(self.pages)).reshape(self.lead) if paged else None
        if self.numbers is None and self.offset is None:
            raise DlcliError("has fewer pages than it says", "fetch or save the image again")
        self.channel_pages = paged and bool(self.axes.channel) and self.axes.channel in self.axes.names[:-depth]
        extra = [int(sample) for sample in self.key.extrasamples]
        height, width, channels = self.axes.size
        self.clear = extra in ([ASSOCIATED], [UNASSOCIATED]) and channels in (2, 4) and not self.channel_pages
        self.orientation = int(self.key.tags[ORIENTATION].value) if ORIENTATION in self.key.tags else 1
        self.size = (height, width, channels - self.clear)
        if self.orientation >= 5:
            self.size = (width, height, channels - self.clear)
        if height * width > most:
            raise DlcliError(f"has more than {most // 10**6} million pixels", "cut it into smaller images")
        self.bytes = height * width * channels * self.dtype.itemsize
        self.levels = _levels(series)
        self._last: tuple[int, AnyArray] | None = None

    def like(self, other: "_Part") -> bool:
        return (self.size, self.dtype, self.clear) == (other.size, other.dtype, other.clear)

    def values(self, number: int) -> AnyArray:
        """Frame ``number``, (H, W, C)."""
        if self.bytes > PLENTY and self.bytes > available_memory():
            raise DlcliError(f"takes {self.bytes / 2**30:.1f} GiB, more memory than is free", "cut the image")
        where = self.axes.index(number)
        if self.numbers is None:
            return self.axes.image(self._mapped()[where])
        chosen, inside = self.numbers[where[: len(self.lead)]], where[len(self.lead) :]
        planes = [self._page(int(page))[inside] for page in np.ravel(chosen)]
        return self.axes.image(np.stack(planes, axis=0) if np.ndim(chosen) else planes[0])

    def _page(self, number: int) -> AnyArray:
        if self._last is None or self._last[0] != number:
            page = self.pages[number]
            if page is None:
                raise DlcliError("lacks planes that it tells of, which may be in other files", "join them into one")
            _check_pieces(page)
            self._last = None  # let go before the next one is read, so that one is held at a time
            values: AnyArray = page.asarray(buffersize=BUFFER).reshape(self.inner)
            if values.nbytes <= self.bytes:
                return values  # that of one frame, which may do with it what it likes
            self._last = number, values
        return self._last[1]

    def _mapped(self) -> AnyArray:
        handle = self.key.parent.filehandle
        dtype = self.dtype.newbyteorder(self.key.parent.byteorder)
        if self.offset + math.prod(self.axes.shape) * dtype.itemsize > handle.size:
            raise ValueError("it ends before its last page")
        mapped: AnyArray = np.memmap(handle.path, dtype, "r", self.offset, self.axes.shape)
        return mapped


def _levels(series: Any) -> tuple[tuple[int, int], ...]:
    """Height and width of the smaller levels that a page has: in its own directory, or behind it."""
    page = series.keyframe
    if page.subifds:
        smaller = [one for one in page.pages if one.is_reduced]
    else:
        smaller = [level.keyframe for level in getattr(series, "levels", [series])[1:]]
    return tuple((int(one.imagelength), int(one.imagewidth)) for one in smaller)


def _check_kind(page: Any) -> None:
    """Raises OtherTiffError for what Pillow makes colors of, and for what can't be decoded here."""
    kind, bits = int(page.photometric), page.bitspersample
    dtype = page.dtype
    if dtype is None or np.dtype(dtype).kind not in "uif" or not isinstance(bits, int) or bits < 8:
        shown = printable(str(dtype) if dtype is not None else f"{bits} bits")
        raise OtherTiffError(f"holds values of type {shown}, expected whole or floating-point numbers", ANOTHER)
    if kind not in (WHITE_IS_ZERO, GRAY, COLOR, *CAMERA) or (kind == WHITE_IS_ZERO and bits == 8):
        shown = printable(getattr(page.photometric, "name", str(kind)))
        raise OtherTiffError(f"holds colors of the kind {shown}, expected gray or RGB", ANOTHER)
    if not decodable(page):
        shown = printable(getattr(page.compression, "name", str(page.compression)).lower())
        hint = "pip install 'dlcli[codecs]', or save it again without compression"
        raise OtherTiffError(f"is compressed by {shown}, which takes the package imagecodecs", hint)


def decodable(page: Any) -> bool:
    """Whether what tifffile needs for its compression is installed."""
    from tifffile import TIFF

    try:
        TIFF.DECOMPRESSORS[page.compression]
        TIFF.UNPREDICTORS[page.predictor]
    except (KeyError, ValueError, ImportError):
        return False
    return page.bitspersample % 8 == 0 or with_imagecodecs()


def with_imagecodecs() -> bool:
    """Whether tifffile has it, and not only what it brings itself."""
    from tifffile import tifffile

    codecs: Any = vars(tifffile)["imagecodecs"]
    return bool(codecs.__name__ == "imagecodecs")


def _check_pieces(page: Any) -> None:
    """Raises ValueError where pieces of a page lie beyond the file, or expand to more than there is room for."""
    handle = page.parent.filehandle
    if any(offset + count > handle.size for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True)):
        raise ValueError("it ends before its last pixel")
    if len(page.dataoffsets) < math.prod(page.chunked):
        raise ValueError("it has fewer pixels than it says")
    if int(page.compression) not in DEFLATE or with_imagecodecs():
        return  # imagecodecs decodes into as much memory as there is to fill
    most = math.prod(page.chunks) * page.dtype.itemsize
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
        handle.seek(offset)
        if len(zlib.decompressobj().decompress(handle.read(count), most + 1)) > most:
            raise ValueError("its compressed pieces are larger than it says")
