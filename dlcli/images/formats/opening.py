"""Opening an image file: a few named formats, a bound on its size, and one error for whatever is wrong with it."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, ImageFile, UnidentifiedImageError

from dlcli.errors import DlcliError
from dlcli.images.formats.depth import OtherTiffError, channels_left_out, is_tiff
from dlcli.text import printable, printable_path

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
def opened(path: Path, label: str) -> Iterator[ImageFile.ImageFile]:
    """The image at ``path`` with its header read; whatever goes wrong with it, inside too, becomes a DlcliError."""
    label = printable_path(label)
    try:
        with Image.open(path, formats=FORMATS) as image:
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
        if is_tiff(path):
            raise OtherTiffError("is not an image", "check the file, or save it again as PNG") from None
        known = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
        raise DlcliError(f"{label} is not a {known} image", "check the file, or save it again as PNG") from None
    except PermissionError as error:
        raise DlcliError(f"{label} cannot be read: {_reason(error)}", "check its permissions") from None
    except Exception as error:
        # Decoders fed with damaged files raise nearly every kind of error there is.
        raise DlcliError(f"{label} is damaged: {_reason(error)}", "fetch or save the image again") from None


def check_file(path: Path, label: str) -> None:
    """Raises DlcliError where there is no file, or an empty one."""
    if not path.is_file():
        what = "is not a regular file" if path.exists() else "is not there"
        raise DlcliError(f"{label} {what}", "check the path and its spelling")
    if path.stat().st_size == 0:
        raise DlcliError(f"{label} is empty", "fetch or save the image again")


def _reason(error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return printable(reason or type(error).__name__)
