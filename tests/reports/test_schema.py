"""The reports of real commands are what their types and docs/report.schema.json say, and read back as they were."""

import json
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from dlcli.config.evaluate import EvalConfig, PredictConfig
from dlcli.config.fit_linear import FitLinearConfig
from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.config.tune_lr import TuneLrConfig
from dlcli.reports.evaluate import ClassificationReport, RestorationReport, TableEvalReport
from dlcli.reports.fit_linear import ClassCoefficients, Coefficient
from dlcli.reports.predict import ClassifiedReport, RestoredReport, TablePredictReport
from dlcli.reports.schema import REPORTS, kind_of, schema_text
from dlcli.reports.tune_lr import SearchReport, SweepReport
from dlcli.tasks.evaluate import evaluate
from dlcli.tasks.fit_linear import fit_linear
from dlcli.tasks.predict import predict
from dlcli.tasks.train_deconv import train_deconv
from dlcli.tasks.tune_lr import tune_lr
from tests.networks.examples import folder_of, make_run

SMALL = {"steps": 2, "batch_size": 2, "filters": "4", "crop": 16, "plots": "none"}


def read(report):
    """The report as read from its own text, which must give that text again."""
    text = report.to_json()
    again = REPORTS.validate_python(json.loads(text))
    assert type(again) is type(report)
    assert again.to_json() == text
    return again


def fitted(folder, lines, **options):
    (folder / "table.csv").write_text("\n".join(lines))
    settings = {"data": [str(folder / "table.csv")], "target": "y", "out": folder / "run", "plots": "none"}
    return fit_linear(FitLinearConfig.build({**settings, **options}))


NUMBERS = ["x,z,y", *(f"{i},{i * i % 7},{3 * i + i % 3}" for i in range(40))]
CLASSES = ["x,y", *(f"{i},{'abc'[i * 5 % 7 % 3]}" for i in range(60))]


def test_the_schema_is_fresh():
    """If not: python -m dlcli.reports.schema docs/report.schema.json"""
    kept = Path(__file__).resolve().parents[2] / "docs" / "report.schema.json"
    assert json.loads(kept.read_text(encoding="utf-8")) == json.loads(schema_text())


def test_fit_linear_of_numbers_and_what_is_done_with_its_model(tmp_path):
    report = read(fitted(tmp_path, NUMBERS, val=0.2, cv=3))
    assert (tmp_path / "run" / "report.json").read_text(encoding="utf-8") == report.to_json() + "\n"
    assert isinstance(report.coefficients["x"], Coefficient)
    assert "classes" not in report.document()
    assert report.cv.folds == 3
    data = (str(tmp_path / "table.csv"),)
    measured = read(evaluate(EvalConfig(run=tmp_path / "run", data=data, check=("r2>=0.5",))))
    assert isinstance(measured, TableEvalReport)
    assert measured.checks[0].holds
    assert isinstance(
        read(predict(PredictConfig(run=tmp_path / "run", data=data, out=tmp_path / "p.csv"))), TablePredictReport
    )


def test_fit_linear_of_classes(tmp_path):
    report = read(fitted(tmp_path, CLASSES))
    assert isinstance(report.coefficients["x"], ClassCoefficients)
    assert list(report.coefficients) == ["intercept", "x"]
    assert report.classes == ["a", "b", "c"]
    assert report.cv is None
    assert "cv" not in report.document()


def test_train_deconv(tmp_path):
    data = str(folder_of(tmp_path / "photos"))
    settings = SMALL | {"data": [data], "sigma": "0:50", "val": 0.4, "out": tmp_path / "run"}
    report = read(train_deconv(TrainDeconvConfig.build(settings)))
    assert [level.sigma for level in report.validation.levels] == pytest.approx([25 / 3, 25, 125 / 3])
    assert "confusion" not in report.document()
    assert (tmp_path / "run" / "report.json").read_text(encoding="utf-8") == report.to_json() + "\n"


def test_train_deconv_of_classes(tmp_path):
    np.savez(tmp_path / "c.npz", images=np.zeros((12, 8, 8), np.uint8), labels=np.arange(12) % 2)
    settings = {"data": [str(tmp_path / "c.npz")], "task": "classify", "steps": 2, "filters": "4", "val": 0.3}
    report = read(train_deconv(TrainDeconvConfig.build({**settings, "out": tmp_path / "run", "plots": "none"})))
    assert report.classes == ["0", "1"]
    assert np.shape(report.confusion) == (2, 2)
    assert set(report.validation.model_dump()) == {"selects", "measured"}


@pytest.mark.parametrize("kind", [SearchReport, SweepReport])
def test_tune_lr(tmp_path, kind):
    options = {"sweep": True, "points": 20} if kind is SweepReport else {"grid": True, "points": 3, "lr": "0.01:100"}
    config = TuneLrConfig.build({**options, "out": tmp_path / "tuned", "plots": "none"})
    report = read(tune_lr(config, FitLinearConfig.build({})))
    assert type(report) is kind
    assert report.best.params["lr"] > 0
    if kind is SearchReport:  # a trial that diverged has no value
        assert {(t.state, t.value is None, t.rank) for t in report.trials} >= {("diverged", True, None)}


def test_eval_and_predict_of_images(tmp_path):
    run, photos = make_run(tmp_path / "run"), folder_of(tmp_path / "photos", sizes=((20, 24), (5, 30)))
    (photos / "bad.png").write_bytes(b"no image")
    report = read(evaluate(EvalConfig(run=run, data=(str(photos),), compare=True)))
    assert isinstance(report, RestorationReport)
    assert np.isnan(report.per_image[1].ssim)  # null in JSON: it is smaller than the window of SSIM
    assert "kernel" not in report.document()["per_image"][0]
    assert [one.name for one in report.skipped] == ["bad.png"]
    restored = read(predict(PredictConfig(run=run, data=(str(photos),), out=tmp_path / "restored")))
    assert isinstance(restored, RestoredReport)


def test_eval_and_predict_of_classes(tmp_path):
    run = make_run(tmp_path / "run", "classify", classes=("ant", "bee"), side=16)
    for name in ("ant", "bee"):
        folder_of(tmp_path / "photos" / name, sizes=((16, 16),) * 3)
    report = read(evaluate(EvalConfig(run=run, data=(str(tmp_path / "photos"),))))
    assert isinstance(report, ClassificationReport)
    assert report.mistakes[0].true_class in ("ant", "bee")
    assert report.document()["mistakes"][0]["class"] == report.mistakes[0].true_class
    given = PredictConfig(run=run, data=(str(tmp_path / "photos"),), out=tmp_path / "p.csv")
    assert isinstance(read(predict(given)), ClassifiedReport)


def test_a_field_that_no_report_has_is_refused(tmp_path):
    document = json.loads(fitted(tmp_path, NUMBERS).to_json())
    for changed in (document | {"more": 1}, {k: v for k, v in document.items() if k != "rows"}, {"command": "fly"}):
        with pytest.raises(ValidationError):
            REPORTS.validate_python(changed)
    assert kind_of(document) == "fit-linear"
