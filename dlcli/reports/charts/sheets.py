"""Sheets of pictures as PNG: what a network made of some images, and which classes it takes for one another."""

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageColor, ImageDraw, ImageFont

INK, GRID, PAPER = "#1b1f24", "#e3e6ea", "#ffffff"
HIT, MISS = "#0b6fc2", "#d9480f"  # told apart with any kind of color blindness

Picture = npt.NDArray[np.uint8]

EDGE, GAP = 24, 12  # around a sheet, between its pictures
TITLE, TEXT = 17, 15  # font sizes; nothing here is scaled down, so that the pictures' pixels stay as they are

MAX_ROWS = 6
CELL = 256  # pixels a side: larger pictures are cropped to it, smaller ones enlarged toward it
AMPLIFIED = 4

MAX_CLASSIFIED, COLUMNS, THUMBNAIL = 48, 8, 112

LABELED = 20  # classes up to which a confusion chart names them and has numbers
LONGEST_NAME = 130


def sample_sheet(rows: Sequence[tuple[Picture, Picture, Picture]], captions: Sequence[str]) -> bytes:
    """PNG bytes of up to six rows: input, output, target, and the absolute error of the output, four times amplified.

    Each row holds three pictures of one size, (H, W) or (H, W, 3), and has its caption below. Large ones are cropped
    to their center and shown 1:1, small ones enlarged by a whole number.
    """
    cells = [_with_error(row) for row in rows[:MAX_ROWS]]
    titles = ("input", "output", "target", f"|output - target| x {AMPLIFIED}")
    title_font, text_font = _font(TITLE), _font(TEXT)
    step = GAP + max(
        max((row[0].shape[1] for row in cells), default=CELL), *(int(title_font.getlength(title)) for title in titles)
    )
    heights = [row[0].shape[0] + TEXT + 24 for row in cells]
    sheet = Image.new("RGB", (4 * step - GAP + 2 * EDGE, 2 * EDGE + TITLE + sum(heights)), PAPER)
    draw = ImageDraw.Draw(sheet)
    for column, title in enumerate(titles):
        draw.text((EDGE + column * step, EDGE - 6), title, fill=INK, font=title_font)
    top = EDGE + TITLE + 8
    for row, caption, height in zip(cells, captions, heights, strict=False):
        for column, cell in enumerate(row):
            sheet.paste(Image.fromarray(cell), (EDGE + column * step, top))
        draw.text((EDGE, top + row[0].shape[0] + 5), caption, fill=INK, font=text_font)
        top += height
    return _png(sheet)


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
    draw.text((EDGE - 4, EDGE - 8), f"{count} images, {wrong} wrong", fill=INK, font=_font(TITLE))
    for i in range(count):
        x, y = EDGE + i % columns * step_x, top + i // columns * step_y
        cell = _fitted(images[i], THUMBNAIL)
        sheet.paste(Image.fromarray(cell), (x + (THUMBNAIL - cell.shape[1]) // 2, y + (THUMBNAIL - cell.shape[0]) // 2))
        frame = GRID if actual[i] == predicted[i] else MISS
        draw.rectangle((x - 4, y - 4, x + THUMBNAIL + 3, y + THUMBNAIL + 3), outline=frame, width=3)
        _label_prediction(draw, (x - 4, y + THUMBNAIL + 8), actual[i], predicted[i], confidences[i])
    return _png(sheet)


def confusion_chart(matrix: npt.NDArray[np.int64], classes: Sequence[str]) -> bytes:
    """PNG bytes of a confusion matrix (K, K): rows are the actual classes, columns the predicted.

    A cell's shade grows with the square root of its share of its row, which makes rare mistakes visible; hits and
    mistakes have colors of their own. Up to 20 classes there are names and counts.
    """
    count = len(classes)
    cell = 58 if count <= 12 else 46 if count <= LABELED else max(640 // count, 1)
    font = _font(TEXT)
    names = [_shortened(name, font, LONGEST_NAME) for name in classes] if count <= LABELED else []
    widest = max((int(font.getlength(name)) for name in names), default=0)
    upright = widest > cell - 6
    left, top = EDGE + 30 + widest, EDGE + TITLE + 36 + (widest + 8 if upright else TEXT + 8)
    right, bottom = left + cell * count, top + cell * count
    hits, total = int(np.trace(matrix)), int(matrix.sum())
    title = f"{hits:,} of {total:,} right ({hits / max(total, 1):.2%})"
    width = max(right, left + int(_font(TITLE).getlength(title))) + EDGE
    chart = Image.new("RGB", (width, bottom + EDGE), PAPER)
    draw = ImageDraw.Draw(chart)
    draw.text((left, EDGE - 8), title, fill=INK, font=_font(TITLE))
    draw.text(((left + right) / 2, EDGE + TITLE + 8), "predicted", fill=INK, font=font, anchor="mt")
    _upright(chart, "actual", (EDGE, (top + bottom) // 2 - 14))
    for i, name in enumerate(names):
        middle = (i + 0.5) * cell
        draw.text((left - 8, top + middle), name, fill=INK, font=font, anchor="rm")
        if upright:
            _upright(chart, name, (int(left + middle) - 9, top - 8 - int(font.getlength(name))))
        else:
            draw.text((left + middle, top - 8), name, fill=INK, font=font, anchor="mb")
    _draw_matrix(chart, matrix, (left, top), cell)
    draw.rectangle((left - 1, top - 1, right, bottom), outline=INK)
    return _png(chart)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _with_error(row: tuple[Picture, Picture, Picture]) -> list[Picture]:
    """The three pictures and the error, all (h, w, 3) and of the size shown."""
    shown = [_fitted(picture, CELL) for picture in row]
    error = np.abs(shown[1].astype(np.int64) - shown[2]) * AMPLIFIED
    return [*shown, np.minimum(error, 255).astype(np.uint8)]


def _fitted(picture: Picture, side: int) -> Picture:
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
    (x, y), font, room = at, _font(TEXT), THUMBNAIL + 8
    percent = f"{confidence:.0%}"
    color = INK if actual == predicted else MISS
    name = _shortened(predicted, font, room - int(font.getlength(percent)) - 6)
    draw.text((x, y), name, fill=color, font=font)
    draw.text((x + room, y), percent, fill=color, font=font, anchor="ra")
    if actual != predicted:
        draw.text((x, y + TEXT + 4), _shortened(f"is {actual}", font, room), fill=INK, font=font)


def _shortened(name: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """``name``, its end replaced by dots where it is wider than ``width`` pixels."""
    if font.getlength(name) <= width:
        return name
    kept = next((n for n in range(len(name) - 1, 0, -1) if font.getlength(name[:n] + "...") <= width), 0)
    return name[:kept].rstrip() + "..."


def _upright(image: Image.Image, text: str, at: tuple[int, int]) -> None:
    """``text`` read from below, its left upper corner ``at``."""
    font = _font(TEXT)
    line = Image.new("RGB", (int(font.getlength(text)) + 1, TEXT + 5), PAPER)
    ImageDraw.Draw(line).text((0, 0), text, fill=INK, font=font)
    image.paste(line.transpose(Image.Transpose.ROTATE_90), at)


def _draw_matrix(chart: Image.Image, matrix: npt.NDArray[np.int64], at: tuple[int, int], cell: int) -> None:
    """The shaded cells, each ``cell`` pixels a side, and up to 20 classes their lines and counts."""
    count = len(matrix)
    shades = np.sqrt(matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1))[..., None]
    paper, hit, miss = (np.array(ImageColor.getrgb(name)) for name in (PAPER, HIT, MISS))
    hues = np.where(np.eye(count, dtype=bool)[..., None], hit, miss)
    colors = Image.fromarray((paper + shades * (hues - paper)).astype(np.uint8))
    chart.paste(colors.resize((count * cell, count * cell), Image.Resampling.NEAREST), at)
    if count > LABELED:
        return
    draw, font = ImageDraw.Draw(chart), _font(TEXT if cell > 50 else TEXT - 2)
    for row, column in np.ndindex(count, count):
        x, y = at[0] + column * cell, at[1] + row * cell
        draw.rectangle((x, y, x + cell - 1, y + cell - 1), outline=GRID)
        if matrix[row, column]:
            ink = PAPER if shades[row, column, 0] > 0.6 else INK
            text = _count(int(matrix[row, column]))
            draw.text((x + cell / 2, y + cell / 2), text, fill=ink, font=font, anchor="mm")


def _count(number: int) -> str:
    """A count in at most five characters."""
    if number < 10_000:
        return str(number)
    for power, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= power:
            return f"{number / power:.3g}{unit}"
    return str(number)
