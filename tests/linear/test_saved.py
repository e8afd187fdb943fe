"""How the table that a saved model is applied to is read."""

import pytest

from dlcli.config.evaluate import EvalConfig
from dlcli.config.fit_linear import FitLinearConfig
from dlcli.linear.saved import AppliedSettings, load_run, open_data
from dlcli.tasks.fit_linear import fit_linear
from tests.networks.examples import Recorder


@pytest.fixture
def run(tmp_path):
    (tmp_path / "t.csv").write_text("a;y\n" + "\n".join(f"{x};{2 * x + x % 2}" for x in range(9)) + "\n-9;1\n")
    options = {"delimiter": ";", "missing_value": ("-9",), "missing": "drop"}
    fit_linear(FitLinearConfig(data=(str(tmp_path / "t.csv"),), target="y", out=tmp_path / "run", **options))
    return tmp_path / "run"


def rows(run, path, **options):
    model, schema, trained = load_run(run)
    settings = AppliedSettings.of(EvalConfig(run=run, data=(str(path),), **options))
    table = open_data(settings, model, schema, trained, Recorder(), need_target=True)
    return [chunk.y.tolist() for chunk in table.chunks()]


def test_data_are_read_as_in_training_unless_said_otherwise(run, tmp_path):
    (tmp_path / "new.csv").write_text("a;y\n1;3\n-9;4\n")
    assert rows(run, tmp_path / "new.csv") == [[3.0]]
    (tmp_path / "other.csv").write_text("a|y\n1|3\n-9|4\n-8|5\n")
    assert rows(run, tmp_path / "other.csv", delimiter="|") == [[3.0, 5.0]]
    assert rows(run, tmp_path / "other.csv", delimiter="|", missing_value=("-8",)) == [[3.0, 4.0]]


def test_another_format_has_the_same_missing_values_only(run, tmp_path):
    (tmp_path / "new.tsv").write_text("a\ty\n1\t3\n-9\t4\n")
    assert rows(run, tmp_path / "new.tsv") == [[3.0]]
