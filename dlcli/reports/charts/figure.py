"""What every chart shares: size, style, colors, numbers at axes, and how a figure becomes a file's bytes."""

import atexit
import contextlib
import io
import itertools
import math
import os
import shutil
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib
import numpy as np
from matplotlib import ticker, transforms
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from dlcli.reports.charts import CONFIGURED
from dlcli.reports.charts.fonts import FIRST, families_for, one_line, shown_in

ChartFormat = Literal["png", "svg", "pdf"]

SIZE = (8.0, 5.0)  # inches
DPI = 144
INK, GRAY, GRID = "#1b1f24", "#6b7280", "#e3e6ea"
# Okabe and Ito 2008, told apart with any kind of color blindness, without the yellow that is too pale for a line.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLES = ("-", "--", "-.", ":")  # for more lines than colors
TEXT, TITLE = 9.0, 11.0  # points
HUGE = 1e300  # larger values are drawn as this one
MOST_NAMES = 12  # in a legend; how many more there are is said
ELLIPSIS = "…"
LONGEST = 300  # characters of a name that are looked at: more never fit
MARGIN, HANDLE = 0.11, 0.28  # inches: around a figure, and of the line before a name

STYLE: Any = {
    **{name: value for name, value in matplotlib.rcParamsDefault.items() if not name.startswith("backend")},
    "font.family": [FIRST, "sans-serif"],
    "font.sans-serif": [FIRST],
    "font.size": TEXT,
    "axes.labelsize": TEXT,
    "axes.edgecolor": INK,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": False,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "text.color": INK,
    "text.parse_math": False,  # a $ in a column's name is a $
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": TEXT,
    "ytick.labelsize": TEXT,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "legend.fontsize": TEXT,
    "svg.fonttype": "none",  # texts stay texts, to be found and read aloud
    "svg.hashsalt": "dlcli",
    "pdf.fonttype": 42,
}

# Where matplotlib has no home it makes a folder that it means to remove when Python ends, which the command skips.
if (_made := os.environ.get("MPLCONFIGDIR")) and _made != CONFIGURED:
    atexit.unregister(shutil.rmtree)
    shutil.rmtree(_made, ignore_errors=True)
    if CONFIGURED is None:
        del os.environ["MPLCONFIGDIR"]


