"""What the figures of a restoring network say, in sentences."""

import math
from collections.abc import Sequence
from typing import Any

from dlcli.reports.explain.restoration import GIVEN, CheckerboardFigures, Enlarging, NoiseGain, PathMap, ReceptiveField

OFF = 0.05  # share of the change by which a map's sum may be off
FAR = 3.0  # standard errors
EVEN = 0.01  # of the weights' size, by which sums of phases may differ


def verdicts(figures: dict[str, Any], task: str) -> list[str]:
    """Those of the figures that there are."""
    found = [
        *([] if figures.get("lam") is None else _of_path(figures["lam"])),
        *([] if figures.get("receptive_field") is None else _of_field(figures["receptive_field"])),
        *([] if figures.get("checkerboard") is None else _of_pattern(figures["checkerboard"])),
        *([] if figures.get("noise_gain") is None else _of_noise(figures["noise_gain"], task)),
    ]
    if figures.get("filters") is not None and figures["filters"].in_use < figures["filters"].count:
        idle = figures["filters"].count - figures["filters"].in_use
        found.append(f"{idle} of {figures['filters'].count} filters of the first layer do nothing: fewer would do")
    return found


def _of_path(lam: PathMap) -> list[str]:
    if lam.error > OFF:
        return [f"the path's map adds up to {lam.error:.0%} less or more than the change that it explains: "
                "take it as a sketch"]  # fmt: skip
    return []


def _of_field(field: ReceptiveField) -> list[str]:
    found = []
    if field.cut:
        found.append(
            "the images have no room for the whole receptive field: what lies beyond their borders is left out"
        )
    if field.theoretical is None:
        found.append(
            f"the whole image is filtered before the network sees it; the network alone sees {field.network[1]} px"
        )
    else:
        share = field.effective / field.theoretical[1]
        found.append(
            f"a restored pixel is made from {field.effective} x {field.effective} pixels in the main, "
            f"{share:.0%} of the {field.theoretical[1]} px a side that it could see"
        )
    return found


def _of_pattern(found: CheckerboardFigures) -> list[str]:
    if found.cell == 1:
        return ["no stride and no pixel shuffle, and so no checkerboard pattern"]
    given, worst = max(found.on.items(), key=lambda pair: (pair[1].verdict == found.verdict, pair[1].amplitude))
    size = f"{worst.amplitude:.2g} levels of 255"
    if found.verdict == "none":
        return [f"no checkerboard pattern at the network's cells of {found.cell} pixels: {size} on {GIVEN[given]}"]
    hidden = ", which rounding to 8 bits hides" if found.verdict == "faint" else ""
    return [
        f"a {found.verdict} checkerboard pattern on {GIVEN[given]}, of cells of {found.cell} pixels: {size}{hidden}; "
        f"{_cause(found.deconvolutions)}"
    ]


def _cause(deconvolutions: Sequence[Enlarging]) -> str:
    """Where a pattern comes from."""
    for one in deconvolutions:
        if one.uneven:
            return f"a deconvolution's kernel of {one.kernel} is no multiple of its stride {one.stride}: it overlaps " \
                "unevenly"  # fmt: skip
    if any(one.phases > EVEN for one in deconvolutions):
        return "kernels are multiples of their strides, but the weights of the phases have unequal sums"
    if deconvolutions:
        return "kernels overlap evenly, and what is between the layers makes phases differ"
    return "the places of the pixel shuffle have unequal weights"


def _of_noise(found: NoiseGain, task: str) -> list[str]:
    told = []
    if found.sure_psnr is None and task == "denoise" and found.diagonal is not None:
        told.append("SURE is for independent Gaussian noise of one known level, and this noise is another: "
                    "no estimate of the error is given")  # fmt: skip
    if found.sure_psnr is not None and found.psnr is not None and found.sure_error is not None:
        # Of errors, not of dB: these are lopsided where the estimate is a rough one.
        share, away = abs(1 - 10 ** ((found.sure_psnr - found.psnr) / 10)), abs(found.sure_psnr - found.psnr)
        if share > FAR * found.sure_error * math.log(10) / 10 and away > 0.1:
            told.append(f"SURE and the true error are {away:.2f} dB apart, more than chance: is the noise independent, "
                        "and of that level?")  # fmt: skip
    return told
