"""The blur that eval and predict are told, and networks that aren't told it."""

import numpy as np
import pytest
from PIL import Image

from dlcli.config.evaluate import EvalConfig, PredictConfig
from dlcli.errors import DlcliError
from dlcli.tasks.evaluate import evaluate
from dlcli.tasks.predict import predict
from tests.networks.examples import KERNELS, Recorder, folder_of, make_run, measured, save, smooth


def test_another_blur_is_told_and_used(tmp_path):
    photos = folder_of(tmp_path / "photos", ((40, 40),) * 2)
    run = make_run(tmp_path / "run", "deblur", identity=True, arrays=KERNELS, blur="trained.npz")

    def told(run, **options):
        progress = Recorder()
        report = evaluate(EvalConfig(run=run, data=(str(photos),), **options), progress)
        return report, [line for line in progress.lines if "--blur" in line]

    known, lines = told(run, blur="gaussian:1")
    assert lines == []
    assert known.per_image[0].psnr == pytest.approx(measured(run, photos, kernel=0).per_image[0].psnr, abs=1e-4)
    other, lines = told(run, blur="gaussian:2")
    assert lines == [
        "--blur gaussian:2 is a blur that the network was not trained on (trained.npz): it may make such images worse"
    ]
    assert other.metrics["test"]["input_psnr"] < known.metrics["test"]["input_psnr"]
    with pytest.raises(DlcliError, match="--blur gaussian:1:2 is a range, and the network is told the blur"):
        told(run, blur="gaussian:1:2")
    with pytest.raises(DlcliError, match="--blur gaussian:1: the network was trained to denoise"):
        told(make_run(tmp_path / "denoise"), blur="gaussian:1")
    with pytest.raises(DlcliError, match="--kernel 1: the network has 1 blur kernels"):
        told(run, blur="gaussian:2", kernel=1)


def test_a_blind_network_is_measured_at_parts_of_its_range(tmp_path):
    photos = folder_of(tmp_path / "photos", ((40, 40),) * 2)
    blind = make_run(tmp_path / "blind", "deblur", identity=True, blur="gaussian:1:2.5", sigma=(2.55, 2.55), arrays={})
    progress = Recorder()
    report = evaluate(EvalConfig(run=blind, data=(str(photos),), compare=True), progress)
    assert [level.blur for level in report.levels] == ["gaussian:1.25", "gaussian:1.75", "gaussian:2.25"]
    assert report.levels[0].input_psnr > report.levels[1].input_psnr > report.levels[2].input_psnr
    assert any("measured at gaussian:1.25, gaussian:1.75 and gaussian:2.25; --blur takes" in x for x in progress.lines)
    assert "there is no classical method to compare with for a blur that isn't known" in progress.lines
    alone = measured(blind, photos, blur="gaussian:1.75")
    assert alone.levels is None
    assert alone.metrics["test"]["input_psnr"] == pytest.approx(report.levels[1].input_psnr, abs=0.1)
    foreign = Recorder()
    evaluate(EvalConfig(run=blind, data=(str(photos),), blur="motion:9:30"), foreign)
    assert any("--blur motion:9:30 is a blur that the network was not trained on (gaussian:1:2.5)" in x
               for x in foreign.lines)  # fmt: skip
    with pytest.raises(DlcliError, match=r"was trained on gaussian:1:2\.5, and takes no kernel"):
        measured(blind, photos, kernel=0)
    with pytest.raises(
        DlcliError, match=r"--blur gaussian:1: the network was trained on gaussian:1:2\.5, and is not told"
    ):
        predict(PredictConfig(run=blind, data=(str(photos),), out=tmp_path / "out", blur="gaussian:1"))


def test_predict_takes_the_blur_that_it_is_told(tmp_path):
    photo = save(tmp_path / "a.png", smooth(40, 40))
    run = make_run(tmp_path / "run", "deblur", identity=True, arrays=KERNELS)
    made = {}
    for blur in (None, "gaussian:1", "gaussian:2"):
        progress = Recorder()
        out = tmp_path / f"{blur}.png"
        predict(PredictConfig(run=run, data=(str(photo),), out=out, blur=blur), progress)
        made[blur] = np.asarray(Image.open(out)).astype(int)
        assert any("not trained on" in line for line in progress.lines) == (blur == "gaussian:2")
    assert np.abs(made[None] - made["gaussian:1"]).max() <= 1
    assert np.abs(made[None] - made["gaussian:2"]).max() > 5
