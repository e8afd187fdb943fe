"""dlcli report: one page of a run or a comparison, and Markdown; whatever names the data and folders have."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from dlcli.config.fit_linear import FitLinearConfig

HOSTILE = "<script>alert(1)</script>"
FOLDER = '"><img src=x onerror=alert(1)>'


class Reader(HTMLParser):
    """What a browser makes of a page: its tags with their attributes, and its text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text = [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text.append(data)

    def count(self, tag):
        return sum(name == tag for name, _ in self.tags)


def table(path, names):
    rows = [f"{i % 7},{(i * i) % 11},{(3 * i) % 5 + i % 2}" for i in range(40)]
    path.write_text("\n".join([",".join(names), *rows]) + "\n")


@pytest.fixture
def run(app, tmp_path):
    """Fit a small table with hostile names into a folder with one."""

    def fit(out, *words):
        table(tmp_path / "data.csv", ["a|b", HOSTILE, "y"])
        code, _, err = app("fit-linear", "data.csv", "--target", "y", "--out", out, "--quiet", *words)
        assert code == 0, err
        return out

    return fit


def page(app, *words):
    code, out, err = app("report", *words, "--json")
    assert (code, err) == (0, "")
    report = json.loads(out)
    return Reader(Path(report["out"]).read_text()), report


def test_a_page_of_one_run(app, run):
    read, report = page(app, run("one", "--val", "0.2"))
    assert report["out"] == "one/report.html"
    assert report["bytes"] == Path("one/report.html").stat().st_size < 2_000_000
    text = "".join(read.text)
    for shown in ("fit-linear: one", "Coefficients", "Settings that are not the default", "data.csv", "r2", "Loss"):
        assert shown in text
    value = json.loads(Path("one/report.json").read_text())["metrics"]["val"]["r2"]
    assert f"{value:.5g}" in text


def test_names_are_escaped_and_nothing_is_loaded(app, run):
    read, _ = page(app, run(FOLDER), run("two"), "--out", "page.html")
    assert read.count("script") == 1
    assert read.count("img") == 0
    text = "".join(read.text)
    assert HOSTILE in text
    assert FOLDER in text
    for _, attributes in read.tags:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href"):
            assert attributes.get(name, "#").startswith(("#", "data:"))
    policy = next(a["content"] for tag, a in read.tags if tag == "meta" and "http-equiv" in a)
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")


def test_markdown_is_no_markup_either(app, run):
    code, out, err = app("report", run(FOLDER), run("two", "--l2", "0.5"), "--markdown")
    assert (code, err) == (0, "")
    assert "<" not in out.replace("\\<", "")
    assert not Path("report.html").exists()
    assert re.search(r"^\| two \| .*\|$", out, re.M)
    rows = [line for line in out.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows[:4]} == {len(re.findall(r"\|", rows[1]))}
    assert re.search(r"^\| run \| l2 \|$", out, re.M)


def test_of_two_runs_every_setting_that_differs_is_named_and_only_those(app, run, tmp_path):
    run("one", "--val", "0.2")
    (tmp_path / "link.csv").symlink_to("data.csv")
    code = app("fit-linear", tmp_path / "link.csv", "--target", "y", "--val", "0.2", "--out", "two", "--quiet")[0]
    assert code == 0
    read, report = page(app, "one", "two")
    assert report["differing"] == []
    assert "different data" not in "".join(read.text)  # by another name
    table(tmp_path / "other.csv", ["p", "q", "y"])
    app("fit-linear", "other.csv", "--val", "0.3", "--l2", "0.1", "--seed", "3", "--out", "three", "--quiet")
    read, report = page(app, "one", "three", "--out", "page.html")
    assert sorted(report["differing"]) == ["data", "l2", "seed", "target", "val"]
    text = "".join(read.text)
    assert "different data" in text or "may be of different rows" in text
    assert not [1 for _, attributes in read.tags if attributes.get("class") == "mark"]


CHANGES = {
    "l1": 0.25, "val": 0.5, "intercept": False, "lr": "0.125", "features": ("a", "b"), "missing": "drop", "cv": 4,
    "query": "select 1", "early_stop": 3, "steps": 17, "schedule": "cosine", "data_seed": 9,
}  # fmt: skip


def test_settings_are_compared_one_by_one(app, run, tmp_path):
    """Each of them alone, whatever its type, and beside a file that an older version wrote."""
    run("one")
    base = FitLinearConfig.read_toml(Path("one/config.toml"))
    report = Path("one/report.json").read_text()
    for name, value in CHANGES.items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / "report.json").write_text(report)
        others = {"val": 0.2} if name == "early_stop" else {}
        text = FitLinearConfig.model_construct(**{**base, name: value, **others}).to_toml(folder)
        (folder / "config.toml").write_text(text)
        found = page(app, "one", name, "--out", f"{name}.html")[1]["differing"]
        assert sorted(found) == sorted([name, *others])
    older = [line for line in Path("one/config.toml").read_text().splitlines() if not line.startswith("l2 =")]
    (tmp_path / "older").mkdir()
    (tmp_path / "older" / "config.toml").write_text("\n".join(older))
    (tmp_path / "older" / "report.json").write_text(report)
    assert page(app, "one", "older", "--out", "older.html")[1]["differing"] == []


