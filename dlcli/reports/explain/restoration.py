"""The report of ``explain`` of a network that restores images."""

from typing import Literal

from pydantic import Field

from dlcli.reports.document import Number, Record, Sparse, Text
from dlcli.reports.explain.base import Explanation, Shown

GIVEN = {"flat": "a flat image", "noise": "noise on gray", "image": "the image"}


class ExplainedImage(Record):
    """The image and the region of it that were explained."""

    name: Text
    width: int = Field(description="of the restored image, in pixels")
    height: int
    region: tuple[int, int, int, int] = Field(description="x, y, width and height in the restored image, in pixels")
    chosen: bool = Field(description="whether the region was chosen, as the one with most detail, and not given")
    scale: int = Field(description="how many times larger than the observed image the restored one is")


class PathMap(Record):
    """The local attribution map of the region (Gu and Dong 2021)."""

    diffusion_index: Number = Field(description="100 (1 - G), with the Gini coefficient G of all the image's pixels")
    involved: Number = Field(description="pixels that would have the same index if they took part alike, alone")
    change: Number = Field(description="by how much the region's edges grew along the path; the map sums to it")
    error: Number = Field(description="share of the change by which the map's sum is off")
    pixels: int = Field(description="of the observed image, over which the index is")


class ReceptiveField(Sparse):
    """How far a restored pixel sees, in pixels of the observed image along a side."""

    effective: int = Field(description="side of the square around it that has 95% of the absolute gradients")
    gaussian: Number = Field(
        description="root of the number of pixels with more than 4.55% of the largest gradient (Luo et al. 2016)"
    )
    theoretical: tuple[int, int] | None = Field(
        default=None, description="least and largest side it could see; absent where the whole image is filtered first"
    )
    network: tuple[int, int] = Field(description="the same of the network alone, in pixels of the restored image")
    positions: int = Field(description="restored pixels that were looked at")
    images: int
    cut: bool = Field(description="whether the image had no room for the whole of it")


class PatternOn(Record):
    """What all cells of an output have in common, in levels of 255."""

    amplitude: Number = Field(description="root mean square of the mean cell around its mean")
    chance: Number = Field(description="what parts of the image differ by")
    peak_db: Number = Field(description="power at the stride's strongest frequency over that of its neighbors")
    frequency: tuple[float, float] = Field(description="that frequency, in cycles a pixel, down and across")
    verdict: Literal["none", "faint", "visible"]


class Enlarging(Record):
    """A deconvolution that enlarges."""

    kernel: int
    stride: int
    uneven: bool = Field(description="whether its kernel is no multiple of its stride")
    phases: Number = Field(description="how much the sums of the phases' weights differ, as a share of the weights")


class CheckerboardFigures(Record):
    """Patterns at the network's strides (Odena et al. 2016)."""

    cell: int = Field(description="side in pixels of what the strides and the pixel shuffle repeat; 1 for none")
    verdict: Literal["none", "faint", "visible"]
    on: dict[str, PatternOn] = Field(description="by what the network was given: flat, noise, image")
    deconvolutions: list[Enlarging] = Field(description="those that enlarge, from the input on")


class NoiseGain(Sparse):
    """What becomes of noise (Jacobian by one random probe for each image)."""

    diagonal: Number | None = Field(
        default=None, description="mean of dy_i / dx_i: the share of a pixel's noise that stays in it, SURE's "
        "divergence; absent where the restored image has another size",
    )  # fmt: skip
    diagonal_error: Number | None = Field(default=None, description="its standard error, of the random probes")
    power: Number = Field(description="share of the variance of white noise that is left, to first order")
    sigma: Number | None = Field(default=None, description="deviation of the noise, in the images' units; if known")
    sure_mse: Number | None = Field(
        default=None, description="Stein's estimate of the mean squared error, of a range of 255; absent where noise "
        "isn't independent and of one level",
    )  # fmt: skip
    sure_psnr: Number | None = Field(default=None, description="the same as PSNR, in dB")
    sure_error: Number | None = Field(default=None, description="its standard error, in dB")
    psnr: Number | None = Field(default=None, description="the true one, not clipped; where the clean image is known")
    images: int
    pixels: int


class FirstFilters(Record):
    """The filters of the first layer."""

    count: int
    in_use: int = Field(description="those with more than a hundredth of the strongest one's norm")
    side: int = Field(description="in pixels of the image")


class RestorationExplanation(Explanation):
    """The report of ``explain`` of a network that restores images."""

    kind: Literal["restoration"]
    task: str
    image: ExplainedImage | None = Field(default=None, description="absent where no method asks for a region")
    lam: PathMap | None = Field(default=None, description="absent without lam")
    receptive_field: ReceptiveField | None = Field(default=None, description="absent without receptive-field")
    checkerboard: CheckerboardFigures | None = Field(default=None, description="absent without checkerboard")
    noise_gain: NoiseGain | None = Field(default=None, description="absent without noise-gain")
    filters: FirstFilters | None = Field(default=None, description="absent without filters")

    def tables(self) -> list[Shown]:
        """The figures, and the patterns by what the network was given."""
        rows = [*self._of_region(), *self._of_field(), *self._of_noise()]
        if self.filters is not None:
            rows.append(["filters in use", f"{self.filters.in_use} of {self.filters.count}"])
        shown = [Shown("What the network looks at, and what it does to noise", ["", "value"], rows)] if rows else []
        if (found := self.checkerboard) is not None and found.cell > 1:
            head = ["given", "pattern", "by chance", "peak", "verdict"]
            patterns = [
                [GIVEN[name], f"{one.amplitude:.2g}", f"{one.chance:.2g}", f"{one.peak_db:.1f} dB", one.verdict]
                for name, one in found.on.items()
            ]
            note = f"in levels of 255, of cells of {found.cell} x {found.cell} pixels"
            shown.append(Shown("Checkerboard pattern", head, patterns, note))
        return shown

    def _of_region(self) -> list[list[str]]:
        rows = []
        if self.image is not None:
            x, y, width, height = self.image.region
            rows.append(["region of the restored image", f"{width} x {height} at {x},{y} of {self.image.name}"])
        if self.lam is not None:
            rows.append(["diffusion index", f"{self.lam.diffusion_index:.3g}"])
            rows.append(["pixels involved", f"{self.lam.involved:,.0f}"])
        return rows

    def _of_field(self) -> list[list[str]]:
        found = self.receptive_field
        if found is None:
            return []
        could = "the whole image" if found.theoretical is None else f"{_range(found.theoretical)} px"
        return [
            ["effective receptive field (95%)", f"{found.effective} px"],
            ["effective receptive field (Luo et al.)", f"{found.gaussian:.1f} px"],
            ["theoretical receptive field", could],
        ]

    def _of_noise(self) -> list[list[str]]:
        found = self.noise_gain
        if found is None:
            return []
        rows = []
        if found.diagonal is not None:
            rows.append(["noise that stays in its pixel", f"{found.diagonal:.2%}"])
        rows.append(["variance of noise that is left", f"{found.power:.2%}"])
        if found.sure_psnr is not None:
            rows.append(["PSNR by SURE", f"{found.sure_psnr:.2f} +- {found.sure_error:.2f} dB"])
        if found.psnr is not None:
            rows.append(["true PSNR", f"{found.psnr:.2f} dB"])
        return rows


def _range(sides: tuple[int, int]) -> str:
    return f"{sides[0]}" if sides[0] == sides[1] else f"{sides[0]} to {sides[1]}"
