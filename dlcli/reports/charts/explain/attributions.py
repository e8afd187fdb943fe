"""Pictures beside maps of what a decision rests on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from dlcli.reports.charts.sheets import (
    EDGE,
    GAP,
    GRID,
    INK,
    MISS,
    PAPER,
    TEXT,
    TITLE,
    Picture,
    encoded,
    fitted,
    font_of,
    readable,
    shortened,
)

# Okabe and Ito's vermilion and blue, told apart with any kind of color blindness.
FOR, AGAINST = np.array([213.0, 94.0, 0.0]), np.array([0.0, 114.0, 178.0])
CELL, PERCENTILE = 112, 99.5
BETWEEN = 36  # pixels between two cases on one line

Values = npt.NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Strip:
    """A picture (h, w) or (h, w, 3) and its maps, all drawn and of one size, over two lines of text.

    ``wrong``: the first line is in the color of mistakes.
    """

    picture: Picture
    maps: Sequence[Picture]
    caption: str
    below: str = ""
    wrong: bool = False


@dataclass(frozen=True)
class Section:
    """Strips under a heading, two on a line."""

    heading: str
    strips: Sequence[Strip]


def attribution_sheet(sections: Sequence[Section], titles: Sequence[str]) -> bytes:
    """PNG bytes of sections of strips; ``titles`` are those of the pictures of a strip, over each section."""
    wide = len(titles) * (CELL + GAP) - GAP
    width = 2 * wide + BETWEEN + 2 * EDGE
    high, head = CELL + 2 * TEXT + 22, TITLE + TEXT + 26
    height = EDGE + sum(head + -(-len(one.strips) // 2) * high for one in sections) + EDGE - 10
    sheet = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    top = EDGE - 6
    for section in sections:
        draw.text((EDGE, top), section.heading, fill=INK, font=font_of(TITLE))
        top += TITLE + 12
        for column in range(min(2, len(section.strips))):
            for place, title in enumerate(titles):
                x = EDGE + column * (wide + BETWEEN) + place * (CELL + GAP)
                draw.text((x, top), shortened(title, font_of(TEXT), CELL + GAP - 4), fill=INK, font=font_of(TEXT))
        top += TEXT + 8
        for number, strip in enumerate(section.strips):
            _draw(sheet, draw, strip, (EDGE + number % 2 * (wide + BETWEEN), top + number // 2 * high))
        top += -(-len(section.strips) // 2) * high + 6
    return encoded(sheet)


def _draw(sheet: Image.Image, draw: ImageDraw.ImageDraw, strip: Strip, at: tuple[int, int]) -> None:
    x, y = at
    for place, picture in enumerate([strip.picture, *strip.maps]):
        cell = fitted(picture, CELL)
        left = x + place * (CELL + GAP)
        sheet.paste(Image.fromarray(cell), (left + (CELL - cell.shape[1]) // 2, y + (CELL - cell.shape[0]) // 2))
        draw.rectangle((left - 1, y - 1, left + CELL, y + CELL), outline=GRID)
    room = (1 + len(strip.maps)) * (CELL + GAP) - GAP
    for line, (text, ink) in enumerate(((strip.caption, MISS if strip.wrong else INK), (strip.below, INK))):
        shown, font = readable(text)
        draw.text((x, y + CELL + 4 + line * (TEXT + 3)), shortened(shown, font, room), fill=ink, font=font)


def signed(values: Values) -> Picture:
    """A map (h, w) of shares: vermilion for what is above 0, blue for what is below, white for 0.

    The full color is that of what 99.5% of the values stay below in size.
    """
    size = np.abs(values)
    full = float(np.percentile(size, PERCENTILE)) or float(size.max()) or 1.0
    share = np.clip(size / full, 0, 1)[..., None]
    ink = np.where(values[..., None] > 0, FOR, AGAINST)
    shown: Picture = np.rint(255 + (ink - 255) * share).astype(np.uint8)
    return shown


def overlaid(picture: Picture, values: Values) -> Picture:
    """A map (h, w) of values from 0 on as vermilion over the picture, which loses its colors."""
    gray = picture.astype(np.float64)
    gray = gray.mean(axis=2) if gray.ndim == 3 else gray
    share = 0.8 * np.clip(values / (float(values.max()) or 1.0), 0, 1)[..., None]
    shown: Picture = np.rint(gray[..., None] * (1 - share) + FOR * share).astype(np.uint8)
    return shown


def centered(values: Values) -> Picture:
    """A signal (h, w, 1 or 3) as a picture in which 0 is gray, and the largest in size is black or white."""
    full = float(np.abs(values).max()) or 1.0
    shown: Picture = np.rint(127.5 + 127.5 * values / full).astype(np.uint8)
    return shown if shown.shape[2] == 3 else shown[..., 0]
