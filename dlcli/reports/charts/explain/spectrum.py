"""The spectrum of restored images along their axes, with the frequencies of a network's strides."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from dlcli.reports.charts.figure import GRAY, Chart, ChartFormat, color, key, set_range, styled

Values = npt.NDArray[np.float64]
LEAST = 1e-9  # of the power that is drawn, of levels of 255 squared


@styled()
def spectrum_chart(spectra: Mapping[str, Values], cell: int, format: ChartFormat = "png") -> Chart:
    """Power (S, S // 2 + 1) by what the network was given, along rows and columns: the mean of both."""
    chart = Chart(format, list(spectra), (8.0, 4.6))
    axes = chart.figure.subplots()
    entries, largest, least = [], LEAST, np.inf
    for number, (name, power) in enumerate(spectra.items()):
        count = power.shape[1]
        line = np.maximum((power[0, :] + power[:count, 0]) / 2, LEAST)[1:]
        axes.plot(np.arange(1, count) / len(power), line, color=color(number), lw=1.4)
        entries.append((key(shade=color(number), style="-"), name))
        largest, least = max(largest, float(line.max())), min(least, float(line.min()))
    for place in range(1, cell // 2 + 1):
        axes.axvline(place / cell, color=GRAY, ls=":", lw=1.4)
    entries.append((key(shade=GRAY, style=":"), f"frequencies of cells of {cell} pixels"))
    set_range(axes.xaxis, 0, 0.5, log=False, pad=(0.0, 0.03))
    set_range(axes.yaxis, least, largest, log=True)
    axes.set_xlabel("frequency along an axis, cycles a pixel")
    axes.set_ylabel("power, levels of 255 squared")
    chart.head("Spectrum of what the network makes", entries)
    chart.place([axes])
    return chart
