"""Pictures of linear models: what is drawn is read from the artists of the figure, and no text covers another."""

import numpy as np
import pytest
from statsmodels.nonparametric.smoothers_lowess import lowess
from statsmodels.stats.proportion import proportion_confint

from dlcli.reports.charts.models.coefficients import MOST_ROWS, Interval, coefficient_chart
from dlcli.reports.charts.models.curves import (
    Decision,
    RankedCurve,
    Reliability,
    calibration_chart,
    ranking_chart,
    wilson,
)
from dlcli.reports.charts.models.panels import smooth
from dlcli.reports.charts.models.residuals import DrawnRows, PredictedPart, diagnostics_chart, predicted_chart
from tests.reports.charts.figures import legend, texts

LONG = "a column whose name is longer than any picture is wide, " * 3


def drawn(n=80, leverage=True, rows=None):
    random = np.random.default_rng(n)
    fitted, h = random.normal(1e6, 1e3, n), random.beta(1, 20, n)
    residual = random.standard_t(3, n)
    return DrawnRows(
        rows or n, np.arange(1, n + 1), fitted + residual, fitted, residual / np.sqrt(1 - h),
        h if leverage else None, 4, frozenset() if rows is None else frozenset({3, 9}),
    )  # fmt: skip


@pytest.mark.parametrize("robust", [0, 3])
def test_the_smooth_line_is_clevelands(robust):
    random = np.random.default_rng(0)
    x = np.sort(random.gamma(2, 1, 200))
    y = np.sin(x) + random.standard_t(2, 200)
    places, values = smooth(x, y, robust=robust)
    expected = lowess(y, x, frac=2 / 3, it=robust, xvals=places)
    np.testing.assert_allclose(values, expected, atol=0.03 if robust else 1e-6)


def test_a_smooth_line_through_few_different_values():
    x, y = np.repeat([0.0, 1.0], 20), np.tile([1.0, 3.0], 20)
    values = smooth(x, y)[1]
    assert np.isfinite(values).all()
    assert smooth(np.ones(5), np.arange(5.0))[1].tolist() == [2.0]


@pytest.mark.parametrize(("leverage", "rows"), [(True, None), (False, 10**7)])
def test_the_sheet_of_residuals(leverage, rows):
    found = drawn(leverage=leverage, rows=rows)
    chart = diagnostics_chart(found, title=LONG)
    said = texts(chart)
    largest = int(found.number[np.argmax(np.abs(found.standardized))])
    assert said.count(str(largest)) >= 2
    assert any("drawn at random" in text for text in said) == (rows is not None)
    assert ("leverage" in said) == leverage
    assert ("row" in said) == (not leverage)
    points = chart.figure.axes[1].collections[0].get_offsets()
    assert len(points) == (80 if rows is None else 78), "extreme rows that were not drawn at random would bend Q-Q"
    np.testing.assert_array_equal(points[:, 1], np.sort(found.standardized[found.drawn]))


def test_contours_are_those_of_cooks_distance():
    rows = drawn()
    rows = DrawnRows(80, rows.number, rows.actual, rows.fitted, rows.standardized * 3, rows.leverage, 4)
    axes = diagnostics_chart(rows, title="y").figure.axes[3]
    dashed = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert dashed
    for line in dashed:
        h, r = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
        cook = r**2 * h / ((1 - h) * 4)
        assert np.allclose(cook, 0.5) or np.allclose(cook, 1.0)


def test_predictions_of_two_parts_stand_on_one_scale():
    parts = [PredictedPart("training", drawn(), "R2 0.5"), PredictedPart("validation", drawn(30, rows=999), "R2 0.4")]
    chart = predicted_chart(parts, target=LONG, title="t")
    one, other = chart.figure.axes
    assert one.get_xlim() == other.get_xlim() == one.get_ylim()
    assert any(text.startswith("validation: 28 of 999 rows") for text in texts(chart))


@pytest.mark.parametrize("count", [1, 500])
def test_coefficients(count):
    every = [Interval(f"{LONG}{i}" if i % 2 else f"x{i}", i, i - 1.0, i + 1.0, size=i) for i in range(count)]
    chart = coefficient_chart(every, title="t", unit=f"{LONG} by unit of the column")
    said = texts(chart)
    ends = [text for text in said if text.endswith(", 499")]
    assert len(ends) == (count == 500), "names that begin alike end with what tells them apart"
    (axes,) = chart.figure.axes
    shown = [line for line in axes.lines if line.get_marker() == "o"]
    assert len(shown) == min(count, MOST_ROWS)
    assert [line.get_xdata()[0] for line in shown] == list(range(max(count - MOST_ROWS, 0), count))
    assert any("450 more" in text for text in said) == (count == 500)


@pytest.mark.parametrize("classes", [3, 9])
def test_coefficients_of_classes(classes):
    groups = [f"class {c}" for c in range(classes)]
    every = [Interval(name, 1.0, np.nan, np.nan, 1.0, group) for name in ("a", "b") for group in groups]
    chart = coefficient_chart(every, title="t", unit="log-odds")
    assert legend(chart) == (groups if classes == 3 else [])
    assert ("a [class 8]" in texts(chart)) == (classes == 9)


def curve(name, auc):
    rates = np.linspace(0, 1, 30)
    return RankedCurve(name, rates, np.sqrt(rates), rates[1:], 1 - rates[1:] / 2, auc, auc / 2, 0.3)


@pytest.mark.parametrize("classes", [1, 7, 100])
def test_curves(classes):
    decision = Decision("threshold 0.3", 0.2, 0.45, 0.8) if classes < 3 else None
    chart = ranking_chart([curve(f"{LONG}{i}", 1 - i / 200) for i in range(classes)], title=LONG, decision=decision)
    texts(chart)
    assert len(legend(chart)) == (classes if classes <= 7 else 7) + 1 + (decision is not None)
    roc, recall = chart.figure.axes
    assert len(roc.lines) == classes + (6 if classes == 100 else 0) + 1 + (decision is not None)
    if decision:
        (ring,) = [line for line in recall.lines if line.get_marker() == "o"]
        assert ring.get_xydata().tolist() == [[0.45, 0.8]]


@pytest.mark.parametrize("rare", [False, True])
def test_calibration(rare):
    probability = np.linspace(0.01, 0.05, 10) if rare else np.linspace(0.05, 0.95, 10)
    rows = np.full(10, 2000.0)
    part = Reliability(
        "validation", probability, rows, np.round(probability * rows), np.linspace(0, 1, 26), np.arange(25.0),
        np.arange(25.0) * 9,
    )  # fmt: skip
    chart = calibration_chart([part], title="t", names=(LONG, LONG, "no"))
    texts(chart)
    above = chart.figure.axes[0]
    assert (above.get_xlim()[1] < 0.1) == rare
    observed = next(line for line in above.lines if line.get_marker() == "o").get_ydata()
    np.testing.assert_allclose(observed, probability, atol=1e-3)


def test_intervals_are_wilsons():
    hits, rows = np.array([0.0, 3, 10]), np.array([10.0, 10, 10])
    np.testing.assert_allclose(wilson(hits, rows), proportion_confint(hits, rows, method="wilson"), atol=1e-12)
