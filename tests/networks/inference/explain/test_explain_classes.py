"""explain of a network that classifies: its figures against the network itself, and what is refused."""

import json

import numpy as np
import pytest
import torch

from dlcli.config.saved.explain import ExplainConfig
from dlcli.errors import DlcliError
from dlcli.images.image_set import open_image_set
from dlcli.tasks.explain.explain import explain
from tests.networks.examples import Recorder, make_run, network_of, save, smooth, tensor

CLASSES = ("ant", "bee", "cat")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A run and class folders of 5 images each."""
    folder = tmp_path_factory.mktemp("explained")
    make_run(folder / "run", "classify", classes=CLASSES, side=12)
    (folder / "run" / "report.json").write_text(json.dumps({"command": "train-deconv", "status": "finished"}))
    for number, name in enumerate(CLASSES):
        for i in range(5):
            save(folder / "photos" / name / f"{i}.png", smooth(12, 12, seed=10 * number + i))
    return folder


@pytest.fixture
def run(base, tmp_path):
    """Explains the run, into a folder of its own; gives the report and what was told."""

    def begin(*data, **options):
        told = Recorder()
        told.result = lambda _report: None
        options = {"out": tmp_path / "out", "top": 2, **options}
        return explain(ExplainConfig(run=base / "run", data=tuple(map(str, data)), **options), told), told.lines

    return begin


def test_figures_are_the_networks(base, run, tmp_path):
    report, _ = run(base / "photos", baseline="gray")
    image_set = open_image_set([str(base / "photos")], labeled=True)
    x = torch.cat([tensor(image_set.pixels(i)) for i in range(15)])
    with torch.inference_mode():
        scores = network_of(base / "run")(torch.cat([x, torch.full_like(x[:1], 0.5)])).double()
    logs = torch.log_softmax(scores[:-1], 1).numpy()
    assert report.metrics["test"]["accuracy"] == pytest.approx(np.mean(logs.argmax(1) == np.repeat([0, 1, 2], 5)))
    place = {name: i for i, name in enumerate(image_set.names)}
    for one in report.explained:
        row, explained = place[one.name], CLASSES.index(one.explained)
        assert one.true_class == one.name.split("/")[0]
        assert one.prediction == CLASSES[logs[row].argmax()]
        assert one.explained_probability == pytest.approx(np.exp(logs[row, explained]), abs=1e-6)
        assert one.integrated.score == pytest.approx(float(scores[row, explained]), abs=1e-5)
        assert one.integrated.baseline_score == pytest.approx(float(scores[-1, explained]), abs=1e-5)
        assert one.integrated.sum == pytest.approx(
            one.integrated.score - one.integrated.baseline_score, rel=0.01, abs=1e-5
        )
    assert report.baseline.prediction == CLASSES[int(scores[-1].argmax())]
    assert [one.probability for one in report.mistakes] == sorted(
        (m.probability for m in report.mistakes), reverse=True
    )
    assert len(report.mistakes) == round(15 * (1 - report.metrics["test"]["accuracy"]))
    assert {p.name for p in (tmp_path / "out" / "plots").iterdir()} == {
        "attributions.png", "classes.png", "mistakes.png"
    }  # fmt: skip
    assert json.loads((tmp_path / "out" / "explain.json").read_text())["kind"] == "classes"


def test_one_method_makes_only_its_maps(base, run):
    report, _ = run(base / "photos", method=("grad-cam",), top=1)
    assert report.methods == ["grad-cam"]
    assert all(one.integrated is None and one.speaks_for is not None for one in report.explained)
    assert report.baseline is None
    assert report.mistakes is None
    report, _ = run(base / "photos", method=("mistakes",), top=1, force=True)
    assert [picture.name for picture in report.pictures] == ["mistakes"]


def test_images_without_classes_are_explained_for_what_they_are_taken_for(base, run):
    report, told = run(base / "photos" / "ant", plots="none")
    assert any("classes of these images aren't known" in line and "no class folders" in line for line in told)
    assert {one.chosen for one in report.explained} == {"sure", "unsure"}
    assert report.mistakes is None
    assert report.metrics == {}
    assert report.pictures == []
    assert "is not known of 5 images" in report.findings[0]


def test_the_mean_of_the_images_as_baseline(base, run):
    report, _ = run(base / "photos", baseline="mean", method=("integrated-gradients",), plots="none")
    image_set = open_image_set([str(base / "photos")], labeled=True)
    mean = torch.cat([tensor(image_set.pixels(i)) for i in range(15)]).mean(0, keepdim=True)
    with torch.inference_mode():
        shares = network_of(base / "run")(mean).softmax(1)
    assert report.baseline.probability == pytest.approx(float(shares.max()), abs=1e-5)


@pytest.mark.parametrize(
    ("data", "options", "said"),
    [
        (("photos/ant",), {"method": ("mistakes",)}, "needs images whose classes are known"),
        (("photos",), {"region": "0,0,4,4"}, "--region is for networks that restore"),
        (("photos",), {"tile": 64}, "--tile is for networks that restore"),
        (("photos",), {"method": ("shap",)}, "--method shap is for linear models"),
        (("nothing",), {}, "there is no such file or folder"),
        (("empty",), {}, "holds no image"),
        (("other",), {}, r"class dog is none of those .* ant, bee"),
    ],
)
def test_bad_input(base, run, tmp_path, data, options, said):
    (base / "empty").mkdir(exist_ok=True)
    for name in ("ant", "dog"):
        save(base / "other" / name / "0.png", smooth(12, 12))
    with pytest.raises(DlcliError, match=said):
        run(*(base / name for name in data), **options)
    assert not (tmp_path / "out").exists()


def test_names_from_data_reach_no_terminal_raw(tmp_path):
    names = ("\x1b[31mred", "<b>")
    make_run(tmp_path / "run", "classify", classes=names, side=12)
    (tmp_path / "run" / "report.json").write_text(json.dumps({"command": "train-deconv", "status": "finished"}))
    for number, name in enumerate(names):
        for i in range(3):
            save(tmp_path / "photos" / name / f"{i}.png", smooth(12, 12, seed=10 * number + i))
    config = ExplainConfig(run=tmp_path / "run", data=(str(tmp_path / "photos"),), out=tmp_path / "out", top=1)
    report = explain(config)
    assert report.mistakes
    assert not any("\x1b" in line for line in report.findings)
    assert "<b>" not in (tmp_path / "out" / "explain.html").read_text()