class Chart:
    """A figure being drawn for a file of a ``format``; ``names`` are all texts of it that come from data.

    All that makes it or changes its artists must run within ``styled``.
    """

    def __init__(self, format: ChartFormat, names: Sequence[str] = (), size: tuple[float, float] = SIZE) -> None:
        self.format = format
        self.figure = Figure(size, DPI)
        self._renderer: Any = FigureCanvasAgg(self.figure).get_renderer()  # type: ignore[no-untyped-call]
        self.families = families_for([one_line(name[:LONGEST]) for name in names])
        matplotlib.rcParams["font.family"] = [*self.families, "sans-serif"]
        self._head = MARGIN  # inches from the top that are taken

    def name(self, text: str, room: float = math.inf, size: float = TEXT) -> str:
        """``text`` as this chart can show it, its end replaced by an ellipsis where it is wider than ``room`` inches.

        Where an SVG is looked at, other fonts may be there: it keeps every character.
        """
        text = one_line(text[:LONGEST])
        if self.format != "svg":
            text = shown_in(text, self.families)
        if self.width(text, size) <= room:
            return text
        low, high = 0, len(text) - 1
        while low < high:
            middle = (low + high + 1) // 2
            fits = self.width(text[:middle] + ELLIPSIS, size) <= room
            low, high = (middle, high) if fits else (low, middle - 1)
        return text[:low].rstrip() + ELLIPSIS

    def width(self, text: str, size: float = TEXT) -> float:
        """Width of ``text`` in inches."""
        font = FontProperties(family=[*self.families, "sans-serif"], size=size)
        with warnings.catch_warnings(action="ignore"):  # an SVG may have characters that no font here has
            return float(self._renderer.get_text_width_height_descent(text, font, False)[0]) / DPI

    def head(self, title: str, entries: Sequence[tuple[Artist, str]] = ()) -> None:
        """The title and, in rows below it, the names of the ``entries``: nothing of it covers data."""
        width, height = self.figure.get_size_inches()
        room = width - 2 * MARGIN
        self.figure.text(
            MARGIN / width, 1 - MARGIN / height, self.name(title, room, TITLE), fontsize=TITLE, va="top", ha="left"
        )
        self._head = MARGIN + 1.9 * TITLE / 72
        if not entries:
            return
        columns, names = self._in_columns([name for _, name in entries], room)
        order = [i for column in range(columns) for i in range(column, len(entries), columns)]  # row by row
        self.figure.legend(
            [entries[i][0] for i in order], [names[i] for i in order], loc="upper left", ncols=columns,
            bbox_to_anchor=(MARGIN / width, 1 - self._head / height), borderaxespad=0, borderpad=0,
            handlelength=HANDLE * 72 / TEXT, handletextpad=0.6, columnspacing=1.6, labelspacing=0.5,
        )  # fmt: skip
        self._head += 1.55 * TEXT / 72 * math.ceil(len(entries) / columns) + 0.08

    def _in_columns(self, names: Sequence[str], room: float) -> tuple[int, list[str]]:
        """As many columns as hold the ``names`` whole; where two don't, two of names cut short."""
        whole = [self.name(name) for name in names]
        gap = HANDLE + 2.2 * TEXT / 72
        for columns in range(min(len(names), 6), 0, -1):
            widths = [max(map(self.width, whole[c::columns])) + gap for c in range(columns)]
            if sum(widths) <= room:
                return columns, whole
        columns = min(2, len(names))
        return columns, [self.name(name, room / columns - gap) for name in names]

    def place(self, grid: Sequence[Axes], *, below: float = 0.5) -> None:
        """Give the axes, one above the other, all the room that title, legend and their own numbers leave."""
        width, height = self.figure.get_size_inches()
        left = MARGIN + 2.4 * TEXT / 72 + max(self.number_width(axes.yaxis) for axes in grid)
        self.figure.subplots_adjust(
            left / width, below / height, 1 - 2 * MARGIN / width, 1 - (self._head + 0.08) / height, hspace=0.09
        )
        for axes in grid:
            axes.set_ylabel(self.name(axes.get_ylabel(), axes.get_position().height * height))
            across = transforms.blended_transform_factory(self.figure.transFigure, axes.transAxes)
            axes.yaxis.set_label_coords((MARGIN + 0.6 * TEXT / 72) / width, 0.5, across)

    @property
    def taken(self) -> float:
        """Inches from the top that title and legend take."""
        return self._head

    def number_width(self, axis: Axis) -> float:
        """Inches that the numbers beside an axis take."""
        low, high = sorted(axis.get_view_interval())
        ticks = [tick for tick in axis.get_majorticklocs() if low <= tick <= high]
        return max((self.width(text) for text in axis.get_major_formatter().format_ticks(ticks)), default=0.0)

    def to_bytes(self) -> bytes:
        """The finished file; the same artists give the same bytes."""
        buffer = io.BytesIO()
        dates: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(self.format, {})
        with styled(), warnings.catch_warnings(action="ignore"):
            self.figure.savefig(buffer, format=self.format, metadata=dates, dpi=DPI)
        return buffer.getvalue()


@contextlib.contextmanager
def styled() -> Iterator[None]:
    """A context, or a decorator, in which matplotlib has this style, whatever a user's own files say."""
    # Scales overflow where numbers are as large as can be, which leaves those out that have no place.
    with matplotlib.rc_context(STYLE), np.errstate(over="ignore", invalid="ignore"):
        yield


def color(number: int) -> str:
    """Of a line."""
    return COLORS[number % len(COLORS)]


