"""How far predict is: files, frames, megapixels a second, and the time left, for the console."""

import numpy as np
import tifffile

from dlcli.config.evaluate import PredictConfig
from dlcli.networks.inference.shown import meter
from dlcli.networks.inference.shown.meter import Meter
from dlcli.tasks.predict import predict
from tests.networks.examples import Recorder, make_run, smooth


class Lines(Recorder):
    def __init__(self):
        super().__init__()
        self.reached_lines = []

    def reached(self, text):
        self.reached_lines.append(text)


def test_lines_count_files_frames_and_time(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(meter.time, "monotonic", lambda: now[0])
    lines = Lines()
    counter = Meter(lines, 4, start=100.0, told=100.0)
    now[0] = 102.0
    counter.frame(1, 2, 3_000_000)
    now[0] = 104.0
    counter.frame(2, 2, 3_000_000)
    counter.file()  # too soon for another line
    now[0] = 110.0
    counter.file()
    with counter:  # at whose end the line is taken away
        pass
    assert lines.reached_lines == [
        "0 of 4 files, frame 1 of 2, 1.5 megapixels/s, 14.0s left", "0 of 4 files, frame 2 of 2, 1.5 megapixels/s",
        "2 of 4 files, frame 2 of 2, 0.6 megapixels/s, 10.0s left", "",
    ]  # fmt: skip


def test_predict_tells_of_frames(tmp_path, monkeypatch):
    monkeypatch.setattr(meter, "EVERY", -1.0)
    run = make_run(tmp_path / "run", identity=True)
    tifffile.imwrite(tmp_path / "a.tif", np.stack([smooth(24, 32)] * 3), photometric="minisblack")
    lines = Lines()
    predict(PredictConfig(run=run, data=(str(tmp_path / "a.tif"),), out=tmp_path / "b.tif"), lines)
    assert [text.split(",")[1] for text in lines.reached_lines[:3]] == [f" frame {i} of 3" for i in (1, 2, 3)]
    assert lines.reached_lines[-1] == ""


def test_nan_stays_and_is_said(tmp_path):
    run = make_run(tmp_path / "run", identity=True)
    values = smooth(24, 32).astype(np.float32)
    values[3, 4] = np.nan
    tifffile.imwrite(tmp_path / "a.tif", values)
    report = predict(PredictConfig(run=run, data=(str(tmp_path / "a.tif"),), out=tmp_path / "b.tif"))
    made = tifffile.imread(tmp_path / "b.tif")
    np.testing.assert_array_equal(np.isnan(made), np.isnan(values))
    np.testing.assert_allclose(made, values, rtol=1e-5, atol=1e-3)
    assert any("no numbers" in note.note for note in report.notes)


def test_parts_of_large_images_are_told(tmp_path, monkeypatch):
    from dlcli.networks.inference import restoring
    from dlcli.networks.inference.large import bands

    monkeypatch.setattr(meter, "EVERY", -1.0)
    monkeypatch.setattr(restoring, "VALUES", 0)
    monkeypatch.setattr(bands, "VALUES", 60 * 32)
    run = make_run(tmp_path / "run", identity=True)
    tifffile.imwrite(tmp_path / "a.tif", np.stack([smooth(200, 32)] * 2), photometric="minisblack")
    lines = Lines()
    predict(PredictConfig(run=run, data=(str(tmp_path / "a.tif"),), out=tmp_path / "b.tif"), lines)
    told = [text.split(",")[1].strip() for text in lines.reached_lines if "," in text]
    count = int(told[0].split()[3])
    assert count > 2
    each = [f"part {number} of {count} of frame {{}}" for number in range(1, count + 1)]
    expected = [text.format(1) for text in each] + ["frame 1 of 2"] + [text.format(2) for text in each]
    assert told[: len(expected) + 1] == [*expected, "frame 2 of 2"]


def test_pixels_of_parts_count_once():
    counter = Meter(files=2)
    counter.begin(1)
    counter.part(1, 2, 600)
    assert counter.partly[next(iter(counter.partly))] == 0.5
    counter.part(2, 2, 400)
    counter.frame(1, 1, 1000)
    assert counter.pixels == 1000
