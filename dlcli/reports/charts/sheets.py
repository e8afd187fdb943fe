"""Sheets of pictures as PNG: what a network made of some images."""

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

from dlcli.reports.charts.layout import SHEET, Box, layout_text
from dlcli.text import counted, printable_path

INK, GRID, PAPER = "#1b1f24", "#e3e6ea", "#ffffff"
MISS = "#d9480f"

Picture = npt.NDArray[np.uint8]

EDGE, GAP = 24, 12  # around a sheet, between its pictures
TITLE, TEXT = 17, 15  # font sizes; nothing here is scaled down, so that the pictures' pixels stay as they are

MAX_ROWS = 6
CELL = 256  # pixels a side: larger pictures are cropped to it, smaller ones enlarged toward it
AMPLIFIED = 4

MAX_CLASSIFIED, COLUMNS, THUMBNAIL = 48, 8, 112


def sample_sheet(rows: Sequence[tuple[Picture, Picture, Picture]], captions: Sequence[str]) -> bytes:
    """PNG bytes of up to six rows: input, output, target, and the absolute error of the output, four times amplified.

    Each row holds three pictures of one size, (H, W) or (H, W, 3), and has its caption below. Large ones are cropped
    to their center and shown 1:1, small ones enlarged by a whole number.
    """
    cells = [_with_error(row) for row in rows[:MAX_ROWS]]
    return _rows(cells, ("input", "output", "target", f"|output - target| x {AMPLIFIED}"), captions)


def before_after_sheet(rows: Sequence[tuple[Picture, Picture]], captions: Sequence[str]) -> bytes:
    """PNG bytes of up to six rows: an image as it was, as it became, and the difference, four times amplified.

    Sizes are as for ``sample_sheet``.
    """
    cells = [_with_error(row) for row in rows[:MAX_ROWS]]
    return _rows(cells, ("before", "after", f"|after - before| x {AMPLIFIED}"), captions)


def residual_sheet(rows: Sequence[tuple[Picture, Picture, Picture]], captions: Sequence[str]) -> bytes:
    """PNG bytes of up to six rows of images without a target: noisy, restored, and the difference as it is.

    Sizes are as for ``sample_sheet``.
    """
    cells = [[fitted(picture, CELL) for picture in row] for row in rows[:MAX_ROWS]]
    return _rows(cells, ("noisy", "restored", "what was taken away"), captions)


def _rows(cells: Sequence[Sequence[Picture]], titles: Sequence[str], captions: Sequence[str]) -> bytes:
    """Rows of pictures of one size each below ``titles``, each row with its caption."""
    title_font = font_of(TITLE)
    step = GAP + max(
        max((row[0].shape[1] for row in cells), default=CELL), *(int(title_font.getlength(title)) for title in titles)
    )
    heights = [row[0].shape[0] + TEXT + 24 for row in cells]
    sheet = Image.new("RGB", (len(titles) * step - GAP + 2 * EDGE, 2 * EDGE + TITLE + sum(heights)), PAPER)
    draw = ImageDraw.Draw(sheet)
    for column, title in enumerate(titles):
        draw.text((EDGE + column * step, EDGE - 6), title, fill=INK, font=title_font)
    top = EDGE + TITLE + 8
    places = list[tuple[str, list[Box]]]()
    for row, caption, height in zip(cells, captions, heights, strict=False):
        places.append((caption, [(EDGE + n * step, top, c.shape[1], c.shape[0]) for n, c in enumerate(row)]))
        for column, cell in enumerate(row):
            sheet.paste(Image.fromarray(cell), (EDGE + column * step, top))
        caption, font = readable(caption)
        caption = shortened(caption, font, sheet.width - 2 * EDGE, keep_end=True)
        draw.text((EDGE, top + row[0].shape[0] + 5), caption, fill=INK, font=font)
        top += height
    return encoded(sheet, layout_text(titles, places))


