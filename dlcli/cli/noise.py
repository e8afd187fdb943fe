"""``dlcli noise``."""

from typing import TYPE_CHECKING

from dlcli.cli.command import Command
from dlcli.cli.console import Console
from dlcli.config.data import NoiseConfig
from dlcli.text import counted, duration, printable_path

if TYPE_CHECKING:
    from dlcli.reports.images.noise import NoiseOfChannel, NoiseOfKind, NoiseReport

NAMED = 5  # images that can't be read or measured

DOC = """Measure the noise of images: its level, its kind, and how it grows with brightness.

No clean images are needed: noise shows where an image is smooth. It tells for each channel the standard deviation in
the data's units; the line of the variance against brightness, with the gain and the read noise of a camera; whether
neighboring pixels share the noise, and how far; and stripes along rows or columns. Images of one type are taken
together, and `images.csv` in the run directory has each; `plots/noise.png` shows the line.

Examples:

- `dlcli noise photo.jpg`

- `dlcli noise 'scans/*.tif' --offset 100` – a camera whose pixels have 100 without light

- `dlcli noise photos/ --json | jq '.kinds[0].by_channel[0].sigma'`
"""


class Noise(Command[NoiseConfig, Console, "NoiseReport"]):
    """Measuring noise."""

    config = NoiseConfig
    console = Console
    doc = DOC

    def work(self, config: NoiseConfig, console: Console) -> "NoiseReport":
        """Measure."""
        from dlcli.tasks.noise import measure_noise

        return measure_noise(config, console)

    def show(self, report: "NoiseReport", _config: NoiseConfig, console: Console, /) -> None:
        """What was found as a table, and the images that can't be measured."""
        rows = [["images", _images(report)]]
        for kind in report.kinds:
            rows += _of_kind(kind)
        console.facts(rows + _unmeasured(report))
        if report.notes:
            console.line("")
            console.facts([["-", text] for text in report.notes])
        console.line("")
        console.line(f"{duration(report.seconds)}; saved in {report.run}")


def _images(report: "NoiseReport") -> str:
    text = f"{report.images:,}"
    if report.unreadable:
        text += f", and {len(report.unreadable):,} that cannot be read"
    if report.unopened:
        text += f", chosen at random of {report.images + report.unopened:,} (--sample N)"
    return text


def _of_kind(kind: "NoiseOfKind") -> list[list[str]]:
    """The rows of one type."""
    color = {1: "gray", 3: "RGB"}.get(kind.channels, counted(kind.channels, "channel"))
    rows = [["type", f"{kind.dtype}, {color}: {counted(kind.images, 'image')} measured"]]
    verdicts = {
        "none": "too little to be judged: it hides in the rounding of the values",
        "gaussian": "white and Gaussian: independent from pixel to pixel, the same wherever it is bright or dark",
        "poisson-gaussian": "white, and growing with brightness: photon noise and read noise",
        "correlated": f"correlated over {counted(kind.extent, 'pixel')}: neighboring pixels share it",
    }
    rows.append(["noise", verdicts[kind.kind] + ("" if kind.reliable else " (a hint, no more)")])
    for number, channel in enumerate(kind.by_channel):
        name = {1: "", 3: ("red", "green", "blue")[number % 3]}.get(kind.channels, f"channel {number}")
        rows += _of_channel(channel, f"{name}: " if name else "", several=kind.images > 1)
    rows.append(["saturated", f"{kind.saturated:.2%} of the pixels" if kind.saturated > 0 else "none"])
    return rows


def _of_channel(channel: "NoiseOfChannel", name: str, *, several: bool) -> list[list[str]]:
    spread = f" (median; {channel.p10:.3g} to {channel.p90:.3g} in 8 of 10)" if several else ""
    rows = [["sigma", f"{name}{channel.sigma:.3g}{spread}"]]
    if channel.gain > 0:
        rows.append(["line", name + _line(channel)])
    if channel.autocorrelation:
        lags = ", ".join(f"{value:.2f}" for value in channel.autocorrelation)
        rows.append(["neighbors", f"{name}autocorrelation {lags} at lags 1 to {len(channel.autocorrelation)}"])
    for what, value in (("rows", channel.rows), ("columns", channel.columns)):
        if value > 0.05 * channel.sigma:
            rows.append(["stripes", f"{name}{value:.3g} shared by whole {what}"])
    return rows


def _line(channel: "NoiseOfChannel") -> str:
    if channel.read == 0:  # where the line ends before any brightness without light, one can't know where that is
        sign = "-" if channel.intercept < 0 else "+"
        return (
            f"variance = {channel.gain:.3g} * brightness {sign} {abs(channel.intercept):.3g}: gain {channel.gain:.3g}; "
            "for the read noise give --offset, the value of a pixel without light"
        )
    return (
        f"variance = {channel.gain:.3g} * (brightness - {channel.offset:.4g}) + {channel.read**2:.3g}: "
        f"gain {channel.gain:.3g}, read noise {channel.read:.3g} at the black level {channel.offset:.4g}"
    )


def _unmeasured(report: "NoiseReport") -> list[list[str]]:
    found = [("unreadable", one.name, one.why) for one in report.unreadable]
    found += [("unmeasured", printable_path(one.name), one.why) for one in report.each if not one.reliable]
    rows = [[what, f"{name}: {why}"] for what, name, why in found[:NAMED]]
    if len(found) > NAMED:
        rows.append(["", f"and {len(found) - NAMED:,} more; report.json names them"])
    return rows


COMMAND = Noise()
