"""Camera raw, by rawpy: linear colors of 16 bits, as the sensor counts light, white balanced as the camera had it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from dlcli.errors import DlcliError
from dlcli.images.formats.frames import DecodedImage, Header
from dlcli.images.formats.science.extras import imported
from dlcli.text import printable

EXTENSIONS = (".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2", ".pef", ".srw")


@contextmanager
def opened_raw(path: Path, most: int) -> Iterator["RawPhotograph"]:
    """The photograph, of at most ``most`` pixels. Raises DlcliError for what LibRaw can't read."""
    rawpy = imported("rawpy", "camera raw", "raw")
    try:
        with rawpy.imread(str(path)) as raw:
            if raw.sizes.height * raw.sizes.width > most:
                raise DlcliError(f"has more than {most // 10**6} million pixels", "cut it into smaller images")
            yield RawPhotograph(raw, rawpy)
    except DlcliError:
        raise
    except Exception as error:
        reason = printable(str(error).strip("b'") or type(error).__name__)
        raise DlcliError(f"is damaged, or of a camera that LibRaw doesn't know: {reason}", "save it as TIFF") from None


class RawPhotograph:
    """One photograph that is open."""

    def __init__(self, raw: Any, rawpy: Any) -> None:
        self.raw, self.rawpy = raw, rawpy

    def __len__(self) -> int:
        return 1

    def header(self, number: int) -> Header:
        """Its size as shown."""
        del number
        sizes = self.raw.sizes
        turned = sizes.flip in (5, 6)
        height, width = (sizes.iwidth, sizes.iheight) if turned else (sizes.iheight, sizes.iwidth)
        return Header(height, width, 3, "", np.dtype(np.uint16))

    def frame(self, number: int) -> DecodedImage:
        """The colors (H, W, 3) of uint16: no gamma, no brightening."""
        del number
        values = self.raw.postprocess(gamma=(1, 1), no_auto_bright=True, output_bps=16, use_camera_wb=True)
        return DecodedImage(np.ascontiguousarray(values), None, "RAW", "")
