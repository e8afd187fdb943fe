"""The page of ``explain`` in a real browser: nothing is loaded, nothing complains, everyone can read it."""

import json
from pathlib import Path

import numpy as np
import pytest

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.config.saved.explain import ExplainConfig
from dlcli.tasks.explain.explain import explain
from dlcli.tasks.fit_linear import fit_linear
from tests.reports.page.browser import Browser, installed
from tests.reports.page.test_browser import AXE, CHECKS, HOSTILE


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    place = tmp_path_factory.mktemp("explained")
    rng = np.random.default_rng(0)
    lines = [f'"{HOSTILE}",text,y']
    for _ in range(80):
        x, text = rng.normal(), rng.choice(["<b>a</b>", "b"])
        lines.append(f"{x:.6f},{text},{2 * x + (text == 'b') + rng.normal():.6f}")
    (place / "t.csv").write_text("\n".join(lines))
    fit_linear(FitLinearConfig.build({"data": (str(place / "t.csv"),), "val": 0.25, "out": place / "run"}))
    explain(ExplainConfig.build({"run": place / "run", "out": place / "out"}))
    return (place / "out" / "explain.html").as_uri()


@pytest.mark.parametrize(("width", "dark"), [(400, False), (1600, True)])
def test_everyone_can_read_it(page, tmp_path, width, dark):
    path = installed()
    if path is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium)")
    browser = Browser(path, tmp_path)
    try:
        browser.open(page, width, dark)
        browser.value("document.querySelectorAll('details').forEach(one => { one.open = true })")
        assert browser.requests == [page]
        assert browser.complaints == []
        assert browser.value("document.documentElement.scrollWidth") <= width
        assert browser.value(CHECKS) == []
        if AXE:
            browser.value(Path(AXE).read_text() + "; 0")
            found = json.loads(browser.value("axe.run().then(found => JSON.stringify(found.violations))"))
            assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []
    finally:
        browser.close()
