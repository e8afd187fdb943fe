"""What predict says of JPEG files of other qualities than those of the training, and what becomes of color."""

import numpy as np
import pytest
from PIL import Image

from dlcli.config.evaluate import PredictConfig
from dlcli.config.values.quality import QualityRange
from dlcli.networks.inference.compressed.qualities import is_less, is_more
from dlcli.tasks.predict import predict
from tests.networks.examples import Recorder, make_run, save, smooth


@pytest.mark.parametrize(
    ("quality", "known", "more", "less"),
    [
        (10, (10, 10), False, False), (14, (10, 10), False, False), (20, (10, 10), False, True),
        (5, (10, 10), True, False), (10, (10, 90), False, False), (90, (10, 90), False, False),
        (95, (10, 90), False, True), (6, (10, 90), True, False), (100, (99, 99), False, False),
    ],
)  # fmt: skip
def test_far(quality, known, more, less):
    known = QualityRange(*known)
    assert (is_more(quality, known), is_less(quality, known)) == (more, less)


def told(run, folder, out):
    progress = Recorder()
    report = predict(PredictConfig(run=run, data=(str(folder),), out=out), progress)
    return report, [line for line in progress.lines if "compressed" in line or "in color" in line]


def test_files_of_another_quality_are_said_once(tmp_path):
    run = make_run(tmp_path / "run", "dejpeg", quality=QualityRange(20, 40))
    photos = tmp_path / "photos"
    for name, quality in {"a": 5, "b": 30, "c": 92, "d": 96}.items():
        save(photos / f"{name}.jpg", smooth(37, 21), quality=quality)
    save(photos / "e.png", smooth(16, 16))  # which doesn't say how it was compressed before
    report, lines = told(run, photos, tmp_path / "out")
    assert report.images == 5
    assert [line.split(" (")[0] for line in lines] == ["1 image compressed far more", "2 images compressed far less"]
    assert all("trained on (20 to 40)" in line for line in lines)
    assert "quality about 5)" in lines[0]
    assert "quality about 92 to 96)" in lines[1]
    assert told(run, photos / "b.jpg", tmp_path / "b.png")[1] == []


def test_a_network_of_gray_images_restores_the_brightness_of_color(tmp_path):
    run = make_run(tmp_path / "run", "dejpeg", quality=QualityRange(10, 90))
    photo = save(tmp_path / "a.jpg", smooth(37, 21, 3), quality=30)
    _, lines = told(run, photo, tmp_path / "a.png")
    assert len(lines) == 1
    assert "1 image in color, and the network was trained on gray images" in lines[0]
    before, after = (np.asarray(Image.open(path), float) for path in (photo, tmp_path / "a.png"))
    change = after - before
    inside = (after > 0) & (after < 255)
    kept = inside.all(axis=2)
    assert np.abs(change).max() > 2
    assert np.abs(change - change[:, :, :1])[kept].max() <= 1  # red, green and blue alike, but for their rounding
    gray = save(tmp_path / "gray.png", np.asarray(Image.open(photo).convert("L")))
    told(run, gray, tmp_path / "gray-out.png")
    expected = np.asarray(Image.open(tmp_path / "gray-out.png"), float) - np.asarray(Image.open(gray), float)
    assert np.abs(change[:, :, 0] - expected)[kept].max() <= 3  # luma was rounded there
