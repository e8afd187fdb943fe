"""Opening an image file: a few named formats, a bound on its size, and one error for whatever is wrong with it."""

import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, ImageFile, UnidentifiedImageError, features

from dlcli.errors import DlcliError
from dlcli.images.formats.depth import OtherTiffError, channels_left_out
from dlcli.images.formats.science.camera import EXTENSIONS as RAW_EXTENSIONS
from dlcli.images.formats.science.extras import imported
from dlcli.images.formats.science.zarrs import is_zarr
from dlcli.text import printable, printable_path

# Of Pillow; those that are written, too.
PICTURES = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "AVIF", "HEIF")
FORMATS = (*PICTURES, "NPY", "FITS", "ZARR")
EXTENSIONS = {
    ".png": "PNG",
    **dict.fromkeys((".jpg", ".jpeg"), "JPEG"),
    ".webp": "WEBP",
    **dict.fromkeys((".tif", ".tiff"), "TIFF"),
    ".bmp": "BMP",
    ".avif": "AVIF",
    **dict.fromkeys((".heic", ".heif"), "HEIF"),
    **dict.fromkeys((".fits", ".fit", ".fts"), "FITS"),
    ".zarr": "ZARR",
    **dict.fromkeys((".czi", ".nd2", ".lif"), "BIOIO"),
    **dict.fromkeys(RAW_EXTENSIONS, "RAW"),
}
# What is read and not written becomes this.
INSTEAD = {"BIOIO": "TIFF", "RAW": "TIFF"}
TIFF, FITS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), b"SIMPLE  ="  # how they begin
HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
# Above the largest cameras of today (200 million), below what a forged header can ask for.
MAX_PIXELS = 1 << 28
# Whole slides and mosaics: what they take is compared with the memory that is free before they are decoded.
MAX_TIFF_PIXELS = 1 << 32
COLOR = ("RGB", "RGBA", "RGBX", "RGBa", "P", "PA", "CMYK", "YCbCr")
GRAY = ("1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "I;16N", "F")
ANOTHER = "save it again as an 8-bit PNG"

Image.MAX_IMAGE_PIXELS = MAX_PIXELS
# Set once: filters are global, so that threads which set and reset them would leave the wrong ones.
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


@contextmanager
def named(label: str) -> Iterator[None]:
    """Errors that don't say what they are about get ``label`` in front."""
    try:
        yield
    except DlcliError as error:
        named = error.message if error.message.startswith(label) else f"{label} {error.message}"
        raise DlcliError(named, error.hint) from error.__cause__


@contextmanager
def opened(path: Path, label: str, start: bytes | None = None) -> Iterator[ImageFile.ImageFile]:
    """The image at ``path`` with its header read; whatever goes wrong with it, inside too, becomes a DlcliError.

    ``start`` are its first bytes where they are known already.
    """
    label = printable_path(label)
    try:
        with Image.open(path, formats=_known_to_pillow(beginning(path) if start is None else start)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise Image.DecompressionBombError
            if image.mode not in (*COLOR, *GRAY):
                shown = f"the color mode {printable(image.mode)}"
                raise DlcliError(f"{label} holds {shown}, expected gray or RGB of 8 or 16 bits", ANOTHER)
            channels_left_out(image)
            with named(label):
                yield image
    except DlcliError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        message = f"{label} says that it has more than {MAX_PIXELS // 10**6} million pixels"
        raise DlcliError(message, "cut it into smaller images") from None
    except UnidentifiedImageError:
        if starts_with(path, *TIFF):
            raise OtherTiffError("is not an image", "check the file, or save it again as PNG") from None
        known = f"{', '.join(PICTURES[:4])} or {PICTURES[4]}"
        raise DlcliError(f"{label} is not a {known} image", "check the file, or save it again as PNG") from None
    except PermissionError as error:
        raise DlcliError(f"{label} cannot be read: {_reason(error)}", "check its permissions") from None
    except Exception as error:
        # Decoders fed with damaged files raise nearly every kind of error there is.
        raise DlcliError(f"{label} is damaged: {_reason(error)}", "fetch or save the image again") from None


def starts_with(path: Path, *marks: bytes) -> bool:
    """Whether the file begins with one of ``marks``. Raises DlcliError where it can't be read."""
    return beginning(path).startswith(marks)


def beginning(path: Path) -> bytes:
    """The first 12 bytes of a file, by which its kind is known. Raises DlcliError where it can't be read."""
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read(12)
    except OSError as error:
        raise DlcliError(f"cannot be read: {_reason(error)}", "check its permissions") from None


def _known_to_pillow(start: bytes) -> tuple[str, ...]:
    """The formats to try. Raises DlcliError where a plug-in is lacking for a file's own."""
    if start[4:8] == b"ftyp" and start[8:12] in HEIF_BRANDS:
        imported("pillow_heif", "a HEIC image", "heif").register_heif_opener()
        return ("HEIF",)
    if start[4:8] == b"ftyp" and not features.check("avif"):
        raise DlcliError("is an AVIF image, which this Pillow was built without", "pip install --upgrade pillow")
    return PICTURES[:-1]


def check_file(path: Path, label: str) -> None:
    """Raises DlcliError where there is no file, or an empty one."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        raise DlcliError(f"{label} is not there", "check the path and its spelling") from None
    if stat.S_ISDIR(found.st_mode) and is_zarr(path):
        return
    if not stat.S_ISREG(found.st_mode):
        raise DlcliError(f"{label} is not a regular file", "check the path and its spelling")
    if found.st_size == 0:
        raise DlcliError(f"{label} is empty", "fetch or save the image again")


def _reason(error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return printable(reason or type(error).__name__)
