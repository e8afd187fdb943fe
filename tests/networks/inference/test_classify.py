"""eval and predict of networks that classify: against the network itself, and properties."""

from itertools import pairwise

import numpy as np
import polars as pl
import pytest
import tifffile
import torch
from PIL import Image

from dlcli.config.evaluate import EvalConfig, PredictConfig
from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.errors import DlcliError
from dlcli.images.image_set import open_image_set
from dlcli.tasks.predict import predict
from dlcli.tasks.train_deconv import train_deconv
from tests.networks.examples import folder_of, make_run, measured, network_of, save, smooth, tensor


def predicted(run, *data, **options):
    return predict(PredictConfig(run=run, data=tuple(map(str, data)), **options))


def class_folders(folder, names=("ant", "bee", "cat"), side=12):
    for number, name in enumerate(names):
        for i in range(3):
            save(folder / name / f"{i}.png", smooth(side, side, seed=10 * number + i))
    return folder


def test_classes(tmp_path):
    run = make_run(tmp_path / "run", "classify", classes=("ant", "bee", "cat"), side=12)
    photos = class_folders(tmp_path / "photos")
    report = measured(run, photos, check=("accuracy>=0", "log_loss>99"))
    image_set = open_image_set([str(photos)], labeled=True)
    x = torch.cat([tensor(image_set.pixels(i)) for i in range(9)])
    with torch.inference_mode():
        logs = torch.log_softmax(network_of(run)(x), 1).numpy()
    truth = np.repeat([0, 1, 2], 3)
    test = report.metrics["test"]
    assert test["accuracy"] == np.mean(logs.argmax(1) == truth)
    assert test["log_loss"] == pytest.approx(-logs[np.arange(9), truth].mean(), abs=1e-6)
    assert test["loss"] == test["log_loss"]
    assert np.trace(report.confusion) == round(9 * test["accuracy"])
    hits = sum(round(one.images * one.recall) for one in report.per_class)
    assert [one.name for one in report.per_class] == ["ant", "bee", "cat"]
    assert hits == np.trace(report.confusion)
    assert len(report.mistakes) == 9 - np.trace(report.confusion)
    assert all(a.probability >= b.probability for a, b in pairwise(report.mistakes))
    assert [c.holds for c in report.checks] == [True, False]


def test_some_of_the_classes_keep_their_numbers(tmp_path):
    run = make_run(tmp_path / "run", "classify", classes=("ant", "bee", "cat"), side=12)
    report = measured(run, class_folders(tmp_path / "photos", names=("bee", "cat")))
    assert np.sum(report.confusion, axis=1).tolist() == [0, 3, 3]


def test_class_images_of_another_size_are_brought_to_the_networks(tmp_path):
    run = make_run(tmp_path / "run", "classify", classes=("ant", "bee"), side=12)
    assert measured(run, class_folders(tmp_path / "photos", ("ant", "bee"), side=31)).images == 6


def test_unknown_classes_are_explained(tmp_path):
    run = make_run(tmp_path / "run", "classify", classes=("ant", "bee"), side=12)
    with pytest.raises(DlcliError, match=r"class dog is none of those .* ant, bee"):
        measured(run, class_folders(tmp_path / "photos", ("ant", "dog")))
    for options in ({"compare": True}, {"sigma": 5}, {"tile": 64}):
        with pytest.raises(DlcliError, match="this one classifies"):
            measured(run, class_folders(tmp_path / "photos", ("ant", "bee")), **options)


def test_mnist_test_images_are_taken(tmp_path, shared):
    run = make_run(tmp_path / "run", "classify", classes=tuple("0123456789"), side=28)
    assert measured(run, shared / "mnist").images == 10_000


def test_classes_as_a_table(tmp_path, capfdbinary):
    run = make_run(tmp_path / "run", "classify", classes=("ant", "bee"), side=12)
    photos = folder_of(tmp_path / "in", ((12, 12), (12, 12), (20, 31)))
    (photos / "bad.png").write_bytes(b"hello")
    report = predicted(run, photos, out=tmp_path / "p.parquet")
    assert (report.rows, len(report.skipped)) == (3, 1)
    table = pl.read_parquet(tmp_path / "p.parquet")
    assert table.columns == ["file", "prediction", "probability_ant", "probability_bee"]
    assert table["file"].to_list() == ["0.png", "1.png", "2.png"]
    with torch.inference_mode():
        made = network_of(run)(tensor(np.asarray(Image.open(photos / "0.png"))))
    expected = torch.softmax(made, 1)[0].numpy()
    np.testing.assert_allclose(table.row(0)[2:], expected, atol=1e-6)
    assert table["prediction"][0] == ("ant", "bee")[int(expected.argmax())]
    predicted(run, photos)
    assert (
        pl.read_csv(capfdbinary.readouterr().out)
        .select(pl.col("file", "prediction"))
        .equals(table.select(pl.col("file", "prediction")))
    )
    with pytest.raises(DlcliError, match="this one classifies"):
        predicted(run, photos, tile=64)
    with pytest.raises(DlcliError, match="no images to classify"):
        predicted(run)


def test_a_sheet_of_mistakes(tmp_path):
    run = make_run(tmp_path / "run", "classify", classes=("ant", "bee", "cat"), side=12)
    report = measured(run, class_folders(tmp_path / "photos"), mistakes=tmp_path / "wrong.png")
    assert report.mistakes
    with Image.open(tmp_path / "wrong.png") as sheet:
        assert min(sheet.size) > 100


def test_mistakes_are_those_of_classes(tmp_path):
    save(tmp_path / "photos" / "a.png", smooth(20, 24))
    run = make_run(tmp_path / "run")
    with pytest.raises(DlcliError, match="--mistakes is for networks that classify"):
        measured(run, tmp_path / "photos", mistakes=tmp_path / "wrong.png")
    with pytest.raises(DlcliError, match="there is no directory"):
        measured(run, tmp_path / "photos", mistakes=tmp_path / "none" / "wrong.png")
    with pytest.raises(DlcliError, match=r"--mistakes: got '/.*', expected a name that ends in"):
        EvalConfig.build({"run": run, "mistakes": tmp_path / "wrong.jpg"})


@pytest.mark.parametrize("top", [4095, 437])
def test_class_images_of_many_bits_that_were_held_out_are_seen_as_in_training(tmp_path, top):
    """They come as squares of 8 bits already; taken for counts of 12 bits, all were nearly black."""
    random = np.random.default_rng(0)
    for name in ("ant", "bee"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(6):
            values = np.clip(random.normal(0.5, 0.3, (12, 12)), 0, 1)
            tifffile.imwrite(tmp_path / "photos" / name / f"{i}.tif", (values * top).astype(np.uint16))
    train = TrainDeconvConfig.build(
        {"data": (str(tmp_path / "photos"),), "task": "classify", "steps": 3, "val": 0.5, "batch_size": 4,
         "filters": (4, 4), "out": tmp_path / "trained", "plots": "none"}
    )  # fmt: skip
    trained = train_deconv(train)
    again = measured(tmp_path / "trained")
    assert again.metrics["test"]["log_loss"] == pytest.approx(trained.metrics["val"]["log_loss"], rel=0.02)
    assert measured(tmp_path / "trained", tmp_path / "photos").images == 12
