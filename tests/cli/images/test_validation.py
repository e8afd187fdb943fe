"""What training is validated on, what it says of its data and its result: results that could mislead are named."""

import json
import signal

import numpy as np
import pytest
from PIL import Image

from dlcli.cli.app import run as run_app
from dlcli.cli.terminal.live import LiveTable
from dlcli.engine.loop import Step
from dlcli.networks.training import problem as deconv_problem

FAST = ["--threads", "1", "--filters", "4,4", "--depth", "0", "--device", "cpu", "--amp", "off"]


@pytest.fixture
def app(tmp_path, monkeypatch, capsys):
    """Train in this process, in an empty folder, into ``run``: the report and stderr."""
    kept = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        if arguments[0] == "predict":
            assert run_app([str(a) for a in arguments]) == 0
            return None, " ".join(capsys.readouterr().err.split())
        code = run_app(["train-deconv", *map(str, arguments), *FAST, "--out", "run", "--force"])
        streams = capsys.readouterr()
        assert code == 0, streams.err
        return json.loads((tmp_path / "run/report.json").read_text()), " ".join(streams.err.split())

    yield call
    for number, handler in kept:
        signal.signal(number, handler)


def picture(number, height, width=None, channels=1):
    random = np.random.default_rng(number)
    coarse = random.integers(0, 256, (6, 6, 3) if channels == 3 else (6, 6), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width or height, height), Image.Resampling.BICUBIC)


def folder(path, count, side, first=0):
    path.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        picture(number, side).save(path / f"{number:04d}.png")
    return path


def test_a_blind_denoiser_of_few_photographs_is_better_than_none(app, shared, tmp_path):
    """One validation image at one noise level kept step 0: what was saved changed no pixel."""
    (tmp_path / "photos").mkdir()
    for photo in sorted((shared / "images/train400").iterdir())[:24]:
        (tmp_path / "photos" / photo.name).write_bytes(photo.read_bytes())
    report, err = app("photos", "--sigma", "0:55", "--steps", "100", "--batch-size", "4", "--crop", "32")
    assert report["best_step"] >= 80
    val = report["metrics"]["val"]
    assert val["psnr"] > val["input_psnr"] + 0.2
    checked = report["validation"]
    assert checked["measured"] >= 8
    assert (checked["lent_by_training_images"], checked["unchanged"]) == (7, False)
    assert [round(level["sigma"], 1) for level in checked["levels"]] == [9.2, 27.5, 45.8]
    assert np.mean([level["psnr"] for level in checked["levels"]]) == pytest.approx(val["psnr"])
    assert "23 images train, 1 held out (8 crops measured at 3 noise levels)" in err
    assert "180 x 180 pixels, gray, 8 bits; crops of 32 x 32" in err
    assert "denoise of sigma 0 to 55" in err
    assert "a strip of 7 others with 16 pixels between" in err
    assert "changed no pixel" not in app("predict", "run", "photos/test_001.png", "--out", "restored")[1]


def test_a_network_that_learns_nothing_says_so(app, tmp_path):
    folder(tmp_path / "photos", 10, 40)
    report, err = app("photos", "--steps", "6", "--optimizer", "sgd", "--lr", "1e-30", "--report-every", "3")
    assert report["best_step"] == 0
    assert report["validation"]["unchanged"] is True
    assert "a network learns little in 6 steps:" in err
    assert "those of step 0, before any training" in err
    assert "predict would change no pixel" in err
    assert [text in err for text in report["warnings"]] == [True] * len(report["warnings"])
    _, err = app("predict", "run", "photos", "--out", "restored")
    assert "the network changed no pixel of 10 images: it has learned nothing" in err
    before, after = (np.asarray(Image.open(tmp_path / folder / "0000.png")) for folder in ("photos", "restored"))
    assert np.array_equal(before, after)


def test_of_an_estimate_that_nothing_was_added_to_no_one_says_that_it_is_the_input(app, tmp_path):
    folder(tmp_path / "photos", 10, 40)
    _, err = app(
        "photos", "--task", "inpaint", "--steps", "3", "--optimizer", "sgd", "--lr", "1e-30", "--report-every", "3"
    )
    assert "adds nothing to the simple estimate that it starts from" in err
    assert "predict would change no pixel" not in err


def test_metrics_are_those_of_one_step(app, tmp_path):
    """The training loss in the table was that of the last step, the validation's that of the best."""
    folder(tmp_path / "photos", 10, 40)
    report, _ = app(
        "photos", "--steps", "8", "--optimizer", "sgd", "--lr", "1e-30", "--report-every", "2", "--val", "0.3"
    )
    records = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    best = next(record for record in records if record["step"] == report["best_step"])
    assert report["metrics"]["train"]["loss"] == best["loss"] != records[-1]["loss"]
    assert report["metrics"]["val"]["loss"] == best["val_loss"]
    last = report["last"]
    assert (last["step"], last["metrics"]["train"]["loss"]) == (8, records[-1]["loss"])


