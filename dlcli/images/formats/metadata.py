"""What an image file says beside its pixels: color profile, resolution, EXIF, and how its frames are shown."""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image, PngImagePlugin

ORIENTATION, EXIF_IFD, GPS_IFD = 0x0112, 0x8769, 0x8825
# Description, make, model, software, date, artist and copyright: what a TIFF's own tags have of EXIF.
DESCRIPTION = 270
TEXTS = (DESCRIPTION, 271, 272, 305, 306, 315, 33432)
SPACES = {b"RGB ": 3, b"GRAY": 1}


@dataclass(frozen=True)
class Metadata:
    """``icc``: the color profile. ``dpi``: pixels an inch, across and down. ``exif``: without an orientation.

    ``calibration``: pixels a unit that only the description of a TIFF names, as ImageJ's micrometers.
    ``chunks``: what PNG says of colors without a profile (gAMA, cHRM, sRGB). ``durations``: milliseconds of each
    frame; ``loop``: how often they are shown, 0 for ever; ``hidden_first``: the first of them is no part of that.
    """

    icc: bytes = b""
    dpi: tuple[float, float] | None = None
    exif: bytes = b""
    calibration: tuple[float, float] | None = None
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    durations: tuple[float, ...] = ()
    loop: int = 0
    hidden_first: bool = False

    def fitting(self, channels: int) -> tuple["Metadata", str]:
        """Without a profile of other colors than gray (1 channel) or RGB (3), and a note of that."""
        if not self.icc or SPACES.get(self.icc[16:20]) == channels:
            return self, ""
        space = self.icc[16:20].decode("ascii", "replace").strip()
        return replace(self, icc=b""), f"its color profile is for {space}, and left out"

    def save_options(self, format: str) -> dict[str, Any]:
        """The options of Pillow's ``save`` that keep it."""
        options: dict[str, Any] = {}
        if self.icc and format != "BMP":
            options["icc_profile"] = self.icc
        if self.dpi and format != "WEBP":
            options["dpi"] = self.dpi
        if self.exif and format != "BMP":
            options["exif"] = self.exif
        if self.chunks and format == "PNG":
            options["pnginfo"] = info = PngImagePlugin.PngInfo()
            for name, data in self.chunks:
                info.add(name, data)
        return options


def metadata_of(image: Image.Image, exif: bytes) -> Metadata:
    """What the image says, which is loaded by now, beside its ``exif``; damaged parts are passed over."""
    info = image.info
    icc = info.get("icc_profile")
    loop = info.get("loop", 0)
    return Metadata(
        icc if isinstance(icc, bytes) and len(icc) >= 128 else b"",
        _positive(info.get("dpi")),
        exif,
        None if "dpi" in info else calibration_of(info.get("resolution")),
        _chunks(info),
        loop=loop if isinstance(loop, int) else 0,
        hidden_first=bool(info.get("default_image", False)),
    )


def exif_with(texts: Mapping[int, str]) -> bytes:
    """EXIF that holds the ``texts`` by tag."""
    exif = Image.Exif()
    for tag, text in texts.items():
        exif[tag] = text.encode()
    return exif.tobytes() if texts else b""


def is_ome(exif: bytes) -> bool:
    """Whether the description of a TIFF is OME-XML: sizes, axes and channels of a micrograph."""
    found = Image.Exif()
    found.load(exif)
    return str(found.get(DESCRIPTION, "")).startswith("<")


def text_tags(exif: bytes) -> tuple[list[tuple[int, bytes]], bool]:
    """The texts of EXIF that TIFF has tags for, as their bytes are, and whether there is more."""
    found = Image.Exif()
    found.load(exif)
    # JSON (tifffile) and XML (OME) of a description tell shapes, which needn't be those of what is written.
    texts = [(tag, str(found[tag])) for tag in TEXTS if tag in found]
    kept = [(tag, text.encode("latin-1", "replace")) for tag, text in texts if not text.startswith(("{", "<"))]
    return kept, EXIF_IFD in found or GPS_IFD in found


def calibration_of(value: Any) -> tuple[float, float] | None:
    """Pixels a unit without a name; one pixel a unit says nothing."""
    found = _positive(value)
    return None if found == (1.0, 1.0) else found


def _positive(value: Any) -> tuple[float, float] | None:
    try:
        across, down = (float(number) for number in value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if all(math.isfinite(v) and 0 < v < 1e6 for v in (across, down)) else None


def exif_of(image: Image.Image) -> bytes:
    """EXIF without the orientation. Of a TIFF, whose tags are those of its pixels too, before it is loaded."""
    try:
        exif = image.getexif()
        if image.format == "TIFF":  # which Pillow turns as its tag says, so that this must stay
            kept = Image.Exif()
            for tag in {*TEXTS} & set(exif):
                kept[tag] = exif[tag]
            for tag in {EXIF_IFD, GPS_IFD} & set(exif):
                kept[tag] = dict(exif.get_ifd(tag))
            exif = kept
        exif.pop(ORIENTATION, None)
        for tag in TEXTS:  # read as Latin-1, whatever they are; written, Pillow would make "?" of all but ASCII
            if isinstance(exif.get(tag), str):
                exif[tag] = exif[tag].encode("latin-1", "replace")
        return exif.tobytes() if len(exif) else b""
    except Exception:
        return b""


def exif_in_tiff(path: Path) -> bytes:
    """``exif_of`` the first page of a TIFF; nothing where Pillow doesn't know it."""
    try:
        with Image.open(path, formats=("TIFF",)) as image:
            return exif_of(image)
    except Exception:
        return b""


def _chunks(info: dict[Any, Any]) -> tuple[tuple[bytes, bytes], ...]:
    found: list[tuple[bytes, bytes]] = []
    try:
        if "srgb" in info:
            found.append((b"sRGB", bytes([info["srgb"]])))
        if "gamma" in info:
            found.append((b"gAMA", struct.pack(">I", round(info["gamma"] * 100_000))))
        if len(info.get("chromaticity", ())) == 8:
            found.append((b"cHRM", struct.pack(">8I", *(round(v * 100_000) for v in info["chromaticity"]))))
    except (TypeError, ValueError, struct.error):
        return ()
    return tuple(found)
