"""eval --against of networks that classify: against scikit-learn and the exact interval of paired hits."""

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, log_loss

from dlcli.degradations.task import Restoration
from dlcli.errors import DlcliError
from dlcli.images.image_set import open_image_set
from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.model.spec import DeconvSpec, Head
from tests.networks.examples import Recorder, make_run, measured, network_of, save, save_run, smooth, tensor

CLASSES = ("ant", "bee", "cat")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """Two runs with other weights and another order of the classes, one in color, and class folders."""
    folder = tmp_path_factory.mktemp("compared")
    make_run(folder / "one", "classify", classes=CLASSES, side=12)
    for name, channels, order, side in (("two", 1, CLASSES[::-1], 12), ("color", 3, CLASSES, 8)):
        torch.manual_seed(1)
        head = Head(decoder=False, classes=3, side=side)
        network = DeconvNet(DeconvSpec(channels, channels, (4,), (1,), head=head))
        save_run(folder / name, network, Restoration("classify"), order)
    make_run(folder / "others", "classify", classes=("ant", "bee"), side=12)
    make_run(folder / "denoise")
    for number, name in enumerate(CLASSES):
        for i in range(12):
            save(folder / "photos" / name / f"{i}.png", smooth(12, 12, seed=100 * number + i))
    return folder


def against(base, first, second, **options):
    return measured(base / first, base / "photos", against=base / second, **options)


def probabilities(run, order):
    image_set = open_image_set([str(run.parent / "photos")], labeled=True)
    x = torch.cat([tensor(image_set.pixels(i)) for i in range(len(image_set))])
    with torch.inference_mode():
        shares = network_of(run)(x).double().softmax(1).numpy()
    return shares[:, [order.index(name) for name in CLASSES]], image_set.labels


def test_metrics_are_scikit_learns_whatever_the_order_of_the_classes(base):
    report = against(base, "one", "two", check=("accuracy>=against",))
    known = report.against.metrics
    for run, order, field in (("one", CLASSES, "value"), ("two", CLASSES[::-1], "against")):
        shares, labels = probabilities(base / run, order)
        assert getattr(known["log_loss"], field) == pytest.approx(log_loss(labels, shares), abs=1e-6)
        assert getattr(known["loss"], field) == pytest.approx(log_loss(labels, shares), abs=1e-6)
        assert getattr(known["accuracy"], field) == pytest.approx(accuracy_score(labels, shares.argmax(1)))
    assert known["accuracy"].value == pytest.approx(report.metrics["test"]["accuracy"])
    assert report.against.compared == 36
    assert report.checks[0].metric == "accuracy"


def test_the_interval_is_that_of_paired_hits(base):
    """By the standard error of the mean of the differences, image by image."""
    found = [probabilities(base / run, order) for run, order in (("one", CLASSES), ("two", CLASSES[::-1]))]
    gaps = np.subtract(*[(shares.argmax(1) == labels).astype(float) for shares, labels in found])
    one = against(base, "one", "two").against.metrics["accuracy"]
    error = gaps.std() / len(gaps) ** 0.5
    assert error > 0
    assert one.low == pytest.approx(gaps.mean() - 1.96 * error, abs=0.35 * error)
    assert one.high == pytest.approx(gaps.mean() + 1.96 * error, abs=0.35 * error)


def test_networks_of_another_side_and_of_color_are_compared(base):
    assert against(base, "one", "color").against.compared == 36


def test_refusals(base):
    for second, said in [
        ("others", "its classes are ant, bee, and those of .*one ant, bee, cat"),
        ("denoise", "its task is denoise, not classify"),
    ]:
        with pytest.raises(DlcliError, match=said):
            against(base, "one", second)


def test_images_of_one_network_only_are_left_out_and_told(base, monkeypatch):
    from dlcli.config.evaluate import EvalConfig
    from dlcli.networks.inference.compared import classes
    from dlcli.tasks.evaluate import evaluate

    whole = classes.classed_images

    def lacking(settings, trained, progress):
        image_set, on = whole(settings, trained, progress)
        return (image_set.subset(range(30)) if settings.source.run == base / "two" else image_set), on

    monkeypatch.setattr(classes, "classed_images", lacking)
    told = Recorder()
    report = evaluate(EvalConfig(run=base / "one", data=(str(base / "photos"),), against=base / "two"), told)
    assert report.against.compared == 30
    assert any("30 images that both networks" in line for line in told.lines)
