"""Curves of a training: what is drawn is read from the artists of the figure."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcli.reports.charts.figure import COLORS
from dlcli.reports.charts.line import MOST_POINTS, Curve, Panel, loss_chart
from tests.reports.charts.figures import QUICK, legend, lines, names, numbers, texts
from tests.thinning.examples import examples

LOSS = "loss (mean squared error)"


def chart(*curves, **options):
    return loss_chart([Panel(LOSS, curves)], **{"title": "y: finished", **options})


def test_curves_have_names_colors_and_titled_axes():
    found = chart(Curve("training", [0, 1, 2], [3.0, 2.0, 1.0]), Curve("validation", [0, 1, 2], [4.0, 3.0, 3.5]))
    axes = found.figure.axes[0]
    assert lines(axes, color=COLORS[0]) == [[(0, 3), (1, 2), (2, 1)]]
    assert lines(axes, color=COLORS[1]) == [[(0, 4), (1, 3), (2, 3.5)]]
    assert legend(found) == ["training", "validation"]
    assert {"y: finished", LOSS, "step", "training", "validation"} <= set(texts(found))
    assert axes.get_yscale() == axes.get_xscale() == "linear"


def test_the_step_that_was_saved_has_a_line_and_a_ring_on_what_chose_it():
    found = chart(
        Curve("training", [0, 50, 100], [3.0, 2.0, 1.0]), Curve("validation", [0, 50, 100], [4, 3.0, 3.5]), saved=50
    )
    axes = found.figure.axes[0]
    assert [(50, 0), (50, 1)] in lines(axes)
    assert lines(axes, markerfacecolor="none") == [[(50, 3)]]
    assert "saved: step 50" in legend(found)
    assert "saved" not in " ".join(legend(chart(Curve("training", [0], [1.0]))))


def test_values_of_decades_stand_on_a_log_axis_and_steps_on_one_that_has_0():
    found = chart(Curve("training", [0, 1, 2, 3, 5, 80, 100, 5000], np.geomspace(1, 1e-9, 8)), log_steps=True)
    axes = found.figure.axes[0]
    assert axes.get_yscale() == "log"
    assert axes.get_xscale() == "symlog"
    assert {"0", "1", "10", "100", "1,000"} <= set(texts(found))
    places = axes.transData.transform([(step, 1) for step in (0, 1, 10, 100)])[:, 0]
    assert np.diff(places)[1:] == pytest.approx(np.diff(places)[1], rel=0.01)
    assert chart(Curve("t", [0, 9], [1.0, 2.0]), log_steps=True).figure.axes[0].get_xscale() == "linear"


def test_what_is_no_number_breaks_the_line_and_is_said():
    found = chart(Curve("training", [0, 1, 2, 3], [1.0, math.nan, 2.0, math.inf]))
    line, *_ = lines(found.figure.axes[0], color=COLORS[0])
    assert [x for x, y in line if math.isfinite(y)] == [0, 2]
    assert [(1, 1), (3, 1)] in lines(found.figure.axes[0], marker="x")
    assert "not a finite number" in legend(found)


def test_a_loss_of_0_has_a_place_below_a_log_axis():
    found = chart(Curve("training", [0, 1, 2], [100.0, 1.0, 0.0]))
    assert [(2, 0)] in lines(found.figure.axes[0], marker="v")
    assert "0 (below the log scale)" in legend(found)


def test_psnr_stands_below_the_loss_beside_that_of_the_input():
    curves = [Curve("training", [0, 10], [0.02, 0.01]), Curve("validation", [0, 10], [0.02, 0.011])]
    psnr = Panel("PSNR (dB)", [Curve("validation", [0, 10], [20.5, 28.0])], ("degraded input", 20.17))
    found = loss_chart([Panel(LOSS, curves), psnr], title="t", saved=10)
    top, bottom = found.figure.axes
    assert bottom.get_ylabel() == "PSNR (dB)"
    assert lines(bottom, color=COLORS[1]) == [[(0, 20.5), (10, 28)]]
    assert [(0, 20.17), (1, 20.17)] in lines(bottom)
    assert top.get_xlim() == bottom.get_xlim()
    assert legend(found) == ["training", "validation", "degraded input", "saved: step 10"]
    assert "PSNR (dB)" in texts(found)


def test_a_long_run_keeps_its_peaks():
    values = np.sin(np.arange(100_000) / 5000) + 2
    values[77_777], values[33_333] = 40.0, math.nan
    line, *_ = lines(chart(Curve("training", range(100_000), values)).figure.axes[0], color=COLORS[0])
    assert len(line) <= 1.5 * MOST_POINTS
    assert (77_777, 40.0) in line
    assert any(x == 33_333 for x, _ in line)
    assert line[0][0] == 0
    assert line[-1][0] == 99_999


@pytest.mark.parametrize("title", ["质量 $x_1^{", "x" * 400, "a\nb\x1b[1m", "\\frac{}", "شهر"])
def test_a_title_is_one_line_inside_the_picture_and_no_formula(title):
    found = chart(Curve("training", [0, 1], [1.0, 2.0]), title=title)
    texts(found)
    found.to_bytes()


@settings(max_examples=examples(15), deadline=None, phases=QUICK)
@given(st.lists(st.tuples(names, st.lists(numbers, max_size=6)), max_size=3), names, st.booleans())
def test_any_values_give_a_chart(rows, title, log_steps):
    curves = [Curve(f"{place}{name}", range(len(values)), values) for place, (name, values) in enumerate(rows)]
    texts(loss_chart([Panel("loss", curves or [Curve("a", [], [])])] * 2, title=title, saved=1, log_steps=log_steps))


@pytest.mark.parametrize("values", [[], [1.0], [0.0, -1.0], [math.nan, math.inf], [5.0, 5.0], [1e-308, 1e308], [0, 0]])
def test_odd_values_give_a_file(values):
    assert chart(Curve("a", range(len(values)), values), log_steps=True).to_bytes().startswith(b"\x89PNG")
