"""What every chart is drawn with: a Pillow canvas, colors, and text that fits its place.

A plotting library's import alone takes longer than most fits.
"""

import functools
import io
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

SIZE = (960, 600)
SCALE = 2  # drawn at twice the size and scaled down, which smooths the lines
INK, GRID, PAPER = "#1b1f24", "#e3e6ea", "#ffffff"
# Told apart with any kind of color blindness (a test measures it); more lines than these cycle.
COLORS = ("#0b6fc2", "#d9480f", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#4a2a5a")

TEXT, TITLE = 15, 20  # font sizes
LEFT, RIGHT = 110, 30  # margins that every chart's head keeps to
LONGEST = 500  # characters of a name that are looked at: more never fit

Point = tuple[float, float]
Corners = tuple[float, float, float, float]  # left, top, right, bottom


class Canvas:
    """A picture and the ways to draw on it; all lengths are in pixels of the finished picture."""

    def __init__(self, size: tuple[int, int] = SIZE) -> None:
        self.size = size
        self._image = Image.new("RGB", (size[0] * SCALE, size[1] * SCALE), PAPER)
        self._draw = ImageDraw.Draw(self._image, "RGBA")  # blends translucent colors

    def line(self, points: Sequence[Point], color: str, width: float = 1) -> None:
        """A line through ``points``."""
        if len(points) > 1:
            self._draw.line(_scaled(points), fill=color, width=round(width * SCALE), joint="curve")

    def polygon(self, points: Sequence[Point], color: str) -> None:
        """A filled polygon; ``color`` may have an alpha."""
        self._draw.polygon(_scaled(points), fill=color)

    def box(self, corners: Corners, fill: str | None = None, edge: str | None = None) -> None:
        """A rectangle: left, top, right, bottom."""
        left, top, right, bottom = (c * SCALE for c in corners)
        self._draw.rectangle((left, top, right, bottom), fill=fill, outline=edge, width=SCALE)

    def dot(self, at: Point, radius: float, fill: str | None = None, edge: str | None = None, width: float = 2) -> None:
        """A disc, or with ``edge`` a ring."""
        (x, y), r = (at[0] * SCALE, at[1] * SCALE), radius * SCALE
        self._draw.ellipse((x - r, y - r, x + r, y + r), fill=fill, outline=edge, width=round(width * SCALE))

    def cross(self, at: Point, radius: float, color: str) -> None:
        """An x."""
        x, y = at
        self.line([(x - radius, y - radius), (x + radius, y + radius)], color, 2)
        self.line([(x - radius, y + radius), (x + radius, y - radius)], color, 2)

    def arrow(self, at: Point, radius: float, color: str, up: bool = True) -> None:
        """A triangle with its tip ``at``."""
        (x, y), r = at, radius if up else -radius
        self.polygon([(x, y), (x - radius, y + 2 * r), (x + radius, y + 2 * r)], color)

    def text(
        self, at: Point, text: str, *, size: float = TEXT, anchor: str = "la", halo: bool = False, color: str = INK
    ) -> None:
        """``text`` as it is; with ``halo`` readable over lines."""
        place = (at[0] * SCALE, at[1] * SCALE)
        edge = 3 * SCALE if halo else 0
        self._draw.text(
            place, clean(text), fill=color, font=_font(size), anchor=anchor, stroke_width=edge, stroke_fill=PAPER
        )

    def upright(self, at: Point, text: str) -> None:
        """``text`` read from below, its middle ``at``."""
        text, font = clean(text), _font(TEXT)
        label = Image.new("RGB", (round(font.getlength(text)) + 2, (TEXT + 5) * SCALE), PAPER)
        ImageDraw.Draw(label).text((1, 0), text, fill=INK, font=font)
        label = label.transpose(Image.Transpose.ROTATE_90)
        self._image.paste(label, (round(at[0] * SCALE - label.width / 2), round(at[1] * SCALE - label.height / 2)))

    @contextmanager
    def clipped(self, corners: Corners) -> Iterator[None]:
        """What is drawn meanwhile stays inside left, top, right, bottom."""
        left, top, right, bottom = (round(c * SCALE) for c in corners)
        before = self._image.copy()
        yield
        inside = self._image.crop((left, top, right, bottom))
        self._image.paste(before)
        self._image.paste(inside, (left, top))

    def png(self) -> bytes:
        """The finished picture."""
        buffer = io.BytesIO()
        self._image.resize(self.size, Image.Resampling.BOX).save(buffer, "PNG")
        return buffer.getvalue()


def clean(text: str) -> str:
    """``text`` on one line and in letters that the font has; what has no likeness in ASCII shows as a box."""
    return " ".join("".join(_likeness(c) for c in text[:LONGEST]).split())


_LIKENESSES: dict[str, str] = dict(zip("ßæœøłđıµ−–—×·", ("ss", "ae", "oe", *"oldiu---x."), strict=True))
_LIKENESSES |= {"≤": "<=", "≥": ">=", "≠": "!=", "→": "->", "Ø": "O", "Ł": "L", "Æ": "AE", "Œ": "OE", "Đ": "D"}
_KEPT = "«°±´»‘’“”…‹›™"  # what the font has beyond ASCII


def _likeness(c: str) -> str:
    if c.isascii():
        return c if c.isprintable() else " "
    if c in _KEPT or c in _LIKENESSES:
        return _LIKENESSES.get(c, c)
    # Accents go; controls, marks of direction and halves of surrogate pairs can't be drawn.
    parts = unicodedata.normalize("NFKD", c)
    return "".join(p for p in parts if unicodedata.category(p) not in ("Mn", "Me", "Cc", "Cf", "Cs"))


def length(text: str, size: float = TEXT) -> float:
    """Width of ``text`` in pixels."""
    return float(_font(size).getlength(clean(text))) / SCALE


def shortened(text: str, room: float, size: float = TEXT) -> str:
    """``text``, its end replaced by an ellipsis where it is wider than ``room`` pixels."""
    text = clean(text)
    if length(text, size) <= room:
        return text
    low, high = 0, len(text) - 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if length(text[:middle] + "…", size) <= room else (low, middle - 1)
    return text[:low].rstrip() + "…"


def mixed(color: str, other: str, share: float) -> str:
    """``color`` with a ``share`` (0 to 1) of ``other``."""
    pairs = ((int(color[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(a + share * (b - a)):02x}" for a, b in pairs)


@functools.lru_cache
def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size * SCALE)


def _scaled(points: Sequence[Point]) -> list[Point]:
    return [(x * SCALE, y * SCALE) for x, y in points]


@dataclass(frozen=True)
class Key:
    """An entry of a legend; ``shape`` is line, cross, hollow, arrow or none."""

    name: str
    color: str
    shape: str = "line"


MOST_KEYS = 12  # of lines; how many more there are is said


def keys_of(names: Sequence[str]) -> list[Key]:
    """Legend entries of lines in the order of their colors; a name that is empty has none."""
    keys = [Key(name, COLORS[i % len(COLORS)]) for i, name in enumerate(names) if clean(name)]
    more = len(keys) - MOST_KEYS
    return keys if more <= 0 else [*keys[:MOST_KEYS], Key(f"+{more} more", INK, "none")]


def draw_head(canvas: Canvas, title: str, keys: Sequence[Key], left: float = LEFT) -> float:
    """Draw title and legend, and say where there is room below them.

    The legend stands beside the title where both fit, otherwise in up to three rows below it.
    """
    room = canvas.size[0] - RIGHT - left
    title = shortened(title, room, TITLE)
    canvas.text((left, 14), title, size=TITLE)
    for widest in (240, 180, 130, 100, 80, 60):
        rows = _key_rows(keys, room, widest)
        if len(rows) <= 3:
            break
    width = rows[0][-1][0] + _key_width(rows[0][-1][1]) if rows[0] else 0
    if len(rows) == 1 and length(title, TITLE) + 30 + width <= room:
        _draw_keys(canvas, rows[0], left + room - width, 30)
        return 56
    for number, row in enumerate(rows):
        _draw_keys(canvas, row, left, 58 + 24 * number)
    return 56 + 24 * len(rows)


_HANDLES = {"line": 34, "none": 0}  # from the left end of an entry to its text
_HANDLE = 20  # of points


def _key_width(key: Key) -> float:
    return _HANDLES.get(key.shape, _HANDLE) + length(key.name)


def _key_rows(keys: Sequence[Key], room: float, widest: float) -> list[list[tuple[float, Key]]]:
    """The entries in rows, each with its offset from the left."""
    rows: list[list[tuple[float, Key]]] = [[]]
    x = 0.0
    for whole in keys:
        key = Key(shortened(whole.name, widest), whole.color, whole.shape)
        if x + _key_width(key) > room and rows[-1]:
            rows.append([])
            x = 0.0
        rows[-1].append((x, key))
        x += _key_width(key) + 22
    return rows


def _draw_keys(canvas: Canvas, row: Sequence[tuple[float, Key]], left: float, y: float) -> None:
    for x, key in row:
        x += left
        if key.shape == "line":
            canvas.line([(x, y), (x + 26, y)], key.color, 4)
        elif key.shape == "cross":
            canvas.cross((x + 7, y), 5, key.color)
        elif key.shape == "hollow":
            canvas.dot((x + 7, y), 4.5, fill=PAPER, edge=key.color)
        elif key.shape == "arrow":
            canvas.arrow((x + 7, y - 5), 5, key.color)
        canvas.text((x + _HANDLES.get(key.shape, _HANDLE), y), key.name, anchor="lm")
