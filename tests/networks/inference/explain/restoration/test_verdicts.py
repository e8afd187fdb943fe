"""What a pattern is said to come from."""

import pytest

from dlcli.networks.inference.explain.restoration.verdicts import verdicts
from dlcli.reports.explain.restoration import CheckerboardFigures, Enlarging, PatternOn


def said(verdict, *deconvolutions, amplitude=1.25):
    one = PatternOn(amplitude=amplitude, chance=0.01, peak_db=20, frequency=(0, 0.5), verdict=verdict)
    enlarging = [
        Enlarging(kernel=kernel, stride=2, uneven=kernel % 2 > 0, phases=phases) for kernel, phases in deconvolutions
    ]
    figures = CheckerboardFigures(cell=2, verdict=verdict, on={"flat": one}, deconvolutions=enlarging)
    (line,) = verdicts({"checkerboard": figures}, "denoise")
    return line


@pytest.mark.parametrize(
    ("deconvolutions", "cause"),
    [
        ([(4, 0.0), (3, 0.2)], "a deconvolution's kernel of 3 is no multiple of its stride 2: it overlaps unevenly"),
        ([(4, 0.2)], "kernels are multiples of their strides, but the weights of the phases have unequal sums"),
        ([(4, 0.0)], "kernels overlap evenly, and what is between the layers makes phases differ"),
        ([], "the places of the pixel shuffle have unequal weights"),
    ],
)
def test_the_cause_of_a_pattern(deconvolutions, cause):
    assert said("visible", *deconvolutions) == (
        f"a visible checkerboard pattern on a flat image, of cells of 2 pixels: 1.2 levels of 255; {cause}"
    )


def test_faint_and_none():
    assert "0.2 levels of 255, which rounding to 8 bits hides; " in said("faint", (3, 0.2), amplitude=0.2)
    assert said("none", (4, 0.0), amplitude=0.01) == (
        "no checkerboard pattern at the network's cells of 2 pixels: 0.01 levels of 255 on a flat image"
    )
