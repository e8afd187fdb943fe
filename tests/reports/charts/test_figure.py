"""What all charts share: names, colors, numbers, and the bytes of the files."""

import io
import itertools
import math
import os
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import font_manager
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab

from dlcli.reports.charts.figure import COLORS, DPI, SIZE, Chart, Numbers, number, set_range, spans_decades, styled
from dlcli.reports.charts.fonts import families_for, one_line, shown_in
from dlcli.reports.charts.line import Curve, Panel, loss_chart
from tests.reports.charts.figures import QUICK, texts
from tests.thinning.examples import examples

# Machado, Oliveira and Fernandes 2009, severity 1: protanopia, deuteranopia, tritanopia.
VISIONS = {
    "all": np.eye(3),
    "no red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "no blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


@pytest.mark.parametrize("vision", VISIONS)
def test_colors_are_told_apart_with_any_vision(vision):
    share = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in COLORS]) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(VISIONS[vision]).T, 0, 1)
    lab = rgb2lab(np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)[None])[0]
    assert len(COLORS) >= 6
    assert min(deltaE_ciede2000(a, b) for a, b in itertools.combinations(lab, 2)) > 10


def chart(format="png", title="y: finished"):
    curve = Curve("training", [0, 1, 2, 3], [4.0, 2.0, 1.5, 1.0])
    return loss_chart([Panel("loss (mean squared error)", [curve])], title=title, saved=2, format=format)


def test_a_png_can_be_read():
    image = Image.open(io.BytesIO(chart().to_bytes()))
    assert image.format == "PNG"
    assert image.size == (SIZE[0] * DPI, SIZE[1] * DPI)
    pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    blue = [int(COLORS[0][i : i + 2], 16) for i in (1, 3, 5)]
    assert (pixels == blue).all(axis=1).sum() > 500


def test_an_svg_has_texts_and_a_pdf_is_one():
    svg = chart("svg", "质量 <$x^2$> &").to_bytes().decode()
    for text in ("质量 &lt;$x^2$&gt; &amp;", "loss (mean squared error)", "step", "training", "saved: step 2"):
        assert f">{text}</text>" in svg
    assert chart("pdf").to_bytes().startswith(b"%PDF-")


@pytest.mark.parametrize("format", ["png", "svg", "pdf"])
def test_the_same_chart_has_the_same_bytes_whatever_a_user_has_set(format, monkeypatch):
    first = chart(format).to_bytes()
    monkeypatch.setitem(matplotlib.rcParams, "lines.linewidth", 9.0)
    monkeypatch.setitem(matplotlib.rcParams, "font.size", 20.0)
    monkeypatch.setitem(matplotlib.rcParams, "text.usetex", True)
    assert chart(format).to_bytes() == first
    assert matplotlib.rcParams["lines.linewidth"] == 9.0


def test_what_cannot_be_seen_is_escaped():
    assert one_line("a\x1b[31m\tb\n c\u202e\x00") == "a\\x1b[31m b c\\u202e\\x00"
    assert one_line("\udce9") == "\\udce9"


def test_a_character_that_no_font_has_is_shown_by_its_code():
    assert families_for(["naïve Größe Ω Жук عربي עברית"]) == ("DejaVu Sans",)
    assert shown_in("a中\U00020000", ("DejaVu Sans",)) == "a\\u4e2d\\U00020000"


def test_another_font_helps_out(tmp_path, monkeypatch):
    pen = TTGlyphPen(None)
    for corner in ((0, 0), (0, 700), (700, 700), (700, 0)):
        (pen.moveTo if corner == (0, 0) else pen.lineTo)(corner)
    pen.closePath()
    builder = FontBuilder(1000)
    builder.setupGlyphOrder([".notdef", "wide"])
    builder.setupCharacterMap({0x4E2D: "wide"})
    builder.setupGlyf(dict.fromkeys((".notdef", "wide"), pen.glyph()))
    builder.setupHorizontalMetrics(dict.fromkeys((".notdef", "wide"), (800, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Test Wide", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(tmp_path / "wide.ttf")
    manager = font_manager.fontManager
    monkeypatch.setattr(manager, "ttflist", [f for f in manager.ttflist if f.name == "DejaVu Sans"])
    manager.addfont(tmp_path / "wide.ttf")
    assert families_for(["a中丁"]) == ("DejaVu Sans", "Test Wide")
    assert "中 \\u4e01" in texts(chart(title="中 丁"))
    chart(title="中 丁").to_bytes()


@settings(max_examples=examples(40), deadline=None, phases=QUICK)
@given(st.text(max_size=60), st.floats(0.2, 3))
def test_a_name_that_is_too_long_is_cut(name, room):
    found = Chart("png", [name])
    text = found.name(name, room)
    assert found.width(text) <= room
    assert found.width(found.name(name)) > room or text == found.name(name)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1e-300, "1e-300"), (0.001, "0.001"), (12345, "12,345"), (1234567, "1.23457e6"), (-2.5e-7, "-2.5e-7")],
)
def test_numbers_are_short(value, text):
    assert number(value) == text


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("span", [0, 1e-9, 2e-5, 0.01, 0.9, 2, 12, 600])
@styled()
def test_numbers_at_an_axis_are_distinct_for_any_span(span, log):
    axes = Chart("png").figure.subplots()
    low, high = 10 ** (-span / 2), 10 ** (span / 2)
    set_range(axes.yaxis, low, high, log=log)
    bottom, top = axes.get_ylim()
    ticks = [tick for tick in axes.get_yticks() if bottom <= tick <= top]
    labels = Numbers().format_ticks(ticks)
    assert 2 <= len(labels) <= 12
    assert len(set(labels)) == len(labels)
    for tick, label in zip(ticks, labels, strict=True):
        assert math.isclose(float(label.replace(",", "")), tick, rel_tol=1e-3, abs_tol=(top - bottom) * 1e-2)
    assert bottom <= low
    assert high <= top


def test_a_log_axis_is_for_values_that_differ_in_size():
    assert spans_decades([1, 10, math.nan, math.inf])
    assert spans_decades([0, 1, 10])
    assert not any(map(spans_decades, ([1, 9], [-1, 1, 100], [], [math.nan], [0, 0])))


def test_no_home_leaves_no_folder_and_no_word(tmp_path):
    """Where matplotlib can't write its list of fonts it makes a folder and warns; the command leaves no trace."""
    code = "from dlcli.reports.charts.figure import Chart; import os; assert 'MPLCONFIGDIR' not in os.environ"
    clean = {k: v for k, v in os.environ.items() if k not in ("MPLCONFIGDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")}
    (tmp_path / "file").touch()
    (tmp_path / "tmp").mkdir()
    env = clean | {"HOME": str(tmp_path / "file"), "TMPDIR": str(tmp_path / "tmp")}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert list((tmp_path / "tmp").iterdir()) == []
