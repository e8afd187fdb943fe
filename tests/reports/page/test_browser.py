"""The page in a real browser: nothing is loaded, nothing complains, sorting and slider work, everyone can read it.

DLCLI_AXE=axe.min.js (of npm's axe-core) has that look at it, too; DLCLI_SCREENSHOTS=FOLDER keeps pictures to look at.
"""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from dlcli.reports.charts.sheets import sample_sheet
from dlcli.reports.page.compare import page_of
from dlcli.reports.page.render import page_html
from dlcli.reports.page.source import Picture, Source
from tests.reports.page.browser import Browser, installed

CHECKS = (Path(__file__).parent / "checks.js").read_text()
AXE = os.environ.get("DLCLI_AXE", "")  # axe.min.js, where it is there
HOSTILE = "<script>alert(1)</script>"
PAGES = ("one", "several")
ORDER = "[...document.querySelectorAll('table')[{}].tBodies[0].rows].map(r => r.cells[{}].textContent.trim())"
CLICK = "document.querySelectorAll('table')[{}].tHead.querySelectorAll('button')[{}].click()"


def source(name, number):
    """A run with all that a page shows."""
    values = {"a": 2.5, HOSTILE: -10.0, "c" * 60: 0.001, "intercept": 100.0 + number, "none": None}
    coefficients = {n: {"value": v, "std_error": 0.1, "p": None} for n, v in values.items()}
    report = {
        "command": "train-deconv", "run": name, "steps": 1000, "seconds": 75.0, "seed": number, "task": HOSTILE,
        "coefficients": coefficients, "warnings": [HOSTILE, "a long warning " * 20],
        "environment": {"git": {"commit": "ab" * 20, "dirty": True}},
        "fingerprint": {"digest": "d" * 32, "bytes": 12}, "per_class": [{"name": HOSTILE, "images": 3, "recall": 0.5}],
    }  # fmt: skip
    records = [
        {"step": s, "loss": 1 / (1 + s), "val_loss": 2 / (1 + s), "psnr": 20 + s / 100, "input_psnr": 20.0, "lr": 0.1}
        for s in range(0, 1000, 10)
    ]
    rng = np.random.default_rng(number)
    rows = [tuple(rng.integers(0, 256, (64, 64), dtype=np.uint8) for _ in range(3)) for _ in range(2)]
    settings = {"lr": 0.1 * (number + 1), "data": ["/a/very/long/path" * 12], "kind": HOSTILE}
    return Source(
        name, "train-deconv", "finished", "step limit reached", report, settings, {"lr": 0.5}, settings,
        {"val.psnr": 29.0 + number, "val.loss": 0.5, "train.loss": 0.1 * number}, records,
        [Picture("samples", sample_sheet(rows, [f"{HOSTILE}: one", "two"]))],
        ["photos/"],
    )  # fmt: skip


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    path = installed()
    if path is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium)")
    found = Browser(path, tmp_path_factory.mktemp("profile"))
    yield found
    found.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    names = ['"><img src=x onerror=alert(1)>', "second", "third"]
    sources = [source(name, number) for number, name in enumerate(names)]
    for name, shown in zip(PAGES, (sources[:1], sources), strict=True):
        (folder / f"{name}.html").write_text(page_html(page_of(shown, "today")))
    return {name: (folder / f"{name}.html").as_uri() for name in PAGES}


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(("width", "dark"), [(400, False), (1600, True), (1600, False), (400, True)])
def test_everyone_can_read_it(browser, pages, page, width, dark, request):
    browser.open(pages[page], width, dark)
    browser.value("document.querySelectorAll('details').forEach(one => { one.open = true })")
    assert browser.requests == [pages[page]]
    assert browser.complaints == []
    assert browser.value("document.documentElement.scrollWidth") <= width
    assert browser.value(CHECKS) == []
    background = browser.value("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(13, 17, 23)" if dark else "rgb(255, 255, 255)")
    if AXE:
        browser.value(Path(AXE).read_text() + "; 0")
        found = json.loads(browser.value("axe.run().then(found => JSON.stringify(found.violations))"))
        assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []
    if folder := os.environ.get("DLCLI_SCREENSHOTS"):
        (Path(folder) / f"{page}-{width}-{'dark' if dark else 'light'}.png").write_bytes(browser.screenshot())


def test_columns_are_sorted_by_number_and_by_name(browser, pages):
    browser.open(pages["one"])
    titles = browser.value(
        "[...document.querySelectorAll('table')].map(t => t.parentElement.getAttribute('aria-label'))"
    )
    table = titles.index("Coefficients")
    browser.value(CLICK.format(table, 1))
    assert browser.value(ORDER.format(table, 1)) == ["-10", "0.001", "2.5", "100", "–"]
    browser.value(CLICK.format(table, 1))
    assert browser.value(ORDER.format(table, 1)) == ["100", "2.5", "0.001", "-10", "–"]
    assert browser.value("document.querySelectorAll('[aria-sort=descending]').length") == 1
    browser.value(CLICK.format(table, 0))
    assert browser.value(ORDER.format(table, 0)) == [HOSTILE, "a", "c" * 60, "intercept", "none"]
    assert browser.complaints == []


def test_the_slider_is_moved_by_keys(browser, pages):
    browser.open(pages["one"])
    clip = "getComputedStyle(document.querySelector('.above')).clipPath"
    assert browser.value(clip) == "inset(0px 50% 0px 0px)"
    browser.value("document.querySelector('.slider input').focus()")
    browser.key("ArrowRight", 39)
    assert browser.value(clip) == "inset(0px 49% 0px 0px)"
    browser.key("Home", 36)
    assert browser.value(clip) == "inset(0px 100% 0px 0px)"
    shown = browser.value("[...document.images].every(one => one.complete && one.naturalWidth > 0)")
    assert shown is True


def test_in_print_it_is_light_and_both_pictures_are_seen(browser, pages):
    browser.open(pages["one"], dark=True, media="print")
    assert browser.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.value("getComputedStyle(document.querySelector('.above')).position") == "static"


def test_a_request_would_be_seen_and_refused(browser, pages, tmp_path):
    """So that the tests above can fail."""
    text = Path(pages["one"].removeprefix("file://")).read_text()
    bad = tmp_path / "bad.html"
    bad.write_text(text.replace("</main>", '<img src="https://example.com/x.png"><script>alert(1)</script></main>'))
    browser.open(bad.as_uri())
    assert len(browser.complaints) == 2
    assert "no text" in "".join(browser.value(CHECKS))
