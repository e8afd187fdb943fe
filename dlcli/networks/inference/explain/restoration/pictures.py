"""The pictures of how a restoring network was explained."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dlcli.config.common import PlotFormat
from dlcli.engine.arrays import FloatArray
from dlcli.networks.inference.explain.restoration.checkerboard import Checkerboard
from dlcli.networks.inference.explain.restoration.field import Field
from dlcli.networks.inference.explain.restoration.measures import RegionFound
from dlcli.networks.inference.explain.restoration.noise_gain import Gain, smooth
from dlcli.networks.inference.explain.restoration.subjects import Subject
from dlcli.networks.model.receptive_field import receptive_radius
from dlcli.networks.model.spec import DeconvSpec
from dlcli.reports.explain.base import Picture, Write
from dlcli.reports.explain.restoration import RestorationExplanation
from dlcli.text import printable_path

Pixels = NDArray[np.uint8]

SMOOTH = 9  # pixels a side
ROUND = 48  # pixels around a region that are shown of a network that sees far


@dataclass(frozen=True, eq=False)
class Pictures:
    """What the methods found, and the format of charts; None is what wasn't asked for."""

    spec: DeconvSpec
    region: RegionFound | None
    field: Field | None
    checkerboard: Checkerboard | None
    gains: list[tuple[Subject, Gain]] | None
    filters: FloatArray | None
    format: PlotFormat

    def listed(self) -> list[Picture]:
        """Those that ``draw`` makes."""
        if self.format == "none":
            return []
        about = [
            (self.region is not None, "region", "What the region is made from",
             "The brighter a pixel, the more it counts, by the root of its size; of those shown 0.1% are as "
             "bright as can be. Gradient: that of the region's sum. LAM: what made its edges, from a blurred image "
             "on."),
            (self.field is not None, "receptive-field", "How far a restored pixel sees",
             "Mean absolute gradients by the root, and how much of all of them squares around the pixel have."),
            (self._has_cells, "checkerboard", "Spectrum of what the network makes",
             "A peak at a dotted line alone is a checkerboard pattern."),
            (self._has_map, "noise-gain", "Where noise stays",
             f"The Jacobian's diagonal, the mean of {SMOOTH} x {SMOOTH} pixels: 0 where noise goes, 1 where it stays."),
            (self.filters is not None, "filters", "Filters of the first layer",
             "The strongest first; gray is 0, and white or black the largest weight of a filter."),
        ]  # fmt: skip
        return [Picture(name=name, title=title, about=text) for there, name, title, text in about if there]

    @property
    def _has_cells(self) -> bool:
        return self.checkerboard is not None and self.spec.multiple > 1

    @property
    def _has_map(self) -> bool:
        return self.gains is not None and self.gains[0][1].diagonal is not None

    def draw(self, write: Write, report: RestorationExplanation) -> None:
        """Write those that are listed."""
        if self.format == "none":
            return
        if self.region is not None:
            write("region", self._of_region(self.region), "png")
        if self.field is not None and report.receptive_field is not None:
            from dlcli.reports.charts.explain.field import field_chart

            chart = field_chart(self.field.contributions, self.field.shares, report.receptive_field, self.format)
            write("receptive-field", chart.to_bytes(), self.format)
        if self._has_cells and self.checkerboard is not None:
            from dlcli.reports.charts.explain.spectrum import spectrum_chart

            chart = spectrum_chart(self.checkerboard.spectra(), self.spec.multiple, self.format)
            write("checkerboard", chart.to_bytes(), self.format)
        if self._has_map and self.gains:
            write("noise-gain", _of_gain(*self.gains[0]), "png")
        if self.filters is not None:
            from dlcli.reports.charts.explain.maps import filter_sheet

            write("filters", filter_sheet(self.filters), "png")

    def _of_region(self, found: RegionFound) -> bytes:
        from dlcli.reports.charts.explain.maps import Cell, as_picture, heat, map_sheet, over, strengths

        scale, box = found.subject.degradation.scale, found.box
        reach = min(receptive_radius(self.spec), ROUND) // scale * scale
        height, width = found.restored.shape[-2:]
        top, left = (max(start - reach, 0) // scale * scale for start in (box.top, box.left))
        bottom, right = min(box.bottom + reach, height), min(box.right + reach, width)
        inner = (..., slice(top // scale, -(-bottom // scale)), slice(left // scale, -(-right // scale)))
        observed = as_picture(_values(found.subject.observed)[inner])
        large = _larger(observed, scale)
        place = (box.top - top, box.left - left, box.height, box.width)
        restored = as_picture(_values(found.restored)[..., top : top + len(large), left : left + large.shape[1]])
        gradient = strengths(found.maps.gradient[inner])
        cells = [
            Cell("given", large, place),
            Cell("restored, with the region", restored, place),
            Cell("gradient of the region", _larger(heat(gradient), scale)),
        ]
        if found.maps.path.any():
            cells.append(Cell("LAM of the region", _larger(over(observed, strengths(found.maps.path[inner])), scale)))
        name = printable_path(found.subject.name)
        x, y = (start + offset for start, offset in zip((left, top), reversed(found.subject.offset), strict=True))
        return map_sheet(cells, f"{name}: {large.shape[1]} x {len(large)} pixels at {x},{y}")


def _of_gain(subject: Subject, gain: Gain) -> bytes:
    from dlcli.reports.charts.explain.maps import Cell, as_picture, heat, map_sheet

    assert gain.diagonal is not None
    smoothed = smooth(gain.diagonal, SMOOTH)
    most = max(float(np.percentile(smoothed, 99.5)), 1e-6)
    cells = [
        Cell("restored", as_picture(_values(gain.restored))),
        Cell(f"diagonal, 0 (dark) to {most:.2g}", heat(smoothed / most)),
    ]
    return map_sheet(cells, f"{printable_path(subject.name)}: on average {gain.diagonal.mean():.1%} of noise stays")


def _larger(picture: Pixels, scale: int) -> Pixels:
    """Each pixel ``scale`` times in both directions."""
    return picture.repeat(scale, axis=0).repeat(scale, axis=1)


def _values(images: Tensor) -> FloatArray:
    found: FloatArray = images[0].double().cpu().numpy()
    return found