def test_refusals(app, run, tmp_path):
    run("one")
    (tmp_path / "empty").mkdir()
    (tmp_path / "fit-linear-001").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "report.json").write_text("{")
    (tmp_path / "broken" / "config.toml").write_text('command = "fit-linear"\n')
    assert (
        app("fit-linear", "data.csv", "--target", "y", "--lr", "1e9", "--optimizer", "gd", "--out", "diverged")[0] == 4
    )
    assert app("report", "one")[0] == 0
    for words, expected in [
        ((), "RUN"),
        (("missing",), "there is no run directory missing"),
        (("empty",), "empty is no run"),
        (("fit-linear-001",), "has nothing to show"),
        (("broken",), "report.json is damaged"),
        (("diverged",), "diverged, and has no metrics"),
        (("one", "./one"), "one is given twice"),
        (("one",), "one/report.html exists"),
        (("one", "--out", "x.pdf"), "ends in .html"),
        (("one", "--out", "no/where.html"), "there is no directory no"),
        (("one", "--markdown", "--json"), "give one of them"),
    ]:
        code, out, err = app("report", *words)
        assert (code, out, err.count("\n")) == (2, "", 1), words
        assert expected in err
    assert app("report", "one", "--force")[0] == 0


def test_a_run_that_is_killed_shows_what_there_is(app, run, tmp_path):
    run("one", "--optimizer", "gd")
    (tmp_path / "one" / "report.json").unlink()
    read, _ = page(app, "one")
    assert "killed" in "".join(read.text)
    assert read.count("figure") >= 1


def test_a_page_of_before_does_not_pass_for_this_run(app, run):
    run("one")
    page(app, "one")
    run("one", "--force")
    assert not Path("one/report.html").exists()


def test_a_report_knows_its_data_and_what_was_warned_of(app, tmp_path):
    rows = "".join(f"{i % 7},{i % 7},{i % 5}\n" for i in range(40))
    (tmp_path / "twice.csv").write_text("a,same,y\n" + rows)
    err = app("fit-linear", "twice.csv", "--target", "y", "--out", "one")[2]
    report = json.loads(Path("one/report.json").read_text())
    known = report["fingerprint"]
    assert (known["rows"], known["columns"], known["bytes"]) == (40, 3, (tmp_path / "twice.csv").stat().st_size)
    warned = [line.removeprefix("dlcli: warning: ") for line in err.splitlines() if "warning: " in line]
    assert report["warnings"] == warned
    assert len(warned) == 2
    text = "".join(page(app, "one")[0].text)
    assert warned[0] in text
    assert known["digest"] in text
    (tmp_path / "else").mkdir()
    (tmp_path / "else" / "twice.csv").write_text("a,same,y\n" + rows)
    assert app("fit-linear", "else/twice.csv", "--target", "y", "--out", "two", "--quiet")[0] == 0
    assert json.loads(Path("two/report.json").read_text())["fingerprint"] == known
