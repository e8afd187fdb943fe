"""What eval reads again of a training's report, of whatever version."""

import json

import pytest

from dlcli.reports.saved.training import SavedReport
from dlcli.runs.open import report_of


def test_fields_of_a_report_are_read_and_others_are_left(tmp_path):
    document = {"rows": 7, "images": {"train": 3, "val": 1}, "metrics": {"val": {"loss": 0.5}}, "more": [1]}
    (tmp_path / "report.json").write_text(json.dumps(document | {"validation": {"selects": False, "measured": 2}}))
    for path in (tmp_path, tmp_path / "model.safetensors"):
        report = report_of(path)
        assert (report.rows, report.images, report.val_loss) == (7, {"train": 3, "val": 1}, 0.5)
        assert not report.validation.selects


DAMAGED = ["", "{", "[]", "\xff", '{"rows": "many"}', '{"metrics": {"val": {"loss": null}}}']


@pytest.mark.parametrize("text", [None, *DAMAGED])
def test_a_damaged_report_and_none_have_no_fields(tmp_path, text):
    if text is not None:
        (tmp_path / "report.json").write_text(text, encoding="latin-1")
    report = report_of(tmp_path)
    assert report.rows is None
    assert report.val_loss is None
    assert report.validation is None
    assert report == SavedReport() or "null" in text
