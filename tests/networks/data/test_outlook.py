"""What is said of images before training, held to what training would do with them."""

import numpy as np
import pytest
from PIL import Image

from dlcli.config.data import DataConfig
from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.engine.progress import Silent
from dlcli.networks.data.load import read_images
from dlcli.networks.training.plan import image_settings
from dlcli.tasks.data import look_at_data
from tests.images.survey.test_measures import drawing


@pytest.fixture
def about(tmp_path, monkeypatch):
    """The report on the images, by name, and the text of each hint by what it is about."""
    monkeypatch.chdir(tmp_path)

    def look(images, **options):
        for name, pixels in images.items():
            path = tmp_path / "images" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
        report = look_at_data(DataConfig(data=("images",), plots="none", **options))
        return report, {hint.about: hint.text for hint in report.hints}

    return look


def photos(count, side=120):
    return {f"{number:02d}.png": drawing(side, side, number) for number in range(count)}


def test_good_images_have_no_hints(about):
    assert about(photos(12))[1] == {}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_duplicates_that_validation_would_tear_apart(about, seed):
    """Held to the split that training makes of the same folder."""
    images = photos(30)
    for number in range(10):
        images[f"copy-{number}.png"] = images[f"{number:02d}.png"] // 2 + 40
    report, hints = about(images, seed=seed)
    training = read_images(image_settings(TrainDeconvConfig(data=("images",), seed=seed)), Silent())
    held = set(training.val.names)
    pairs = [(f"{number:02d}.png", f"copy-{number}.png") for number in range(10)]
    torn = sum((a in held) != (b in held) for a, b in pairs)
    assert (report.duplicates.near, report.duplicates.exact) == (10, 0)
    assert report.duplicates.straddling == torn > 0
    assert (
        f"of 10 groups of equal or nearly equal images, validation would hold out {torn} in part" in hints["duplicates"]
    )


def test_classes_are_split_as_training_does(about):
    images = {f"{name}/{key}": value for name in "ab" for key, value in photos(40, 64).items()}
    report, hints = about(images)
    training = read_images(image_settings(TrainDeconvConfig(data=("images",), task="classify")), Silent())
    held = set(training.val.names)
    assert [(one.name, one.images) for one in report.classes] == [("a", 40), ("b", 40)]
    torn = sum((f"a/{n:02d}.png" in held) != (f"b/{n:02d}.png" in held) for n in range(40))
    assert report.duplicates.straddling == torn
    assert "'dlcli train-deconv images/a images/b --task pairs'" in hints["pairs"].replace("\n", "")
    assert "duplicates" not in hints


def test_dim_images(about):
    images = {name: pixels.astype(np.uint16) + 100 for name, pixels in photos(12).items()}
    assert "99.9% of them stay below 33" in about(images)[1]["dim"]


def test_empty_saturated_and_noisy_images(about):
    images = photos(12)
    images["flat.png"] = np.full((120, 120), 7, dtype=np.uint8)
    images["bright.png"] = np.clip(drawing(120, 120, 50) * 2.0, 0, 255).astype(np.uint8)
    report, hints = about(images)
    assert hints["empty"].startswith("1 image of one value")
    assert hints["saturated"].startswith("1 image with more than 1%")
    assert report.kinds[0].empty == 1
    rng = np.random.default_rng(0)
    for name, pixels in images.items():
        images[name] = np.clip(pixels * 0.5 + 60 + rng.normal(size=pixels.shape) * 15, 0, 255).astype(np.uint8)
    report, hints = about(images)
    assert report.kinds[0].noise.median == pytest.approx(15, rel=0.05)
    assert "by about 15" in hints["noisy"]


def test_mixed_and_small_images(about):
    images = photos(6, 40)
    images["color.png"] = np.stack([drawing(40, 40, n) for n in (1, 2, 3)], axis=2)
    images["deep.png"] = drawing(40, 40, 30).astype(np.uint16) * 257
    images["tiny.png"] = drawing(5, 40, 31)
    hints = about(images)[1]
    assert hints["mixed-color"].startswith("8 gray among 9 images")
    assert (
        hints["mixed-types"] == "types differ (uint16, uint8); train-deconv reads all as uint16, 8 bits as bright as 16"
    )
    assert hints["small-images"].startswith("1 image of fewer than 8 pixels")


def test_small_crops_and_uneven_classes(about):
    assert "cuts crops of 40 x 40 instead of 96 x 96" in about(photos(6, 40))[1]["small-images"]
    images = {f"many/{name}": pixels for name, pixels in photos(20, 40).items()} | {"one/x.png": drawing(50, 40, 90)}
    report, hints = about({f"c/{name}": pixels for name, pixels in images.items()})
    assert report.classes is not None
    assert hints
