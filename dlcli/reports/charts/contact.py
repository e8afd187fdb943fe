"""A contact sheet of images as they came, each with the histogram of its values."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from dlcli.reports.charts.sheets import EDGE, GAP, GRID, INK, PAPER, TEXT, TITLE, encoded, font_of, readable, shortened
from dlcli.reports.data import DataReport, Kind
from dlcli.text import counted

COLUMNS, SIDE = 6, 144
BARS, HEIGHT = 48, 36  # of a histogram, and how many pixels high it is
SHADE = "#6b7280"


@dataclass(frozen=True, eq=False)
class Shown:
    """An image on the sheet: its name and size, a ``picture`` (h, w, 1 or 3) of it, and values ``drawn`` of it.

    Both are on the data's own scale.
    """

    name: str
    height: int
    width: int
    picture: npt.NDArray[np.float32]
    drawn: npt.NDArray[np.float32]
    kind: Kind


def contact_sheet(images: Sequence[Shown], report: DataReport) -> bytes:
    """PNG bytes of the ``images`` in rows of six, each with the histogram of its values and its size.

    Black and white are those of 8 bits; else the values that 0.1% and 99.9% of all images of that type stay below.
    """
    columns = max(min(len(images), COLUMNS), 3)
    step_x, step_y, top = SIDE + 2 * GAP, SIDE + HEIGHT + 2 * TEXT + 34, EDGE + TITLE + 18
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (columns * step_x - 2 * GAP + 2 * EDGE, top + rows * step_y), PAPER)
    draw = ImageDraw.Draw(sheet)
    title = f"{len(images):,} of {counted(report.images, 'image')}, with the histograms of their values"
    draw.text((EDGE, EDGE - 8), title, fill=INK, font=font_of(TITLE))
    for number, image in enumerate(images):
        x, y = EDGE + number % columns * step_x, top + number // columns * step_y
        low, high = display_range(image.kind)
        cell = _as_bytes(image.picture, low, high)
        left, above = x + (SIDE - cell.shape[1]) // 2, y + (SIDE - cell.shape[0]) // 2
        sheet.paste(Image.fromarray(cell), (left, above))
        draw.rectangle((x - 1, y - 1, x + SIDE, y + SIDE), outline=GRID)
        _draw_histogram(draw, (x, y + SIDE + 8), image.drawn, low, high)
        _label(draw, (x, y + SIDE + HEIGHT + 12), image)
    return encoded(sheet)


def display_range(kind: Kind) -> tuple[float, float]:
    """What is shown as black and as white."""
    if kind.dtype == "uint8":
        return 0.0, 255.0
    low, high = kind.percentiles.get("0.1", 0.0), kind.percentiles.get("99.9", 1.0)
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _as_bytes(picture: npt.NDArray[np.float32], low: float, high: float) -> npt.NDArray[np.uint8]:
    """(h, w, 3), small ones enlarged by a whole number."""
    scaled = np.nan_to_num((picture.astype(np.float64) - low) / (high - low), posinf=1.0, neginf=0.0)
    shown = np.rint(255 * np.clip(scaled, 0, 1)).astype(np.uint8)
    times = max(SIDE // max(shown.shape[:2]), 1)
    shown = shown.repeat(times, axis=0).repeat(times, axis=1)
    return shown if shown.shape[2] == 3 else np.repeat(shown, 3, axis=2)


def _draw_histogram(
    draw: ImageDraw.ImageDraw, at: tuple[int, int], drawn: npt.NDArray[np.float32], low: float, high: float
) -> None:
    """Bars from black to white; what lies beyond is counted at the ends."""
    values = drawn[np.isfinite(drawn)]
    counts = np.histogram(np.clip(values, low, high), bins=BARS, range=(low, high))[0]
    # By the square root: a background that most pixels have leaves the others visible.
    heights = np.sqrt(counts / max(int(counts.max()), 1)) * HEIGHT
    (x, y), wide = at, SIDE // BARS
    for number, height in enumerate(heights):
        if height > 0:
            left = x + number * wide
            draw.rectangle((left, y + HEIGHT - max(int(height), 1), left + wide - 1, y + HEIGHT), fill=SHADE)
    draw.line((x, y + HEIGHT, x + SIDE, y + HEIGHT), fill=INK)


def _label(draw: ImageDraw.ImageDraw, at: tuple[int, int], image: Shown) -> None:
    name, font = readable(image.name)
    draw.text((at[0], at[1] + 2), shortened(name, font, SIDE, keep_end=True), fill=INK, font=font)
    text = f"{image.width} x {image.height} {image.kind.dtype}"
    draw.text((at[0], at[1] + TEXT + 5), shortened(text, font_of(TEXT), SIDE), fill=SHADE, font=font_of(TEXT))
