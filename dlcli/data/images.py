"""One image file to pixels and back, held to a few named formats and to a bound on its size."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from dlcli.data.names import printable, printable_path
from dlcli.errors import DlcliError
from dlcli.runs.directory import write_atomic

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP")
EXTENSIONS = {
    ".png": "PNG",
    **dict.fromkeys((".jpg", ".jpeg"), "JPEG"),
    ".webp": "WEBP",
    **dict.fromkeys((".tif", ".tiff"), "TIFF"),
    ".bmp": "BMP",
}
# Above the largest cameras of today (200 million), below what a forged header can ask for.
MAX_PIXELS = 1 << 28
ORIENTATION = 0x0112
COLOUR = ("RGB", "RGBA", "RGBX", "RGBa", "P", "PA", "CMYK", "YCbCr")
GRAY = ("1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "I;16N")
ANOTHER = "save it again as an 8-bit PNG"

Pixels = NDArray[np.uint8] | NDArray[np.uint16]

Image.MAX_IMAGE_PIXELS = MAX_PIXELS
# Set once: filters are global, so that threads which set and reset them would leave the wrong ones.
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


@dataclass(frozen=True)
class Header:
    """What is known of an image before its pixels are decoded: its size as shown, whether gray, a note or "", depth."""

    height: int
    width: int
    gray: bool
    note: str
    bits: int = 8


@dataclass(frozen=True)
class DecodedImage:
    """``pixels`` (H, W, C), C 1 (gray) or 3, and ``alpha`` (H, W) or None: uint8 or uint16, as ``bits`` 8 or 16 says.

    ``format`` is one of FORMATS; ``note`` says what of the file was left out ("" for nothing).
    """

    pixels: Pixels
    alpha: Pixels | None
    bits: int
    format: str
    note: str

    @property
    def gray(self) -> bool:
        """Whether there is one channel."""
        return bool(self.pixels.shape[2] == 1)


def read_header(path: Path, label: str) -> Header:
    """Size, colour and note of the image at ``path``, which errors call ``label``; decodes nothing.

    Raises DlcliError for what isn't an image that can be read.
    """
    with _opened(path, label) as image:
        width, height = image.size
        if _orientation(image) >= 5:
            width, height = height, width
        return Header(height, width, _is_gray(image), _note(image), 16 if _is_deep(image) else 8)


def read_image(path: Path, label: str) -> DecodedImage:
    """The image at ``path`` turned upright, with its transparency and depth; errors call it ``label``.

    Of several frames the first is taken. Palettes, CMYK and YCbCr become RGB; 16 bits stay for gray without
    transparency. Raises DlcliError for what is missing, damaged, too large or of a kind that isn't read.
    """
    with _opened(path, label) as image:
        # Before the pixels are loaded, as loading changes palettes and what is known of frames.
        turn, gray, note = _orientation(image), _is_gray(image), _note(image)
        format_ = "JPEG" if image.format == "MPO" else str(image.format)
        image.load()
        alpha: NDArray[Any] | None = None
        if image.mode.startswith("I"):
            pixels = _sixteen_bits(image, printable_path(label))
            if "transparency" in image.info:
                note = "; ".join(filter(None, (note, "its transparent shade of gray is shown as it is")))
        elif image.has_transparency_data:
            both = np.asarray(image.convert("LA" if gray else "RGBA"))
            pixels, alpha = both[:, :, :-1], _upright(both[:, :, -1], turn)
        else:
            pixels = np.asarray(image.convert("L" if gray else "RGB"))
    pixels = _upright(pixels if pixels.ndim == 3 else pixels[:, :, None], turn)
    return DecodedImage(pixels, alpha, 16 if pixels.dtype == np.uint16 else 8, format_, note)


def read_pixels(path: Path, label: str, channels: int) -> NDArray[np.uint8]:
    """The image at ``path`` as (H, W, channels), 1 or 3 channels; 16 bits become 8, transparency is left out.

    Raises DlcliError as read_image does.
    """
    return with_channels(with_bits(read_image(path, label).pixels, 8), channels)


def with_channels(pixels: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """(H, W, 1 or 3) as (H, W, channels): gray is repeated, colour weighed as in ITU-R 601."""
    if pixels.shape[2] == channels:
        return pixels
    if channels == 3:
        return np.repeat(pixels, 3, axis=2)
    return np.array(Image.fromarray(np.ascontiguousarray(pixels)).convert("L"))[:, :, None]


def with_bits(values: NDArray[Any], bits: int) -> NDArray[Any]:
    """uint8 or uint16 of any shape as ``bits`` 8 or 16, white staying white."""
    if bits == 16:
        return values if values.dtype == np.uint16 else values.astype(np.uint16) * 257
    if values.dtype == np.uint8:
        return values
    return ((values.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)


def write_image(path: Path, pixels: Pixels, alpha: Pixels | None, bits: int, format: str) -> None:
    """Write ``pixels`` (H, W, 1 or 3) and ``alpha`` (H, W) in one of FORMATS, whole or not at all.

    Lossless but for JPEG. 16 ``bits`` stay for gray without alpha as PNG or TIFF and become 8 elsewhere; alpha stays
    but for JPEG and BMP. Raises DlcliError when the disk or the format refuses.
    """
    if format in ("JPEG", "BMP"):
        alpha = None
    deep = bits == 16 and alpha is None and pixels.shape[2] == 1 and format in ("PNG", "TIFF")
    values = with_bits(pixels, 16 if deep else 8)
    if alpha is not None:
        values = np.concatenate([values, with_bits(alpha, 8)[:, :, None]], axis=2)
    elif values.shape[2] == 1:
        values = values[:, :, 0]
    options: dict[str, dict[str, Any]] = {
        "JPEG": {"quality": 95, "subsampling": 0},
        "WEBP": {"lossless": True, "exact": True},
        "TIFF": {"compression": "tiff_lzw"},
    }
    stream = io.BytesIO()
    try:
        # Pillow tells gray with alpha from RGB by the number of channels.
        Image.fromarray(np.ascontiguousarray(values)).save(stream, format, **options.get(format, {}))
    except (OSError, ValueError, MemoryError) as error:
        label = printable_path(str(path))
        size = f"{values.shape[1]} x {values.shape[0]} pixels"
        raise DlcliError(f"{label}: {size} cannot be written as {format}: {_reason(error)}", "write a PNG") from None
    write_atomic(path, stream.getvalue())


@contextmanager
def _opened(path: Path, label: str) -> Iterator[Image.Image]:
    """The image with its header read; whatever goes wrong with it, inside too, becomes a DlcliError."""
    label = printable_path(label)
    try:
        if not path.is_file():
            what = "is not a regular file" if path.exists() else "is not there"
            raise DlcliError(f"{label} {what}", "check the path and its spelling")
        if path.stat().st_size == 0:
            raise DlcliError(f"{label} is empty", "fetch or save the image again")
        with Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise Image.DecompressionBombError
            if image.mode not in (*COLOUR, *GRAY):
                shown = "floating-point numbers" if image.mode == "F" else f"the colour mode {printable(image.mode)}"
                raise DlcliError(f"{label} holds {shown}, expected gray or RGB of 8 or 16 bits", ANOTHER)
            yield image
    except DlcliError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        message = f"{label} says that it has more than {MAX_PIXELS // 10**6} million pixels"
        raise DlcliError(message, "cut it into smaller images") from None
    except UnidentifiedImageError:
        known = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
        raise DlcliError(f"{label} is not a {known} image", "check the file, or save it again as PNG") from None
    except PermissionError as error:
        raise DlcliError(f"{label} cannot be read: {_reason(error)}", "check its permissions") from None
    except Exception as error:
        # Decoders fed with damaged files raise nearly every kind of error there is.
        raise DlcliError(f"{label} is damaged: {_reason(error)}", "fetch or save the image again") from None


def _reason(error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return printable(reason or type(error).__name__)


def _orientation(image: Image.Image) -> int:
    """How EXIF says that the pixels lie, 1 to 8; 1 is upright. Pillow itself turns TIFF."""
    if image.format == "TIFF":
        return 1
    try:
        # PNG's own getexif would decode the pixels to look behind them.
        value = Image.Image.getexif(image).get(ORIENTATION, 1)
    except Exception:
        return 1  # damaged EXIF data don't spoil the pixels
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _upright(values: NDArray[Any], orientation: int) -> NDArray[Any]:
    """(H, W, ...) turned and mirrored as ``orientation`` asks for, in memory of its own."""
    if orientation >= 5:
        values = values.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    return np.array(values, order="C")


def _is_gray(image: Image.Image) -> bool:
    if image.mode == "P" and image.palette is not None:
        order, table = image.palette.getdata()
        step = {"RGB": 3, "BGRX": 4}.get(order, 0)
        return step > 0 and table[0::step] == table[1::step] == table[2::step]
    return image.mode in GRAY


def _is_deep(image: Image.Image) -> bool:
    """Whether the file has 16 bits a channel, whatever is read of them."""
    return image.mode.startswith("I") or any(";16" in str(tile[3]) for tile in getattr(image, "tile", ()))


def _note(image: Image.Image) -> str:
    notes = []
    # The other pictures of an MPO file are previews of the first.
    if image.format != "MPO" and getattr(image, "is_animated", False):
        notes.append("only the first of its frames is used")
    if not image.mode.startswith("I") and _is_deep(image):
        notes.append("its 16 bits are read as 8")
    return "; ".join(notes)


def _sixteen_bits(image: Image.Image, label: str) -> NDArray[np.uint16]:
    values = np.asarray(image)
    if values.dtype.itemsize > 2 and (values.min() < 0 or values.max() > 65535):
        message = f"{label} holds values from {values.min()} to {values.max()}, expected 0 to 65535"
        raise DlcliError(message, ANOTHER)
    return values.astype(np.uint16)