def class_sheet(
    images: Sequence[Picture], actual: Sequence[str], predicted: Sequence[str], confidences: Sequence[float]
) -> bytes:
    """PNG bytes of up to 48 classified pictures (H, W) or (H, W, 3), each with its prediction and confidence (0 to 1).

    A wrong prediction has another color and a frame, and the actual class below it.
    """
    count = min(len(images), MAX_CLASSIFIED)
    columns = max(min(count, COLUMNS), 3)
    step_x, step_y, top = THUMBNAIL + 2 * GAP, THUMBNAIL + 2 * TEXT + 26, EDGE + TITLE + 14
    size = (columns * step_x - 2 * GAP + 2 * EDGE, top + -(-count // columns) * step_y + EDGE - 14)
    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    wrong = sum(actual[i] != predicted[i] for i in range(count))
    draw.text((EDGE - 4, EDGE - 8), f"{counted(count, 'image')}, {wrong} wrong", fill=INK, font=font_of(TITLE))
    for i in range(count):
        x, y = EDGE + i % columns * step_x, top + i // columns * step_y
        cell = fitted(images[i], THUMBNAIL)
        sheet.paste(Image.fromarray(cell), (x + (THUMBNAIL - cell.shape[1]) // 2, y + (THUMBNAIL - cell.shape[0]) // 2))
        frame = GRID if actual[i] == predicted[i] else MISS
        draw.rectangle((x - 4, y - 4, x + THUMBNAIL + 3, y + THUMBNAIL + 3), outline=frame, width=3)
        _label_prediction(draw, (x - 4, y + THUMBNAIL + 8), actual[i], predicted[i], confidences[i])
    return encoded(sheet)


Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def font_of(size: int) -> Font:
    """Pillow's own font."""
    return ImageFont.load_default(size)


def readable(name: str) -> tuple[str, Font]:
    """``name`` on one line, and a font for it: Pillow's own for English letters, else one that has its letters."""
    if name.isascii():
        return printable_path(name), font_of(TEXT)
    from dlcli.reports.charts.fonts import face_for

    text, path = face_for(name)
    return text, ImageFont.truetype(path, TEXT - 1)


def encoded(image: Image.Image, layout: str = "") -> bytes:
    """As PNG, which says where the pictures of a sheet are."""
    buffer, texts = io.BytesIO(), PngImagePlugin.PngInfo()
    if layout:
        texts.add_itxt(SHEET, layout, zip=True)
    image.save(buffer, "PNG", pnginfo=texts)
    return buffer.getvalue()


def _with_error(row: Sequence[Picture]) -> list[Picture]:
    """The pictures and how far the last two are apart, all (h, w, 3) and of the size shown."""
    shown = [fitted(picture, CELL) for picture in row]
    error = np.abs(shown[-2].astype(np.int64) - shown[-1]) * AMPLIFIED
    return [*shown, np.minimum(error, 255).astype(np.uint8)]


def fitted(picture: Picture, side: int) -> Picture:
    """The picture (h, w, 3) with sides of at most ``side``: its center, or enlarged by a whole number."""
    height, width = picture.shape[:2]
    top, left = max(height - side, 0) // 2, max(width - side, 0) // 2
    picture = picture[top : top + side, left : left + side]
    times = max(side // max(picture.shape[:2]), 1)
    picture = picture.repeat(times, axis=0).repeat(times, axis=1)
    return picture if picture.ndim == 3 else np.stack([picture] * 3, axis=2)


def _label_prediction(
    draw: ImageDraw.ImageDraw, at: tuple[int, int], actual: str, predicted: str, confidence: float
) -> None:
    """The predicted class with its confidence, and below it, where it is wrong, the actual class."""
    (x, y), plain, room = at, font_of(TEXT), THUMBNAIL + 8
    percent = f"{confidence:.0%}"
    color = INK if actual == predicted else MISS
    name, font = readable(predicted)
    name = shortened(name, font, room - int(plain.getlength(percent)) - 6)
    draw.text((x, y), name, fill=color, font=font)
    draw.text((x + room, y), percent, fill=color, font=plain, anchor="ra")
    if actual != predicted:
        name, font = readable(f"is {actual}")
        draw.text((x, y + TEXT + 4), shortened(name, font, room), fill=INK, font=font)


def shortened(name: str, font: Font, width: int, *, keep_end: bool = False) -> str:
    """``name``, its end (or, as of a path, its beginning) replaced by dots where it is wider than ``width`` pixels."""
    if font.getlength(name) <= width:
        return name
    lengths = range(len(name) - 1, 0, -1)
    if keep_end:
        kept = next((n for n in lengths if font.getlength("..." + name[-n:]) <= width), 0)
        return "..." + name[len(name) - kept :].lstrip()
    kept = next((n for n in lengths if font.getlength(name[:n] + "...") <= width), 0)
    return name[:kept].rstrip() + "..."
