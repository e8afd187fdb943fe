"""How noise grows with brightness, and how far neighboring pixels share it."""

from matplotlib.artist import Artist
from matplotlib.axes import Axes

from dlcli.reports.charts.figure import COLORS, INK, Chart, ChartFormat, color, key, set_range, styled
from dlcli.reports.images.noise import NoiseOfChannel, NoiseOfKind, NoiseReport
from dlcli.text import counted

MOST_CHANNELS = 7
RGB = (COLORS[1], COLORS[2], COLORS[0])  # as in the histograms of values


@styled()
def noise_chart(report: NoiseReport, *, format: ChartFormat = "png") -> Chart:
    """The most common kind of images: variance against brightness with its line, and autocorrelation by lag."""
    kind = report.kinds[0]
    chart = Chart(format, (), (8.0, 6.2))
    above, below = chart.figure.subplots(2, height_ratios=(3, 2))
    entries: dict[str, Artist] = {}
    shown = kind.by_channel[:MOST_CHANNELS]
    for number, channel in enumerate(shown):
        shade = RGB[number] if kind.channels == 3 else INK if kind.channels == 1 else color(number)
        _draw_levels(above, channel, shade)
        offset = (number - (len(shown) - 1) / 2) * 0.8 / len(shown)
        lags = range(1, 1 + len(channel.autocorrelation))
        below.bar([lag + offset for lag in lags], channel.autocorrelation, 0.72 / len(shown), color=shade)
        entries[_name(kind, number)] = key("o", shade)
    entries |= {"line fitted to the variance": key(style="-")}
    brightness = [one.brightness for channel in shown for one in channel.levels] or [0.0, 1.0]
    variances = [one.sigma**2 for channel in shown for one in channel.levels] or [1.0]
    set_range(above.xaxis, min(brightness), max(brightness), log=False)
    set_range(above.yaxis, 0.0, max(variances), log=False, pad=(0.0, 0.1))
    above.set_xlabel(f"brightness, {kind.dtype} values")
    above.set_ylabel("variance of the noise")
    values = [v for channel in shown for v in channel.autocorrelation]
    set_range(below.xaxis, 0.5, 3.5, log=False, pad=(0.0, 0.0))
    set_range(below.yaxis, min(0.0, *values, -0.1), max(0.2, *values, 0.0), log=False, pad=(0.0, 0.1))
    below.axhline(0.0, color=INK, lw=0.8)
    below.set_xticks([1, 2, 3])
    below.set_xlabel("lag in pixels")
    below.set_ylabel("autocorrelation")
    chart.head(f"Noise of {counted(kind.images, 'image')}: {kind.kind}", [(a, name) for name, a in entries.items()])
    chart.place([above, below])
    chart.figure.subplots_adjust(hspace=0.4)
    return chart


def _draw_levels(axes: Axes, channel: NoiseOfChannel, shade: str) -> None:
    ends = sorted(one.brightness for one in channel.levels)
    axes.scatter(
        [one.brightness for one in channel.levels],
        [one.sigma**2 for one in channel.levels],
        s=22,
        color=shade,
        zorder=3,
    )
    if ends:
        ends = [ends[0], ends[-1]]
        axes.plot(ends, [max(channel.gain * x + channel.intercept, 0.0) for x in ends], color=shade, lw=1.4)


def _name(kind: NoiseOfKind, number: int) -> str:
    """Of a channel."""
    if kind.channels in (1, 3):
        return {1: ("gray",), 3: ("red", "green", "blue")}[kind.channels][number]
    return f"channel {number}"
