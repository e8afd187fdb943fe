"""Ctrl-C in commands that apply a network: what is said of what there is, and that nothing is left half done."""

import os
import signal

import pytest
from PIL import Image

from dlcli.cli.command import DRAWING
from dlcli.images.survey import survey
from dlcli.networks.inference import evaluate
from dlcli.networks.inference.shown.meter import Meter
from tests.networks.examples import folder_of, make_run

SIZES = ((30, 40),) * 9


@pytest.fixture
def photos(tmp_path):
    make_run(tmp_path / "run")
    return folder_of(tmp_path / "photos", SIZES)


def at_the(number, whole):
    """``whole``, which sends Ctrl-C to this process when it is called for the ``number``-th time."""
    calls = []

    def called(*args, **options):
        result = whole(*args, **options)
        calls.append(1)
        if len(calls) == number:
            os.kill(os.getpid(), signal.SIGINT)
        return result

    return called


@pytest.mark.parametrize("threads", [1, 2])
def test_predict_counts_what_is_complete(app, photos, tmp_path, monkeypatch, threads):
    monkeypatch.setattr(Meter, "file", at_the(3, Meter.file))
    code, out, err = app("predict", "run", "photos", "--out", "out", "--threads", threads)
    made = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert (code, out) == (130, "")
    assert err.splitlines()[-1] == f"dlcli: interrupted: {len(made)} of 9 files are complete in out"
    assert 3 <= len(made) < 9
    for name in made:
        with Image.open(tmp_path / "out" / name) as image:
            image.load()


def test_predict_to_stdout_sends_nothing(app, photos, monkeypatch):
    monkeypatch.setattr(Meter, "file", at_the(1, Meter.file))
    code, out, err = app("predict", "run", "photos/0.png", "--out", "-")
    assert (code, out, err) == (130, "", "dlcli: interrupted before there was anything to save\n")


def test_eval_says_that_there_is_no_report(app, photos, monkeypatch):
    monkeypatch.setattr(evaluate, "_row", at_the(4, evaluate._row))
    code, out, err = app("eval", "run", "photos", "--out", "report.json")
    assert (code, out) == (130, "")
    assert err == "dlcli: interrupted: 3 of 9 images were measured, and no report is written\n"
    assert not os.path.exists("report.json")


def test_data_is_saved_before_its_charts(drawing, photos, monkeypatch):
    from dlcli.reports.charts import contact

    monkeypatch.setattr(contact, "contact_sheet", at_the(1, contact.contact_sheet))
    code, _, err = drawing("data", "photos", "--out", "looked")
    assert (code, err) == (130, f"dlcli: interrupted: {DRAWING}\n")
    assert os.path.exists("looked/report.json")
    monkeypatch.setattr(survey, "looked_at", at_the(1, survey.looked_at))
    code, _, err = drawing("data", "photos", "--out", "again")
    assert (code, err) == (130, "dlcli: interrupted before there was anything to save\n")
    assert not os.path.exists("again/report.json")


def test_classes_on_stdout_are_counted(app, tmp_path, monkeypatch):
    from dlcli.networks.inference import classify

    make_run(tmp_path / "classes", "classify", channels=3, classes=("a", "b"), side=24)
    folder_of(tmp_path / "photos", ((24, 24),) * 4, 3)
    monkeypatch.setattr(classify, "BATCH", 2)
    monkeypatch.setattr(classify, "shrunk", at_the(2, classify.shrunk))
    code, out, err = app("predict", "classes", "photos")
    assert code == 130
    assert len(out.splitlines()) == 3
    assert err.splitlines()[-1] == "dlcli: interrupted: stdout has 2 predictions or more"