def line_style(number: int) -> str:
    """Of a line, solid unless all colors have been used."""
    return STYLES[number // len(COLORS) % len(STYLES)]


def key(marker: str = "", shade: str = INK, *, hollow: bool = False, style: str = "none") -> Line2D:
    """The sample that stands before a name in a legend."""
    return Line2D([], [], marker=marker, color=shade, ls=style, mfc="white" if hollow else shade, ms=6)


def usable(values: Sequence[float], log: bool = False) -> list[float]:
    """The finite ``values``, with ``log`` the positive ones; none so large that a difference overflows."""
    kept = [float(v) for v in values if math.isfinite(v) and (v > 0 or not log)]
    return [min(max(v, 1 / HUGE if log else -HUGE), HUGE) for v in kept]


def clamped(values: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """``values`` as they can be drawn: nan where they aren't finite, and none so large that a difference overflows."""
    found = np.asarray(values, float)
    return np.where(np.isfinite(found), np.clip(found, -HUGE, HUGE), np.nan)


def spans_decades(values: Sequence[float]) -> bool:
    """Whether a log axis suits: the positive values differ by ten times or more, and hardly any is negative."""
    finite = usable(values)
    positive = usable(values, True)
    return bool(positive) and min(finite) >= 0 and max(positive) >= 10 * min(positive)


def set_range(axis: Axis, low: float, high: float, *, log: bool, pad: tuple[float, float] = (0.04, 0.04)) -> None:
    """Have an axis show ``low`` to ``high`` and, so that nothing touches the frame, a share ``pad`` more."""
    place = math.log10 if log else float
    start, end = place(low), place(high)
    if end - start <= 1e-5 * (1 if log else max(abs(start), abs(end), 1e-280)):
        half = 0.3 if log else abs(start) * 0.1 if abs(start) > 1e-280 else 0.5
        start, end = start - half, end + half
    span = end - start
    start, end = start - span * pad[0], end + span * pad[1]
    if log:
        start, end = 10.0 ** max(start, -307.0), 10.0 ** min(end, 308.0)
    axes, across = axis.axes, axis is axis.axes.xaxis
    if log:
        (axes.set_xscale if across else axes.set_yscale)("log")
    (axes.set_xlim if across else axes.set_ylim)(start, end)
    number_axis(axis, start, end, log=log)


def number_axis(axis: Axis, low: float, high: float, *, log: bool) -> None:
    """Round numbers at an axis from ``low`` to ``high``, few enough to be read, and told apart at any span."""
    if not log:
        axis.set_major_locator(ticker.MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    elif (decades := math.log10(high) - math.log10(low)) < 1:
        axis.set_major_locator(ticker.MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    elif decades < 3:
        axis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5), numticks=20))
    else:
        step = next(s for s in (1, 2, 3, 5, 10, 20, 50, 100) if decades <= 8 * s)
        powers = range(math.ceil(math.log10(low) / step), math.floor(math.log10(high) / step) + 1)
        axis.set_major_locator(ticker.FixedLocator([10.0 ** (k * step) for k in powers]))
    axis.set_major_formatter(Numbers())
    axis.set_minor_locator(ticker.NullLocator())


@dataclass(frozen=True)
class Measured:
    """What the values of a chart are: their axis's title, which way is better, and what a band around them says."""

    title: str
    larger_is_better: bool = False
    spread: str = "spread"


class Numbers(ticker.Formatter):
    """Numbers at an axis with as few digits as tell them apart, without an offset or a common factor."""

    def __call__(self, x: float, pos: int | None = None) -> str:  # noqa: ARG002  (matplotlib passes it)
        """One number."""
        return number(x)

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """All numbers of an axis."""
        gap = min((abs(b - a) for a, b in itertools.pairwise(values)), default=0.0)
        for digits in range(1, 18):
            texts = [number(v, digits) for v in values]
            if all(abs(float(t.replace(",", "")) - v) <= 0.02 * gap for t, v in zip(texts, values, strict=True)):
                break
        return texts


def number(value: float, digits: int = 6) -> str:
    """``value`` as text, short for any magnitude.

    >>> number(1500), number(1e-5), number(2e6), number(0.25)
    ('1,500', '1e-5', '2e6', '0.25')
    """
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e6:
        whole = len(str(int(abs(value))))
        return f"{value:,.{max(digits, whole)}g}"
    mantissa, _, power = f"{value:.{digits - 1}e}".partition("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{mantissa}e{int(power)}"