def test_one_icon_does_not_shrink_the_crops_of_all(app, tmp_path):
    folder(tmp_path / "photos", 20, 100)
    picture(0, 10).save(tmp_path / "photos/icon.png")
    picture(0, 70).save(tmp_path / "photos/small.png")
    (tmp_path / "photos/clip.mp4").write_bytes(b"")
    report, err = app("photos", "--steps", "2", "--seed", "1", "--val", "0.1", "--data-seed", "3")
    assert report["crop"] == 96
    assert report["too_small_images"] == 1
    assert (
        "1 image is left out of training, being smaller than half of the crop of 96 pixels: icon.png (10 x 10)" in err
    )
    assert "; 70 x 70 to 100 x 100 pixels, gray" in err  # of what trains
    assert "1 image is continued by mirroring, being smaller than the crop of 96 pixels: small.png (70 x 70)" in err
    assert "photos: 1 file left out: 1 .mp4" in err
    assert "photos: 1 file left out: 1 .mp4" in app("predict", "run", "photos", "--out", "restored")[1]


def classes(path, counts, side=8):
    for place, count in enumerate(counts):
        folder(path / f"c{place}", count, side, 1000 * place)


def test_of_classes_in_order_all_are_measured(app, tmp_path, monkeypatch):
    """The first images of a sorted set were measured: of ten classes the last ones never."""
    classes(tmp_path / "photos", [40] * 6)
    monkeypatch.setattr(deconv_problem, "MAX_CLASS_IMAGES", 20)
    report, err = app("photos", "--task", "classify", "--steps", "2", "--stride", "1", "--val", "0.2")
    assert report["images"] == {"train": 192, "val": 48}
    assert all(3 <= sum(row) <= 4 for row in report["confusion"])
    assert "192 images of 6 classes train, 48 held out (2" in err


def test_two_classes_of_ten_images_are_not_chosen_by(app, tmp_path):
    """One cat decided: the untrained network was saved, of accuracy 1."""
    classes(tmp_path / "photos", [10, 10])
    report, err = app("photos", "--task", "classify", "--steps", "4", "--stride", "1", "--report-every", "1")
    assert report["images"] == {"train": 15, "val": 5}
    assert sorted(sum(row) for row in report["confusion"]) == [2, 3]
    assert report["validation"]["selects"] is False
    assert report["best_step"] == report["steps"] == 4
    assert "5 validation images are too few to choose weights by: the last ones are saved" in err
    assert "held out 5 images, as the usual 5% are 1" in err
    report, err = app("photos", "--task", "classify", "--steps", "2", "--stride", "1", "--early-stop", "1")
    assert report["validation"]["selects"] is True
    assert "too few to choose weights by: yet --early-stop asks for it" in err


def test_a_class_of_one_image_trains_and_is_named(app, tmp_path):
    classes(tmp_path / "photos", [30, 1])
    report, err = app("photos", "--task", "classify", "--steps", "2", "--stride", "1", "--val", "0.1")
    assert [sum(row) for row in report["confusion"]] == [3, 0]
    assert "one image only of c1: it trains, and validation has none" in err


def test_large_class_images_are_scaled_and_it_is_said(app, tmp_path):
    """Two folders of 512 x 512 trained at 512 with batches of 128: 8.2 GB."""
    classes(tmp_path / "photos", [3, 3], 300)
    report, err = app("photos", "--task", "classify", "--steps", "1", "--stride", "1")
    assert report["crop"] == 64
    assert (
        "class images of 300 x 300 pixels become 64 x 64: scaled, and cut in the middle; --side N takes another" in err
    )
    assert "side = 64" in (tmp_path / "run/config.toml").read_text()


def test_dim_images_of_16_bits_are_said(app, tmp_path):
    (tmp_path / "photos").mkdir()
    for number in range(4):
        values = np.asarray(picture(number, 24)).astype(np.uint16) + 100
        Image.fromarray(values).save(tmp_path / f"photos/{number}.png")
    _, err = app("photos", "--steps", "1")
    assert "values from 1" in err
    assert "(99.8% of the training images' pixels, uint16) are 0 to 1 to the network" in err
    assert "gray, 16 bits;" in err


def test_the_sheet_shows_the_weights_that_are_saved(app, tmp_path):
    """It showed those of the last report: here they are worse than the untrained ones, which are saved."""
    folder(tmp_path / "photos", 10, 40)
    sheets = []
    for rate in ("1e-30", "30"):
        report, _ = app("photos", "--steps", "2", "--optimizer", "sgd", "--schedule", "constant", "--lr", rate)
        assert report["best_step"] == 0
        sheets.append((tmp_path / "run/plots/samples.png").read_bytes())
    assert sheets[0] == sheets[1]


@pytest.mark.parametrize(("width", "shown"), [(40, 4), (80, 7)])
def test_a_narrow_terminal_gets_whole_numbers_in_fewer_columns(width, shown):
    """At 40 columns the steps were gone, and losses read 0.007 and three dots."""
    table = LiveTable("title", 60, True, None)
    table.close()
    table.live.console.width = width
    metrics = {"psnr": 21.8451, "ssim": 0.39943, "input_psnr": 21.0}
    table.reports.append(Step(57, 0.0078473, 0.0124529, 0.00566667, 0.0372, 1.0, True, metrics=metrics))
    columns = table._columns()
    assert [name for name, _ in columns] == ["step", "loss", "val loss", "psnr", "ssim", "lr", "gradient norm"][:shown]
    assert columns[:3] == [["step", "57"], ["loss", "0.00784730"], ["val loss", "0.0124529"]]
